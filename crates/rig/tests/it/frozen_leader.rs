//! A leader that was frozen past its Lease and wakes does no harm: another one has
//! done the work, what the frozen one had under way is refused, and it serves on
//! as a standby.

use anyhow::{Context, Result, ensure};
use rig::installed::{Installed, SHORT_LEASE};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use rustix::process::Signal;

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";

async fn led_by_another_than(home: &Installed, former: &str) -> Result<String> {
    wait_until("another leader", secs(30), async || {
        let leader = home.leader().await?.context("no leader")?;
        ensure!(leader != former, "it is still {leader}");
        Ok(leader)
    })
    .await
}

/// The one that was frozen leads again when the other is gone.
async fn is_usable_again(home: &Installed, other: Tidings) -> Result<()> {
    other.kill();
    app(home, "for the one that woke").await?;
    home.rolled_exactly(WEB, 2).await?;
    home.stays_rolled(WEB, 2).await
}

#[tokio::test]
async fn a_frozen_leader_wakes_and_rolls_nothing_twice() -> Result<()> {
    // A short Lease, here and below: it must run out while the leader is frozen.
    let home = Installed::new(Cluster::shared().await?, "frozen").await?;
    app(&home, "first").await?;
    let frozen = home.controller(SHORT_LEASE).await?;
    home.adopt([idle("web")]).await?;
    let former = home.leader().await?.context("no leader")?;
    let other = home.controller(SHORT_LEASE).await?;

    frozen.signal(Signal::STOP)?;
    app(&home, "while frozen").await?;
    led_by_another_than(&home, &former).await?;
    home.rolled_exactly(WEB, 1).await?;
    frozen.signal(Signal::CONT)?;
    frozen.ready(secs(30)).await?;
    home.stays_rolled(WEB, 1).await?;
    is_usable_again(&home, other).await
}

#[tokio::test]
async fn a_patch_that_a_frozen_leader_had_under_way_is_refused() -> Result<()> {
    late_write_is_refused("late-patch", "/deployments/web").await
}

#[tokio::test]
async fn an_intent_that_a_frozen_leader_had_under_way_is_refused() -> Result<()> {
    late_write_is_refused("late-intent", "/secrets/tidings-state").await
}

async fn late_write_is_refused(about: &str, path: &str) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::new(cluster, about).await?;
    app(&home, "first").await?;
    let wire = proxy.kubeconfig_for("admin").await?;
    let frozen = home.controller_as(&wire, SHORT_LEASE).await?;
    home.adopt([idle("web")]).await?;
    let other = home.controller(SHORT_LEASE).await?;

    // As long as the other needs to take over, and a good deal more.
    let late = proxy.inject(Fault::delay(secs(8)).on("PATCH", path).times(1))?;
    proxy.forget();
    app(&home, "second").await?;
    late.wait_for_hits(1, secs(30)).await?;
    frozen.signal(Signal::STOP)?;
    home.rolled_exactly(WEB, 1).await?;
    let held = proxy.matching("PATCH", path)?;
    let held = held.first().context("no request is held back")?;
    ensure!(held.status().is_none(), "taking over took too long");

    wait_until("the late write to be answered", secs(30), async || {
        let status = held.status().context("no answer")?;
        ensure!(status == 409, "{status}");
        Ok(())
    })
    .await?;
    frozen.signal(Signal::CONT)?;
    frozen.ready(secs(30)).await?;
    home.stays_rolled(WEB, 1).await?;
    is_usable_again(&home, other).await
}
