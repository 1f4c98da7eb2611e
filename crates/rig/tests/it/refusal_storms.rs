//! An API server that refuses a good part of all requests, for a while and amid
//! changes, loses none of them and has none rolled twice.

use std::time::Duration;

use anyhow::{Result, ensure};
use rig::churn::{self, Churn};
use rig::installed::Installed;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};

const WORKLOADS: usize = 20;
const EVERY: Duration = Duration::from_millis(60);
/// Requests that are refused before the storm is over.
const REFUSED: usize = 60;

async fn weathers(about: &str, storm: Vec<Fault>) -> Result<()> {
    // Without settling and fuse: each change is a roll, so that there is always a
    // request to refuse. With the defaults: `api_outage`, `faults`, and the storm (`make
    // test-storm`).
    let options = ["--settle=0", "--storm-fuse=false"];
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, about).await?;
    let workloads = churn::prepare(home.ns(), WORKLOADS).await?;
    let _tidings = home.controller(&options).await?;
    home.adopt(workloads).await?;
    let churn = Churn::start(home.ns(), WORKLOADS, EVERY).await?;
    churn.goes_on(WORKLOADS, secs(30)).await?;
    for fault in storm {
        let fault = proxy.inject(fault)?;
        fault.wait_for_hits(REFUSED, secs(60)).await?;
        fault.withdraw();
    }
    churn.goes_on(WORKLOADS, secs(60)).await?;
    let account = churn.end(secs(60)).await?;
    let twice = account.twice();
    let (changes, rolls) = (account.changes(), account.rolls());
    ensure!(
        twice.is_empty(),
        "{changes} changes, {rolls} rolls: {twice:?}"
    );
    Ok(())
}

#[tokio::test]
async fn every_other_request_is_refused() -> Result<()> {
    let refused = |code| Fault::status(code).one_in(2);
    let storm = [503, 500, 504].map(refused);
    weathers("refused", storm.into()).await
}

#[tokio::test]
async fn it_is_too_busy_for_every_other_request() -> Result<()> {
    weathers("too-busy", vec![Fault::busy(1).one_in(2)]).await
}

#[tokio::test]
async fn every_other_write_is_in_conflict() -> Result<()> {
    let conflict = Fault::status(409).on("PATCH", "").one_in(2);
    weathers("conflict", vec![conflict]).await
}

/// Done, all of them, but who asked is not told.
#[tokio::test]
async fn every_other_answer_to_a_write_is_lost() -> Result<()> {
    let lost = Fault::lose_answer().on("PATCH", "").one_in(2);
    weathers("unanswered", vec![lost]).await
}
