//! Row 1: one change, 1,000 Deployments.

use std::time::Instant;

use anyhow::Result;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::secs;
use serde_json::json;

use super::{Turn, seconds, turns};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::floor;
use crate::lab::{self, AT_ONCE, Lab, say};
use crate::observer::Observer;

const COUNT: usize = 1_000;

pub(crate) async fn measure(rounds: usize, controller_qps: u32) -> Result<Vec<Figure>> {
    say(&format!(
        "row 1: one change, {COUNT} Deployments; controller-manager at {controller_qps}/s"
    ));
    let lab = Lab::start(controller_qps).await?;
    let (mut floors, mut ours, mut events) = (Vec::new(), Vec::new(), Vec::new());
    for (n, turn) in turns(2 * rounds).enumerate() {
        let namespace = prepare(&lab, &format!("fan-out-{n}")).await?;
        let took = match turn {
            Turn::Floor => {
                let took = bare(&lab, &namespace).await?;
                floors.push(took);
                took
            }
            Turn::Tidings => {
                let (took, told) = tidings(&lab, &namespace).await?;
                ours.push(took);
                events.push(told);
                took
            }
        };
        say(&format!("  {turn:?}: {took:.2} s"));
    }
    Ok(vec![Figure {
        row: 1,
        what: format!(
            "one change → {COUNT} Deployments patched, controller-manager at {controller_qps}/s"
        ),
        peer: "Reloader 209 s, 102–139 × its floor; wave > 200 ×",
        unit: Unit::Seconds,
        floor: Some(Spread::of(&floors)),
        tidings: Spread::of(&ours),
        bar: Some(Bar::TimesFloor(1.3)),
        note: format!(
            "the last Event was there {:.1} s after the last patch",
            Spread::of(&events).median
        ),
    }])
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

async fn bare(lab: &Lab, namespace: &TestNamespace) -> Result<f64> {
    let patches = lab::patches(namespace, "configmap/app (k)").await?;
    let observer = Observer::of(namespace, COUNT).await?;
    let start = Instant::now();
    floor::patch_all(&lab.client, patches, AT_ONCE).await?;
    let times = observer.wait(COUNT, 2).await?;
    Ok(seconds(start, times[COUNT - 1]))
}

/// Seconds to the last patch, and from there to the last Event.
async fn tidings(lab: &Lab, namespace: &TestNamespace) -> Result<(f64, f64)> {
    let tidings = lab.tidings(&["--settle", "0s"]).await?;
    lab.recorded(namespace, COUNT).await?;
    // What is written lazily should be written.
    tokio::time::sleep(secs(3)).await;
    let observer = Observer::of(namespace, COUNT).await?;
    let start = Instant::now();
    namespace
        .edit("configmap/app", json!({"data": {"k": "new"}}))
        .await?;
    let times = observer.wait(COUNT, 2).await?;
    let (first, last) = (times[0], times[COUNT - 1]);
    say(&format!(
        "  the first patch was seen after {:.3} s",
        seconds(start, first)
    ));
    let told = lab.events(namespace, COUNT).await?;
    lab::end(tidings).await?;
    Ok((seconds(start, last), seconds(last, told)))
}
