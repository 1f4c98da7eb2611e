//! Kinds that others bring: each is rolled as its controller expects it, also if it
//! is installed after the controller has started.

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{
    Workload, config_map, deployment, deployment_config, fleet, reference_to, rollout, workshop,
};
use rig::installed::RELOAD;
use rig::process::Tidings;
use rig::{Cluster, Installed, crds, secs, wait_until};
use serde_json::json;

const ARGO: &[&str] = &["--is-Argo-Rollouts=true"];

fn user(workload: Workload) -> Workload {
    workload.env_from("configmap/app").annotate(RELOAD, "auto")
}

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("a", value)])).await?;
    Ok(())
}

async fn lab(about: &str, kinds: &[crds::Crd], options: &[&str]) -> Result<(Installed, Tidings)> {
    let lab = Installed::new(Cluster::shared().await?, about).await?;
    crds::install(lab.ns().client(), kinds).await?;
    write(&lab, "1").await?;
    let tidings = lab.controller(options).await?;
    Ok((lab, tidings))
}

/// One roll, and no further.
async fn is_rolled(lab: &Installed, workload: Workload) -> Result<()> {
    let workload = DynamicObject::from(user(workload));
    let reference = reference_to(&workload);
    lab.adopt([workload]).await?;
    write(lab, "2").await?;
    lab.rolled_no_further(&reference, 1).await
}

#[tokio::test]
async fn a_rollout_by_its_template() -> Result<()> {
    let (lab, _tidings) = lab("rollout", &[crds::rollout()], ARGO).await?;
    is_rolled(&lab, rollout("web")).await
}

#[tokio::test]
async fn a_rollout_by_restart_at_and_only_so() -> Result<()> {
    let (lab, _tidings) = lab("restart-at", &[crds::rollout()], ARGO).await?;
    let web = user(rollout("web")).annotate("reloader.stakater.com/rollout-strategy", "restart");
    lab.adopt([web]).await?;
    write(&lab, "2").await?;
    wait_until("spec.restartAt", secs(30), async || {
        let web = lab.ns().get("rollout/web").await?;
        web.data["spec"]["restartAt"].as_str().context("not yet")?;
        Ok(())
    })
    .await?;
    lab.in_step("rollout/web", "configmap/app").await?;
    lab.caught_up().await?;
    let web = lab.ns().get("rollout/web").await?;
    ensure!(web.metadata.generation == Some(2), "written more than once");
    ensure!(
        lab.number("rollout/web").await?.is_none(),
        "its template too"
    );
    Ok(())
}

#[tokio::test]
async fn a_rollout_that_refers_to_a_deployment_by_that_ones_template() -> Result<()> {
    let (lab, _tidings) = lab("refers", &[crds::rollout()], ARGO).await?;
    let base = deployment("base").replicas(0).env_from("configmap/app");
    lab.ns().apply(base).await?;
    let refers = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "base"});
    let web = rollout("web").annotate(RELOAD, "auto");
    let mut web = DynamicObject::from(web.spec(&json!({"workloadRef": refers})));
    if let Some(spec) = web.data["spec"].as_object_mut() {
        spec.remove("template");
    }
    lab.adopt([web]).await?;
    write(&lab, "2").await?;
    lab.rolled_no_further("deployment/base", 1).await
}

#[tokio::test]
async fn a_deployment_config() -> Result<()> {
    let options = ["--is-openshift=true"];
    let (lab, _tidings) = lab("openshift", &[crds::deployment_config()], &options).await?;
    is_rolled(&lab, deployment_config("web")).await
}

/// Its definition keeps no annotations of the template: that is said, and by a
/// variable it is rolled all the same.
#[tokio::test]
async fn a_kind_of_a_row_that_keeps_no_annotations() -> Result<()> {
    let row = [
        "--custom-workloads",
        "rig.tidings.dev/v1/Workshop:spec.template",
    ];
    let (lab, tidings) = lab("workshop", &[crds::workshop()], &row).await?;
    lab.adopt([user(workshop("web"))]).await?;
    write(&lab, "2").await?;
    lab.told("workshop/web", "NoEffect", "").await?;
    lab.stop(tidings).await?;
    let by_variable = [&row[..], &["--reload-strategy=env-vars"]].concat();
    let _tidings = lab.controller(&by_variable).await?;
    wait_until("its variable", secs(30), async || {
        let web = lab.ns().get("workshop/web").await?;
        let env = &web.data["spec"]["template"]["spec"]["containers"][0]["env"];
        ensure!(env[0]["name"] == "STAKATER_APP_CONFIGMAP", "{env}");
        let entry = lab.entry("workshop/web").await?.context("no record")?;
        ensure!(entry["done"] == true, "{entry}");
        Ok(())
    })
    .await?;
    lab.caught_up().await?;
    let web = lab.ns().get("workshop/web").await?;
    ensure!(web.metadata.generation == Some(2), "written more than once");
    Ok(())
}

#[tokio::test]
async fn a_kind_of_a_row_that_is_installed_later() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "later").await?;
    let group = format!("{}.example.org", lab.ns().name());
    let row = format!("{group}/v1/Fleet:spec.workers.podTemplate");
    write(&lab, "1").await?;
    let _tidings = lab.controller(&["--custom-workloads", &row]).await?;
    let own = crds::fleet(&group);
    crds::install(lab.ns().client(), std::slice::from_ref(&own)).await?;
    let workload = DynamicObject::from(user(fleet(&group, "web")));
    let reference = reference_to(&workload);
    lab.ns().apply(workload).await?;
    // It is asked for again every half minute.
    wait_until("it to be on record", secs(60), async || {
        lab.entry(&reference).await?.context("no record")?;
        Ok(())
    })
    .await?;
    write(&lab, "2").await?;
    lab.rolled_no_further(&reference, 1).await?;
    crds::remove(lab.ns().client(), &own).await
}
