//! Row 8: a large cluster: 10,000 workloads with 35,000 sources of 800 MB, or a
//! tenth of that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kube::core::DynamicObject;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment};
use rig::process::{self, Launch, Tidings};
use rig::proxy::{Proxy, Seen};
use rig::secs;
use serde_json::json;
use tokio::time::sleep;

use super::memory::{REST, high_water, megabytes, reference, source};
use super::{Turn, millis, seconds, turns};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::floor;
use crate::lab::{self, Lab, say};
use crate::observer::Observer;

/// Bytes of a source.
const SIZE: usize = 22_800;
/// Changes of which each is measured by itself.
pub(super) const SAMPLES: usize = 30;
/// Changes of sources that nothing uses.
const UNUSED: usize = 20;
/// Kubernetes' controllers would take most of an hour at their usual rate.
pub(crate) const CONTROLLER_QPS: u32 = 2_000;

struct Size {
    workloads: usize,
    sources: usize,
    /// Megabytes that it may take at rest.
    resting: f64,
}

pub(crate) async fn measure(full: bool) -> Result<Vec<Figure>> {
    let size = if full {
        Size {
            workloads: 10_000,
            sources: 35_000,
            resting: 60.0,
        }
    } else {
        Size {
            workloads: 1_000,
            sources: 3_500,
            resting: 20.0,
        }
    };
    say(&format!("row 8: {}", size.text()));
    let lab = Lab::start(CONTROLLER_QPS).await?;
    let namespace = prepare(&lab, &size).await?;
    say("  all is there");
    let launch = process::controller(lab.cluster.kubeconfig())?.args(&["--settle=0s"]);
    let mut figures = starts(&lab, &namespace, &size, &launch).await?;
    figures.push(latency(&lab, &namespace, &size, &launch).await?);
    figures.extend(requests(&lab, &namespace).await?);
    Ok(figures)
}

impl Size {
    fn text(&self) -> String {
        let megabytes = self.sources * SIZE / 1_000_000;
        let (workloads, sources) = (self.workloads, self.sources);
        format!("{workloads} workloads, {sources} sources of {megabytes} MB")
    }

    /// The first source of a workload; its others come after it.
    fn first_of(&self, workload: usize) -> usize {
        workload * self.sources / self.workloads
    }

    /// Whose source this is.
    fn user_of(&self, source: usize) -> usize {
        ((source + 1) * self.workloads - 1) / self.sources
    }

    fn figure(&self, what: &str, unit: Unit, value: f64, bar: Option<Bar>) -> Figure {
        Figure {
            bar,
            ..Figure::new(
                8,
                format!("{}: {what}", self.text()),
                unit,
                Spread::one(value),
            )
        }
    }
}

/// Each workload uses three or four sources, which no other uses. A few sources
/// are used by nobody, and there are Deployments for the floor.
async fn prepare(lab: &Lab, size: &Size) -> Result<TestNamespace> {
    let namespace = lab.namespace("scale").await?;
    let sources = (0..size.sources).map(|n| source(n, SIZE));
    lab.create(&namespace, sources).await?;
    let workloads = (0..size.workloads).map(|n| {
        let used = size.first_of(n)..size.first_of(n + 1);
        let workload = deployment(&format!("web-{n}")).replicas(0);
        let workload = workload.annotate("tidings.dev/reload", "auto");
        used.fold(workload, |w: Workload, n| w.mount(&reference(n)))
            .into()
    });
    lab.create(&namespace, workloads.chain(bare())).await?;
    for n in 0..UNUSED {
        namespace
            .apply(config_map(&format!("unused-{n}"), &[("k", "old")]))
            .await?;
    }
    lab.quiet(&namespace).await?;
    Ok(namespace)
}

/// The first start, which reads all, and one like every other.
async fn starts(
    lab: &Lab,
    namespace: &TestNamespace,
    size: &Size,
    launch: &Launch,
) -> Result<Vec<Figure>> {
    let start = Instant::now();
    let tidings = lab::run(launch).await?;
    let ready = seconds(start, Instant::now());
    lab.recorded(namespace, size.workloads).await?;
    let recorded = seconds(start, Instant::now());
    let first_peak = high_water(&tidings)?;
    sleep(REST).await;
    let resting = megabytes(&tidings, "VmRSS")?;
    lab::end(tidings).await?;
    let (again, tidings) = later_start(launch).await?;
    sleep(REST).await;
    let peak = high_water(&tidings)?;
    lab::end(tidings).await?;
    let figure = |what: &str, unit, value| size.figure(what, unit, value, None);
    Ok(vec![
        figure("first start to ready", Unit::Seconds, ready),
        figure(
            "first start until all are on record",
            Unit::Seconds,
            recorded,
        ),
        figure("a later start to ready", Unit::Seconds, again),
        size.figure(
            "memory, resting",
            Unit::Megabytes,
            resting,
            Some(Bar::AtMost(size.resting)),
        ),
        figure(
            "memory, peak at the first start",
            Unit::Megabytes,
            first_peak,
        ),
        figure("memory, peak at a later start", Unit::Megabytes, peak),
    ])
}

async fn later_start(launch: &Launch) -> Result<(f64, Tidings)> {
    let start = Instant::now();
    let tidings = lab::run(launch).await?;
    Ok((seconds(start, Instant::now()), tidings))
}

/// Requests for a change that nobody uses, and for one that one workload uses,
/// without those that come by time: of the Lease and of the look at the records.
async fn requests(lab: &Lab, namespace: &TestNamespace) -> Result<Vec<Figure>> {
    let proxy = Proxy::start(&lab.cluster).await?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    let launch = process::controller(&kubeconfig)?.args(&["--settle=0s"]);
    let tidings = lab::run(&launch).await?;
    sleep(REST).await;
    proxy.forget();
    for n in 0..UNUSED {
        change(namespace, &format!("configmap/unused-{n}")).await?;
    }
    sleep(secs(5)).await;
    let unused = caused(&proxy);
    proxy.forget();
    for n in 0..UNUSED {
        // Of the even ones, which are ConfigMaps; the samples come after them.
        let source = reference(2 * (SAMPLES * 8 + n * 8));
        change(namespace, &source).await?;
        sleep(Duration::from_millis(200)).await;
    }
    sleep(secs(5)).await;
    let used = caused(&proxy);
    lab::end(tidings).await?;
    let each = |what: &str, requests: &[Seen], bar| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred requests")]
        let value = requests.len() as f64 / UNUSED as f64;
        Figure {
            peer: "Reloader: 5 lists",
            bar,
            note: kinds_of(requests),
            ..Figure::new(
                8,
                format!("requests for a change {what}"),
                Unit::Count,
                Spread::one(value),
            )
        }
    };
    Ok(vec![
        each("that nobody uses", &unused, Some(Bar::Exactly(0.0))),
        each("that one workload uses", &used, None),
    ])
}

/// The requests but for those that come by time.
pub(crate) fn caused(proxy: &Proxy<'_>) -> Vec<Seen> {
    let by_time = |seen: &Seen| {
        seen.path.contains("/leases/")
            || seen.is_watch()
            || (seen.method == "GET" && seen.path.ends_with("/namespaces/tidings/secrets"))
    };
    let all = proxy.requests().into_iter();
    all.filter(|seen| !by_time(seen)).collect()
}

/// `20 GET configmaps, …`
fn kinds_of(requests: &[Seen]) -> String {
    let mut kinds = BTreeMap::<_, usize>::new();
    for seen in requests {
        let words: Vec<_> = seen.path.split('/').collect();
        let place = words.iter().position(|word| *word == "namespaces");
        let resource = place.and_then(|at| words.get(at + 2)).unwrap_or(&"");
        *kinds
            .entry(format!("{} {resource}", seen.method))
            .or_default() += 1;
    }
    let kinds = kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

/// Writes something else into one key of a source.
pub(super) async fn change(namespace: &TestNamespace, source: &str) -> Result<()> {
    let value = format!("{source} new");
    namespace
        .edit(source, json!({"data": {"k": value}}))
        .await?;
    Ok(())
}

/// From a change to its patch, beside a bare patch.
async fn latency(
    lab: &Lab,
    namespace: &TestNamespace,
    size: &Size,
    launch: &Launch,
) -> Result<Figure> {
    let tidings = lab::run(launch).await?;
    sleep(REST).await;
    let sample = |n: usize| {
        // Every fourth source or so is of another workload.
        let source = 8 * n;
        (reference(source), format!("web-{}", size.user_of(source)))
    };
    let [floors, ours] = beside_bare(lab, namespace, size.workloads, sample).await?;
    lab::end(tidings).await?;
    Ok(Figure {
        floor: Some(floors),
        tidings: ours,
        ..size.figure(
            "change of a ConfigMap → patch",
            Unit::Milliseconds,
            0.0,
            None,
        )
    })
}

/// So many changes, each of a source and for the workload that uses it, in turns with
/// bare patches of the Deployments that [`bare`] makes. Milliseconds: of the bare ones,
/// and from a change's being accepted to its patch.
pub(super) async fn beside_bare(
    lab: &Lab,
    namespace: &TestNamespace,
    workloads: usize,
    sample: impl Fn(usize) -> (String, String),
) -> Result<[Spread; 2]> {
    let observer = Observer::of(namespace, workloads + SAMPLES).await?;
    let mut patches = lab::patches(namespace, "configmap/app-0 (k)").await?;
    patches.retain(|patch| patch.roll.key.name.starts_with("bare-"));
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for turn in turns(SAMPLES) {
        sleep(Duration::from_millis(200)).await;
        let start = Instant::now();
        match turn {
            Turn::Floor => {
                let patch = patches.get(floors.len()).context("no patch left")?;
                floor::patch(&lab.client, patch).await?;
                let seen = observer.wait_for(&patch.roll.key.name, 2).await?;
                floors.push(millis(seen - start));
            }
            Turn::Tidings => {
                let (source, user) = sample(ours.len());
                change(namespace, &source).await?;
                let accepted = Instant::now();
                let seen = observer.wait_for(&user, 2).await?;
                ours.push(millis(seen.saturating_duration_since(accepted)));
            }
        }
    }
    Ok([Spread::of(&floors), Spread::of(&ours)])
}

/// Deployments for the floor.
pub(super) fn bare() -> impl Iterator<Item = DynamicObject> {
    (0..SAMPLES).map(|n| deployment(&format!("bare-{n}")).replicas(0).into())
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn each_source_has_one_user() {
        let size = Size {
            workloads: 10,
            sources: 35,
            resting: 0.0,
        };
        for workload in 0..10 {
            for source in size.first_of(workload)..size.first_of(workload + 1) {
                assert_eq!(size.user_of(source), workload, "{source}");
            }
        }
    }
}
