//! `tidings approve`, `reject`, `pause` and `unpause`: what is said by them is heeded, under
//! the name of who says it; what would be in vain is refused with the number that waits. A
//! pause of a namespace, or of everything, holds every roll there, is told, and survives
//! restarts.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use rig::fixtures::{config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::process::Tidings;
use rig::{Cluster, secs, wait_until};

use crate::json_schema;

const WEB: &str = "deployment/web";
const BY: &str = "tidings.dev/approved-by";

async fn app(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(config_map("app", &[("a", value)])).await?;
    Ok(())
}

/// A workload that is followed, with this annotation.
async fn street(about: &str, annotation: (&str, &str)) -> Result<(Installed, Tidings)> {
    let lab = Installed::new(Cluster::shared().await?, about).await?;
    app(&lab, "1").await?;
    let tidings = lab.controller(&[]).await?;
    let web = deployment("web").replicas(0).env_from("configmap/app");
    let (key, value) = annotation;
    let web = web.annotate(RELOAD, "auto").annotate(key, value);
    lab.adopt([web]).await?;
    Ok((lab, tidings))
}

/// The exit code, and what is said.
async fn say(lab: &Installed, command: &str, args: &[&str]) -> Result<(i32, String)> {
    let output = lab.ask(command, args).await?;
    Ok((code(&output)?, text_of(&output)))
}

fn code(output: &Output) -> Result<i32> {
    output.status.code().context("it was killed")
}

#[tokio::test]
async fn what_waits_is_approved_under_ones_name_and_nothing_else_is() -> Result<()> {
    let (lab, _tidings) = street("words", ("tidings.dev/approval", "required")).await?;
    let (code_, said) = say(&lab, "approve", &[WEB, "--yes"]).await?;
    ensure!(
        code_ == 1 && said.contains("nothing waits for a word: it is in step"),
        "{code_} {said}"
    );
    app(&lab, "2").await?;
    let first = lab.waits(WEB, "").await?;
    let (code_, said) = say(&lab, "approve", &[WEB]).await?;
    ensure!(code_ == 2 && said.contains("give --yes"), "{code_} {said}");
    for shown in [
        &*format!("{first} waits"),
        "configmap/app (a)",
        "it is brought, by rollout",
    ] {
        ensure!(said.contains(shown), "no {shown:?} in {said}");
    }
    app(&lab, "3").await?;
    let second = lab.waits(WEB, &first).await?;
    let (code_, said) = say(&lab, "approve", &[WEB, &first, "--yes"]).await?;
    let which = format!("{first} does not wait; {second} does");
    ensure!(code_ == 1 && said.contains(&which), "{code_} {said}");
    ensure!(lab.number(WEB).await?.is_none(), "rolled without a word");

    let output = lab
        .ask("approve", &[WEB, &second, "--yes", "-o", "json"])
        .await?;
    ensure!(code(&output)? == 0, "{}", text_of(&output));
    let json = serde_json::from_slice(&output.stdout)?;
    json_schema::check("approve", &json);
    ensure!(
        json["by"] == "admin" && json["then"]["method"] == "rollout",
        "{json}"
    );
    lab.in_step(WEB, "configmap/app").await?;
    let web = lab.ns().get(WEB).await?;
    ensure!(web.annotations()[BY] == "admin", "{web:?}");
    let manager = web
        .managed_fields()
        .iter()
        .filter_map(|by| by.manager.as_deref());
    let managers: Vec<_> = manager.collect();
    ensure!(managers.contains(&"tidings-cli"), "{managers:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_rejected_is_not_approved_afterwards() -> Result<()> {
    let (lab, _tidings) = street("words-no", ("tidings.dev/approval", "required")).await?;
    app(&lab, "2").await?;
    let number = lab.waits(WEB, "").await?;
    let (code_, said) = say(&lab, "reject", &[WEB, "--yes"]).await?;
    ensure!(
        code_ == 0 && said.contains("is rejected, by admin"),
        "{said}"
    );
    lab.told(WEB, "Declined", &number).await?;
    let (code_, said) = say(&lab, "approve", &[WEB, "--yes"]).await?;
    let stays = format!("{number} was rejected, and stays so until there is other content");
    ensure!(code_ == 1 && said.contains(&stays), "{code_} {said}");
    Ok(())
}

/// Window and approval are passed together by `--now`, which says that it will be.
#[tokio::test]
async fn now_passes_the_window_and_without_it_the_command_says_what_it_waits_for() -> Result<()> {
    let closed = "!2000-01-01/2999-01-01; 00:00-24:00";
    let (lab, _tidings) = street("words-now", ("tidings.dev/window", closed)).await?;
    app(&lab, "2").await?;
    lab.waits(WEB, "").await?;
    let (code_, said) = say(&lab, "approve", &[WEB, "--yes"]).await?;
    ensure!(
        code_ == 0 && said.contains("WindowClosed"),
        "{code_} {said}"
    );
    let (code_, said) = say(&lab, "approve", &[WEB, "--now", "--yes"]).await?;
    ensure!(code_ == 0, "{said}");
    lab.in_step(WEB, "configmap/app").await
}

#[tokio::test]
async fn a_workload_is_paused_for_a_time_and_goes_on_when_that_is_ended() -> Result<()> {
    let (lab, _tidings) = street("words-pause", ("team", "web")).await?;
    let (code_, said) = say(&lab, "pause", &[WEB, "--for", "2h", "--yes"]).await?;
    ensure!(code_ == 0 && said.contains("paused, until 2"), "{said}");
    app(&lab, "2").await?;
    lab.told(WEB, "Paused", "not before").await?;
    let output = lab.ask("unpause", &[WEB, "--yes", "-o", "json"]).await?;
    ensure!(code(&output)? == 0, "{}", text_of(&output));
    json_schema::check("pause", &serde_json::from_slice(&output.stdout)?);
    lab.in_step(WEB, "configmap/app").await
}

/// A namespace by itself, and everything, which is written on Tidings' own.
#[tokio::test]
async fn a_pause_of_more_than_a_workload_holds_all_of_it_through_restarts() -> Result<()> {
    for (about, what, held) in [
        ("words-ns", None, "its namespace is paused"),
        ("words-all", Some("--all"), "everything is paused"),
    ] {
        let (lab, tidings) = street(about, ("team", "web")).await?;
        let namespace = format!("namespace/{}", lab.ns().name());
        let what = what.unwrap_or(&namespace);
        is_said(&lab, "pause", what, "paused, until `tidings unpause`").await?;
        tidings.kill();
        app(&lab, "2").await?;
        let next = lab.controller(&[]).await?;
        lab.told(WEB, "Paused", held).await?;
        let everything = what == "--all";
        wait_until("the metrics to tell", secs(30), async || {
            let paused = next.metric("tidings_paused", &[]).await? > 0.0;
            let waiting = next
                .metric("tidings_waiting", &[r#"reason="Paused""#])
                .await?;
            ensure!(paused == everything && waiting > 0.0, "{paused} {waiting}");
            Ok(())
        })
        .await?;
        let (_, status) = say(&lab, "status", &[]).await?;
        let is_told = status.contains("everything is paused: nothing is rolled");
        ensure!(is_told == everything, "{status}");
        ensure!(lab.number(WEB).await?.is_none(), "rolled in a pause");
        is_said(&lab, "unpause", what, "not paused").await?;
        lab.in_step(WEB, "configmap/app").await?;
    }
    Ok(())
}

async fn is_said(lab: &Installed, command: &str, what: &str, expect: &str) -> Result<()> {
    let own = lab.own().name();
    let args = [command, what, "--yes", "--own-namespace", own];
    let output = rig::process::run(Cluster::shared().await?.kubeconfig(), &args).await?;
    let said = text_of(&output);
    ensure!(code(&output)? == 0 && said.contains(expect), "{said}");
    Ok(())
}
