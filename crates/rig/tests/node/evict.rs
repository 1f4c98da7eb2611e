//! Evictions on a real node: other pods run with another variable, one after another, and
//! the pod template is as it was; or a PodDisruptionBudget holds them.
//!
//! All start with `--methods`: without it no method that needs rights on pods is enabled.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams, PostParams};
use rig::node::pods;
use rig::operator::StandIn;
use rig::wait_until;
use serde_json::json;

use crate::hot::Rights;
use crate::in_place::app::App;
use crate::lab::LIMIT;

const METHODS: &[&str] = &["--methods=evict,rollout"];
const LABELS: &str = "app=app";

/// A workload that allows `evict` alone; its controller is yet to be started.
async fn build(about: &str, kind: &str, replicas: usize) -> Result<Option<App>> {
    App::allowing("evict", about, kind, replicas).await
}

async fn open(about: &str, kind: &str, replicas: usize) -> Result<Option<App>> {
    let mut app = build(about, kind, replicas).await?;
    if let Some(app) = &mut app {
        app.start(METHODS).await?;
    }
    Ok(app)
}

/// Uids of the pods that are there.
async fn uids(app: &App) -> Result<BTreeSet<String>> {
    let all = pods::list(app.lab().ns(), LABELS).await?;
    Ok(all.iter().filter_map(ResourceExt::uid).collect())
}

/// Checks that a change has come into other pods than these, and nothing else was changed.
async fn is_brought(app: &App, level: &str, n: u64, before: &BTreeSet<String>) -> Result<()> {
    app.done(n).await?;
    app.all_serve("level", level).await?;
    let now = uids(app).await?;
    ensure!(now.is_disjoint(before), "{before:?}, then {now:?}");
    ensure!(now.len() == before.len(), "{before:?}, then {now:?}");
    app.is_untouched().await
}

/// Asks all that are there again and again; over when none of them answers.
async fn is_not_served(app: &App) -> Result<()> {
    loop {
        let all = pods::list(app.lab().ns(), LABELS).await?;
        let asked = all.iter().map(|pod| pods::get(pod, 8080, "/level"));
        let answers = join_all(asked).await;
        let served = answers.iter().flatten().any(|(status, _)| *status == 200);
        ensure!(served, "nobody serves: {answers:?}");
    }
}

/// The whole of it, as the account that `tidings manifests` makes, and no more: somebody
/// serves at any moment.
#[tokio::test]
async fn other_pods_run_with_another_variable_while_somebody_always_serves() -> Result<()> {
    let Some(mut app) = build("evict", "deployment", 3).await? else {
        return Ok(());
    };
    let rights = Rights::granted(app.lab(), METHODS).await?;
    app.start_as(&rights.user, METHODS).await?;
    let before = uids(&app).await?;
    app.level("debug").await?;
    tokio::select! {
        failed = is_not_served(&app) => return failed,
        brought = is_brought(&app, "debug", 1, &before) => brought?,
    }
    app.told("Brought by evict").await?;
    app.explained(&["in step", "by evict"]).await?;
    rights.take_away(app.lab()).await
}

#[tokio::test]
async fn a_stateful_set_goes_from_the_top_down_and_a_daemon_set_too() -> Result<()> {
    for (kind, replicas) in [("statefulset", 3), ("daemonset", 1)] {
        let Some(app) = open(&format!("evict-{kind}"), kind, replicas).await? else {
            return Ok(());
        };
        let before = uids(&app).await?;
        app.level("debug").await?;
        is_brought(&app, "debug", 1, &before).await?;
        let made = |pod: &Pod| Some((pod.creation_timestamp()?.0, pod.name_any()));
        let all = pods::list(app.lab().ns(), LABELS).await?;
        let mut made: Vec<_> = all.iter().filter_map(made).collect();
        made.sort();
        let order = made.iter().map(|(_, name)| name.clone());
        let named = |n| format!("app-{n}");
        if kind == "statefulset" {
            assert_eq!(order.collect::<Vec<_>>(), [named(2), named(1), named(0)]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_budget_holds_it_until_it_opens() -> Result<()> {
    let Some(app) = open("evict-budget", "deployment", 2).await? else {
        return Ok(());
    };
    let before = uids(&app).await?;
    let budgets = app.lab().ns().api::<PodDisruptionBudget>();
    let budget = json!({"metadata": {"name": "app"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "app"}}}});
    let budget = serde_json::from_value(budget)?;
    budgets.create(&PostParams::default(), &budget).await?;
    app.level("debug").await?;
    let needs = "The disruption budget app needs 2 healthy pods and has 2 currently";
    app.explained(&["BudgetHolds", needs, "waiting"]).await?;
    assert_eq!(uids(&app).await?, before);
    let opened = Patch::Merge(json!({"spec": {"minAvailable": 1}}));
    budgets
        .patch("app", &PatchParams::default(), &opened)
        .await?;
    is_brought(&app, "debug", 1, &before).await
}

/// What is written on its template is taken back at once.
#[tokio::test]
async fn an_operator_that_takes_patches_back_has_nothing_to_take() -> Result<()> {
    let Some(app) = open("evict-operator", "deployment", 2).await? else {
        return Ok(());
    };
    let _operator = StandIn::of(app.lab().ns(), "deployment/app", "")?;
    for (n, level) in [(1, "debug"), (2, "trace")] {
        let before = uids(&app).await?;
        app.level(level).await?;
        is_brought(&app, level, n, &before).await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_is_killed_amid_it_is_followed_by_one_who_goes_on() -> Result<()> {
    let Some(mut app) = open("evict-killed", "deployment", 3).await? else {
        return Ok(());
    };
    let before = uids(&app).await?;
    app.level("debug").await?;
    wait_until("a pod to go", LIMIT, async || {
        let now = uids(&app).await?;
        ensure!(!before.is_subset(&now), "{now:?}");
        Ok(())
    })
    .await?;
    app.kill();
    app.start(METHODS).await?;
    is_brought(&app, "debug", 1, &before).await
}
