//! `make bench-scale`: how what Tidings takes grows with the cluster.
//!
//! In: how many sources, opted-in workloads and namespaces, each combination a cluster
//! of its own. Out: a table, and JSON from which `make docs` draws. Each workload has two
//! sources; where there are fewer, several have the same ones. Tidings has the defaults,
//! and all that it asks goes through the proxy, which counts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use futures::future::try_join_all;
use rig::fixtures::{TestNamespace, deployment};
use rig::process::{self, Tidings};
use rig::proxy::Proxy;
use rig::wait_until;
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;

use crate::lab::{self, LIMIT, Lab, say};
use crate::rows::memory::{REST, Taken, reference, source};
use crate::rows::scale::{CONTROLLER_QPS, caused};

/// Bytes of a source: 100,000 have 800 MB.
const SIZE: usize = 8_000;
/// Changes, each of another source.
const CHANGES: usize = 10;

/// Which clusters.
#[derive(Args)]
pub(crate) struct Growth {
    /// How many ConfigMaps and Secrets there are.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1_000, 5_000, 35_000, 100_000])]
    sources: Vec<usize>,
    /// How many workloads are opted in.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    workloads: Vec<usize>,
    /// In how many namespaces all that is.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 100])]
    namespaces: Vec<usize>,
    /// Also writes what was measured to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What there is.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Size {
    pub(crate) sources: usize,
    pub(crate) workloads: usize,
    pub(crate) namespaces: usize,
}

/// What was measured there.
#[derive(Serialize)]
struct Point {
    #[serde(flatten)]
    size: Size,
    /// Resident memory at rest, in megabytes.
    resting: f64,
    /// Of it what is no file's.
    anonymous: f64,
    /// The most it had until then.
    peak: f64,
    /// Seconds of processor time until all was on record and at rest.
    cpu: f64,
    /// Requests until then.
    start_requests: usize,
    /// Rolls of one change.
    rolls: f64,
    /// Requests of one change.
    requests: f64,
    /// Kilobytes of one change, both ways.
    kilobytes: f64,
}

/// The same with what is shown of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    point: &'a Point,
    cells: Vec<String>,
}

pub(crate) async fn run(growth: &Growth) -> Result<()> {
    let mut points = Vec::new();
    for namespaces in &growth.namespaces {
        for workloads in &growth.workloads {
            for sources in &growth.sources {
                let size = Size {
                    sources: *sources,
                    workloads: *workloads,
                    namespaces: *namespaces,
                };
                let point = measure(size).await.with_context(|| size.text())?;
                say(&format!("  {:.1} MB, {:.1} s", point.resting, point.cpu));
                points.push(point);
                keep(growth.json.as_deref(), &points)?;
            }
        }
    }
    show(&points);
    Ok(())
}

fn keep(file: Option<&Path>, points: &[Point]) -> Result<()> {
    let Some(file) = file else {
        return Ok(());
    };
    let shown = points.iter().map(|point| Shown {
        point,
        cells: point.cells(),
    });
    let shown: Vec<_> = shown.collect();
    std::fs::write(file, serde_json::to_string_pretty(&shown)? + "\n")?;
    Ok(())
}

impl Size {
    fn text(&self) -> String {
        let (sources, workloads, namespaces) = (self.sources, self.workloads, self.namespaces);
        format!("{sources} sources, {workloads} workloads, {namespaces} namespaces")
    }

    /// How many sources a namespace has.
    fn sources_of_one(&self) -> usize {
        self.sources / self.namespaces
    }

    fn workloads_of_one(&self) -> usize {
        self.workloads / self.namespaces
    }

    /// The two sources of a workload, by its number in its namespace.
    fn sources_of(&self, workload: usize) -> [usize; 2] {
        [0, 1].map(|n| (2 * workload + n) % self.sources_of_one())
    }
}

async fn measure(size: Size) -> Result<Point> {
    say(&size.text());
    ensure!(size.workloads_of_one() > 0 && size.sources_of_one() > 1);
    let lab = Lab::start(CONTROLLER_QPS).await?;
    let namespaces = prepare(&lab, size, SIZE).await?;
    let proxy = Proxy::start(&lab.cluster).await?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    let tidings = lab::run(&process::controller(&kubeconfig)?).await?;
    lab.all_recorded(size.workloads).await?;
    sleep(REST).await;
    let (taken, cpu) = (Taken::now(&tidings)?, cpu_seconds(&tidings)?);
    let start_requests = proxy.requests().len();
    let point = Point {
        size,
        resting: taken.resting,
        anonymous: taken.anonymous,
        peak: taken.peak,
        cpu,
        start_requests,
        rolls: 0.0,
        requests: 0.0,
        kilobytes: 0.0,
    };
    proxy.forget();
    let point = changes(&proxy, &namespaces, point).await?;
    lab::end(tidings).await?;
    Ok(point)
}

/// Makes all of it, with sources of so many bytes.
pub(crate) async fn prepare(lab: &Lab, size: Size, bytes: usize) -> Result<Vec<TestNamespace>> {
    let mut namespaces = Vec::new();
    for n in 0..size.namespaces {
        let namespace = lab.namespace(&format!("scale-{n}")).await?;
        let sources = (0..size.sources_of_one()).map(|n| source(n, bytes));
        lab.create(&namespace, sources).await?;
        let workloads = (0..size.workloads_of_one()).map(|n| {
            let [first, second] = size.sources_of(n).map(reference);
            let workload = deployment(&format!("web-{n}")).replicas(0);
            let workload = workload.mount(&first).mount(&second);
            workload.annotate("tidings.dev/reload", "auto").into()
        });
        lab.create(&namespace, workloads).await?;
        namespaces.push(namespace);
    }
    try_join_all(namespaces.iter().map(|namespace| lab.quiet(namespace))).await?;
    Ok(namespaces)
}

/// What a change costs, on the average.
async fn changes(proxy: &Proxy<'_>, namespaces: &[TestNamespace], point: Point) -> Result<Point> {
    let mut rolls = 0;
    for n in 0..CHANGES {
        // Each of another workload, which uses two that follow each other.
        let source = 2 * n % point.size.sources_of_one();
        let namespace = &namespaces[n % namespaces.len()];
        let value = json!({"data": {"k": format!("{n} new")}});
        namespace.edit(&reference(source), value).await?;
        let all = 0..point.size.workloads_of_one();
        rolls += all
            .filter(|w| point.size.sources_of(*w).contains(&source))
            .count();
    }
    wait_until("all to be rolled", LIMIT, async || {
        let patched = proxy.count("PATCH", "/deployments/")?;
        ensure!(patched >= rolls, "{patched} of {rolls}");
        Ok(())
    })
    .await?;
    // What is written lazily, and Events.
    sleep(REST).await;
    let caused = caused(proxy);
    let bytes: usize = caused
        .iter()
        .map(|seen| seen.body.len() + seen.answered_bytes())
        .sum();
    Ok(Point {
        rolls: each(rolls),
        requests: each(caused.len()),
        kilobytes: each(bytes) / 1_000.0,
        ..point
    })
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn each(all: usize) -> f64 {
    all as f64 / CHANGES as f64
}

/// Seconds of processor time so far, in ticks of a hundredth (`proc_pid_stat(5)`).
fn cpu_seconds(tidings: &Tidings) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", tidings.pid()))?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |n: usize| -> Result<f64> { Ok(fields.get(n).context("no times")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

impl Point {
    fn cells(&self) -> Vec<String> {
        let size = self.size;
        let counts = [size.sources, size.workloads, size.namespaces];
        let memory = [self.resting, self.anonymous, self.peak, self.cpu];
        let change = [self.rolls, self.requests, self.kilobytes];
        let mut cells: Vec<_> = counts.iter().map(usize::to_string).collect();
        cells.extend(memory.map(|value| format!("{value:.1}")));
        cells.push(self.start_requests.to_string());
        cells.extend(change.map(|value| format!("{value:.1}")));
        cells
    }
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn show(points: &[Point]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "sources",
        "workloads",
        "namespaces",
        "MB at rest",
        "anonymous",
        "peak",
        "CPU s",
        "requests at start",
        "rolls a change",
        "requests",
        "kB",
    ]);
    table.add_rows(points.iter().map(Point::cells));
    println!("{table}");
}
