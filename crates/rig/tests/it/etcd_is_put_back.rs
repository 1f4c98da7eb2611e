//! An etcd that is put back to an older copy: versions count from there again, watches from
//! later ones are silent, and all the same each change after it is rolled, once.

use anyhow::{Context, Result, ensure};
use rig::installed::Installed;
use rig::{Cluster, Options, secs, wait_until};

use crate::one_source::{give, idle_of};

const WEB: &str = "deployment/web";
const OTHER: &str = "deployment/other";

/// How often a workload was written after it was made. What the roll is called does not
/// matter: its number may be one of the other time, gone on from.
async fn rolls(home: &Installed, workload: &str) -> Result<i64> {
    let written = home.ns().get(workload).await?.metadata.generation;
    Ok(written.context("no generation")? - 1)
}

async fn rolled(home: &Installed, workload: &str, times: i64) -> Result<()> {
    wait_until(
        &format!("{times} rolls of {workload}"),
        secs(60),
        async || {
            let rolls = rolls(home, workload).await?;
            ensure!(rolls == times, "{rolls} rolls");
            Ok(())
        },
    )
    .await
}

#[tokio::test]
async fn what_changes_after_it_is_rolled_once() -> Result<()> {
    let options = Options {
        nodes: 0,
        ..Options::default()
    };
    let cluster = Cluster::start(options).await?;
    let home = Installed::new(&cluster, "put-back").await?;
    give(&home, "app", "first").await?;
    give(&home, "other", "first").await?;
    let tidings = home.controller(&[]).await?;
    let other = idle_of("other", "other");
    home.adopt([idle_of("web", "app"), other]).await?;
    cluster.keep_etcd().await?;
    tidings.ready(secs(60)).await?;
    give(&home, "app", "of another time").await?;
    home.rolled_exactly(WEB, 1).await?;
    // Versions that will not be reached again for a while.
    for n in 0..300 {
        give(&home, "noise", &n.to_string()).await?;
    }
    cluster.put_etcd_back().await?;
    give(&home, "app", "second").await?;
    give(&home, "other", "second").await?;
    let rolled = rolled(&home, OTHER, 1).await;
    rolled.with_context(|| tidings.tail())?;
    tidings.ready(secs(60)).await?;
    home.caught_up().await?;
    // What was rolled in the time that is lost may be rolled for that too.
    let lost = rolls(&home, WEB).await?;
    ensure!((1..=2).contains(&lost), "{lost} rolls");
    let said = tidings.lines()?;
    let said = said
        .iter()
        .filter(|line| line.contains("versions have gone back"));
    ensure!(said.count() == 1, "{}", tidings.tail());
    give(&home, "app", "third").await?;
    home.caught_up().await?;
    ensure!(rolls(&home, WEB).await? == lost + 1, "{}", tidings.tail());
    ensure!(rolls(&home, OTHER).await? == 1, "{}", tidings.tail());
    Ok(())
}
