//! The agent's examples are admitted where the Pod Security Standard
//! "restricted" is enforced: the pods that their templates make.

use anyhow::{Context, Result};
use rig::{Cluster, Installed, manifests, packages};

#[tokio::test]
async fn every_pod_is_admitted_as_restricted() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "examples").await?;
    let name = lab.ns().name();
    lab.ns().restrict().await?;
    for example in std::fs::read_dir(packages::tree("examples"))? {
        let path = example?.path();
        let text = std::fs::read_to_string(&path)?;
        let text = text.replace(
            "\nmetadata:\n",
            &format!("\nmetadata:\n  namespace: {name}\n"),
        );
        for document in manifests::read(&text)? {
            let made = document.dry_run(lab.ns().client()).await?;
            if document.kind == "Deployment" {
                let admitted = lab.ns().admits(&made["spec"]["template"]).await;
                admitted.with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(())
}
