//! What whoever is in charge of a workload decides about its rolls: what would restart is
//! seen before, waits for a word, and everything can be held.
//!
//! Each command is really run, and what it prints is shown as it is; one that ends with
//! another exit code than it should ends the demo.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::objects::NAMESPACE;
use super::page::Page;
use super::scene::Scene;
use super::sight::tells;
use crate::fixtures::{config_map, deployment};
use crate::wait::{secs, wait_until};

const WEB: &str = "deployment/web";
/// What is applied.
const FILE: &str = "app.yaml";

/// A workload that needs approval, and a change of what it uses.
pub(super) async fn play(page: &Page, scene: &mut Scene, folder: &Path) -> Result<()> {
    install(page, scene).await?;
    foresee(page, scene, folder).await?;
    wait(page, scene, folder).await?;
    approve(page, scene, folder).await?;
    pause(page, scene, folder).await
}

async fn install(page: &Page, scene: &mut Scene) -> Result<()> {
    page.step("A workload that nobody restarts without a word");
    page.quote(
        "deployment/web  3 pods  env: LOG_LEVEL of configmap/app\n\
         tidings.dev/reload: auto\n\
         tidings.dev/approval: required",
    );
    app(scene, "info").await?;
    let web = deployment("web")
        .replicas(3)
        .annotate("tidings.dev/reload", "auto")
        .annotate("tidings.dev/approval", "required")
        .env_key("configmap/app", "LOG_LEVEL");
    scene.stage.apply(web).await?;
    scene.stage.rolled_out(WEB, secs(20)).await?;
    page.quote("$ tidings controller");
    let start = Instant::now();
    scene.start_controller().await?;
    scene.first_record(start, secs(20)).await?;
    Ok(())
}

async fn foresee(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("What would restart if this file were applied?");
    let file = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app, namespace: {NAMESPACE}}}\n\
         data: {{LOG_LEVEL: debug}}\n"
    );
    page.quote(&file);
    std::fs::write(folder.join(FILE), file)?;
    tells(page, scene, folder, &format!("impact -f {FILE}"), 10).await
}

async fn wait(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("It is applied, and waits");
    page.quote(&format!("$ kubectl apply -f {FILE}"));
    app(scene, "debug").await?;
    stands(scene, folder, "NeedsApproval").await?;
    tells(page, scene, folder, &format!("status -n {NAMESPACE}"), 1).await
}

async fn approve(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("Somebody approves it");
    let start = Instant::now();
    let approve = format!("approve -n {NAMESPACE} deploy/web --yes");
    tells(page, scene, folder, &approve, 0).await?;
    let wait = format!("wait -n {NAMESPACE} deploy/web -q");
    tells(page, scene, folder, &wait, 0).await?;
    page.at(start.elapsed(), "since it was approved");
    let history = format!("history -n {NAMESPACE} deploy/web");
    tells(page, scene, folder, &history, 0).await
}

async fn pause(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("Nothing is to be rolled anywhere");
    tells(page, scene, folder, "pause --all --yes", 0).await?;
    page.quote(r#"configmap/app {"data":{"LOG_LEVEL":"trace"}}"#);
    app(scene, "trace").await?;
    stands(scene, folder, "Paused").await?;
    tells(page, scene, folder, &format!("status -n {NAMESPACE}"), 1).await?;
    tells(page, scene, folder, "unpause --all --yes", 0).await?;
    stands(scene, folder, "NeedsApproval").await?;
    page.step("And this one is not to be brought");
    let reject = format!("reject -n {NAMESPACE} deploy/web --yes");
    tells(page, scene, folder, &reject, 0).await?;
    stands(scene, folder, "Declined").await?;
    tells(page, scene, folder, &format!("status -n {NAMESPACE}"), 1).await
}

async fn app(scene: &Scene, level: &str) -> Result<()> {
    let app = config_map("app", &[("LOG_LEVEL", level)]);
    scene.stage.apply(app).await?;
    Ok(())
}

/// Waits until the workload waits for this, on record.
async fn stands(scene: &Scene, folder: &Path, reason: &str) -> Result<()> {
    wait_until(reason, secs(40), async || {
        let args = ["why", "-n", NAMESPACE, "deploy/web", "-o", "json"];
        let output = crate::process::run_in(folder, scene.cluster.kubeconfig(), &args).await?;
        let why: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let workload = &why["workloads"][0];
        let is_on_record = reason == "Paused" || workload["waits"]["number"].is_string();
        anyhow::ensure!(workload["reason"] == reason && is_on_record, "{workload}");
        Ok(())
    })
    .await
}
