//! What the reading commands see: before Tidings is installed, and after.
//!
//! Each command is really run, and what it prints is shown as it is; one that ends with
//! another exit code than it should ends the demo.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::objects::NAMESPACE;
use super::page::Page;
use super::scene::Scene;
use crate::fixtures::{config_map, deployment};
use crate::process;
use crate::wait::{clearly_later, secs};

const LIMIT: Duration = secs(20);
/// The workloads; one of them is opted in, as users of Reloader do it.
const API: &str = "deployment/api";
const WEB: &str = "deployment/web";
/// What is applied.
const FILE: &str = "app.yaml";
const APPLIED: [(&str, &str); 2] = [("LOG_LEVEL", "warn"), ("GREETING", "good morning")];

/// A cluster with some pods, in which nothing is installed; then Tidings is.
pub(super) async fn play(page: &Page, scene: &mut Scene, folder: &Path) -> Result<()> {
    apply(page, scene).await?;
    stale(page, scene, folder).await?;
    impact(page, scene, folder).await?;
    install(page, scene, folder).await?;
    change(page, scene, folder).await
}

async fn apply(page: &Page, scene: &Scene) -> Result<()> {
    page.step("Some pods");
    page.quote(
        "deployment/api  2 pods  env: LOG_LEVEL of configmap/app   reloader.stakater.com/auto: \"true\"\n\
         deployment/web  3 pods  envFrom: configmap/app            files: configmap/nginx",
    );
    let app = [("LOG_LEVEL", "info"), ("GREETING", "good morning")];
    scene.stage.apply(config_map("app", &app)).await?;
    let nginx = config_map("nginx", &[("nginx.conf", "events {}\n")]);
    scene.stage.apply(nginx).await?;
    let api = deployment("api")
        .replicas(2)
        .annotate("reloader.stakater.com/auto", "true")
        .env_key("configmap/app", "LOG_LEVEL");
    let web = deployment("web")
        .replicas(3)
        .env_from("configmap/app")
        .mount("configmap/nginx");
    scene.stage.apply(api).await?;
    scene.stage.apply(web).await?;
    for workload in [API, WEB] {
        scene.stage.rolled_out(workload, LIMIT).await?;
    }
    page.say("They run. Nothing of Tidings is installed.");
    Ok(())
}

async fn stale(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("Which pods run with an old configuration?");
    tells(page, scene, folder, "stale -A", 0).await?;
    clearly_later().await?;
    let patch = serde_json::json!({"data": {"LOG_LEVEL": "debug"}});
    page.quote(&format!("configmap/app {patch}"));
    scene.stage.edit("configmap/app", patch).await?;
    tells(page, scene, folder, "stale -A", 1).await
}

async fn impact(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("What would restart if this file were applied?");
    let file = manifest();
    page.quote(&file);
    std::fs::write(folder.join(FILE), file)?;
    tells(page, scene, folder, &format!("impact -f {FILE}"), 10).await
}

async fn install(page: &Page, scene: &mut Scene, folder: &Path) -> Result<()> {
    page.step("Tidings is installed");
    page.quote("$ tidings controller");
    let start = Instant::now();
    scene.start_controller().await?;
    scene.first_record(start, LIMIT).await?;
    tells(page, scene, folder, &format!("status -n {NAMESPACE}"), 1).await
}

async fn change(page: &Page, scene: &Scene, folder: &Path) -> Result<()> {
    page.step("The file is applied");
    page.quote(&format!("$ kubectl apply -f {FILE}"));
    let start = Instant::now();
    scene.stage.apply(config_map("app", &APPLIED)).await?;
    tells(
        page,
        scene,
        folder,
        &format!("wait -n {NAMESPACE} deploy/api"),
        0,
    )
    .await?;
    page.at(start.elapsed(), "since the file was applied");
    page.step("Why, and what was before?");
    for command in ["why -n stage deploy/api", "history -n stage deploy/api"] {
        tells(page, scene, folder, command, 0).await?;
    }
    page.step("And what nobody has opted in?");
    tells(page, scene, folder, "stale -A", 1).await
}

/// The file, as people write it.
fn manifest() -> String {
    let data = APPLIED.map(|(key, value)| format!("{key}: {value}"));
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app, namespace: {NAMESPACE}}}\n\
         data: {{{}}}\n",
        data.join(", ")
    )
}

/// Runs a command, and prints what it says.
pub(super) async fn tells(
    page: &Page,
    scene: &Scene,
    folder: &Path,
    command: &str,
    code: i32,
) -> Result<()> {
    let args: Vec<&str> = command.split(' ').collect();
    let start = Instant::now();
    let output = process::run_in(folder, scene.cluster.kubeconfig(), &args).await?;
    let took = start.elapsed();
    page.quote(&format!("$ tidings {command}"));
    page.quote(&String::from_utf8_lossy(&output.stdout));
    page.quote(&String::from_utf8_lossy(&output.stderr));
    let status = output.status;
    let got = status
        .code()
        .with_context(|| format!("{command}: {status}"))?;
    page.at(took, &format!("exit code {got}"));
    ensure!(
        got == code,
        "tidings {command} ended with {got}, not {code}"
    );
    Ok(())
}
