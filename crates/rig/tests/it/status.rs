//! `tidings status` says how all workloads stand that are opted in, and how that changes;
//! with an installation or without one, and to whom may not see all, what can be said and
//! what is missing.

use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::{Cluster, process, secs, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use crate::json_schema;
use crate::said::app;

const WEB: &str = "deployment/web";
/// No content may be shown.
const CONTENT: &str = "plain-content";
/// The kinds that are rolled, by group.
const APPS: &str = "deployments,statefulsets,daemonsets,replicasets,controllerrevisions";
const BATCH: &str = "jobs,cronjobs";

fn web() -> DynamicObject {
    let web = deployment("web").replicas(2).annotate(RELOAD, "auto");
    let mut web: DynamicObject = web.env_from("configmap/app").into();
    let labels = web.metadata.labels.get_or_insert_default();
    labels.insert("team".to_owned(), "shop".to_owned());
    web
}

/// The cells of the row of a workload, and the exit code.
fn row(output: &Output, workload: &str) -> Result<(String, Option<i32>)> {
    let said = text_of(output);
    ensure!(!said.contains(CONTENT), "{said}");
    let mut lines = said.lines();
    let row = lines.find(|line| line.contains(workload));
    let row = row.with_context(|| said.clone())?;
    let cells: Vec<_> = row.split_whitespace().collect();
    Ok((cells.join(" "), output.status.code()))
}

async fn stands(lab: &Installed, expect: &str) -> Result<()> {
    wait_until(expect, secs(30), async || {
        let (row, code) = row(&lab.ask("status", &[]).await?, WEB)?;
        ensure!(row.contains(expect) && code == Some(0), "{row}: {code:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn with_an_installation_it_says_how_far_and_because_of_what() -> Result<()> {
    let (lab, _tidings) = Installed::running("status", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web()]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    stands(&lab, "deployment/web in step - 2/2").await?;

    lab.ns().apply(app(CONTENT)).await?;
    lab.numbered(WEB, 1).await?;
    stands(&lab, "deployment/web in step 1-").await?;
    let (row, _) = row(&lab.ask("status", &[]).await?, WEB)?;
    ensure!(
        row.contains("2/2") && row.contains("configmap/app (level)"),
        "{row}"
    );

    let json = lab.ask("status", &["-o", "json"]).await?;
    let json: Value = serde_json::from_slice(&json.stdout)?;
    json_schema::check("status", &json);
    let web = &json["workloads"][0];
    ensure!(
        web["standing"] == "inStep" && json["summary"]["inStep"] == 1,
        "{json}"
    );
    ensure!(web["last"]["because"] == "configmap/app (level)", "{json}");
    ensure!(
        web["number"].as_str().is_some_and(|n| n.starts_with("1-")),
        "{json}"
    );
    ensure!(
        json["records"] == true && json["leader"]["name"].is_string(),
        "{json}"
    );

    for (args, expect) in [
        (&["-o", "name", "-l", "team=shop"][..], "deployment/web\n"),
        (&["-o", "name", "-l", "team=other"], ""),
        (&["-o", "name", "--standing", "in-step"], "deployment/web\n"),
        (&["-o", "name", "--standing", "stale,failed"], ""),
    ] {
        let said = lab.ask("status", args).await?;
        ensure!(
            said.stdout == expect.as_bytes(),
            "{args:?}: {}",
            text_of(&said)
        );
        ensure!(said.status.success(), "{args:?}: {}", text_of(&said));
    }
    let why = lab.why(&["-l", "team=shop"]).await?;
    ensure!(text_of(&why).contains("UpToDate"), "{}", text_of(&why));
    Ok(())
}

/// No pod is made of it before it is resumed.
#[tokio::test]
async fn one_that_was_made_paused_has_no_pods() -> Result<()> {
    let (lab, _tidings) = Installed::running("status-paused", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let mut paused = web();
    paused.data["spec"]["paused"] = true.into();
    lab.adopt([paused]).await?;
    stands(&lab, "deployment/web in step - 0/2").await
}

/// It is judged as at first sight, which says so of what was written since its pods.
#[tokio::test]
async fn without_an_installation_it_says_so() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "status-bare").await?;
    ns.apply(app("1")).await?;
    ns.apply(web()).await?;
    ns.rolled_out(WEB, secs(30)).await?;
    let admin = Cluster::shared().await?.kubeconfig();
    let own = format!("{}-nowhere", ns.name());
    let args = ["status", "-n", ns.name(), "--own-namespace", &own];
    let before = process::run(admin, &args).await?;
    let said = text_of(&before);
    ensure!(row(&before, WEB)?.1 == Some(0), "{said}");
    ensure!(
        said.contains("no records: there are none in the namespace"),
        "{said}"
    );

    ns.apply(app("2")).await?;
    let (row, code) = row(&process::run(admin, &args).await?, WEB)?;
    ensure!(row.contains("stale") && row.contains("MaybeStale"), "{row}");
    ensure!(code == Some(1), "{row}: {code:?}");
    Ok(())
}

/// A user who may read workloads and sources of a namespace, and no more.
async fn tenant(ns: &TestNamespace) -> Result<(String, PathBuf)> {
    let rules = [
        rule("get,list", "apps", APPS),
        rule("get,list", "batch", BATCH),
        rule("get,list", "", "configmaps,secrets"),
    ];
    let user = ns.service_account("tenant", &rules).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    Ok((user, kubeconfig))
}

#[tokio::test]
async fn a_tenant_is_told_what_is_missing_or_how_his_own_stand() -> Result<()> {
    let (lab, _tidings) = Installed::running("status-tenant", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web()]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let (user, kubeconfig) = tenant(lab.ns()).await?;
    let without = lab.ask_as(&kubeconfig, "status", &[]).await?;
    let (cells, code) = row(&without, WEB)?;
    ensure!(
        cells.contains("unknown") && code == Some(2),
        "{cells}: {code:?}"
    );
    let needs = format!("get on secret tidings-state.{}", lab.ns().name());
    ensure!(text_of(&without).contains(&needs), "{}", text_of(&without));

    let records = [rule("get", "", "secrets")];
    let (client, own) = (lab.own().client(), lab.own().name());
    rbac::grant(client, Some(own), "tenant", &user, &records).await?;
    wait_until("the right to count", secs(30), async || {
        let with = lab.ask_as(&kubeconfig, "status", &[]).await?;
        let (cells, code) = row(&with, WEB)?;
        ensure!(
            cells.contains("in step") && code == Some(0),
            "{cells}: {code:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_namespace_that_may_not_be_read_is_named_and_the_rest_shown() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "status-some").await?;
    let other = TestNamespace::new(Cluster::shared().await?, "status-other").await?;
    ns.apply(app("1")).await?;
    ns.apply(web()).await?;
    ns.rolled_out(WEB, secs(30)).await?;
    let (user, kubeconfig) = tenant(&ns).await?;
    let list = [rule("list", "", "namespaces"), rule("get", "", "secrets")];
    rbac::grant(ns.client(), None, ns.name(), &user, &list).await?;
    let output = process::run(&kubeconfig, &["status", "-A"]).await?;
    let (cells, code) = row(&output, WEB)?;
    ensure!(
        cells.starts_with(&format!("{} {WEB} in step", ns.name())),
        "{cells}"
    );
    ensure!(code == Some(2), "{code:?}");
    let said = text_of(&output);
    let gap = "unknown: needs list on deployments, statefulsets, daemonsets, cronjobs, jobs in";
    ensure!(said.contains(&format!("{gap} {}", other.name())), "{said}");
    Ok(())
}

#[tokio::test]
async fn who_looks_on_sees_it_change() -> Result<()> {
    let (lab, _tidings) = Installed::running("status-watch", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web()]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let table = lab.follow("status", &["-w"])?;
    let json = lab.follow("status", &["-w", "-o", "json"])?;
    let in_step = |line: &str| line.contains(WEB) && line.contains("in step   -");
    table
        .wait_for_line("that it is in step", secs(30), in_step)
        .await?;
    json.wait_for_line("an object", secs(30), |line| line.contains("inStep"))
        .await?;

    lab.ns().apply(app("2")).await?;
    let rolled = |line: &str| line.contains(WEB) && line.contains("in step   1-");
    table
        .wait_for_line("that it was rolled", secs(60), rolled)
        .await?;
    let is_rolled = |line: &str| {
        let json: Value = serde_json::from_str(line).unwrap_or_default();
        let web = &json["workloads"][0];
        web["standing"] == "inStep" && web["last"]["because"] == "configmap/app (level)"
    };
    json.wait_for_line("the same as an object", secs(60), is_rolled)
        .await?;
    for follower in [table, json] {
        follower.signal(Signal::INT)?;
        let ended = follower.exit(secs(30)).await?;
        ensure!(ended.code() == Some(130), "{ended}");
    }
    Ok(())
}
