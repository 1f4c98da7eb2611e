//! `tidings stale` tells which pods run with older data than what is there now: with
//! nothing installed, without an opt-in, to whoever may read only a part; and with
//! Tidings' records what only these can tell.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, Workload, config_map, daemon_set, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::wait::clearly_later;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

use crate::json_schema;
use crate::said::{self, app, db};

/// One replica each, in which a ConfigMap is a variable, a Secret files.
fn web() -> Workload {
    let web = deployment("web").env_from("configmap/app");
    web.mount("secret/db")
}

/// A namespace in which it runs, and nothing is installed.
async fn street(about: &str) -> Result<TestNamespace> {
    let ns = TestNamespace::new(Cluster::shared().await?, about).await?;
    ns.apply(app("1")).await?;
    ns.apply(db("1")).await?;
    runs(&ns, web()).await?;
    Ok(ns)
}

/// Waits until a workload runs, and what follows comes clearly later.
async fn runs(ns: &TestNamespace, workload: Workload) -> Result<()> {
    let reference = rig::fixtures::reference_to(&ns.apply(workload).await?);
    ns.rolled_out(&reference, secs(30)).await?;
    clearly_later().await
}

async fn stale_as(kubeconfig: &Path, args: &[&str]) -> Result<Output> {
    said::run(kubeconfig, "stale", args).await
}

async fn stale(ns: &TestNamespace, args: &[&str]) -> Result<Output> {
    let admin = Cluster::shared().await?.kubeconfig();
    stale_as(admin, &[&["-n", ns.name()], args].concat()).await
}

/// The words of the row that begins so, and the exit code.
fn row(output: &Output, begin: &[&str]) -> Result<(Vec<String>, Option<i32>)> {
    let out = String::from_utf8_lossy(&output.stdout);
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let begin: Vec<_> = begin.iter().map(|word| (*word).to_owned()).collect();
    let row = out.lines().map(words).find(|row| row.starts_with(&begin));
    let row = row.with_context(|| text_of(output))?;
    Ok((row, output.status.code()))
}

fn none(output: &Output) -> Result<()> {
    ensure!(output.status.code() == Some(0), "{}", text_of(output));
    ensure!(output.stdout.is_empty(), "{}", text_of(output));
    Ok(())
}

#[tokio::test]
async fn with_nothing_installed_and_no_opt_in() -> Result<()> {
    let ns = street("stale").await?;
    none(&stale(&ns, &[]).await?)?;

    ns.apply(app("plain-content")).await?;
    let (row, code) = row(&stale(&ns, &[]).await?, &["deployment/web", "1/1"])?;
    ensure!(code == Some(1), "{code:?}");
    ensure!(
        row[2..5] == ["configmap/app", "level", "envFrom"],
        "{row:?}"
    );
    ensure!(row[6..] == ["rig", "stale"], "{row:?}");

    let names = stale(&ns, &["-o", "name"]).await?;
    ensure!(names.stdout == b"deployment/web\n", "{}", text_of(&names));
    let json: Value = serde_json::from_slice(&stale(&ns, &["-o", "json"]).await?.stdout)?;
    json_schema::check("stale", &json);
    ensure!(json["stale"][0]["certain"] == true, "{json}");
    ensure!(
        json["summary"] == json!({"pods": 1, "stale": 1, "workloads": 1}),
        "{json}"
    );
    none(&stale(&ns, &["-l", "app=other"]).await?)
}

/// A new container has read what is there.
#[tokio::test]
async fn until_its_pods_are_new() -> Result<()> {
    let ns = street("stale-new").await?;
    ns.apply(app("2")).await?;
    row(&stale(&ns, &[]).await?, &["deployment/web"])?;
    clearly_later().await?;
    ns.edit_template("deployment/web", "example.org/restarted", "now")
        .await?;
    ns.rolled_out("deployment/web", secs(30)).await?;
    wait_until("only new pods", secs(30), async || {
        none(&stale(&ns, &[]).await?)
    })
    .await
}

#[tokio::test]
async fn a_label_that_the_same_client_writes_is_nothing() -> Result<()> {
    let ns = street("stale-label").await?;
    let mut labelled = app("1");
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    ns.apply(labelled).await?;
    none(&stale(&ns, &[]).await?)
}

#[tokio::test]
async fn files_may_have_been_read_again() -> Result<()> {
    let ns = street("stale-files").await?;
    ns.apply(db("plain-content")).await?;
    let (row, code) = row(
        &stale(&ns, &[]).await?,
        &["deployment/web", "1/1", "secret/db"],
    )?;
    ensure!(row.join(" ").contains("unless read again"), "{row:?}");
    ensure!(code == Some(1));
    Ok(())
}

/// A key that it does not use, and one that it does, of a pod on each node.
#[tokio::test]
async fn only_used_keys_count() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "stale-keys").await?;
    ns.apply(app("1")).await?;
    runs(&ns, daemon_set("agent").env_key("configmap/app", "level")).await?;
    let change = |level, other| config_map("app", &[("level", level), ("other", other)]);
    ns.apply(change("1", "2")).await?;
    none(&stale(&ns, &[]).await?)?;
    ns.apply(change("2", "2")).await?;
    let (row, _) = row(&stale(&ns, &[]).await?, &["daemonset/agent"])?;
    ensure!(row[2..5] == ["configmap/app", "level", "env"], "{row:?}");
    Ok(())
}

/// A user who may read these resources in the namespace.
async fn reader(ns: &TestNamespace, name: &str, resources: &str) -> Result<(String, PathBuf)> {
    let user = ns
        .service_account(name, &[rule("get,list", "", resources)])
        .await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    Ok((user, kubeconfig))
}

#[tokio::test]
async fn who_has_one_namespace_is_told_of_it() -> Result<()> {
    let ns = street("stale-tenant").await?;
    ns.apply(app("2")).await?;
    let (_, tenant) = reader(&ns, "tenant", "pods,configmaps,secrets").await?;
    let (_, code) = row(
        &stale_as(&tenant, &["-n", ns.name()]).await?,
        &["deployment/web"],
    )?;
    ensure!(code == Some(1), "{code:?}");
    let all = stale_as(&tenant, &["-A"]).await?;
    let said = text_of(&all);
    ensure!(all.status.code() == Some(2), "{said}");
    ensure!(
        said.contains("name one (-n)") && said.contains("list pods"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn who_may_not_list_secrets_is_told_the_rest() -> Result<()> {
    let ns = street("stale-limited").await?;
    ns.apply(app("2")).await?;
    let (_, limited) = reader(&ns, "limited", "pods,configmaps").await?;
    let output = stale_as(&limited, &["-n", ns.name()]).await?;
    let (_, code) = row(&output, &["deployment/web", "1/1", "configmap/app"])?;
    ensure!(code == Some(2), "{code:?}");
    let gap = format!("unknown: needs list on secrets in {}", ns.name());
    ensure!(text_of(&output).contains(&gap), "{}", text_of(&output));
    Ok(())
}

/// What was written last can be told only by who may read it as it is.
#[tokio::test]
async fn who_may_list_and_not_get_is_told_what_is_missing() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "stale-lists").await?;
    ns.apply(app("1")).await?;
    runs(&ns, deployment("web").env_from("configmap/app")).await?;
    ns.apply(app("2")).await?;
    let lists = [rule("list", "", "pods,configmaps")];
    let user = ns.service_account("lists", &lists).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    let output = stale_as(&kubeconfig, &["-n", ns.name()]).await?;
    let (_, code) = row(&output, &["deployment/web", "1/1", "configmap/app", "?"])?;
    ensure!(code == Some(2), "{code:?}");
    let said = text_of(&output);
    let gap = format!("unknown: needs get on configmap app in {}", ns.name());
    let grants = "--verb=get --resource=configmaps --resource-name=app";
    ensure!(said.contains(&gap) && said.contains(grants), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_namespace_that_may_not_be_read_is_named() -> Result<()> {
    let ns = street("stale-some").await?;
    let other = TestNamespace::new(Cluster::shared().await?, "stale-other").await?;
    ns.apply(app("2")).await?;
    let (user, some) = reader(&ns, "some", "pods,configmaps,secrets").await?;
    let list = [rule("list", "", "namespaces")];
    rbac::grant(ns.client(), None, ns.name(), &user, &list).await?;
    let output = stale_as(&some, &["-A"]).await?;
    let (_, code) = row(&output, &[ns.name(), "deployment/web"])?;
    ensure!(code == Some(2), "{code:?}");
    let gap = format!("unknown: needs list on pods in {}", other.name());
    ensure!(text_of(&output).contains(&gap), "{}", text_of(&output));
    Ok(())
}

/// `--absorb-by-version=false`: the past is not asked, so times alone tell, or the record.
#[tokio::test]
async fn a_record_tells_more_than_times() -> Result<()> {
    let (lab, tidings) = Installed::running("stale-record", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.ns().apply(db("1")).await?;
    runs(lab.ns(), web().annotate(RELOAD, "auto")).await?;
    lab.adopted("deployment/web").await?;
    lab.stop(tidings).await?;
    let mut labelled = app("1");
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    lab.ns().apply(labelled).await?;

    // Where no records are.
    let elsewhere = ["--absorb-by-version=false", "--own-namespace", "default"];
    let without = stale(lab.ns(), &elsewhere).await?;
    let (row_without, _) = row(&without, &["deployment/web", "1/1", "configmap/app", "?"])?;
    ensure!(
        row_without.ends_with(&["perhaps".to_owned()]),
        "{row_without:?}"
    );
    let own = ["--absorb-by-version=false"];
    none(&stale(lab.ns(), &own).await?)?;

    lab.ns().apply(app("2")).await?;
    let with = stale(lab.ns(), &own).await?;
    let (row_with, code) = row(&with, &["deployment/web", "1/1", "configmap/app", "level"])?;
    ensure!(row_with.ends_with(&["stale".to_owned()]), "{row_with:?}");
    ensure!(code == Some(1));
    Ok(())
}
