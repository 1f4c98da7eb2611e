//! Row 6: memory beside many objects.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::{TestNamespace, Workload, config_map, deployment, secret};
use rig::process::{self, Tidings};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Options, secs};
use tokio::time::sleep;

use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};

const WORKLOADS: usize = 500;
/// What there is no use for any more should be given back by then.
pub(crate) const REST: Duration = secs(15);
/// Where `kubectl apply` keeps a copy of what it applied.
const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

const OBJECTS: usize = 6_000;
/// Bytes of an object.
const SIZE: usize = 7_800;

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 6: memory beside 6,000 objects of 47 MB");
    let lab = Lab::start(Options::default().controller_qps).await?;
    let namespace = prepare(&lab).await?;
    say("  all is there");
    let proxy = Proxy::start(&lab.cluster).await?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    let launch = process::controller(&kubeconfig)?;
    let tidings = lab::run(&launch).await?;
    lab.recorded(&namespace, WORKLOADS).await?;
    let start = high_water(&tidings)?;
    sleep(REST).await;
    let resting = megabytes(&tidings, "VmRSS")?;
    let relist = relist(&proxy, &tidings).await?;
    sleep(REST).await;
    let after = megabytes(&tidings, "VmRSS")?;
    lab::end(tidings).await?;
    let tidings = lab::run(&launch).await?;
    sleep(REST).await;
    let again = high_water(&tidings)?;
    lab::end(tidings).await?;
    let note = format!("after the relist it rests at {after:.1} MB");
    Ok(vec![
        figure("resting", resting, note),
        figure("peak at the first start", start, String::new()),
        figure("peak at a forced relist", relist, String::new()),
        figure("peak at a later start", again, String::new()),
    ])
}

fn figure(when: &str, value: f64, note: String) -> Figure {
    Figure {
        row: 6,
        what: format!("memory beside 6,000 objects of 47 MB, {when}"),
        peer: "Reloader 130 MB, wave 185 MB",
        unit: Unit::Megabytes,
        floor: None,
        tidings: Spread::one(value),
        bar: Some(Bar::AtMost(20.0)),
        note,
    }
}

/// All sources are used: each workload mounts its share of them, half of them
/// ConfigMaps and half Secrets; half of each were applied by kubectl.
async fn prepare(lab: &Lab) -> Result<TestNamespace> {
    let namespace = lab.namespace("memory").await?;
    let sources = (0..OBJECTS).map(|n| source(n, SIZE));
    lab.create(&namespace, sources).await?;
    let share = OBJECTS / WORKLOADS;
    let workloads = (0..WORKLOADS).map(|n| {
        let used = (n * share)..((n + 1) * share);
        let workload = deployment(&format!("web-{n}")).replicas(0);
        let workload = workload.annotate("tidings.dev/reload", "auto");
        used.fold(workload, |w: Workload, n| w.mount(&reference(n)))
            .into()
    });
    lab.create(&namespace, workloads).await?;
    lab.quiet(&namespace).await?;
    Ok(namespace)
}

pub(crate) fn reference(n: usize) -> String {
    let kind = if n.is_multiple_of(2) {
        "configmap"
    } else {
        "secret"
    };
    format!("{kind}/app-{n}")
}

/// An object of about `size` bytes in all, in three keys.
pub(crate) fn source(n: usize, size: usize) -> DynamicObject {
    let copied = (n / 2).is_multiple_of(2);
    // Three values as they are, or in base64.
    let parts = if n.is_multiple_of(2) { 3 } else { 4 };
    let content = size / parts / if copied { 2 } else { 1 };
    let value: String = format!("{n}-lorem ipsum dolor sit amet ").repeat(content / 24 + 1);
    let value = &value[..content.min(value.len())];
    let data = [("a", value), ("b", value), ("c", value)];
    let name = format!("app-{n}");
    let mut object = if n.is_multiple_of(2) {
        config_map(&name, &data)
    } else {
        secret(&name, &data)
    };
    if copied {
        let copy = object.data["data"].to_string();
        object.annotations_mut().insert(COPY.to_owned(), copy);
    }
    object
}

/// Ends all watches and answers that their versions are forgotten, so that
/// everything is listed again; gives the peak.
async fn relist(proxy: &Proxy<'_>, tidings: &Tidings) -> Result<f64> {
    forget_peak(tidings)?;
    let gone = proxy.inject(Fault::status(410).on("GET", "watch=true.*resourceVersion=[1-9]"))?;
    proxy.cut();
    sleep(secs(5)).await;
    gone.withdraw();
    sleep(secs(15)).await;
    say(&format!(
        "  {} watches were told to list again",
        gone.hits()
    ));
    high_water(tidings)
}

/// From now on the peak is another.
pub(crate) fn forget_peak(tidings: &Tidings) -> Result<()> {
    // The kernel's own word for it.
    std::fs::write(format!("/proc/{}/clear_refs", tidings.pid()), "5")?;
    Ok(())
}

/// What a controller takes, in megabytes.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// Resident now.
    pub(crate) resting: f64,
    /// Of that what is no file's.
    pub(crate) anonymous: f64,
    /// The most that was resident.
    pub(crate) peak: f64,
}

impl Taken {
    pub(crate) fn now(tidings: &Tidings) -> Result<Self> {
        Ok(Self {
            resting: megabytes(tidings, "VmRSS")?,
            anonymous: megabytes(tidings, "RssAnon")?,
            peak: high_water(tidings)?,
        })
    }

    pub(crate) fn note(&self) -> String {
        format!("{:.1} MB of it are anonymous", self.anonymous)
    }
}

pub(super) fn high_water(tidings: &Tidings) -> Result<f64> {
    megabytes(tidings, "VmHWM")
}

/// A line of the process' status, in megabytes.
pub(crate) fn megabytes(tidings: &Tidings, field: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tidings.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
    let kibibytes: f64 = kibibytes.context("no such line")?.parse()?;
    Ok(kibibytes * 1_024.0 / 1e6)
}
