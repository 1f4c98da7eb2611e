//! Manifests of the shapes that charts have, as `tidings inject` prints them: the API
//! server takes them, also where the Pod Security Standard "restricted" is enforced, if the
//! program itself is admitted there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rig::installed::text_of;
use rig::manifests::Document;
use rig::{Cluster, Installed, manifests, packages, process};

/// What mounts files of the node is admitted nowhere where this is enforced.
const NOT_RESTRICTED: [&str; 1] = ["fluent-bit.yaml"];

#[tokio::test]
async fn by_the_server_and_as_restricted() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "injected").await?;
    lab.ns().restrict().await?;
    let files = std::fs::read_dir(packages::tree("crates/tidings/tests/inject/manifests"))?;
    let mut seen = 0;
    for file in files {
        let path = file?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_admitted = is_admitted(&lab, &injected(&lab, &path).await?).await;
        if NOT_RESTRICTED.contains(&name.as_str()) {
            let refused = is_admitted.err().context(name.clone())?;
            let why = format!("{refused:#}");
            // For its own volumes, and for nothing of the agent's.
            ensure!(why.contains("hostPath"), "{why}");
            ensure!(!why.contains("tidings-agent"), "{why}");
        } else {
            is_admitted.context(name)?;
        }
        seen += 1;
    }
    ensure!(seen == 5, "{seen} files");
    Ok(())
}

async fn injected(lab: &Installed, path: &Path) -> Result<Vec<Document>> {
    let path = path.display().to_string();
    let kubeconfig = Cluster::shared().await?.kubeconfig();
    let output = process::run(kubeconfig, &["inject", "-f", &path]).await?;
    ensure!(output.status.success(), "{path}: {}", text_of(&output));
    let there = format!("\nmetadata:\n  namespace: {}\n", lab.ns().name());
    let text = String::from_utf8(output.stdout)?;
    manifests::read(&text.replace("\nmetadata:\n", &there))
}

/// All of it is taken, and so is a pod of each workload.
async fn is_admitted(lab: &Installed, documents: &[Document]) -> Result<()> {
    for document in documents {
        let made = document.dry_run(lab.ns().client()).await?;
        let template = &made["spec"]["template"];
        if template.is_object() {
            ensure!(template["spec"]["initContainers"][0]["name"] == "tidings-agent");
            lab.ns().admits(template).await?;
        }
    }
    Ok(())
}
