//! Answers that are older than what is known, as a cache gives that lags behind: they are
//! not taken for what is, and nothing is forgotten because of them.

use anyhow::{Context, Result, ensure};
use rig::fixtures::deployment;
use rig::installed::{INSTANCE, Installed};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};

use crate::one_source::{app, behind, idle, web};

const WEB: &str = "deployment/web";

/// Requests of this namespace.
fn of(home: &Installed, what: &str) -> String {
    format!("namespaces/{}/{what}", home.ns().name())
}

#[tokio::test]
async fn a_source_that_is_read_from_before_its_change_is_read_again() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "older").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let older = Fault::older().on("GET", &of(&home, "configmaps/app$"));
    let older = proxy.inject(older)?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    let read = older.hits();
    app(&home, "third").await?;
    older.wait_for_hits(read + 3, secs(60)).await?;
    home.told(WEB, "Failed", "older").await?;
    home.is_rolled_exactly(WEB, 1).await?;
    older.withdraw();
    home.rolled_exactly(WEB, 2).await?;
    tidings.ready(secs(30)).await
}

#[tokio::test]
async fn a_workload_that_a_list_lacks_is_looked_for() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "lacking").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([web(deployment)]).await?;
    home.ns().rolled_out(WEB, secs(60)).await?;
    home.stop(tidings).await?;
    app(&home, "second").await?;
    let lacking = Fault::without("web").on("GET", &of(&home, "deployments\\?"));
    let lacking = proxy.inject(lacking)?;
    let tidings = home.controller(&[]).await?;
    let rolled = home.rolled_exactly(WEB, 1).await;
    rolled.with_context(|| tidings.tail())?;
    // The same in the midst of a term: the watch has to begin anew.
    let listed = lacking.hits();
    let goes_on = of(&home, "deployments\\?.*&resourceVersion=");
    proxy.inject(Fault::status(410).on("GET", &goes_on).times(1))?;
    proxy.cut();
    lacking.wait_for_hits(listed + 1, secs(60)).await?;
    app(&home, "third").await?;
    home.rolled_exactly(WEB, 2).await?;
    lacking.withdraw();
    tidings.ready(secs(60)).await?;
    home.stays_rolled(WEB, 2).await
}

#[tokio::test]
async fn a_kind_that_is_not_served_for_a_moment_loses_no_record() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "unserved").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let unserved = proxy.inject(Fault::status(404).on("GET", &of(&home, "deployments")))?;
    proxy.cut();
    unserved.wait_for_hits(4, secs(60)).await?;
    app(&home, "second").await?;
    unserved.wait_for_hits(6, secs(60)).await?;
    unserved.withdraw();
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(60)).await?;
    home.stays_rolled(WEB, 1).await
}

/// Such as of a proxy: it does not name the source.
#[tokio::test]
async fn a_404_that_is_not_of_the_source_does_not_say_that_it_is_missing() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "unnamed").await?;
    let tidings = home.controller(&[]).await?;
    tidings.ready(secs(60)).await?;
    let unnamed = Fault::status(404).on("GET", &of(&home, "configmaps/app$"));
    let unnamed = proxy.inject(unnamed)?;
    home.ns().apply(web(deployment)).await?;
    home.ns().rolled_out(WEB, secs(60)).await?;
    unnamed.wait_for_hits(2, secs(60)).await?;
    home.told(WEB, "Failed", "not of what was asked for")
        .await?;
    app(&home, "second").await?;
    unnamed.wait_for_hits(4, secs(60)).await?;
    home.is_rolled_exactly(WEB, 0).await?;
    unnamed.withdraw();
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(30)).await
}

#[tokio::test]
async fn a_record_that_a_list_lacks_counts() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "unlisted").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([web(deployment)]).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stop(tidings).await?;
    app(&home, "third").await?;
    let record = format!("{INSTANCE}-state.{}", home.ns().name());
    let listed = format!("namespaces/{}/secrets\\?", home.own().name());
    let lacking = proxy.inject(Fault::without(&record).on("GET", &listed))?;
    let tidings = home.controller(&[]).await?;
    home.rolled_exactly(WEB, 2).await?;
    ensure!(lacking.hits() > 0, "no list lacked it");
    home.stop(tidings).await
}
