//! Of two replicas one works and the other stands by; when the first ends, well or
//! badly, the second goes on, and what changed in between is rolled once.

use anyhow::{Context, Result, ensure};
use rig::installed::{Installed, SHORT_LEASE};
use rig::process::Tidings;
use rig::{Cluster, secs};
use rustix::process::Signal;

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";

async fn two(home: &Installed, options: &[&str]) -> Result<(Tidings, Tidings)> {
    app(home, "first").await?;
    let leader = home.controller(options).await?;
    home.adopt([idle("web")]).await?;
    let standby = home.controller(options).await?;
    Ok((leader, standby))
}

#[tokio::test]
async fn both_see_a_change_and_one_rolls() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "both").await?;
    let (leader, standby) = two(&home, SHORT_LEASE).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    let rolls = leader.metric("tidings_rolls_total", &[]).await?;
    ensure!((rolls - 1.0).abs() < 0.5, "{rolls} rolls by the leader");
    home.stays_rolled(WEB, 1).await?;
    let rolls = standby.metric("tidings_rolls_total", &[]).await?;
    ensure!(rolls < 0.5, "{rolls} rolls by the standby");
    Ok(())
}

#[tokio::test]
async fn the_leader_is_killed() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "killed").await?;
    let (leader, _standby) = two(&home, &[]).await?;
    leader.kill();
    app(&home, "in the gap").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stays_rolled(WEB, 1).await
}

/// With a Lease so long that the test would fail if it had to run out.
#[tokio::test]
async fn the_leader_is_stopped_and_lets_go_of_the_lease() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "stopped").await?;
    let (leader, _standby) = two(&home, &["--lease-duration=600s"]).await?;
    let former = home.leader().await?.context("no leader")?;
    leader.signal(Signal::TERM)?;
    app(&home, "in the gap").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stays_rolled(WEB, 1).await?;
    let now = home.leader().await?;
    ensure!(now.as_ref() != Some(&former), "still led by {now:?}");
    let status = leader.exit(secs(30)).await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
