//! Row 14: what people ask of a large cluster: `status`, `stale` and `impact`, beside
//! the lists that these ask for, alone.
//!
//! The floor asks for the same pages by the client that Tidings has, and reads of each
//! no more than where the next one begins. All workloads are on record, a few sources
//! have changed since, and no controller runs meanwhile. All is in one namespace, so
//! that `impact` has all workloads to look at, too.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::header::ACCEPT;
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::client::Body;
use rig::fixtures::{TestNamespace, Workload, deployment};
use rig::process;
use rig::proxy::{Proxy, Seen};
use rig::{secs, wait_until};
use serde::Deserialize;
use tokio::time::sleep;

use super::memory::{high_water, reference, source};
use super::scale::{CONTROLLER_QPS, change};
use super::{Turn, millis, turns};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, LIMIT, Lab, say};

/// Pods of a workload.
const PODS: u32 = 3;
/// Bytes of a source.
const BYTES: usize = 1_000;
/// Sources that have changed since all was recorded, each of another workload.
const CHANGED: usize = 10;
/// So many workloads are made before their pods are waited for.
const LOT: usize = 500;
/// How often each is measured, beside its floor.
const PAIRS: usize = 5;
/// A pause between two looks at a command that runs.
const LOOK: Duration = Duration::from_millis(2);

/// What is asked, and how the program ends then.
const QUESTIONS: [(&[&str], i32); 3] = [
    (&["status", "-A"], 1),
    (&["stale", "-A"], 1),
    (&["impact", "configmap/app-800", "-n", "sight"], 10),
];

struct Size {
    workloads: usize,
    sources: usize,
}

/// What a command took.
struct Run {
    /// Milliseconds.
    took: f64,
    /// Megabytes that were resident at most.
    peak: f64,
}

pub(crate) async fn measure(full: bool) -> Result<Vec<Figure>> {
    let size = if full {
        Size {
            workloads: 10_000,
            sources: 35_000,
        }
    } else {
        Size {
            workloads: 1_000,
            sources: 3_500,
        }
    };
    say(&format!("row 14: {}", size.text()));
    let lab = Lab::with_nodes(1, CONTROLLER_QPS).await?;
    // It is deleted when it is dropped.
    let _namespace = prepare(&lab, &size).await?;
    say("  all is there");
    let mut figures = Vec::new();
    for (question, code) in QUESTIONS {
        figures.extend(of(&lab, &size, question, code).await?);
    }
    Ok(figures)
}

/// Each workload mounts three or four sources, which no other uses.
async fn prepare(lab: &Lab, size: &Size) -> Result<TestNamespace> {
    let namespace = lab.namespace("sight").await?;
    let sources = (0..size.sources).map(|n| source(n, BYTES));
    lab.create(&namespace, sources).await?;
    for lot in (0..size.workloads).step_by(LOT) {
        let lot = lot..size.workloads.min(lot + LOT);
        let workloads = lot.clone().map(|n| size.workload(n).into());
        lab.create(&namespace, workloads).await?;
        all_ready(&namespace, lot.end).await?;
    }
    let tidings = lab.tidings(&[]).await?;
    lab.recorded(&namespace, size.workloads).await?;
    lab::end(tidings).await?;
    for n in 0..CHANGED {
        // An even one is a ConfigMap, and every eighth one of another workload.
        change(&namespace, &reference(8 * n)).await?;
    }
    Ok(namespace)
}

/// Waits until so many Deployments have all their pods.
async fn all_ready(namespace: &TestNamespace, count: usize) -> Result<()> {
    let api: Api<Deployment> = namespace.api();
    wait_until("all pods to be ready", LIMIT, async || {
        sleep(secs(1)).await;
        let list = api.list(&ListParams::default()).await?;
        let ready = list.iter().filter(|one| {
            let status = one.status.as_ref();
            status.and_then(|status| status.ready_replicas) == Some(PODS.cast_signed())
        });
        let ready = ready.count();
        ensure!(ready == count, "{ready} of {count}");
        Ok(())
    })
    .await
}

impl Size {
    fn text(&self) -> String {
        let pods = self.workloads * PODS as usize;
        let (workloads, sources) = (self.workloads, self.sources);
        format!("{workloads} workloads, {pods} pods, {sources} sources")
    }

    fn workload(&self, n: usize) -> Workload {
        let first_of = |n| n * self.sources / self.workloads;
        let workload = deployment(&format!("web-{n}")).replicas(PODS);
        let workload = workload.annotate("tidings.dev/reload", "auto");
        let used = first_of(n)..first_of(n + 1);
        used.fold(workload, |workload, n| workload.mount(&reference(n)))
    }

    fn figure(&self, question: &str, unit: Unit, tidings: Spread, bar: Bar) -> Figure {
        Figure {
            bar: Some(bar),
            ..Figure::new(14, format!("{}: {question}", self.text()), unit, tidings)
        }
    }
}

/// One command in turns with the lists that it asks for.
async fn of(lab: &Lab, size: &Size, question: &[&str], code: i32) -> Result<Vec<Figure>> {
    let requests = requests_of(lab, question, code).await?;
    let lists: Vec<_> = requests.iter().filter(|seen| begins_list(seen)).collect();
    let (mut floors, mut took, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for turn in turns(PAIRS) {
        match turn {
            Turn::Floor => {
                let start = Instant::now();
                for list in &lists {
                    pages(&lab.client, list).await?;
                }
                floors.push(millis(start.elapsed()));
            }
            Turn::Tidings => {
                let run = run(lab.cluster.kubeconfig(), question, code).await?;
                took.push(run.took);
                peaks.push(run.peak);
            }
        }
    }
    let words = format!("`{}`", question.join(" "));
    let (took, peak) = (Spread::of(&took), Spread::of(&peaks));
    let memory = format!("{words}, memory, peak");
    Ok(vec![
        Figure {
            floor: Some(Spread::of(&floors)),
            note: format!(
                "{} requests; the floor: {} lists",
                requests.len(),
                lists.len()
            ),
            ..size.figure(&words, Unit::Milliseconds, took, Bar::TimesFloor(1.5))
        },
        size.figure(&memory, Unit::Megabytes, peak, Bar::AtMost(150.0)),
    ])
}

/// All requests of a command.
async fn requests_of(lab: &Lab, question: &[&str], code: i32) -> Result<Vec<Seen>> {
    let proxy = Proxy::start(&lab.cluster).await?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    run(&kubeconfig, question, code).await?;
    Ok(proxy.requests())
}

/// Whether it asks for the first page of a list, and was given one.
fn begins_list(seen: &Seen) -> bool {
    let is_page = seen.query.contains("limit=") && seen.status() == Some(200);
    is_page && !seen.query.contains("continue=")
}

/// Runs a command to its end.
async fn run(kubeconfig: &Path, question: &[&str], code: i32) -> Result<Run> {
    let start = Instant::now();
    let command = process::start(kubeconfig, question)?;
    let mut peak = f64::NAN;
    let status = loop {
        if let Some(status) = command.ended()? {
            break status;
        }
        // What has just ended has no memory to tell of.
        peak = high_water(&command).unwrap_or(peak);
        sleep(LOOK).await;
    };
    let took = millis(start.elapsed());
    ensure!(status.code() == Some(code), "{status}: {}", command.tail());
    Ok(Run { took, peak })
}

/// What of a page tells whether there is another.
#[derive(Deserialize)]
struct Page {
    metadata: PageMeta,
}

#[derive(Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: String,
}

/// Asks for all pages of a list, as this request asks for the first.
async fn pages(client: &Client, list: &Seen) -> Result<()> {
    let mut next = String::new();
    loop {
        let uri = format!("{}?{}{next}", list.path, list.query);
        let request = http::Request::get(uri).header(ACCEPT, &list.accept);
        let answer = client.send(request.body(Body::empty())?).await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        let body = answer.into_body().collect().await?.to_bytes();
        let page: Page = serde_json::from_slice(&body).context("a page")?;
        if page.metadata.next.is_empty() {
            return Ok(());
        }
        next = format!("&continue={}", page.metadata.next);
    }
}
