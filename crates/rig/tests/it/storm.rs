//! A source that changes again and again costs few rollouts, and the last content
//! wins.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::{Cluster, secs, wait_until};

const CHANGES: u32 = 50;
const STORM: Duration = secs(5);
const WEB: &str = "deployment/web";

#[tokio::test]
async fn fifty_changes_in_five_seconds_are_at_most_three_rolls() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "storm").await?;
    home.ns().apply(config_map("app", &[("a", "0")])).await?;
    let _tidings = home.controller(&[]).await?;
    let web = deployment("web").env_from("configmap/app");
    home.adopt([web.annotate(RELOAD, "auto")]).await?;

    let mut beat = tokio::time::interval(STORM / CHANGES);
    let mut last = String::new();
    for i in 1..=CHANGES {
        beat.tick().await;
        let source = config_map("app", &[("a", &i.to_string())]);
        let written = home.ns().apply(source).await?;
        last = written.resource_version().context("no version")?;
    }
    wait_until("the last content to be rolled out", secs(30), async || {
        let entry = home.entry(WEB).await?.context("no record")?;
        let seen = entry["seen"]["configmap/app"]["rv"].to_string();
        ensure!(seen == last && entry["done"] == true, "{entry}, not {last}");
        Ok(())
    })
    .await?;
    let rolls = home.number(WEB).await?.context("no mark")?;
    ensure!((1..=3).contains(&rolls), "{rolls} rolls");
    home.stays_rolled(WEB, rolls).await
}
