//! The agent's examples are admitted where the Pod Security Standard
//! "restricted" is enforced: the pods that their templates make.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use rig::{Cluster, Installed, manifests, packages, secs, wait_until};
use serde_json::{Value, json};

#[tokio::test]
async fn every_pod_is_admitted_as_restricted() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "examples").await?;
    let name = lab.ns().name();
    let label =
        json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    lab.ns().merge(&label).await?;
    let careless = json!({"spec": {"containers": [{"name": "app", "image": "app"}]}});
    wait_until("the standard is enforced", secs(30), || async {
        let refused = admitted(&lab, &careless).await.err();
        let refused = refused.context("a careless pod was admitted")?;
        ensure!(
            format!("{refused:#}").contains("PodSecurity"),
            "{refused:#}"
        );
        Ok(())
    })
    .await?;
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
                let admitted = admitted(&lab, &made["spec"]["template"]).await;
                admitted.with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(())
}

async fn admitted(lab: &Installed, template: &Value) -> Result<()> {
    let mut pod = template.clone();
    pod["metadata"]["generateName"] = json!("example-");
    let pod: Pod = serde_json::from_value(pod)?;
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    lab.ns().api::<Pod>().create(&dry, &pod).await?;
    Ok(())
}
