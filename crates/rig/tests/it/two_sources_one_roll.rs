//! Changes that come close together become one roll; changes without end are
//! rolled all the same, and the last one wins.

use std::cell::Cell;

use anyhow::{Result, ensure};
use rig::fixtures::{config_map, deployment, secret};
use rig::installed::RELOAD;
use rig::{Installed, secs, wait_until};

const WEB: &str = "deployment/web";

#[tokio::test]
async fn two_sources_changed_within_a_second_give_one_roll() -> Result<()> {
    let (lab, _tidings) = Installed::running("two", &[]).await?;
    lab.ns().apply(config_map("app", &[("key", "1")])).await?;
    lab.ns().apply(secret("db", &[("password", "1")])).await?;
    let web = deployment("web")
        .env_from("configmap/app")
        .mount("secret/db");
    lab.adopt([web.annotate(RELOAD, "auto")]).await?;

    lab.ns().apply(config_map("app", &[("key", "2")])).await?;
    lab.ns().apply(secret("db", &[("password", "2")])).await?;
    lab.rolled_no_further(WEB, 1).await?;
    let because = lab.because(WEB).await?;
    assert_eq!(
        because.as_deref(),
        Some("configmap/app (key), secret/db (password)")
    );
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 1);
    Ok(())
}

#[tokio::test]
async fn changes_without_end_are_rolled_and_the_last_one_wins() -> Result<()> {
    let (lab, _tidings) = Installed::running("churn", &[]).await?;
    lab.ns().apply(config_map("app", &[("key", "0")])).await?;
    let web = deployment("web").env_from("configmap/app");
    lab.adopt([web.annotate(RELOAD, "auto")]).await?;

    // Each look at the template is preceded by a change, so it is never quiet
    // for as long as the controller would like.
    let changes = Cell::new(0_u64);
    wait_until("a roll amid changes", secs(30), async || {
        changes.set(changes.get() + 1);
        let value = changes.get().to_string();
        lab.ns()
            .apply(config_map("app", &[("key", &value)]))
            .await?;
        ensure!(lab.number(WEB).await?.is_some(), "no roll yet");
        Ok(())
    })
    .await?;
    if changes.get() > 1 {
        // It is restless now, so the rest comes after a minute of quiet.
        wait_until("the last change", secs(100), async || {
            lab.in_step(WEB, "configmap/app").await
        })
        .await?;
    }
    lab.caught_up().await?;
    let rolls = lab.number(WEB).await?.unwrap_or_default();
    assert!(
        (1..=2).contains(&rolls),
        "{} changes, {rolls} rolls",
        changes.get()
    );
    Ok(())
}
