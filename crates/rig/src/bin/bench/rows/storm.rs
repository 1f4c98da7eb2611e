//! Row 3: a ConfigMap that changes 50 times in 5 seconds.

use std::time::Duration;

use anyhow::{Result, ensure};
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::{Options, process, secs};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{self, Lab, say};

const CHANGES: usize = 50;
const EVERY: Duration = Duration::from_millis(100);
/// Workloads, each with a ConfigMap of its own that changes with the others.
const TIMES: usize = 3;
/// After this long without a change, the settle time is over for good.
const QUIET: Duration = secs(6);

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say(&format!("row 3: {CHANGES} changes in 5 s"));
    let lab = Lab::start(Options::default().controller_qps).await?;
    let namespace = lab.namespace("storm").await?;
    for n in 0..TIMES {
        namespace
            .apply(config_map(&format!("app-{n}"), &[("k", "0")]))
            .await?;
        let workload = deployment(&format!("web-{n}"))
            .replicas(0)
            .env_from(&format!("configmap/app-{n}"));
        namespace
            .apply(workload.annotate("tidings.dev/reload", "auto"))
            .await?;
    }
    lab.quiet(&namespace).await?;
    let tidings = lab.tidings(&[]).await?;
    lab.recorded(&namespace, TIMES).await?;
    storm(&namespace).await?;
    sleep(QUIET).await;
    let rolls: Vec<_> = lab::rolls(&namespace)
        .await?
        .into_iter()
        .map(|(_, n)| n)
        .collect();
    last_content_won(&lab).await?;
    lab::end(tidings).await?;
    #[expect(clippy::cast_precision_loss, reason = "a few rollouts")]
    let rolls: Vec<_> = rolls.iter().map(|n| *n as f64).collect();
    Ok(vec![Figure {
        row: 3,
        what: format!("{CHANGES} changes in 5 s of one ConfigMap: rollouts (settle 2 s)"),
        peer: "50",
        unit: Unit::Count,
        floor: None,
        tidings: Spread::of(&rolls),
        bar: Some(Bar::AtMost(3.0)),
        note: "the last content won".to_owned(),
    }])
}

async fn storm(namespace: &TestNamespace) -> Result<()> {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for value in 1..=CHANGES {
        tick.tick().await;
        for n in 0..TIMES {
            let patch = json!({"data": {"k": value.to_string()}});
            namespace.edit(&format!("configmap/app-{n}"), patch).await?;
        }
    }
    Ok(())
}

/// `tidings why` ends with 0 when each workload was last brought to what is there now.
async fn last_content_won(lab: &Lab) -> Result<()> {
    let output = process::run(lab.cluster.kubeconfig(), &["why", "-A"]).await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "not in step at the end: {said}");
    Ok(())
}
