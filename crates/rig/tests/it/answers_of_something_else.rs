//! Answers that are well formed and of something else than was asked for, as of a cache that
//! does not heed `Accept`: metadata without data is no source without keys, no empty record
//! and no workload that uses nothing.

use anyhow::Result;
use rig::Cluster;
use rig::fixtures::deployment;
use rig::installed::{Installed, RELOAD};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::secs;
use serde_json::json;

use crate::one_source::{app, behind, idle};

const WEB: &str = "deployment/web";

/// One answer to a reading of `configmap/app`, without its data.
fn read_bare(home: &Installed) -> Fault {
    let path = format!("namespaces/{}/configmaps/app$", home.ns().name());
    Fault::bare().on("GET", &path).times(1)
}

#[tokio::test]
async fn a_change_of_a_source_is_not_lost() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "bare").await?;
    let tidings = home.controller(&[]).await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    home.adopt([web.env_key("configmap/app", "k").optional()])
        .await?;
    let bare = proxy.inject(read_bare(&home))?;
    app(&home, "second").await?;
    bare.wait_for_hits(1, secs(30)).await?;
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(30)).await
}

#[tokio::test]
async fn a_change_of_a_label_rolls_nothing() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "bare-label").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let bare = proxy.inject(read_bare(&home))?;
    let label = json!({"metadata": {"labels": {"team": "web"}}});
    home.ns().edit("configmap/app", label).await?;
    bare.wait_for_hits(1, secs(30)).await?;
    home.stays_rolled(WEB, 0).await?;
    tidings.ready(secs(30)).await
}

#[tokio::test]
async fn records_are_not_taken_for_empty() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "bare-record").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    home.stop(tidings).await?;
    app(&home, "second").await?;
    let records = format!("namespaces/{}/secrets\\?", home.own().name());
    let bare = Fault::bare().on("GET", &records).times(1);
    let bare = proxy.inject(bare)?;
    let tidings = home.controller(&[]).await?;
    bare.wait_for_hits(1, secs(60)).await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stop(tidings).await
}

#[tokio::test]
async fn a_workload_is_not_taken_for_one_that_uses_nothing() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "bare-web").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let path = format!("namespaces/{}/deployments\\?.*watch=true", home.ns().name());
    let bare = proxy.inject(Fault::bare().on("GET", &path).times(1))?;
    proxy.cut();
    bare.wait_for_hits(1, secs(60)).await?;
    let label = json!({"metadata": {"labels": {"team": "web"}}});
    home.ns().edit(WEB, label).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(60)).await?;
    home.stays_rolled(WEB, 1).await
}
