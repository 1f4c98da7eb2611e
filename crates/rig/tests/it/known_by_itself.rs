//! What the controller was told is not told again: commands find the installation and its
//! options by themselves, what is given goes first, and what is not known is said.

use std::process::Output;

use anyhow::{Result, ensure};
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::{Installed, text_of};
use rig::{Cluster, process, secs, wait_until};
use serde_json::json;

use crate::one_source::app;

/// What an installation says of itself.
const SAID: &str = "configmap/tidings-installation";

async fn tidings(args: &[&str]) -> Result<Output> {
    process::run(Cluster::shared().await?.kubeconfig(), args).await
}

/// `--auto-reload-all`: what is told must make a difference. With a workload that is
/// nowhere opted in, and on record.
async fn all(about: &str) -> Result<Installed> {
    let lab = Installed::new(Cluster::shared().await?, about).await?;
    let tidings = lab.controller(&["--auto-reload-all"]).await?;
    app(&lab, "1").await?;
    let web = deployment("web").replicas(0).env_from("configmap/app");
    lab.adopt([web]).await?;
    said(&lab).await?;
    lab.stop(tidings).await?;
    Ok(lab)
}

async fn said(lab: &Installed) -> Result<String> {
    wait_until("the installation to say itself", secs(30), async || {
        let said = lab.own().get(SAID).await?;
        Ok(said.data["data"]["options"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    })
    .await
}

#[tokio::test]
async fn nobody_repeats_the_options_of_the_controller() -> Result<()> {
    let lab = all("known").await?;
    let ns = lab.ns().name();
    let why = ["why", "deploy/web", "-n", ns];
    let in_step = tidings(&why).await?;
    let text = text_of(&in_step);
    ensure!(in_step.status.code() == Some(0), "{text}");
    ensure!(
        text.contains(": in step") && in_step.stderr.is_empty(),
        "{text}"
    );

    let given = [&why[..], &["--auto-reload-all=false"]].concat();
    let given = text_of(&tidings(&given).await?);
    ensure!(given.contains("NotOptedIn"), "{given}");

    app(&lab, "2").await?;
    for args in [&why[..], &["why", "-n", ns], &["status", "-n", ns]] {
        let output = tidings(args).await?;
        let text = text_of(&output);
        ensure!(output.status.code() == Some(1), "{args:?}: {text}");
        ensure!(text.contains("stale"), "{args:?}: {text}");
    }
    Ok(())
}

/// It is written again, and by whoever leads next, as he was told.
#[tokio::test]
async fn who_leads_next_says_what_he_was_told() -> Result<()> {
    let lab = all("known-next").await?;
    let ns = format!("--namespaces={}", lab.ns().name());
    ensure!(said(&lab).await? == format!("{ns}\n--auto-reload-all=true"));
    let dry = ["--dry-run", "--reload-on-create"];
    let tidings = lab.controller(&dry).await?;
    lab.stop(tidings).await?;
    ensure!(
        said(&lab).await?.ends_with("--auto-reload-all=true"),
        "it was a dry run"
    );
    let secret = "--webhook-url=https://hooks.example/token";
    let _tidings = lab.controller(&["--reload-on-create", secret]).await?;
    wait_until("the next leader's options", secs(30), async || {
        let said = said(&lab).await?;
        ensure!(said == format!("{ns}\n--reload-on-create=true"), "{said}");
        Ok(())
    })
    .await
}

/// A ConfigMap of that name that others use is not written on, and that is told.
#[tokio::test]
async fn somebody_elses_of_that_name_is_left_alone() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "known-other").await?;
    lab.own()
        .apply(config_map("tidings-installation", &[("a", "1")]))
        .await?;
    let tidings = lab.controller(&[]).await?;
    let told = |line: &str| line.contains("the ConfigMap tidings-installation is somebody else's");
    tidings
        .wait_for_line("that it is left alone", secs(30), told)
        .await?;
    let there = lab.own().get(SAID).await?;
    ensure!(
        there.data["data"] == serde_json::json!({"a": "1"}),
        "{there:?}"
    );
    Ok(())
}

/// As it was before: the defaults, and the records where they are said to be.
#[tokio::test]
async fn without_its_word_the_defaults_count() -> Result<()> {
    let lab = all("known-not").await?;
    lab.own().delete(SAID).await?;
    let why = ["why", "deploy/web", "-n", lab.ns().name()];
    let why = [&why[..], &["--own-namespace", lab.own().name()]].concat();
    let text = text_of(&tidings(&why).await?);
    ensure!(text.contains("NotOptedIn"), "{text}");
    let with = [&why[..], &["--auto-reload-all"]].concat();
    let with = tidings(&with).await?;
    ensure!(with.status.code() == Some(0), "{}", text_of(&with));
    Ok(())
}

/// A tenant sees his namespace alone.
#[tokio::test]
async fn who_may_not_read_it_is_told_what_to_do() -> Result<()> {
    let lab = all("known-tenant").await?;
    let rules = [
        rule("get,list", "apps", "deployments,replicasets"),
        rule("get,list", "", "configmaps,secrets"),
    ];
    let user = lab.ns().service_account("tenant", &rules).await?;
    let tenant = Cluster::shared().await?.kubeconfig_for(&user).await?;
    let why = ["why", "deploy/web", "-n", lab.ns().name()];
    let output = process::run(&tenant, &why).await?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains("is not known (list on configmaps"), "{text}");
    let lines = text
        .lines()
        .filter(|line| line.contains("give the controller's options"));
    ensure!(lines.count() == 1, "{text}");

    // Who may read it where it lies, and says where that is, is told nothing.
    let may = [
        rule("list", "", "configmaps"),
        rule("get,list", "", "secrets"),
    ];
    let own = lab.own().name();
    rbac::grant(lab.own().client(), Some(own), "tenant", &user, &may).await?;
    let why = [&why[..], &["--own-namespace", own]].concat();
    let output = process::run(&tenant, &why).await?;
    ensure!(output.stderr.is_empty(), "{}", text_of(&output));
    ensure!(
        text_of(&output).contains(": in step"),
        "{}",
        text_of(&output)
    );
    Ok(())
}

/// Each of two watches a namespace of its own; a third namespace nobody watches. What a
/// newer version says, which may watch it, is not guessed.
#[tokio::test]
async fn of_two_the_one_that_watches_the_namespace_is_asked() -> Result<()> {
    let (one, other) = (all("known-one").await?, all("known-other").await?);
    for lab in [&one, &other] {
        let output = tidings(&["why", "deploy/web", "-n", lab.ns().name()]).await?;
        ensure!(output.status.code() == Some(0), "{}", text_of(&output));
    }
    let third = TestNamespace::new(Cluster::shared().await?, "known-third").await?;
    third.apply(config_map("app", &[("level", "1")])).await?;
    third
        .apply(deployment("web").env_from("configmap/app"))
        .await?;
    let output = tidings(&["why", "deploy/web", "-n", third.name()]).await?;
    let text = text_of(&output);
    ensure!(output.status.code() == Some(2), "{text}");
    ensure!(
        text.contains("several installations may be meant"),
        "{text}"
    );
    ensure!(text.contains("name one by --own-namespace"), "{text}");
    // It needs none.
    let stale = tidings(&["stale", "-n", third.name()]).await?;
    ensure!(stale.status.code() == Some(0), "{}", text_of(&stale));

    one.own()
        .edit(SAID, json!({"data": {"form": "99"}}))
        .await?;
    let output = tidings(&["why", "deploy/web", "-n", one.ns().name()]).await?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains("newer version (form 99"), "{text}");
    ensure!(text.lines().count() == 1, "{text}");
    let output = tidings(&["why", "deploy/web", "-n", other.ns().name()]).await?;
    ensure!(output.status.code() == Some(0) && output.stderr.is_empty());
    Ok(())
}
