//! What changed while the controller was down is rolled when it starts again, and
//! nothing else is.

use anyhow::{Result, ensure};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::{Cluster, holds, secs};

/// Every other one of them uses what changes.
const WORKLOADS: usize = 40;

fn web(i: usize) -> Workload {
    deployment(&format!("web-{i}"))
        .replicas(0)
        .env_from(&format!("configmap/app-{i}"))
        .annotate(RELOAD, "auto")
}

async fn write(home: &Installed, i: usize, value: &str) -> Result<()> {
    let source = config_map(&format!("app-{i}"), &[("a", value)]);
    home.ns().apply(source).await?;
    Ok(())
}

#[tokio::test]
async fn twenty_of_twenty_changed_while_down_are_rolled_and_no_other() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "down").await?;
    for i in 0..WORKLOADS {
        write(&home, i, "before").await?;
    }
    let before = home.controller(&[]).await?;
    home.adopt((0..WORKLOADS).map(web)).await?;
    before.kill();

    for i in (0..WORKLOADS).step_by(2) {
        write(&home, i, "while down").await?;
    }
    let after = home.controller(&[]).await?;
    for i in (0..WORKLOADS).step_by(2) {
        home.rolled_exactly(&format!("deployment/web-{i}"), 1)
            .await?;
    }
    holds("no other being rolled", secs(1), async || {
        for i in (1..WORKLOADS).step_by(2) {
            home.is_rolled_exactly(&format!("deployment/web-{i}"), 0)
                .await?;
        }
        Ok(())
    })
    .await?;
    let rolls = after.metric("tidings_rolls_total", &[]).await?;
    ensure!((rolls - 20.0).abs() < 0.5, "{rolls} rolls");
    Ok(())
}
