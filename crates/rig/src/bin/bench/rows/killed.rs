//! Row 5: SIGKILL in the middle of a fan-out, then another start.

use std::time::Duration;

use anyhow::Result;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::{Options, process, secs};
use serde_json::json;
use tokio::time::sleep;

use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};
use crate::observer::Observer;

const COUNT: usize = 400;
/// It is killed when so many patches were seen, one after another.
const KILLS: [usize; 3] = [1, 60, 180];

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say(&format!("row 5: SIGKILL in the middle of {COUNT} patches"));
    let lab = Lab::start(Options::default().controller_qps).await?;
    let (mut lost, mut twice, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for kill_at in KILLS {
        let namespace = prepare(&lab, &format!("killed-{kill_at}")).await?;
        let (undone, rolls) = kill_and_start(&lab, &namespace, kill_at).await?;
        left.push(undone);
        lost.push(count(&rolls, |n| n == 0));
        twice.push(count(&rolls, |n| n > 1));
    }
    let note = format!("killed with {left:?} of {COUNT} patches to go");
    Ok(vec![
        figure(
            "SIGKILL in the middle of 400 patches: lost",
            "350",
            &lost,
            &note,
        ),
        figure("the same: rolled twice", "", &twice, ""),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a few workloads")]
fn count(rolls: &[i64], which: impl Fn(i64) -> bool) -> f64 {
    rolls.iter().filter(|n| which(**n)).count() as f64
}

fn figure(what: &str, peer: &'static str, counts: &[f64], note: &str) -> Figure {
    Figure {
        row: 5,
        what: what.to_owned(),
        peer,
        unit: Unit::Count,
        floor: None,
        tidings: Spread::of(counts),
        bar: Some(Bar::Exactly(0.0)),
        note: note.to_owned(),
    }
}

async fn prepare(lab: &Lab, name: &str) -> Result<TestNamespace> {
    let namespace = lab.namespace(name).await?;
    namespace.apply(config_map("app", &[("k", "old")])).await?;
    let workloads = (0..COUNT).map(|n| {
        let workload = deployment(&format!("web-{n}")).replicas(0);
        workload
            .env_from("configmap/app")
            .annotate("tidings.dev/reload", "auto")
            .into()
    });
    lab.create(&namespace, workloads).await?;
    lab.quiet(&namespace).await?;
    Ok(namespace)
}

/// How many patches were left, and how often each workload was rolled in the end.
async fn kill_and_start(
    lab: &Lab,
    namespace: &TestNamespace,
    kill_at: usize,
) -> Result<(usize, Vec<i64>)> {
    // A short Lease: the one that is killed cannot give it back.
    let launch = process::controller(lab.cluster.kubeconfig())?.args(&[
        "--settle=0s",
        "--lease-duration=3s",
        "--lease-renew-deadline=2s",
        "--lease-retry-period=500ms",
    ]);
    let tidings = lab::run(&launch).await?;
    lab.recorded(namespace, COUNT).await?;
    sleep(secs(3)).await;
    let observer = Observer::of(namespace, COUNT).await?;
    namespace
        .edit("configmap/app", json!({"data": {"k": "new"}}))
        .await?;
    while observer.at(2).len() < kill_at {
        sleep(Duration::from_millis(1)).await;
    }
    tidings.kill();
    drop(tidings);
    sleep(secs(1)).await;
    let undone = COUNT - observer.at(2).len();
    let tidings = lab::run(&launch).await?;
    observer.wait(COUNT, 2).await.ok();
    // Time enough to roll something twice.
    sleep(secs(8)).await;
    let rolls = lab::rolls(namespace)
        .await?
        .into_iter()
        .map(|(_, n)| n)
        .collect();
    lab::end(tidings).await?;
    Ok((undone, rolls))
}
