//! Restarts in place on a real node: a container runs with another variable, in the pod in
//! which it ran before; or it is said why not, and by what it is brought instead.
//!
//! All start with `--methods`: without it no method that needs rights on pods is enabled.

pub(crate) mod app;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{LimitRange, Pod};
use kube::ResourceExt;
use kube::api::PostParams;
use rig::fixtures::config_map;
use rig::node::pods;
use rig::node::web::{WEB, Web, level};
use serde_json::json;

use crate::hot::Rights;
use crate::hot::town::Town;
use crate::lab::LIMIT;
use app::App;

const METHODS: &[&str] = &["--methods=hot,restart-in-place,rollout"];

/// The whole of it, as the account that `tidings manifests` makes, and no more.
#[tokio::test]
async fn a_container_runs_again_with_another_variable_in_the_same_pod() -> Result<()> {
    let Some(mut app) = App::build("in-place", "deployment", 2).await? else {
        return Ok(());
    };
    let rights = Rights::granted(app.lab(), METHODS).await?;
    app.start_as(&rights.user, METHODS).await?;
    let before = app.seen().await?;
    app.level("debug").await?;
    let entry = app.done(1).await?;
    ensure!(entry.get("climb").is_none(), "{entry}");
    app.all_serve("level", "debug").await?;
    let after = app.seen().await?;
    app::are_restarted(&before, &after, 1)?;
    // It was told to stop, and has.
    app.all_serve("stops", "stopped").await?;
    app.told("Brought by restart-in-place").await?;
    app.explained(&["in step", "restart-in-place"]).await?;
    app.is_untouched().await?;
    rights.take_away(app.lab()).await
}

/// A file by subPath never follows in a container that runs.
#[tokio::test]
async fn a_file_by_sub_path_is_another_too() -> Result<()> {
    let Some(app) = App::open("in-place-sub-path", "deployment", 1, METHODS).await? else {
        return Ok(());
    };
    let before = app.seen().await?;
    app.apply(config_map("page", &[("page", "two")])).await?;
    app.done(1).await?;
    app.all_serve("page", "two").await?;
    app::are_restarted(&before, &app.seen().await?, 1)?;
    app.is_untouched().await
}

/// One after another, the last of which is there when the next one is ready.
#[tokio::test]
async fn so_are_a_stateful_set_and_a_daemon_set() -> Result<()> {
    for (kind, replicas) in [("statefulset", 3), ("daemonset", 1)] {
        let about = format!("in-place-{kind}");
        let Some(app) = App::open(&about, kind, replicas, METHODS).await? else {
            return Ok(());
        };
        let before = app.seen().await?;
        app.level("debug").await?;
        app.done(1).await?;
        app.all_serve("level", "debug").await?;
        app::are_restarted(&before, &app.seen().await?, 1)?;
        app.is_untouched().await?;
    }
    Ok(())
}

/// Pods go one by one, each when the others are ready: whoever asks all of them is answered
/// by one, at any moment.
#[tokio::test]
async fn somebody_always_serves() -> Result<()> {
    let Some(app) = App::open("in-place-load", "deployment", 3, METHODS).await? else {
        return Ok(());
    };
    let before = app.seen().await?;
    app.level("debug").await?;
    tokio::select! {
        failed = app.is_not_served() => return failed,
        done = app.done(1) => drop(done?),
    }
    app.all_serve("level", "debug").await?;
    app::are_restarted(&before, &app.seen().await?, 1)
}

/// No value of CPU comes twice, so the kubelet's back-off is none's. Without the fuse, which
/// lets through five in ten minutes; with it: all the others here.
#[tokio::test]
async fn twenty_changes_in_a_row_are_twenty_restarts() -> Result<()> {
    let options = [METHODS, &["--storm-fuse=false"]].concat();
    let Some(app) = App::open("in-place-many", "deployment", 1, &options).await? else {
        return Ok(());
    };
    let before = app.seen().await?;
    for n in 1..=20 {
        let level = format!("level-{n}-");
        app.level(&level).await?;
        app.done(n).await?;
        app.all_serve("level", &level).await?;
    }
    app::are_restarted(&before, &app.seen().await?, 20)?;
    app.is_untouched().await
}

#[tokio::test]
async fn what_can_go_hot_does_and_the_rest_in_place_and_what_is_refused_is_rolled_out() -> Result<()>
{
    let web = Web::new("hot, restart-in-place, rollout").resizable();
    let Some(town) = Town::open("ladder", web, 2, METHODS).await? else {
        return Ok(());
    };
    let before = identities(&town).await?;
    let masters = town.servers().await?;
    town.serve("two").await?;
    town.each_serves("two").await?;
    town.done(1).await?;
    town.are_the_same(&masters).await?;

    town.apply(level("debug")).await?;
    town.done(2).await?;
    let why = "hot cannot: LEVEL of configmap/env is an environment variable of nginx";
    town.told("Changed", why).await?;
    is_restarted(&town, &before, 1).await?;

    // Both at once.
    town.serve("three").await?;
    town.apply(level("warn")).await?;
    town.done(3).await?;
    town.all_serve("three").await?;
    is_restarted(&town, &before, 2).await?;

    let limits = json!([{"type": "Container", "min": {"cpu": "50m"}}]);
    let range = json!({"metadata": {"name": "least"}, "spec": {"limits": limits}});
    let ranges = town.lab.ns().api::<LimitRange>();
    let range = serde_json::from_value(range)?;
    ranges.create(&PostParams::default(), &range).await?;
    town.apply(level("error")).await?;
    town.lab.numbered(WEB, 4).await?;
    town.told("Changed", "minimum cpu usage per Container")
        .await?;
    town.lab.ns().rolled_out(WEB, LIMIT).await?;
    town.each_serves("three").await?;
    let now = identities(&town).await?;
    ensure!(now.iter().all(|pod| !before.contains(pod)), "{now:?}");
    Ok(())
}

/// Uids and addresses of the pods.
async fn identities(town: &Town) -> Result<Vec<(String, String)>> {
    let pods = town.pods().await?;
    let of = |pod: &Pod| {
        let uid = pod.uid().context("no uid")?;
        Ok((uid, pods::address(pod)?.to_owned()))
    };
    let mut all = pods.iter().map(of).collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

/// Checks that the same pods are there, of which one container each was started again so
/// many times, and that the template is as it was made.
async fn is_restarted(town: &Town, before: &[(String, String)], times: i32) -> Result<()> {
    let now = identities(town).await?;
    ensure!(now == before, "{before:?}, then {now:?}");
    for pod in town.pods().await? {
        let restarts = pods::restarts(&pod);
        ensure!(restarts == times, "{}: {restarts}", pod.name_any());
    }
    town.lab.is_rolled_exactly(WEB, 0).await
}

#[tokio::test]
async fn who_is_killed_amid_it_is_followed_by_one_who_restarts_nothing_twice() -> Result<()> {
    let Some(mut app) = App::open("in-place-killed", "deployment", 3, METHODS).await? else {
        return Ok(());
    };
    let before = app.seen().await?;
    app.level("debug").await?;
    app.is_noted(1).await?;
    app.kill();
    app.start(METHODS).await?;
    app.done(1).await?;
    app.all_serve("level", "debug").await?;
    app::are_restarted(&before, &app.seen().await?, 1)?;
    app.is_untouched().await
}
