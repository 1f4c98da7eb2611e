//! Row 2: from a change to its patch, one workload at a time.

use std::time::{Duration, Instant};

use anyhow::Result;
use rig::fixtures::{TestNamespace, config_map, deployment, secret};
use rig::{Options, secs};
use serde_json::json;
use tidings::control::Patch;
use tokio::time::sleep;

use super::{Turn, millis, turns};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::floor;
use crate::lab::{self, Lab, say};
use crate::observer::Observer;

/// How a series of samples is taken.
struct Series {
    source: &'static str,
    samples: usize,
    /// Before each sample.
    pause: Duration,
    what: &'static str,
    bar: Option<Bar>,
}

const SERIES: [Series; 3] = [
    Series {
        source: "configmap",
        samples: 100,
        pause: Duration::from_millis(100),
        what: "change of a ConfigMap → patch, p50",
        bar: Some(Bar::TimesFloor(2.5)),
    },
    Series {
        source: "secret",
        samples: 100,
        pause: Duration::from_millis(100),
        what: "change of a Secret → patch, p50",
        bar: Some(Bar::TimesFloor(2.5)),
    },
    Series {
        source: "configmap",
        samples: 12,
        pause: Duration::from_millis(2_500),
        what: "the same, after 2.5 s of silence (ConfigMap)",
        bar: None,
    },
];

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 2: from a change to its patch");
    let lab = Lab::start(Options::default().controller_qps).await?;
    let mut figures = Vec::new();
    for (n, series) in SERIES.iter().enumerate() {
        let namespace = prepare(&lab, &format!("latency-{n}"), series).await?;
        let figure = one(&lab, &namespace, series).await?;
        say(&format!(
            "  {}: {:.1} ms",
            series.what, figure.tidings.median
        ));
        figures.push(figure);
    }
    Ok(figures)
}

/// A source and a workload for each sample of Tidings, a workload for each of the floor.
async fn prepare(lab: &Lab, name: &str, series: &Series) -> Result<TestNamespace> {
    let namespace = lab.namespace(name).await?;
    for n in 0..series.samples {
        let (name, data) = (format!("app-{n}"), [("k", "old")]);
        let source = match series.source {
            "secret" => secret(&name, &data),
            _ => config_map(&name, &data),
        };
        namespace.apply(source).await?;
    }
    let ours = (0..series.samples).map(|n| {
        let source = format!("{}/app-{n}", series.source);
        let workload = deployment(&format!("web-{n}"))
            .replicas(0)
            .env_from(&source);
        workload.annotate("tidings.dev/reload", "auto").into()
    });
    let bare = (0..series.samples).map(|n| deployment(&format!("bare-{n}")).replicas(0).into());
    lab.create(&namespace, ours.chain(bare)).await?;
    lab.quiet(&namespace).await?;
    Ok(namespace)
}

async fn one(lab: &Lab, namespace: &TestNamespace, series: &Series) -> Result<Figure> {
    let tidings = lab.tidings(&["--settle", "0s"]).await?;
    lab.recorded(namespace, series.samples).await?;
    sleep(secs(3)).await;
    let observer = Observer::of(namespace, 2 * series.samples).await?;
    let mut patches = lab::patches(namespace, "configmap/app-0 (k)").await?;
    patches.retain(|patch| patch.roll.key.name.starts_with("bare-"));
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for turn in turns(series.samples) {
        sleep(series.pause).await;
        match turn {
            Turn::Floor => floors.push(bare(lab, &observer, &patches[floors.len()]).await?),
            Turn::Tidings => {
                ours.push(change(namespace, &observer, series.source, ours.len()).await?);
            }
        }
    }
    lab::end(tidings).await?;
    let [ours, from_sending] = [0, 1].map(|part| ours.iter().map(|o| o[part]).collect::<Vec<_>>());
    Ok(Figure {
        row: 2,
        what: series.what.to_owned(),
        peer: "Reloader 3.5 ×, wave 3.1 × a floor of 4.5 ms",
        unit: Unit::Milliseconds,
        floor: Some(Spread::of(&floors)),
        tidings: Spread::of(&ours),
        bar: series.bar,
        note: format!(
            "from the API server's answer to the change; {:.1} ms from sending it",
            Spread::of(&from_sending).median
        ),
    })
}

async fn bare(lab: &Lab, observer: &Observer, patch: &Patch) -> Result<f64> {
    let start = Instant::now();
    floor::patch(&lab.client, patch).await?;
    let seen = observer.wait_for(&patch.roll.key.name, 2).await?;
    Ok(millis(seen - start))
}

/// From the change's being accepted, and from its being sent, until the patch was seen.
async fn change(
    namespace: &TestNamespace,
    observer: &Observer,
    kind: &str,
    n: usize,
) -> Result<[f64; 2]> {
    // `bmV3` is `new` in base64.
    let value = if kind == "secret" { "bmV3" } else { "new" };
    let (source, patch) = (format!("{kind}/app-{n}"), json!({"data": {"k": value}}));
    let sent = Instant::now();
    namespace.edit(&source, patch).await?;
    let accepted = Instant::now();
    let seen = observer.wait_for(&format!("web-{n}"), 2).await?;
    Ok([accepted, sent].map(|start| millis(seen.saturating_duration_since(start))))
}
