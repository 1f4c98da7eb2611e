//! A workload that is deleted but for its pods (`kubectl delete --cascade=orphan`), and
//! made again around them: they have what they had, and no change is lost on them.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::DeleteParams;
use rig::fixtures::{Workload, config_map, daemon_set, deployment, stateful_set};
use rig::installed::{Installed, RELOAD};
use rig::{secs, wait_until};

type Make = fn(&str) -> Workload;

const KINDS: [(&str, Make); 3] = [
    ("deployment/web", deployment),
    ("statefulset/web", stateful_set),
    ("daemonset/web", daemon_set),
];

async fn app(home: &Installed, value: &str) -> Result<()> {
    home.ns().apply(config_map("app", &[("k", value)])).await?;
    Ok(())
}

fn web(kind: Make) -> Workload {
    kind("web")
        .env_from("configmap/app")
        .annotate(RELOAD, "auto")
}

/// Deletes the workload, not its pods.
async fn deleted_around_its_pods(home: &Installed, is: &str) -> Result<()> {
    let orphan = DeleteParams::orphan();
    let (kind, name) = is.split_once('/').context("a kind and a name")?;
    match kind {
        "deployment" => drop(home.ns().api::<Deployment>().delete(name, &orphan).await?),
        "statefulset" => drop(home.ns().api::<StatefulSet>().delete(name, &orphan).await?),
        _ => drop(home.ns().api::<DaemonSet>().delete(name, &orphan).await?),
    }
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

#[tokio::test]
async fn a_change_before_it_was_gone() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running("orphans-before", &[]).await?;
        stands(&home, is, kind).await?;
        app(&home, "2").await?;
        deleted_around_its_pods(&home, is).await?;
        made_again(&home, kind).await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_change_while_it_was_gone() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running("orphans-between", &[]).await?;
        stands(&home, is, kind).await?;
        deleted_around_its_pods(&home, is).await?;
        app(&home, "2").await?;
        made_again(&home, kind).await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
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
    wait_until("it is gone", secs(30), async || {
        ensure!(home.ns().get(is).await.is_err(), "still there");
        Ok(())
    })
    .await?;
    made_again(&home, kind).await?;
    let _next = home.controller(&[]).await?;
    home.in_step(is, "configmap/app").await?;
    assert_eq!(home.number(is).await?, None);
    Ok(())
}
