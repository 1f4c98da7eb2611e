//! A Secret that flaps rolls its workload twice, and its newest content is there
//! soon after the end. Half a minute of it; `TIDINGS_RIG_FLAP=300` makes it so many
//! seconds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rig::fixtures::{deployment, secret};
use rig::installed::{Installed, RELOAD};
use rig::{Cluster, secs, wait_until};

const WEB: &str = "deployment/web";
const BEAT: Duration = Duration::from_millis(100);
/// A minute of quiet, and what this machine needs besides.
const HELD: Duration = secs(100);

#[tokio::test]
async fn two_rolls_and_the_newest_content_wins() -> Result<()> {
    let seconds = std::env::var("TIDINGS_RIG_FLAP").map_or(Ok(30), |text| text.parse())?;
    let home = Installed::new(Cluster::shared().await?, "flapping").await?;
    home.ns().apply(secret("db", &[("a", "0")])).await?;
    let _tidings = home.controller(&[]).await?;
    let web = deployment("web").replicas(0).env_from("secret/db");
    home.adopt([web.annotate(RELOAD, "auto")]).await?;

    let mut beat = tokio::time::interval(BEAT);
    let mut last = String::new();
    for i in 1..=10 * seconds {
        beat.tick().await;
        let written = home
            .ns()
            .apply(secret("db", &[("a", &i.to_string())]))
            .await?;
        last = written.resource_version().context("no version")?;
    }
    wait_until("the newest content to be rolled out", HELD, async || {
        let entry = home.entry(WEB).await?.context("no record")?;
        let seen = entry["seen"]["secret/db"]["rv"].to_string();
        ensure!(seen == last && entry["done"] == true, "{entry}, not {last}");
        Ok(())
    })
    .await?;
    let rolls = home.number(WEB).await?.context("no mark")?;
    ensure!(rolls == 2, "{rolls} rolls");
    home.told(
        WEB,
        "Fused",
        "or when secret/db has been quiet for a minute",
    )
    .await?;
    Ok(())
}
