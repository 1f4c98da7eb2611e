//! What changes while a workload is being made is rolled, however early it changes
//! and however long the reading takes; what did not change is not.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use rig::Cluster;
use rig::fixtures::{config_map, daemon_set, deployment, job, secret};
use rig::installed::{Installed, RELOAD, SHORT_LEASE};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use serde_json::json;

/// So soon after a workload is made its source changes. That is what these tests
/// are about, so here are sleeps.
const SOON: Duration = Duration::from_millis(40);
/// Workloads that are made at once behind a slow API server.
const MANY: usize = 500;

async fn soon() {
    tokio::time::sleep(SOON).await;
}

#[tokio::test]
async fn a_change_soon_after_is_rolled_once() -> Result<()> {
    let (home, _tidings) = Installed::running("soon", &[]).await?;
    let home = &home;
    let each = (0..25).map(async |i| {
        let name = format!("app-{i}");
        let source = format!("secret/{name}");
        home.ns().apply(secret(&name, &[("k", "1")])).await?;
        let agent = daemon_set(&name).env_from(&source).annotate(RELOAD, "auto");
        home.ns().apply(agent).await?;
        soon().await;
        home.ns().apply(secret(&name, &[("k", "2")])).await?;
        home.numbered(&format!("daemonset/{name}"), 1).await
    });
    try_join_all(each).await?;
    home.caught_up().await?;
    for i in 0..25 {
        home.numbered(&format!("daemonset/app-{i}"), 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn so_is_one_behind_an_api_server_that_is_slow() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "slow-reads").await?;
    home.ns().apply(config_map("app", &[("k", "1")])).await?;
    let _tidings = home.controller(&[]).await?;
    home.caught_up().await?;
    let slow = Fault::answer_late(Duration::from_millis(300));
    let slow = proxy.inject(slow.on("GET", "/(configmaps|deployments)(/|\\?field)"))?;
    let web = |i: usize| deployment(&format!("web-{i}")).env_from("configmap/app");
    let made = (0..MANY).map(|i| home.ns().apply(web(i).annotate(RELOAD, "auto")));
    try_join_all(made).await?;
    home.ns().apply(config_map("app", &[("k", "2")])).await?;
    for i in 0..MANY {
        home.numbered(&format!("deployment/web-{i}"), 1).await?;
    }
    slow.withdraw();
    home.caught_up().await?;
    for i in 0..MANY {
        home.numbered(&format!("deployment/web-{i}"), 1).await?;
    }
    Ok(())
}

async fn stays(home: &Installed, workload: &str) -> Result<()> {
    home.adopted(workload).await?;
    let adopted = home.ns().get(workload).await?;
    home.stay(&[(workload, adopted)]).await
}

#[tokio::test]
async fn what_comes_with_it_is_no_change() -> Result<()> {
    let (home, _tidings) = Installed::running("with-it", &[]).await?;
    let web = |release: &str| {
        let web = deployment("web").env_from("configmap/app");
        web.annotate(RELOAD, "auto")
            .annotate_pods("release", release)
    };
    home.ns().apply(config_map("app", &[("k", "1")])).await?;
    home.ns().apply(web("1")).await?;
    soon().await;
    let tracked = json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "web"}}});
    home.ns().edit("configmap/app", tracked.clone()).await?;
    stays(&home, "deployment/web").await?;

    home.ns().apply(config_map("app", &[("k", "2")])).await?;
    home.ns().apply(web("2")).await?;
    soon().await;
    let tracked = json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "other"}}});
    home.ns().edit("configmap/app", tracked).await?;
    home.in_step("deployment/web", "configmap/app").await?;
    assert_eq!(home.number("deployment/web").await?, None);
    Ok(())
}

#[tokio::test]
async fn nor_is_what_its_pods_have_to_wait_for() -> Result<()> {
    let (home, _tidings) = Installed::running("waits-for", &[]).await?;
    home.ns().apply(config_map("filled", &[("a", "1")])).await?;
    let web = deployment("web").env_key("configmap/filled", "k");
    let web = web.env_from("configmap/later").annotate(RELOAD, "auto");
    home.ns().apply(web).await?;
    soon().await;
    let filled = config_map("filled", &[("a", "1"), ("k", "1")]);
    home.ns().apply(filled).await?;
    home.ns().apply(config_map("later", &[("k", "1")])).await?;
    home.in_step("deployment/web", "configmap/later").await?;
    home.in_step("deployment/web", "configmap/filled").await?;
    stays(&home, "deployment/web").await
}

/// Its pods will read what is there when they start.
#[tokio::test]
async fn nor_what_changes_before_there_is_a_pod() -> Result<()> {
    let (home, _tidings) = Installed::running("no-pod", &[]).await?;
    home.ns().apply(config_map("app", &[("k", "1")])).await?;
    let suspended = job("once").spec(&json!({"suspend": true}));
    let suspended = suspended.env_from("configmap/app").annotate(RELOAD, "auto");
    let made = home.ns().apply(suspended).await?;
    home.ns().apply(config_map("app", &[("k", "2")])).await?;
    home.in_step("job/once", "configmap/app").await?;
    home.stay(&[("job/once", made)]).await
}

/// Nobody saw it being made: the leader was killed, and no replica was there.
#[tokio::test]
async fn nor_is_one_missed_while_the_leader_changes() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "unled").await?;
    let leader = home.controller(SHORT_LEASE).await?;
    home.caught_up().await?;
    leader.kill();
    let web = |name: &str| {
        deployment(name)
            .env_from("configmap/app")
            .annotate(RELOAD, "auto")
    };
    home.ns().apply(config_map("app", &[("k", "1")])).await?;
    home.ns().apply(web("stale")).await?;
    soon().await;
    home.ns().apply(config_map("app", &[("k", "2")])).await?;
    home.ns().apply(web("fresh")).await?;
    let _next = home.controller(SHORT_LEASE).await?;
    home.numbered("deployment/stale", 1).await?;
    stays(&home, "deployment/fresh").await?;
    home.numbered("deployment/stale", 1).await?;
    assert_eq!(home.number("deployment/fresh").await?, None);
    Ok(())
}
