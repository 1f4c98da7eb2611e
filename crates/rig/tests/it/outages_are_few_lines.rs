//! An outage is one line at its beginning, one a minute, and one at its end, however much
//! there is that fails; and `/readyz` says it.

use std::time::Duration;

use anyhow::{Result, ensure};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::{Cluster, secs, wait_until};

use crate::one_source::{app, behind, idle};

const WORKLOADS: usize = 30;
/// Longer than a minute.
const OUTAGE: Duration = secs(75);

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|line| line.contains(what)).count()
}

async fn says_so(tidings: &Tidings) -> Result<()> {
    wait_until("/readyz to say it", secs(30), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(status == 503, "{status} {text}");
        let blind = tidings.metric("tidings_blind_seconds", &[]).await?;
        ensure!(blind > 0.5, "{blind}");
        Ok(())
    })
    .await
}

/// The outage comes while a change is rolled out.
async fn is_few_lines(about: &str, begin: impl Fn(&Proxy<'_>)) -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, about).await?;
    let tidings = home.controller(&[]).await?;
    home.adopt((0..WORKLOADS).map(|i| idle(&format!("web-{i}"))))
        .await?;
    let before = tidings.lines()?.len();
    app(&home, "second").await?;
    begin(&proxy);
    says_so(&tidings).await?;
    tokio::time::sleep(OUTAGE).await;
    proxy.restore();
    tidings
        .wait_for_line("its end", secs(90), |line| line.contains("no longer blind"))
        .await?;
    let lines = tidings.lines()?.split_off(before);
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| !line.contains("Rolled"))
        .collect();
    let said = ["blind: ", "still blind", "no longer blind"].map(|what| count(&lines, what));
    ensure!(
        said[0] == 1 && said[2] == 1 && (1..=2).contains(&said[1]),
        "{}",
        tidings.tail()
    );
    let decisions = count(&lines, "Changed") + count(&lines, "Resumed");
    let others = lines.len() - decisions;
    ensure!(others <= 15, "{others} lines:\n{}", lines.join("\n"));
    for i in 0..WORKLOADS {
        home.rolled_exactly(&format!("deployment/web-{i}"), 1)
            .await?;
    }
    Ok(())
}

fn refuse(proxy: &Proxy<'_>) {
    proxy.refuse();
}

fn freeze(proxy: &Proxy<'_>) {
    proxy.freeze();
}

#[tokio::test]
async fn connections_are_refused() -> Result<()> {
    is_few_lines("few-refused", refuse).await
}

#[tokio::test]
async fn nothing_answers() -> Result<()> {
    is_few_lines("few-frozen", freeze).await
}
