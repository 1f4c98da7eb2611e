//! An API server that cannot be reached for a minute costs nothing but that minute:
//! what changed meanwhile is rolled after it, once.

use std::time::Duration;

use anyhow::Result;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};

/// Seconds of the outage. With the sixty of the promise, connections, requests and
/// the Lease all run out.
const OUTAGE: &str = "TIDINGS_RIG_OUTAGE";

const WORKLOADS: usize = 10;

fn outage() -> Result<Duration> {
    let told = std::env::var(OUTAGE).ok();
    Ok(told.map_or(Ok(60), |text| text.parse()).map(secs)?)
}

fn web(i: usize) -> Workload {
    deployment(&format!("web-{i}"))
        .replicas(0)
        .env_from(&format!("configmap/app-{i}"))
        .env_from("configmap/all")
        .annotate(RELOAD, "auto")
}

async fn write(home: &Installed, name: &str, value: &str) -> Result<()> {
    let source = config_map(name, &[(name, value)]);
    home.ns().apply(source).await?;
    Ok(())
}

async fn prepare(home: &Installed) -> Result<()> {
    write(home, "all", "first").await?;
    for i in 0..WORKLOADS {
        write(home, &format!("app-{i}"), "first").await?;
    }
    home.adopt((0..WORKLOADS).map(web)).await
}

/// What an administrator does beside an API server that Tidings cannot reach.
async fn live_on(home: &Installed) -> Result<()> {
    for i in (0..WORKLOADS).step_by(2) {
        write(home, &format!("app-{i}"), "during the outage").await?;
    }
    write(home, "app-99", "first").await?;
    home.ns().apply(web(99)).await?;
    tokio::time::sleep(outage()?).await;
    Ok(())
}

async fn all_is_as_promised(home: &Installed, tidings: &Tidings) -> Result<()> {
    // The pauses between attempts have grown meanwhile.
    tidings.ready(secs(60)).await?;
    for i in 0..WORKLOADS {
        let rolls = u64::from(i % 2 == 0);
        home.rolled_exactly(&format!("deployment/web-{i}"), rolls)
            .await?;
    }
    home.adopted("deployment/web-99").await?;
    home.caught_up().await?;
    home.is_rolled_exactly("deployment/web-99", 0).await
}

#[tokio::test]
async fn connections_are_refused() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "refused").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    proxy.refuse();
    live_on(&home).await?;
    proxy.restore();
    all_is_as_promised(&home, &tidings).await
}

#[tokio::test]
async fn connections_are_open_and_nothing_answers() -> Result<()> {
    // One test, since a machine of two cores runs two at a time, and a minute is long.
    tokio::try_join!(at_rest(), in_the_middle_of_a_fan_out())?;
    Ok(())
}

async fn at_rest() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "frozen").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    proxy.freeze();
    live_on(&home).await?;
    proxy.restore();
    all_is_as_promised(&home, &tidings).await
}

/// Some patches are done and answered, some are done and not answered, some are
/// not done when the outage comes.
async fn in_the_middle_of_a_fan_out() -> Result<()> {
    // Few writes at once, so that the fan-out lasts until the outage; by default:
    // `at_rest`.
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "halfway").await?;
    let tidings = home.controller(&["--max-in-flight=2"]).await?;
    prepare(&home).await?;
    let unanswered = Fault::answer_late(outage()?).on("PATCH", "/deployments/web-");
    let unanswered = proxy.inject(unanswered)?;
    write(&home, "all", "just before the outage").await?;
    unanswered.wait_for_hits(1, secs(30)).await?;
    unanswered.withdraw();
    proxy.freeze();
    tokio::time::sleep(outage()?).await;
    proxy.restore();
    tidings.ready(secs(60)).await?;
    for i in 0..WORKLOADS {
        home.rolled_exactly(&format!("deployment/web-{i}"), 1)
            .await?;
    }
    Ok(())
}
