//! `make demo-in-place`: a changed variable reaches containers that are started again in
//! their pods, on a real node; where the resize is refused the workload is rolled out.
//!
//! Each step waits for what should follow, tells when it did, and fails if it does not.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;

use super::on_node::{self, LIMIT, Scene};
use super::page::Page;
use crate::fixtures::TestNamespace;
use crate::node::shop::{LABELS, MANIFEST, SHOP};
use crate::node::web::{level, serves_at};
use crate::node::{self, images, pods};

const NAMESPACE: &str = "shop";
const PODS: usize = 2;

const LIMIT_RANGE: &str = "apiVersion: v1
kind: LimitRange
metadata:
  name: least
spec:
  limits: [{ type: Container, min: { cpu: 50m } }]
";

/// Shows everything; with `stay`, keeps it all up afterwards until an interrupt. Where
/// there cannot be a node it says so, and is over.
pub async fn show_in_place(stay: bool) -> Result<()> {
    if node::leaves_out("demo-in-place")? {
        return Ok(());
    }
    let page = Page::stdout();
    page.title("Tidings: a changed variable in the pod that runs");
    let scene = set(&page).await?;
    in_place(&page, &scene).await?;
    refused(&page, &scene).await?;
    history(&page, &scene).await?;
    scene.end(&page, stay).await
}

// --- the steps -------------------------------------------------------------------

async fn set(page: &Page) -> Result<Scene> {
    let node = on_node::node(page, async |node| node.images(&[images::busybox()?]).await).await?;
    page.step("A program that shows the variable that it was started with, and one beside it");
    page.quote(MANIFEST);
    let stage = TestNamespace::named(node.cluster(), NAMESPACE.to_owned()).await?;
    let start = Instant::now();
    stage.apply(level("info")).await?;
    pods::apply(&stage, MANIFEST).await?;
    let all = pods::ready(&stage, LABELS, PODS, LIMIT).await?;
    all_serve(&all, "info").await?;
    page.at(start.elapsed(), "both pods serve LEVEL=info");
    let scene = Scene::set(page, node, stage, "restart-in-place,rollout").await?;
    scene.in_step("shop").await?;
    Ok(scene)
}

async fn in_place(page: &Page, scene: &Scene) -> Result<()> {
    page.step("Another value of the variable");
    let before = runs(&scene.stage).await?;
    show(page, &before);
    let start = change(page, scene, "debug").await?;
    let all = pods::list(&scene.stage, LABELS).await?;
    all_serve(&all, "debug").await?;
    page.at(start.elapsed(), "both serve LEVEL=debug");
    let (at, said) = scene.told(start, "Changed", "(no. 1)").await?;
    page.at(at, "proven: other containers, and the pods are ready");
    page.quote(&format!("Normal Changed: {said}"));
    let after = runs(&scene.stage).await?;
    show(page, &after);
    are_restarted(&before, &after)?;
    page.say("The same pods at the same addresses; beside it nothing was started again.");
    Ok(())
}

async fn refused(page: &Page, scene: &Scene) -> Result<()> {
    page.step("Where the cluster refuses the resize");
    page.quote(LIMIT_RANGE);
    pods::apply(&scene.stage, LIMIT_RANGE).await?;
    let before = runs(&scene.stage).await?;
    let start = change(page, scene, "warn").await?;
    let (at, said) = scene.told(start, "Changed", "Rolled (no. 2)").await?;
    page.at(at, "the next method of the list brings it");
    page.quote(&format!("Normal Changed: {said}"));
    scene.stage.rolled_out(SHOP, LIMIT).await?;
    let all = pods::ready(&scene.stage, LABELS, PODS, LIMIT).await?;
    all_serve(&all, "warn").await?;
    page.at(start.elapsed(), "rolled out: both serve LEVEL=warn");
    let after = runs(&scene.stage).await?;
    show(page, &after);
    let kept = after.keys().filter(|pod| before.contains_key(*pod)).count();
    ensure!(kept == 0, "{kept} pods are the same");
    scene.in_step("shop").await
}

async fn history(page: &Page, scene: &Scene) -> Result<()> {
    page.step("That was all");
    let args = ["history", "-n", NAMESPACE, "deploy/shop"];
    scene.tells(page, &args, 0).await
}

async fn change(page: &Page, scene: &Scene, value: &str) -> Result<Instant> {
    page.quote(&format!("configmap/env LEVEL: {value}"));
    let start = Instant::now();
    scene.stage.apply(level(value)).await?;
    page.at(start.elapsed(), "the API server has accepted the change");
    Ok(start)
}

async fn all_serve(all: &[Pod], value: &str) -> Result<()> {
    let text = format!("LEVEL={value}");
    try_join_all(all.iter().map(|pod| serves_at(pod, &text, LIMIT))).await?;
    Ok(())
}

// --- what is seen ------------------------------------------------------------------

/// What runs in a pod.
#[derive(Debug)]
struct Run {
    address: String,
    containers: BTreeMap<String, Container>,
}

#[derive(Debug)]
struct Container {
    restarts: i32,
    since: Timestamp,
}

/// By the pods' names.
type Runs = BTreeMap<String, Run>;

async fn runs(stage: &TestNamespace) -> Result<Runs> {
    let all = pods::ready(stage, LABELS, PODS, LIMIT).await?;
    all.iter()
        .map(|pod| Ok((pod.name_any(), run(pod)?)))
        .collect()
}

fn run(pod: &Pod) -> Result<Run> {
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let containers = containers.into_iter().map(container);
    Ok(Run {
        address: pods::address(pod)?.to_owned(),
        containers: containers.collect::<Result<_>>()?,
    })
}

fn container(status: ContainerStatus) -> Result<(String, Container)> {
    let running = status.state.and_then(|state| state.running);
    let since = running.and_then(|running| running.started_at);
    let container = Container {
        restarts: status.restart_count,
        since: since.context("it does not run")?.0,
    };
    Ok((status.name, container))
}

/// A line for each container.
fn show(page: &Page, runs: &Runs) {
    for (pod, run) in runs {
        page.say(&format!("{pod} at {}", run.address));
        for (name, container) in &run.containers {
            let up = Timestamp::now().duration_since(container.since).as_secs();
            let restarts = container.restarts;
            page.say(&format!("  {name:<7} {restarts} restarts, up {up} s"));
        }
    }
}

/// Checks that in each pod, where it was, one container was started once more.
fn are_restarted(before: &Runs, after: &Runs) -> Result<()> {
    ensure!(before.keys().eq(after.keys()), "{before:?}, then {after:?}");
    for (was, is) in before.values().zip(after.values()) {
        let told = || format!("{was:?}, then {is:?}");
        ensure!(was.address == is.address, "{}", told());
        let beside = |run: &Run| run.containers["beside"].since;
        ensure!(beside(was) == beside(is), "{}", told());
        let more = is.containers["shop"].restarts - was.containers["shop"].restarts;
        ensure!(more == 1, "{}", told());
    }
    Ok(())
}
