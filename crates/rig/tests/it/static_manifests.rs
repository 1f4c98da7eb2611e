//! Each folder of `deploy/` is a kustomize base that can be put elsewhere, and what
//! comes out of it the API server takes.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rig::manifests::Document;
use rig::{Cluster, Installed, packages};
use serde_json::Value;

#[tokio::test]
async fn every_folder_can_be_put_elsewhere() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "deploy").await?;
    let own = home.own().name();
    for folder in std::fs::read_dir(packages::tree("deploy"))? {
        let folder = folder?.path();
        if folder.is_dir() {
            let put = put_elsewhere(&home, &folder, own).await;
            put.with_context(|| folder.display().to_string())?;
        }
    }
    Ok(())
}

async fn put_elsewhere(home: &Installed, base: &Path, namespace: &str) -> Result<()> {
    let overlay = tempfile::tempdir_in(packages::tree("target"))?;
    let base = base.file_name().context("no name")?.to_string_lossy();
    let text = format!(
        "namespace: {namespace}\nresources: [../../deploy/{base}]\n\
         images: [{{name: tidings, newName: registry.example/tidings, newTag: other}}]\n"
    );
    std::fs::write(overlay.path().join("kustomization.yaml"), text)?;
    for document in packages::kustomize(overlay.path()).await? {
        let made = document.dry_run(home.own().client()).await?;
        is_elsewhere(&document, &made, namespace)?;
    }
    Ok(())
}

fn is_elsewhere(document: &Document, made: &Value, namespace: &str) -> Result<()> {
    if let Some(subject) = made["subjects"].get(0) {
        ensure!(subject["namespace"] == namespace, "{made}");
    }
    if document.kind == "Deployment" {
        let container = &made["spec"]["template"]["spec"]["containers"][0];
        ensure!(
            container["image"] == "registry.example/tidings:other",
            "{made}"
        );
    }
    Ok(())
}
