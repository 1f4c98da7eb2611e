//! Helm and kustomize, as `chart/tools` builds them, on the chart and on the static
//! manifests of this tree.
//!
//! In: values, a folder. Out: documents for the API server, or a release in the
//! cluster. What fails says what the program said.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::assets::{self, prepared_by};
use crate::installed::text_of;
use crate::manifests::{self, Document};

/// A place of this tree.
pub fn tree(path: &str) -> PathBuf {
    assets::tree(path)
}

/// Runs Helm; gives what it printed.
pub async fn helm(kubeconfig: &Path, args: &[&str]) -> Result<String> {
    let scratch = tempfile::tempdir()?;
    let mut command = Command::new(prepared_by("chart/tools/build")?.join("helm"));
    command.args(args).env("KUBECONFIG", kubeconfig);
    // It keeps things in the home folder otherwise.
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        command.env(name, scratch.path());
    }
    run(command).await
}

/// What kustomize makes of a folder.
pub async fn kustomize(folder_of: &Path) -> Result<Vec<Document>> {
    let mut command = Command::new(prepared_by("chart/tools/build")?.join("kustomize"));
    command.arg("build").arg(folder_of);
    manifests::read(&run(command).await?)
}

async fn run(mut command: Command) -> Result<String> {
    command.stdin(Stdio::null());
    let output = tokio::process::Command::from(command).output().await?;
    ensure!(output.status.success(), "{}", text_of(&output));
    Ok(String::from_utf8(output.stdout)?)
}
