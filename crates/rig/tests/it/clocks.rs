//! Clocks that are wrong, and clocks that jump, move no Lease: the leader stays the
//! leader, another takes over when it ends, and each change is rolled once.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rig::churn::{self, Churn};
use rig::clock::Clock;
use rig::installed::{Installed, SHORT_LEASE};
use rig::{Cluster, secs};

use crate::one_source::{app, idle};

const WORKLOADS: usize = 20;
const EVERY: Duration = Duration::from_millis(40);
const DAY: i64 = 86_400;

#[tokio::test]
async fn replicas_with_wrong_clocks_take_turns() -> Result<()> {
    // Without settling and fuse: each change is a roll, so that there is always one
    // under way. With the defaults: the next test.
    let options = [SHORT_LEASE, &["--settle=0", "--storm-fuse=false"]].concat();
    let home = Installed::new(Cluster::shared().await?, "clocks").await?;
    let (fast, slow) = (Clock::new()?, Clock::new()?);
    fast.set(DAY)?;
    slow.set(-DAY)?;
    let workloads = churn::prepare(home.ns(), WORKLOADS).await?;
    let leader = fast.govern(home.launch(&options)?).start()?;
    leader.ready(secs(30)).await?;
    home.adopt(workloads).await?;
    let standby = slow.govern(home.launch(&options)?).start()?;
    standby.ready(secs(30)).await?;

    let churn = Churn::start(home.ns(), WORKLOADS, EVERY).await?;
    let first = home.leader().await?.context("no leader")?;
    for (of_leader, of_standby) in [(-DAY, DAY), (0, 0), (DAY, DAY), (3_600, -3_600)] {
        fast.set(of_leader)?;
        slow.set(of_standby)?;
        // Longer than the Lease lasts.
        churn.goes_on(4 * WORKLOADS, secs(30)).await?;
        let now = home.leader().await?;
        ensure!(now.as_ref() == Some(&first), "led by {now:?}");
    }
    leader.kill();
    churn.goes_on(2 * WORKLOADS, secs(30)).await?;
    let account = churn.end(secs(30)).await?;
    let twice = account.twice();
    ensure!(twice.is_empty(), "{twice:?}");
    Ok(())
}

#[tokio::test]
async fn so_do_replicas_as_they_ship() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "clocks-shipped").await?;
    let (fast, slow) = (Clock::new()?, Clock::new()?);
    fast.set(DAY)?;
    slow.set(-DAY)?;
    app(&home, "first").await?;
    let leader = fast.govern(home.launch(&[])?).start()?;
    leader.ready(secs(30)).await?;
    home.adopt([idle("web")]).await?;
    let standby = slow.govern(home.launch(&[])?).start()?;
    standby.ready(secs(30)).await?;
    let first = home.leader().await?.context("no leader")?;
    app(&home, "second").await?;
    home.rolled_exactly("deployment/web", 1).await?;
    let now = home.leader().await?;
    ensure!(now.as_ref() == Some(&first), "led by {now:?}");
    home.stop(leader).await?;
    app(&home, "third").await?;
    home.rolled_exactly("deployment/web", 2).await?;
    home.stays_rolled("deployment/web", 2).await
}
