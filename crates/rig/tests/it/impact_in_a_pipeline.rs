//! The pipelines that docs/impact.md shows do what they should: a comment where something
//! would change, none where nothing would, and a job that fails where not all is known.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::{RELOAD, text_of};
use rig::{Cluster, process};

const PAGE: &str = include_str!("../../../../docs/impact.md");
/// What a job sends its comment with; here it is only kept.
const SEND: &str = "#!/bin/sh\ncp impact.md sent.md\n";

/// The shell lines of GitHub's step: what is below `run: |`.
fn github() -> Result<String> {
    let (_, run) = PAGE.split_once("run: |\n").context("no step")?;
    let lines = run.lines().take_while(|line| line.starts_with("        "));
    Ok(lines.map(str::trim).collect::<Vec<_>>().join("\n"))
}

/// Those of GitLab's job: the items of `script:`, of which one is a block.
fn gitlab() -> Result<String> {
    let (_, script) = PAGE.split_once("  script:\n").context("no job")?;
    let lines = script.lines().take_while(|line| line.starts_with("    "));
    let lines = lines.map(|line| line.trim().trim_start_matches("- "));
    let lines: Vec<_> = lines.filter(|line| *line != "|").collect();
    Ok(lines.join("\n"))
}

/// A checkout with one manifest, in which the commands of a runner are found.
struct Checkout {
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl Checkout {
    fn new(kubeconfig: &Path, namespace: &str, manifest: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("manifests"))?;
        std::fs::create_dir_all(at("bin"))?;
        std::fs::write(at("manifests/app.yaml"), manifest)?;
        let tidings = format!(
            "#!/bin/sh\nfor arg; do shift; [ \"$arg\" = stage ] && arg={namespace}; \
             set -- \"$@\" \"$arg\"; done\nexec {} \"$@\"\n",
            process::binary()?.display()
        );
        for (name, text) in [("tidings", &*tidings), ("gh", SEND), ("curl", SEND)] {
            let path = at("bin").join(name);
            std::fs::write(&path, text)?;
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
        }
        Ok(Self {
            folder,
            kubeconfig: kubeconfig.to_owned(),
        })
    }

    /// Runs a job's lines as its runner does. What it sent, if it did; it ends with this.
    async fn run(&self, lines: &str, code: i32) -> Result<Option<String>> {
        let path = std::env::var("PATH")?;
        let bin = self.folder.path().join("bin");
        let sent = self.folder.path().join("sent.md");
        let output = tokio::process::Command::new("sh")
            .args(["-e", "-c", lines])
            .current_dir(&self.folder)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("PATH", format!("{}:{path}", bin.display()))
            .output()
            .await?;
        let said = text_of(&output);
        ensure!(
            output.status.code() == Some(code),
            "{:?}: {said}",
            output.status
        );
        Ok(std::fs::read_to_string(sent).ok())
    }
}

async fn check(about: &str, lines: &str) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, about).await?;
    ns.apply(config_map("app", &[("level", "1")])).await?;
    let web = deployment("web").env_from("configmap/app");
    ns.apply(web.annotate(RELOAD, "auto")).await?;
    let checkout = |manifest: &str| Checkout::new(cluster.kubeconfig(), ns.name(), manifest);
    let manifest = |level: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app}}\ndata: {{level: '{level}'}}\n"
        )
    };
    let sent = checkout(&manifest("2"))?.run(lines, 0).await?;
    let sent = sent.context("nothing was sent")?;
    let row = format!("| `{}/deployment/web` | 1 | rolls |", ns.name());
    ensure!(sent.contains(&row), "{sent}");
    ensure!(checkout(&manifest("1"))?.run(lines, 0).await?.is_none());
    ensure!(checkout("a: 1\n b: 2\n")?.run(lines, 2).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn of_github() -> Result<()> {
    check("impact-github", &github()?).await
}

#[tokio::test]
async fn of_gitlab() -> Result<()> {
    check("impact-gitlab", &gitlab()?).await
}
