//! A workload that is deleted but for its pods (`kubectl delete --cascade=orphan`), and
//! made again around them: they have what they had, and no change is lost on them.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::DeleteParams;
use rig::installed::Installed;
use rig::{secs, wait_until};

use crate::one_source::{KINDS, Make, app, web};

/// Deletes the workload, not its pods.
async fn deleted_around_its_pods(home: &Installed, is: &str) -> Result<()> {
    let orphan = DeleteParams::orphan();
    let (kind, name) = is.split_once('/').context("a kind and a name")?;
    match kind {
        "deployment" => drop(home.ns().api::<Deployment>().delete(name, &orphan).await?),
        "statefulset" => drop(home.ns().api::<StatefulSet>().delete(name, &orphan).await?),
        _ => drop(home.ns().api::<DaemonSet>().delete(name, &orphan).await?),
    }
    until_gone(home, is).await
}

async fn until_gone(home: &Installed, is: &str) -> Result<()> {
    wait_until("it is gone", secs(30), async || {
        ensure!(home.ns().get(is).await.is_err(), "still there");
        Ok(())
    })
    .await
}

async fn stands(home: &Installed, is: &str, kind: Make) -> Result<()> {
    app(home, "1").await?;
    home.adopt([web(kind)]).await?;
    home.ns().rolled_out(is, secs(30)).await?;
    home.caught_up().await
}

async fn made_again(home: &Installed, kind: Make) -> Result<()> {
    home.ns().apply(web(kind)).await?;
    Ok(())
}

/// Content 2 comes as the test says, and it is made again.
async fn is_rolled_once(
    about: &str,
    is_gone: impl AsyncFn(&Installed, &str) -> Result<()>,
) -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running(about, &[]).await?;
        stands(&home, is, kind).await?;
        is_gone(&home, is).await?;
        made_again(&home, kind).await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_change_before_it_was_gone() -> Result<()> {
    is_rolled_once("orphans-before", async |home, is| {
        app(home, "2").await?;
        deleted_around_its_pods(home, is).await
    })
    .await
}

#[tokio::test]
async fn a_change_while_it_was_gone() -> Result<()> {
    is_rolled_once("orphans-between", async |home, is| {
        deleted_around_its_pods(home, is).await?;
        app(home, "2").await
    })
    .await
}

#[tokio::test]
async fn and_nobody_looked() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, tidings) = Installed::running("orphans-down", &[]).await?;
        stands(&home, is, kind).await?;
        home.stop(tidings).await?;
        deleted_around_its_pods(&home, is).await?;
        app(&home, "2").await?;
        made_again(&home, kind).await?;
        let _next = home.controller(&[]).await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

/// What nobody knows to be wanted is kept for a while.
#[tokio::test]
async fn and_another_looked_when_it_was_gone() -> Result<()> {
    let (is, kind) = KINDS[1];
    let (home, tidings) = Installed::running("orphans-next", &[]).await?;
    stands(&home, is, kind).await?;
    home.stop(tidings).await?;
    deleted_around_its_pods(&home, is).await?;
    app(&home, "2").await?;
    let _next = home.controller(&[]).await?;
    home.caught_up().await?;
    made_again(&home, kind).await?;
    home.rolled_no_further(is, 1).await
}

#[tokio::test]
async fn no_change_rolls_nothing() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running("orphans-same", &[]).await?;
        stands(&home, is, kind).await?;
        deleted_around_its_pods(&home, is).await?;
        made_again(&home, kind).await?;
        home.in_step(is, "configmap/app").await?;
        home.caught_up().await?;
        assert_eq!(home.number(is).await?, None);
    }
    Ok(())
}

/// As `kubectl replace --force` does it.
#[tokio::test]
async fn new_pods_are_not_rolled() -> Result<()> {
    let (is, kind) = KINDS[0];
    let (home, tidings) = Installed::running("no-orphans", &[]).await?;
    stands(&home, is, kind).await?;
    home.stop(tidings).await?;
    app(&home, "2").await?;
    let all = DeleteParams::foreground().grace_period(0);
    home.ns().api::<Deployment>().delete("web", &all).await?;
    until_gone(&home, is).await?;
    made_again(&home, kind).await?;
    let _next = home.controller(&[]).await?;
    home.in_step(is, "configmap/app").await?;
    assert_eq!(home.number(is).await?, None);
    Ok(())
}
