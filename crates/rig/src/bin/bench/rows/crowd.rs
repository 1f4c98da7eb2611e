//! Row 9: many workloads that are opted in, in one namespace: what each costs.
//!
//! With `--settle=0s`: what is measured is the way of a change, and not how long it is
//! waited for its being over.

use std::time::Instant;

use anyhow::Result;
use rig::fixtures::{TestNamespace, config_map, deployment, secret};
use rig::process::{self, Tidings};
use tokio::time::sleep;

use super::memory::{REST, Taken};
use super::scale::{CONTROLLER_QPS, bare, beside_bare};
use super::seconds;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};

/// How many workloads there are, and with `--full` another time so many.
const SIZES: [usize; 2] = [100, 2_000];
const FULL: usize = 10_000;

pub(crate) async fn measure(full: bool) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for workloads in SIZES.into_iter().chain(full.then_some(FULL)) {
        figures.extend(of(workloads).await?);
    }
    Ok(figures)
}

async fn of(workloads: usize) -> Result<Vec<Figure>> {
    say(&format!("row 9: {workloads} workloads"));
    let lab = Lab::start(CONTROLLER_QPS).await?;
    let namespace = prepare(&lab, workloads).await?;
    say("  all is there");
    let launch = process::controller(lab.cluster.kubeconfig())?.args(&["--settle=0s"]);
    let start = Instant::now();
    let tidings = lab::run(&launch).await?;
    lab.recorded(&namespace, workloads).await?;
    let recorded = seconds(start, Instant::now());
    sleep(REST).await;
    let mut figures = memory(&tidings, workloads)?;
    figures.push(Figure {
        bar: Some(Bar::AtMost(15.0)),
        ..figure(
            workloads,
            "until all are on record",
            Unit::Seconds,
            recorded,
        )
    });
    let sample = |n: usize| (format!("configmap/app-{n}"), format!("web-{n}"));
    let [floors, ours] = beside_bare(&lab, &namespace, workloads, sample).await?;
    lab::end(tidings).await?;
    figures.push(Figure {
        floor: Some(floors),
        tidings: ours,
        bar: Some(Bar::TimesFloor(3.0)),
        ..figure(workloads, "change → patch, p50", Unit::Milliseconds, 0.0)
    });
    Ok(figures)
}

/// Each workload has a ConfigMap and a Secret of its own.
async fn prepare(lab: &Lab, workloads: usize) -> Result<TestNamespace> {
    let namespace = lab.namespace("crowd").await?;
    let name = |n: usize| format!("app-{n}");
    let data = [("k", "old")];
    let maps = (0..workloads).map(|n| config_map(&name(n), &data));
    let secrets = (0..workloads).map(|n| secret(&name(n), &data));
    lab.create(&namespace, maps.chain(secrets)).await?;
    let ours = (0..workloads).map(|n| {
        let workload = deployment(&format!("web-{n}")).replicas(0);
        let workload = workload.annotate("tidings.dev/reload", "auto");
        let workload = workload.env_from(&format!("configmap/{}", name(n)));
        workload.mount(&format!("secret/{}", name(n))).into()
    });
    lab.create(&namespace, ours.chain(bare())).await?;
    lab.quiet(&namespace).await?;
    Ok(namespace)
}

fn memory(tidings: &Tidings, workloads: usize) -> Result<Vec<Figure>> {
    let taken = Taken::now(tidings)?;
    let of = |what: &str, value| figure(workloads, what, Unit::Megabytes, value);
    Ok(vec![
        Figure {
            bar: Some(Bar::AtMost(40.0)),
            note: taken.note(),
            ..of("memory, resting", taken.resting)
        },
        of("memory, peak", taken.peak),
    ])
}

fn figure(workloads: usize, what: &str, unit: Unit, value: f64) -> Figure {
    let what = format!("{workloads} workloads in one namespace: {what}");
    Figure::new(9, what, unit, Spread::one(value))
}
