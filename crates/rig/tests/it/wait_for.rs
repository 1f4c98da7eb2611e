//! `tidings wait` ends when a workload has what its sources hold now, and not before,
//! also where the controller has not seen the change yet; when its rollout has failed;
//! when the time is over; and at once where there is nothing to wait for.

use std::process::Output;

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::READY;
use rig::process::Tidings;
use rig::secs;
use rustix::process::Signal;

use crate::said;

const WEB: &str = "deployment/web";

fn app(level: &str) -> DynamicObject {
    config_map("app", &[("level", level)])
}

/// A workload in step, and the controller at work.
async fn street(about: &str) -> Result<(Installed, Tidings)> {
    let (lab, tidings) = Installed::running(about, &[]).await?;
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").replicas(2).annotate(RELOAD, "auto");
    lab.adopt([web.env_from("configmap/app")]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    Ok((lab, tidings))
}

/// What is said on stdout, in one line, where it ends so.
fn ended(output: &Output, code: i32) -> Result<String> {
    let said = said::ended(output, code)?;
    let out = String::from_utf8(output.stdout.clone())?;
    ensure!(out.lines().count() == 1, "{said}");
    Ok(out)
}

/// As a pipeline does it: a source is applied, and the next command waits.
#[tokio::test]
async fn right_after_a_change_it_waits_for_the_roll_of_it() -> Result<()> {
    let (lab, _tidings) = street("wait").await?;
    for roll in 1..=2 {
        lab.ns().apply(app(&format!("new {roll}"))).await?;
        let output = lab.ask("wait", &["deploy/web", "--timeout", "60s"]).await?;
        let line = ended(&output, 0)?;
        ensure!(
            line.starts_with(&format!("in step: {WEB} ({roll}-")),
            "{line}"
        );
        ensure!(lab.number(WEB).await? == Some(roll), "{}", text_of(&output));
        ensure!(lab.rolls(WEB).await? == usize::try_from(roll)?);
        let on_the_way = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            on_the_way.contains(&format!("{WEB}: stale: Changed")),
            "{on_the_way}"
        );
    }
    let quiet = lab.ask("wait", &[WEB, "-q", "--timeout", "0s"]).await?;
    ended(&quiet, 0)?;
    ensure!(quiet.stderr.is_empty(), "{}", text_of(&quiet));
    Ok(())
}

/// Nobody rolls it, and the record says that all is well: it compares content itself.
#[tokio::test]
async fn a_change_that_nobody_has_seen_is_waited_for_until_the_time_is_over() -> Result<()> {
    let (lab, tidings) = street("wait-late").await?;
    lab.stop(tidings).await?;
    lab.ns().apply(app("2")).await?;
    let output = lab.ask("wait", &[WEB, "--timeout", "3s"]).await?;
    let line = ended(&output, 3)?;
    ensure!(
        line == format!("timed out after 3s: {WEB} stale\n"),
        "{line}"
    );
    ensure!(
        text_of(&output).contains("nobody leads"),
        "{}",
        text_of(&output)
    );
    Ok(())
}

/// Its pods are never ready, so the old one stays and the deadline passes.
#[tokio::test]
async fn a_rollout_that_fails_ends_it_but_not_one_of_older_content() -> Result<()> {
    let (lab, tidings) = Installed::running("wait-fails", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").replicas(1).annotate(RELOAD, "auto");
    let web = web.annotate_pods(READY, "never").env_from("configmap/app");
    lab.adopt([web]).await?;
    lab.ns().apply(app("2")).await?;
    lab.ns().give_up("web", 2).await?;
    let failed = lab.ask("wait", &[WEB, "--timeout", "120s"]).await?;
    let line = ended(&failed, 1)?;
    ensure!(line.starts_with(&format!("failed: {WEB} (1-")), "{line}");

    lab.stop(tidings).await?;
    lab.ns().apply(app("3")).await?;
    let later = lab.ask("wait", &[WEB, "--timeout", "2s"]).await?;
    ended(&later, 3)?;
    Ok(())
}

#[tokio::test]
async fn where_there_is_nothing_to_wait_for_it_says_what_to_do() -> Result<()> {
    let (lab, _tidings) = street("wait-nothing").await?;
    lab.ns().apply(deployment("silent").replicas(0)).await?;
    for (workload, advice) in [
        ("deploy/silent", "annotate it (tidings.dev/reload: auto)"),
        ("deploy/absent", "is it in another namespace (-n)?"),
        ("web", "is not a workload such as"),
    ] {
        let output = lab.ask("wait", &[WEB, workload]).await?;
        let said = text_of(&output);
        ensure!(output.status.code() == Some(2), "{said}");
        ensure!(said.contains(advice) && output.stdout.is_empty(), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_it() -> Result<()> {
    let (lab, tidings) = street("wait-int").await?;
    lab.stop(tidings).await?;
    lab.ns().apply(app("2")).await?;
    let waiting = lab.follow("wait", &[WEB])?;
    let is_stale = |line: &str| line.contains("stale");
    waiting
        .wait_for_line("that it is stale", secs(30), is_stale)
        .await?;
    waiting.signal(Signal::INT)?;
    let ended = waiting.exit(secs(30)).await?;
    ensure!(ended.code() == Some(130), "{ended}");
    Ok(())
}
