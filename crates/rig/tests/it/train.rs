//! So many workloads at once are brought to a source's content, the first alone, and none
//! after one that fails, until somebody lets it go on or there is other content.

use std::cell::Cell;

use anyhow::{Context, Result, ensure};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::READY;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

const RESUME: &str = "tidings.dev/resume";

/// How long a few rides may take: each is ten seconds, and a next leader waits for the Lease.
const RIDES: std::time::Duration = secs(120);

fn named(n: usize) -> String {
    format!("w{n}")
}

fn is(n: usize) -> String {
    format!("deployment/w{n}")
}

fn web(name: &str) -> Workload {
    let web = deployment(name).env_from("configmap/app");
    web.annotate(RELOAD, "auto")
}

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("a", value)])).await?;
    Ok(())
}

/// Its pods are ready when they are let; the deadline is a short one.
fn held(n: usize) -> Workload {
    let late = json!({"progressDeadlineSeconds": 6});
    let web = web(&named(n)).replicas(1).spec(&late);
    web.annotate_pods(READY, "never")
}

/// Lets all pods that a workload has now be ready.
async fn are_ready(lab: &Installed, n: usize) -> Result<()> {
    for pod in lab.ns().pods(&is(n)).await? {
        let name = pod.metadata.name.unwrap_or_default();
        let ready = json!({"metadata": {"annotations": {READY: "0"}}});
        lab.ns().edit(&format!("pod/{name}"), ready).await?;
    }
    Ok(())
}

/// Lets all pods of a workload be ready, and waits until it is rolled out.
async fn comes(lab: &Installed, n: usize) -> Result<()> {
    let what = format!("{} to be rolled out", is(n));
    wait_until(&what, secs(30), async || {
        are_ready(lab, n).await?;
        lab.ns().rolled_out(&is(n), secs(1)).await
    })
    .await
}

async fn numbers(lab: &Installed, of: usize) -> Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for n in 0..of {
        numbers.push(lab.number(&is(n)).await?.unwrap_or(0));
    }
    Ok(numbers)
}

/// The number under which a workload waits.
async fn waiting(lab: &Installed, n: usize) -> Result<String> {
    let entry = lab.entry(&is(n)).await?.context("no record")?;
    let number = |entry: &Value| {
        let n = entry["waits"]["n"].as_u64()?;
        Some(format!("{n}-{}", entry["epoch"].as_str()?))
    };
    number(&entry).with_context(|| format!("nothing waits: {entry}"))
}

/// One at a time, so that it is known who comes next.
#[tokio::test]
async fn what_fails_stops_it_and_a_word_or_other_content_lets_it_go_on() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "train").await?;
    write(&lab, "1").await?;
    let _tidings = lab.controller(&["--at-once=1"]).await?;
    lab.adopt((0..4).map(held)).await?;
    for n in 0..4 {
        comes(&lab, n).await?;
    }
    write(&lab, "2").await?;
    lab.numbered(&is(0), 1).await?;
    ensure!(numbers(&lab, 4).await? == [1, 0, 0, 0], "not alone");
    wait_until("its place", secs(20), async || {
        let why = text_of(&lab.why(&[&is(2)]).await?);
        ensure!(why.contains("Its place: 2 of 3 "), "{why}");
        Ok(())
    })
    .await?;
    comes(&lab, 0).await?;
    // The pods of the second one are never ready.
    lab.numbered(&is(1), 1).await?;
    lab.ns().give_up("w1", 2).await?;
    lab.told(&is(2), "TrainStopped", "has stopped at deployment/w1")
        .await?;
    ensure!(numbers(&lab, 4).await? == [1, 1, 0, 0], "it went on");
    let number = waiting(&lab, 2).await?;
    let said = format!("deployment/w2 --overwrite {RESUME}={number}");
    lab.told(&is(2), "TrainStopped", &said).await?;
    let why = lab.why(&[&is(2)]).await?;
    let shown = String::from_utf8_lossy(&why.stdout).into_owned();
    ensure!(shown.contains(&said), "{shown}");
    let word = json!({"metadata": {"annotations": {RESUME: number}}});
    lab.ns().edit(&is(2), word).await?;
    lab.numbered(&is(2), 1).await?;
    ensure!(numbers(&lab, 4).await? == [1, 1, 1, 0], "more than one");
    // Other content does not wait for what hangs, and comes to who has failed, too.
    write(&lab, "3").await?;
    wait_until("all to have it", RIDES, async || {
        // Pods that are gone meanwhile need not be ready.
        let all = (0..4).map(|n| are_ready(&lab, n));
        futures::future::join_all(all).await;
        for n in 0..4 {
            lab.is_in_step(&is(n), "configmap/app").await?;
        }
        Ok(())
    })
    .await
}

/// Two at a time; the default is as many as there are.
#[tokio::test]
async fn a_leader_that_is_killed_leaves_no_more_under_way_than_may_be() -> Result<()> {
    const ALL: usize = 5;
    let lab = Installed::new(Cluster::shared().await?, "train-killed").await?;
    write(&lab, "1").await?;
    let tidings = lab.controller(&["--at-once=2"]).await?;
    let web = |n| web(&named(n)).replicas(1);
    lab.adopt((0..ALL).map(web)).await?;
    for n in 0..ALL {
        lab.ns().rolled_out(&is(n), secs(30)).await?;
    }
    write(&lab, "2").await?;
    // The first has arrived when others follow, and those are under way for ten seconds.
    wait_until("the next two", RIDES, async || {
        let begun: u64 = numbers(&lab, ALL).await?.iter().sum();
        ensure!(begun == 3, "{begun} have begun");
        Ok(())
    })
    .await?;
    tidings.kill();
    let most = Cell::new(under_way(&lab, ALL).await?);
    let _next = lab.controller(&["--at-once=2"]).await?;
    wait_until("all to have it", RIDES, async || {
        most.set(most.get().max(under_way(&lab, ALL).await?));
        ensure!(numbers(&lab, ALL).await? == [1; ALL], "not all");
        Ok(())
    })
    .await?;
    ensure!(most.get() <= 2, "{} were under way", most.get());
    Ok(())
}

/// Whose rollouts are not through.
async fn under_way(lab: &Installed, of: usize) -> Result<usize> {
    let mut open = 0;
    for n in 0..of {
        let status = &lab.ns().get(&is(n)).await?.data["status"];
        open += usize::from(status["updatedReplicas"] != 1 || status["replicas"] != 1);
    }
    Ok(open)
}

/// Five at a time; the default is as many as there are.
#[tokio::test]
async fn a_thousand_workloads_go_five_at_once() -> Result<()> {
    const ALL: usize = 1_000;
    let lab = Installed::new(Cluster::shared().await?, "train-long").await?;
    write(&lab, "1").await?;
    // Who has no pods proves nothing to the others: the first has one.
    let first = web(&named(0)).replicas(1);
    let others = (1..ALL).map(|n| web(&named(n)).replicas(0));
    for web in std::iter::once(first).chain(others) {
        lab.ns().apply(web).await?;
    }
    let _tidings = lab.controller(&["--at-once=5"]).await?;
    for n in 0..ALL {
        lab.adopted(&is(n)).await?;
    }
    lab.ns().rolled_out(&is(0), secs(30)).await?;
    write(&lab, "2").await?;
    let most = Cell::new(0);
    wait_until("all to be rolled", RIDES, async || {
        let begun = intents(&lab).await?;
        let done = rolled(&lab).await?;
        most.set(most.get().max(begun.saturating_sub(done)));
        ensure!(done == ALL, "{done} done");
        Ok(())
    })
    .await?;
    ensure!(most.get() <= 5, "{} were under way", most.get());
    Ok(())
}

/// How many intents are on record.
async fn intents(lab: &Installed) -> Result<usize> {
    let records = lab.records().await?;
    let entries = records.values().map(|json| serde_json::from_slice(json));
    let entries: Vec<Value> = entries.collect::<Result<_, _>>()?;
    Ok(entries.iter().filter(|entry| entry["n"] == 1).count())
}

async fn rolled(lab: &Installed) -> Result<usize> {
    let all = lab.ns().list("deployment").await?;
    let config = "/spec/template/metadata/annotations/tidings.dev~1config";
    let marked = |object: &&kube::core::DynamicObject| object.data.pointer(config).is_some();
    Ok(all.iter().filter(marked).count())
}
