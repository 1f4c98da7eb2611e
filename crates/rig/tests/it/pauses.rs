//! What a pause-period pauses is resumed when it is over: after a kill, and also
//! if Reloader had paused it.

use anyhow::{Context, Result, ensure};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD, SHORT_LEASE};
use rig::{Cluster, secs, wait_until};
use serde_json::json;

const WEB: &str = "deployment/web";
const PERIOD: &str = "deployment.reloader.stakater.com/pause-period";
const PAUSED_AT: &str = "deployment.reloader.stakater.com/paused-at";

fn web(period: &str) -> Workload {
    let web = deployment("web").replicas(0).env_from("configmap/app");
    web.annotate(RELOAD, "auto").annotate(PERIOD, period)
}

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("a", value)])).await?;
    Ok(())
}

async fn paused(lab: &Installed, paused: bool) -> Result<()> {
    let what = format!("{WEB} to be paused: {paused}");
    wait_until(&what, secs(40), async || {
        let web = lab.ns().get(WEB).await?;
        let now = web.data["spec"]["paused"] == true;
        let annotations = web.metadata.annotations.unwrap_or_default();
        let since = annotations.contains_key(PAUSED_AT);
        ensure!(
            (now, since) == (paused, paused),
            "paused: {now}, since: {since}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_roll_pauses_and_a_kill_in_the_pause_leaves_nothing_paused() -> Result<()> {
    // A short Lease, so that the next one is there before the pause is over.
    let lab = Installed::new(Cluster::shared().await?, "pause").await?;
    write(&lab, "1").await?;
    let tidings = lab.controller(SHORT_LEASE).await?;
    lab.adopt([web("15s")]).await?;
    // Else the pause may come before the first ReplicaSet, and there is no second.
    lab.ns().rolled_out(WEB, secs(30)).await?;
    write(&lab, "2").await?;
    lab.numbered(WEB, 1).await?;
    paused(&lab, true).await?;
    write(&lab, "3").await?;
    lab.numbered(WEB, 2).await?;
    ensure!(lab.rolls(WEB).await? == 0, "pods were made in the pause");
    tidings.kill();
    let _next = lab.controller(SHORT_LEASE).await?;
    paused(&lab, false).await?;
    lab.rolled(WEB, 1).await?;
    lab.rolled_no_further(WEB, 2).await
}

#[tokio::test]
async fn what_reloader_paused_is_resumed_without_a_roll() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "paused-by-reloader").await?;
    write(&lab, "1").await?;
    let left = web("1s").annotate(PAUSED_AT, "2026-01-01T10:00:00+01:00");
    lab.ns().apply(left.spec(&json!({"paused": true}))).await?;
    let _tidings = lab.controller(&[]).await?;
    paused(&lab, false).await?;
    lab.adopted(WEB).await?;
    ensure!(lab.number(WEB).await?.is_none(), "it was rolled");
    Ok(())
}

/// What is there when it is resumed is what its pods have.
#[tokio::test]
async fn what_came_and_went_in_a_pause_rolls_nobody() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "there-and-back").await?;
    write(&lab, "1").await?;
    let _tidings = lab.controller(&[]).await?;
    let web = deployment("web").env_from("configmap/app");
    lab.adopt([web.annotate(RELOAD, "auto")]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let pause = async |paused: bool| {
        let spec = json!({"spec": {"paused": paused}});
        lab.ns().edit(WEB, spec).await
    };
    for is_seen in [true, false] {
        pause(true).await?;
        write(&lab, "2").await?;
        if is_seen {
            lab.told(WEB, "Paused", "configmap/app").await?;
        }
        write(&lab, "1").await?;
        pause(false).await?;
        let resumed = lab.ns().get(WEB).await?;
        lab.stay(&[(WEB, resumed)]).await?;
    }
    ensure!(lab.number(WEB).await?.is_none(), "it was rolled");
    Ok(())
}

#[tokio::test]
async fn what_somebody_paused_is_left_paused() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "paused-by-hand").await?;
    write(&lab, "1").await?;
    let _tidings = lab.controller(&[]).await?;
    lab.adopt([web("1s").spec(&json!({"paused": true}))])
        .await?;
    write(&lab, "2").await?;
    lab.told(WEB, "Paused", "configmap/app").await?;
    let web = lab.ns().get(WEB).await?;
    ensure!(web.data["spec"]["paused"] == true, "resumed");
    let none = web.metadata.annotations.context("no annotations")?;
    ensure!(!none.contains_key(PAUSED_AT), "{none:?}");
    Ok(())
}
