//! What needs approval waits for it, through everything: nothing is rolled but what
//! somebody said may be, and nothing is written on the workload while it waits.

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::Cluster;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use serde_json::json;

const WEB: &str = "deployment/web";
const APPROVAL: &str = "tidings.dev/approval";
const APPROVE: &str = "tidings.dev/approve";
const WINDOW: &str = "tidings.dev/window";

fn plain() -> Workload {
    let web = deployment("web").replicas(0).env_from("configmap/app");
    web.annotate(RELOAD, "auto")
}

fn web() -> Workload {
    plain().annotate(APPROVAL, "required")
}

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("a", value)])).await?;
    Ok(())
}

async fn say(lab: &Installed, key: &str, word: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {key: word}}});
    lab.ns().edit(WEB, patch).await?;
    Ok(())
}

/// A workload that waits for approval of its second content, and the number of that.
async fn held(about: &str) -> Result<(Installed, rig::process::Tidings, String)> {
    let lab = Installed::new(Cluster::shared().await?, about).await?;
    write(&lab, "1").await?;
    let tidings = lab.controller(&[]).await?;
    lab.adopt([web()]).await?;
    write(&lab, "2").await?;
    let number = lab.waits(WEB, "").await?;
    Ok((lab, tidings, number))
}

#[tokio::test]
async fn what_is_approved_is_rolled_under_its_number_and_nothing_else() -> Result<()> {
    let (lab, _tidings, first) = held("approval").await?;
    lab.told(WEB, "NeedsApproval", &format!("{APPROVE}={first}"))
        .await?;
    let why = lab.why(&[WEB]).await?;
    let said = format!(
        "kubectl annotate -n {} deployment/web --overwrite {APPROVE}={first}",
        lab.ns().name()
    );
    let shown = String::from_utf8_lossy(&why.stdout);
    ensure!(shown.contains(&said), "{shown}");
    write(&lab, "3").await?;
    let second = lab.waits(WEB, &first).await?;
    say(&lab, APPROVE, &first).await?;
    lab.told(WEB, "NotWaiting", &format!("{second} does"))
        .await?;
    ensure!(
        lab.number(WEB).await?.is_none(),
        "rolled by a word about another number"
    );
    say(&lab, APPROVE, &second).await?;
    let n: u64 = second.split('-').next().unwrap_or_default().parse()?;
    lab.rolled_no_further(WEB, n).await?;
    lab.in_step(WEB, "configmap/app").await
}

#[tokio::test]
async fn a_leader_that_is_killed_forgets_neither_what_waits_nor_what_was_said() -> Result<()> {
    let (lab, tidings, number) = held("approval-killed").await?;
    tidings.kill();
    say(&lab, APPROVE, &number).await?;
    let _next = lab.controller(&[]).await?;
    let n: u64 = number.split('-').next().unwrap_or_default().parse()?;
    lab.numbered(WEB, n).await?;
    lab.in_step(WEB, "configmap/app").await
}

#[tokio::test]
async fn applying_it_again_and_again_changes_nothing_and_revokes_nothing() -> Result<()> {
    let (lab, _tidings, number) = held("approval-applied").await?;
    let before = lab.ns().get(WEB).await?;
    for _ in 0..10 {
        let again = lab.ns().apply(web()).await?;
        ensure!(
            again.resource_version() == before.resource_version(),
            "it has drifted"
        );
    }
    say(&lab, APPROVE, &number).await?;
    let kept: DynamicObject = lab.ns().apply(web()).await?;
    ensure!(kept.annotations()[APPROVE] == number, "the word is gone");
    lab.in_step(WEB, "configmap/app").await?;
    ensure!(lab.rolls(WEB).await? <= 1, "rolled twice");
    Ok(())
}

#[tokio::test]
async fn a_window_holds_what_changes_until_it_opens_or_somebody_lets_it_pass() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "window").await?;
    write(&lab, "1").await?;
    let _tidings = lab.controller(&[]).await?;
    // Half a day away from now, for half an hour.
    let from = Timestamp::now().checked_add(SignedDuration::from_hours(12))?;
    let until = from.checked_add(SignedDuration::from_mins(30))?;
    let time = |at: Timestamp| at.to_string()[11..16].to_owned();
    let closed = format!("{}-{} UTC", time(from), time(until));
    lab.adopt([plain().annotate(WINDOW, &closed)]).await?;
    write(&lab, "2").await?;
    let first = lab.waits(WEB, "").await?;
    lab.told(WEB, "WindowClosed", &format!("waits as {first}"))
        .await?;
    write(&lab, "3").await?;
    let second = lab.waits(WEB, &first).await?;
    say(&lab, APPROVE, &format!("{second}!")).await?;
    lab.in_step(WEB, "configmap/app").await?;
    write(&lab, "4").await?;
    lab.waits(WEB, &second).await?;
    say(&lab, WINDOW, "00:00-24:00").await?;
    lab.in_step(WEB, "configmap/app").await
}

#[tokio::test]
async fn what_is_rejected_is_not_rolled_until_there_is_other_content() -> Result<()> {
    let (lab, _tidings, number) = held("rejected").await?;
    say(&lab, "tidings.dev/reject", &number).await?;
    lab.told(WEB, "Declined", &number).await?;
    say(&lab, APPROVE, &number).await?;
    // What is written on a Deployment moves its generation, too.
    let web = lab.ns().get(WEB).await?;
    lab.stay(&[(WEB, web)]).await?;
    write(&lab, "3").await?;
    let next = lab.waits(WEB, &number).await?;
    say(&lab, APPROVE, &next).await?;
    lab.in_step(WEB, "configmap/app").await
}
