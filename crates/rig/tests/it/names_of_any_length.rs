//! Nothing of one workload, neither its name nor the size of its record, keeps
//! another one from being on record and rolled.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{
    Workload, config_map, cron_job, daemon_set, deployment, fleet, job, reference_to, stateful_set,
};
use rig::installed::RELOAD;
use rig::kubelet::DONE;
use rig::{Cluster, Installed, crds};
use serde_json::json;

fn user(workload: Workload) -> DynamicObject {
    let workload = workload.env_from("configmap/app");
    workload.annotate(RELOAD, "auto").into()
}

/// A name of this length.
fn name(length: usize) -> String {
    let name = format!("{}-{length}", "n".repeat(length));
    name[name.len() - length..].to_owned()
}

/// As long as each kind may have them, without pods where those would be too long.
fn workloads() -> Vec<DynamicObject> {
    let mut all = Vec::new();
    for length in [200, 235, 236, 237, 253] {
        all.push(deployment(&name(length)).replicas(0));
        let no_node = json!({"nodeSelector": {"no": "node"}});
        all.push(daemon_set(&name(length)).pod(&no_node));
    }
    all.push(stateful_set(&name(50)).replicas(0));
    all.push(cron_job(&name(52)));
    all.push(job(&name(63)).annotate_pods(DONE, "never"));
    all.push(deployment("web").replicas(0));
    all.into_iter().map(user).collect()
}

#[tokio::test]
async fn long_names_are_on_record_and_rolled() -> Result<()> {
    let (lab, _tidings) = Installed::running("long-names", &[]).await?;
    lab.ns().apply(config_map("app", &[("a", "1")])).await?;
    let all = workloads();
    let references: Vec<_> = all.iter().map(reference_to).collect();
    lab.adopt(all).await?;
    lab.ns().apply(config_map("app", &[("a", "2")])).await?;
    for reference in references.iter().filter(|r| !r.starts_with("cronjob")) {
        lab.numbered(reference, 1).await?;
    }
    let long = references.iter().find(|r| r.ends_with("-253"));
    let told = lab
        .told(long.map_or("", |long| long), "Changed", "app")
        .await?;
    ensure!(told.class == "Normal", "{told:?}");
    Ok(())
}

#[tokio::test]
async fn so_are_those_of_kinds_with_long_names() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "long-kinds").await?;
    let group = format!("{}.{}.example.org", "g".repeat(60), "h".repeat(60));
    crds::install(lab.ns().client(), &[crds::fleet(&group)]).await?;
    let row = format!("--custom-workloads={group}/v1/Fleet:spec.workers.podTemplate");
    let _tidings = lab.controller(&[&row]).await?;
    lab.ns().apply(config_map("app", &[("a", "1")])).await?;
    let all = [50, 100, 120, 250].map(|length| user(fleet(&group, &name(length))));
    let references = all.each_ref().map(reference_to);
    lab.adopt(all).await?;
    lab.ns().apply(config_map("app", &[("a", "2")])).await?;
    for reference in references {
        lab.numbered(&reference, 1).await?;
    }
    crds::remove(lab.ns().client(), &crds::fleet(&group)).await
}

/// A pattern makes its record longer than a Secret may be: it is told so, and its
/// neighbours are rolled.
#[tokio::test]
async fn a_record_that_is_too_long_is_told_and_stops_nobody() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "long-record").await?;
    let keys: Vec<_> = (0..30)
        .map(|n| format!("{}-{n}", "k".repeat(240)))
        .collect();
    let data: Vec<_> = keys.iter().map(|key| (key.as_str(), "1")).collect();
    for n in 0..150 {
        lab.ns()
            .apply(config_map(&format!("many-{n}"), &data))
            .await?;
    }
    lab.ns().apply(config_map("app", &[("a", "1")])).await?;
    let _tidings = lab.controller(&[]).await?;
    let web = deployment("web").replicas(0);
    let greedy = deployment("greedy")
        .replicas(0)
        .annotate(RELOAD, "configmap/many-*");
    lab.ns().apply(greedy).await?;
    let told = lab
        .told("deployment/greedy", "Failed", "its record cannot be kept")
        .await?;
    ensure!(told.class == "Warning", "{told:?}");
    lab.adopt([user(web)]).await?;
    for n in 2..4 {
        lab.ns()
            .apply(config_map("many-0", &[("a", &n.to_string())]))
            .await?;
        lab.ns()
            .apply(config_map("app", &[("a", &n.to_string())]))
            .await?;
        lab.rolled_exactly("deployment/web", n - 1).await?;
    }
    Ok(())
}
