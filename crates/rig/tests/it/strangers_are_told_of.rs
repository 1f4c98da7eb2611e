//! What is told of one namespace costs its neighbours nothing: not their Events, and
//! not the log's being read.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};

const LOUD: usize = 60;
/// Each is another mistake of each workload.
const MISTAKES: usize = 15;
/// What a namespace's lines may be in two minutes, which this takes nowhere.
const LINES: usize = 200 + 120;

fn mistaken(name: &str, mistake: usize) -> Workload {
    let web = deployment(name).replicas(0).env_from("configmap/app");
    web.annotate(RELOAD, &format!("auto, nothing{mistake}/app"))
}

/// Makes mistakes without end, as somebody's generator of manifests might.
async fn shout(ns: &TestNamespace) -> Result<()> {
    for mistake in 0..MISTAKES {
        let workloads = (0..LOUD).map(|n| ns.apply(mistaken(&format!("loud-{n}"), mistake)));
        try_join_all(workloads).await?;
    }
    Ok(())
}

async fn told(ns: &TestNamespace, reason: &str) -> Result<()> {
    let what = format!("an Event {reason} in {}", ns.name());
    let about = ListParams::default().fields(&format!("reason={reason}"));
    wait_until(&what, secs(30), async || {
        let events = ns.api::<Event>().list(&about).await?;
        events.items.first().context("none")?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_namespaces_mistakes_leave_the_others_their_events_and_the_log() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "quiet").await?;
    let loud = TestNamespace::new(cluster, "loud").await?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    let both = format!("--namespaces={},{}", home.ns().name(), loud.name());
    let tidings = home.launch_everywhere_as(&kubeconfig, &[&both])?.start()?;
    tidings.ready(secs(30)).await?;
    for ns in [home.ns(), &loud] {
        ns.apply(config_map("app", &[("a", "b")])).await?;
    }

    // A webhook that hangs in that namespace.
    let events = format!("/namespaces/{}/events", loud.name());
    let hangs = proxy.inject(Fault::delay(secs(600)).on("POST", &events))?;
    shout(&loud).await?;
    hangs.wait_for_hits(1, secs(30)).await?;
    home.ns().apply(mistaken("quiet", 0)).await?;
    told(home.ns(), "BadAnnotation").await?;
    hangs.withdraw();
    told(&loud, "BadAnnotation").await?;

    let lines = tidings.lines()?;
    let of_it = lines.iter().filter(|line| line.contains(loud.name()));
    let of_it = of_it.count();
    ensure!(of_it <= LINES, "{of_it} lines of one namespace");
    let quiet = home.ns().name();
    ensure!(
        lines
            .iter()
            .any(|line| line.contains(quiet) && line.contains("BadAnnotation"))
    );
    Ok(())
}
