//! A ConfigMap and the Deployment that uses it, applied together: pods that are
//! made after the change have read it, so they are not replaced once more. Only
//! on proof: where the Deployment came first, its pods may be old.

use std::time::Duration;

use anyhow::Result;
use kube::core::DynamicObject;
use rig::Installed;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::RELOAD;
use rig::kubelet::READY;
use rig::process::Tidings;
use rig::secs;

const WEB: &str = "deployment/web";
const APP: &str = "configmap/app";

fn app(value: &str) -> DynamicObject {
    config_map("app", &[("key", value)])
}

fn web(release: &str) -> Workload {
    let web = deployment("web").env_from(APP).annotate(RELOAD, "auto");
    web.annotate_pods("release", release)
}

async fn deployed(about: &str) -> Result<(Installed, Tidings)> {
    let (lab, tidings) = Installed::running(about, &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web("1")]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    Ok((lab, tidings))
}

/// The new ConfigMap, and so much later the new Deployment. The distance is what
/// these tests are about, so here is a sleep.
async fn release(lab: &Installed, distance: Duration) -> Result<()> {
    lab.ns().apply(app("2")).await?;
    tokio::time::sleep(distance).await;
    lab.ns().apply(web("2")).await?;
    Ok(())
}

async fn absorbs(about: &str, distance: Duration) -> Result<(Installed, Tidings)> {
    let (lab, tidings) = deployed(about).await?;
    release(&lab, distance).await?;
    lab.in_step(WEB, APP).await?;
    let released = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, released)]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 1);
    assert_eq!(lab.number(WEB).await?, None);
    Ok((lab, tidings))
}

#[tokio::test]
async fn a_tenth_of_a_second_apart_gives_one_rollout() -> Result<()> {
    absorbs("tenth", Duration::from_millis(100)).await?;
    Ok(())
}

#[tokio::test]
async fn within_the_quiet_time_gives_one_rollout_and_a_revert_rolls() -> Result<()> {
    let (lab, _tidings) = absorbs("quiet", Duration::from_millis(800)).await?;
    lab.ns().apply(app("1")).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 2);
    Ok(())
}

#[tokio::test]
async fn beyond_the_quiet_time_the_roll_comes_first_then_theirs_and_no_third() -> Result<()> {
    let (lab, _tidings) = deployed("beyond").await?;
    release(&lab, secs(3)).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_deployment_applied_before_its_configmap_rolls() -> Result<()> {
    let (lab, _tidings) = deployed("before").await?;
    lab.ns().apply(web("2")).await?;
    lab.ns().apply(app("2")).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 2);
    Ok(())
}

/// Two releases whose pods never get ready, then back to the pods that still run:
/// those have not read the new ConfigMap, though the edit is newer.
#[tokio::test]
async fn a_rollback_to_pods_that_still_run_rolls() -> Result<()> {
    let (lab, _tidings) = deployed("rollback").await?;
    for release in ["2", "3"] {
        lab.ns()
            .apply(web(release).annotate_pods(READY, "never"))
            .await?;
    }
    lab.ns().apply(app("2")).await?;
    lab.ns().apply(web("1")).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.ns().rolled_out(WEB, secs(30)).await
}
