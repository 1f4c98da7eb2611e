//! The kinds that the rig installs when a test asks: of the template's annotations
//! they keep what they should, and every write of a spec is counted.

use anyhow::{Context, Result, ensure};
use rig::fixtures::{
    TestNamespace, Workload, class_status, deployment, deployment_config, fleet, job,
    provider_class, reference_to, rollout, workshop,
};
use rig::kubelet::DONE;
use rig::{Cluster, crds, secs, wait_until};
use serde_json::json;

#[tokio::test]
async fn installed_kinds_keep_their_templates_annotations_or_do_not() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "on-demand").await?;
    let group = format!("{}.example.org", ns.name());
    let own = crds::fleet(&group);
    let all = [
        crds::rollout(),
        crds::deployment_config(),
        crds::workshop(),
        own.clone(),
    ];
    crds::install(ns.client(), &all).await?;
    let rows = [
        (rollout("web"), Some("yes")),
        (deployment_config("web"), Some("yes")),
        (fleet(&group, "web"), Some("yes")),
        (workshop("web"), None),
    ];
    for (workload, kept) in rows {
        is_kept(&ns, workload, kept).await?;
    }
    crds::remove(ns.client(), &own).await
}

async fn is_kept(ns: &TestNamespace, workload: Workload, kept: Option<&str>) -> Result<()> {
    let workload = workload.env_from("configmap/app");
    let made = ns.apply(workload.annotate_pods("mark", "yes")).await?;
    let reference = reference_to(&made);
    let mark = ns.template_annotation(&reference, "mark").await?;
    ensure!(mark.as_deref() == kept, "{reference}: {mark:?}");
    let edited = ns
        .edit(&reference, json!({"spec": {"replicas": 3}}))
        .await?;
    let generation = edited.metadata.generation;
    ensure!(
        generation == Some(2),
        "{reference}: generation {generation:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_class_and_what_was_mounted_of_it_are_kept_as_they_are() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "classes").await?;
    crds::install(ns.client(), &[crds::provider_class(), crds::class_status()]).await?;
    ns.apply(provider_class("db")).await?;
    ns.apply(deployment("web").mount_class("db").replicas(0))
        .await?;
    for version in ["1", "2"] {
        let status = class_status("web-1", "db", &[("db/password", version)]);
        let applied = ns.apply(status).await?;
        let objects = &applied.data["status"]["objects"];
        ensure!(
            *objects == json!([{"id": "db/password", "version": version}]),
            "{objects}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_job_runs_until_its_annotation_says() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "jobs").await?;
    for (name, done) in [("running", "never"), ("short", "500")] {
        ns.apply(job(name).annotate_pods(DONE, done)).await?;
    }
    let status = async |name: &str| {
        let job = ns.get(name).await?;
        job.data.get("status").cloned().context("no status")
    };
    wait_until("the short one to be complete", secs(30), async || {
        let status = status("job/short").await?;
        ensure!(status["succeeded"] == 1, "{status}");
        Ok(())
    })
    .await?;
    let status = status("job/running").await?;
    ensure!(status["active"] == 1 && status["ready"] == 1, "{status}");
    Ok(())
}
