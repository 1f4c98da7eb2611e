//! `tidings take-over`: a workload that another installation has rolled is this one's
//! from then on, and its number, which only grows, goes on.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{Workload, deployment, fleet, reference_to};
use rig::installed::{Installed, RELOAD, text_of};
use rig::{Cluster, crds, process};
use serde_json::{Value, json};

use crate::one_source::app;

fn user(workload: Workload) -> DynamicObject {
    let workload = workload.env_from("configmap/app").annotate(RELOAD, "auto");
    DynamicObject::from(workload)
}

/// Rolled by us once, then by another installation, and taken over: the next roll is
/// our second.
async fn is_taken_over(
    home: &Installed,
    workload: DynamicObject,
    template: impl Fn(Value) -> Value,
    kinds: &[&str],
) -> Result<()> {
    let _tidings = home.controller(kinds).await?;
    let is = reference_to(&workload);
    app(home, "1").await?;
    home.adopt([workload]).await?;
    app(home, "2").await?;
    home.rolled_no_further(&is, 1).await?;
    let theirs = json!({"metadata": {"annotations": {"tidings.dev/config": "other/7"}}});
    home.ns().edit(&is, template(theirs)).await?;
    home.told(&is, "OwnedByOther", "").await?;
    let mut args = vec!["take-over", &is, "-n", home.ns().name()];
    args.extend(["--own-namespace", home.own().name()]);
    args.extend(kinds);
    let output = process::run(Cluster::shared().await?.kubeconfig(), &args).await?;
    ensure!(output.status.success(), "{}", text_of(&output));
    home.in_step(&is, "configmap/app").await?;
    app(home, "3").await?;
    home.rolled_no_further(&is, 2).await
}

#[tokio::test]
async fn a_deployment() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "taken").await?;
    let template = |template| json!({"spec": {"template": template}});
    is_taken_over(&home, user(deployment("web")), template, &[]).await
}

#[tokio::test]
async fn a_custom_resource() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "taken-fleet").await?;
    let group = format!("{}.example.org", home.ns().name());
    let own = crds::fleet(&group);
    crds::install(home.ns().client(), std::slice::from_ref(&own)).await?;
    let row = format!("{group}/v1/Fleet:spec.workers.podTemplate");
    let template = |template| json!({"spec": {"workers": {"podTemplate": template}}});
    let kinds = ["--custom-workloads", row.as_str()];
    is_taken_over(&home, user(fleet(&group, "web")), template, &kinds).await?;
    crds::remove(home.ns().client(), &own).await
}
