//! Row 4: changes while the controller is down.

use anyhow::Result;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::{Options, process, secs};
use serde_json::json;
use tokio::time::sleep;

use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};

const CHANGED: usize = 20;
const OTHERS: usize = 20;

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say(&format!(
        "row 4: {CHANGED} changes while the controller is down"
    ));
    let lab = Lab::start(Options::default().controller_qps).await?;
    let namespace = prepare(&lab).await?;
    let launch = process::controller(lab.cluster.kubeconfig())?;
    let tidings = lab::run(&launch).await?;
    lab.recorded(&namespace, CHANGED + OTHERS).await?;
    lab::end(tidings).await?;
    for n in 0..CHANGED {
        let patch = json!({"data": {"k": "new"}});
        namespace.edit(&format!("configmap/app-{n}"), patch).await?;
    }
    let tidings = lab::run(&launch).await?;
    sleep(secs(8)).await;
    let rolls = lab::rolls(&namespace).await?;
    lab::end(tidings).await?;
    let changed = |name: &str| {
        name.strip_prefix("web-")
            .is_some_and(|n| n.parse().is_ok_and(|n: usize| n < CHANGED))
    };
    let caught = rolls
        .iter()
        .filter(|(name, n)| changed(name) && *n == 1)
        .count();
    let others = rolls
        .iter()
        .filter(|(name, n)| !changed(name) && *n != 0)
        .count();
    Ok(vec![
        figure(
            "changed while down: caught at the next start",
            "0 of 20",
            caught,
            CHANGED,
        ),
        figure("the same: others that were rolled", "", others, 0),
    ])
}

fn figure(what: &str, peer: &'static str, count: usize, exactly: usize) -> Figure {
    #[expect(clippy::cast_precision_loss, reason = "a few workloads")]
    let [count, exactly] = [count, exactly].map(|n| n as f64);
    Figure {
        row: 4,
        what: what.to_owned(),
        peer,
        unit: Unit::Count,
        floor: None,
        tidings: Spread::one(count),
        bar: Some(Bar::Exactly(exactly)),
        note: String::new(),
    }
}

async fn prepare(lab: &Lab) -> Result<TestNamespace> {
    let namespace = lab.namespace("missed").await?;
    for n in 0..CHANGED + OTHERS {
        namespace
            .apply(config_map(&format!("app-{n}"), &[("k", "old")]))
            .await?;
        let workload = deployment(&format!("web-{n}"))
            .replicas(0)
            .env_from(&format!("configmap/app-{n}"));
        namespace
            .apply(workload.annotate("tidings.dev/reload", "auto"))
            .await?;
    }
    lab.quiet(&namespace).await?;
    Ok(namespace)
}
