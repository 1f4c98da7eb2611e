//! `tidings history` tells what has become of a workload, roll by roll: with the record of
//! an installation, without one, and to whoever may not read it.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Result, bail, ensure};
use kube::core::DynamicObject;
use rig::fixtures::rbac::{self, rule};
use rig::fixtures::{TestNamespace, Workload, config_map, deployment, reference_to, stateful_set};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::READY;
use rig::wait::clearly_later;
use rig::{Cluster, process, secs, wait_until};
use serde_json::{Value, json};

use crate::json_schema;

const WEB: &str = "deployment/web";
/// No content may be shown.
const CONTENT: &str = "plain-content";
/// `kubectl rollout restart` writes it.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

fn app(level: &str) -> DynamicObject {
    config_map("app", &[("level", level)])
}

fn web() -> Workload {
    let web = deployment("web").annotate(RELOAD, "auto");
    web.env_from("configmap/app")
}

/// The words of each row, the oldest first.
fn rows(output: &Output) -> Result<Vec<Vec<String>>> {
    let said = text_of(output);
    ensure!(!said.contains(CONTENT), "{said}");
    let out = String::from_utf8_lossy(&output.stdout);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    Ok(out.lines().skip(1).map(words).collect())
}

/// Of each row the words at these places.
fn picked(output: &Output, places: &[usize]) -> Result<Vec<String>> {
    let pick = |row: &Vec<String>| {
        let words = places.iter().filter_map(|i| row.get(*i)).cloned();
        words.collect::<Vec<_>>().join(" ")
    };
    Ok(rows(output)?.iter().map(pick).collect())
}

async fn json_of(lab: &Installed) -> Result<Value> {
    let output = lab.ask("history", &[WEB, "-o", "json"]).await?;
    let json = serde_json::from_slice(&output.stdout)?;
    json_schema::check("history", &json);
    Ok(json)
}

/// How its rolls ended, by their numbers.
async fn ends(lab: &Installed, expect: &[(u64, &str)]) -> Result<()> {
    wait_until(&format!("{expect:?}"), secs(60), async || {
        let json = json_of(lab).await?;
        let rows = json["history"].as_array().into_iter().flatten();
        let ends = rows.filter_map(|row| Some((row["roll"].as_u64()?, row["end"].as_str()?)));
        let ends: Vec<_> = ends.collect();
        if ends != expect {
            let workload = lab.ns().get(WEB).await?;
            bail!("{ends:?} of {json}, {}", workload.data["status"]);
        }
        Ok(())
    })
    .await
}

async fn scale_to_none(ns: &TestNamespace) -> Result<()> {
    ns.edit(WEB, json!({"spec": {"replicas": 0}})).await?;
    wait_until("the scaling", secs(60), async || {
        let now = ns.get(WEB).await?.data["status"]["replicas"].as_u64();
        ensure!(now.unwrap_or_default() == 0, "{now:?}");
        Ok(())
    })
    .await
}

/// Its pods are never ready, so that only without any a roll is through.
#[tokio::test]
async fn with_an_installation_each_roll_and_how_it_ended() -> Result<()> {
    let (lab, _tidings) = Installed::running("history", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web().replicas(1).annotate_pods(READY, "never")])
        .await?;
    lab.ns().apply(app(CONTENT)).await?;
    lab.ns().give_up("web", 2).await?;
    ends(&lab, &[(1, "failed")]).await?;
    lab.ns().apply(app("3")).await?;
    lab.numbered(WEB, 2).await?;
    scale_to_none(lab.ns()).await?;
    ends(&lab, &[(1, "failed"), (2, "done")]).await?;

    let output = lab.ask("history", &[WEB]).await?;
    let said = text_of(&output);
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "{said}"
    );
    let expect = ["1 created rig", "2 rollout tidings", "3 rollout tidings"];
    ensure!(picked(&output, &[1, 3, 4])? == expect, "{said}");
    ensure!(said.contains("configmap/app (level)"), "{said}");
    let json = json_of(&lab).await?;
    let last = &json["history"][2];
    ensure!(last["took"].is_u64() && last["at"].is_string(), "{json}");
    ensure!(last["because"] == "configmap/app (level)", "{json}");
    let number = last["number"].as_str().unwrap_or_default();
    ensure!(number.starts_with("2-") && json["record"] == true, "{json}");
    Ok(())
}

/// What others do between two rolls is told as theirs.
#[tokio::test]
async fn a_restart_by_somebody_else_is_no_roll() -> Result<()> {
    let (lab, _tidings) = Installed::running("history-others", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web().replicas(1)]).await?;
    lab.ns().apply(app("2")).await?;
    ends(&lab, &[(1, "done")]).await?;
    clearly_later().await?;
    let at = "2026-11-30T12:00:00Z";
    lab.ns().edit_template(WEB, RESTARTED_AT, at).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    let output = lab.ask("history", &[WEB]).await?;
    let last = rows(&output)?.pop().unwrap_or_default().join(" ");
    ensure!(
        last.starts_with("- 3 ") && last.contains("restart unknown done"),
        "{last}"
    );
    ensure!(last.ends_with(&format!("restarted at {at}")), "{last}");
    Ok(())
}

/// `kubectl rollout undo` takes it back when all pods are there.
#[tokio::test]
async fn what_was_through_stays_done_when_somebody_goes_back() -> Result<()> {
    let (lab, _tidings) = Installed::running("history-back", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web().replicas(1)]).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    lab.ns().apply(app("2")).await?;
    ends(&lab, &[(1, "done")]).await?;
    clearly_later().await?;
    let without = json!({"tidings.dev/config": null, "tidings.dev/because": null});
    let template = json!({"spec": {"template": {"metadata": {"annotations": without}}}});
    lab.ns().edit(WEB, template).await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    wait_until("that it was taken back", secs(60), async || {
        let json = json_of(&lab).await?;
        let roll = json["history"].as_array().into_iter().flatten();
        let roll = roll.into_iter().find(|row| row["roll"] == 1);
        let is_back = roll.is_some_and(|row| row["end"] == "done" && row["revertedLater"] == true);
        ensure!(is_back, "{json}");
        Ok(())
    })
    .await
}

/// Nothing replaces its pods but who deletes them.
#[tokio::test]
async fn what_waits_for_on_delete_says_so() -> Result<()> {
    let (lab, _tidings) = Installed::running("history-on-delete", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
    let db = stateful_set("db").replicas(1).spec(&on_delete);
    lab.adopt([db.env_from("configmap/app").annotate(RELOAD, "auto")])
        .await?;
    let db = "statefulset/db";
    wait_until("its pod", secs(30), async || {
        let ready = lab.ns().get(db).await?.data["status"]["readyReplicas"].as_u64();
        ensure!(ready == Some(1), "{ready:?}");
        Ok(())
    })
    .await?;
    lab.ns().apply(app("2")).await?;
    lab.numbered(db, 1).await?;
    wait_until("what it waits for", secs(30), async || {
        let said = text_of(&lab.ask("history", &[db]).await?);
        ensure!(said.contains("waiting: OnDelete, 0 of 1 pods"), "{said}");
        Ok(())
    })
    .await
}

/// A namespace in which nothing is installed, and this runs.
async fn bare(about: &str, workload: Workload) -> Result<(TestNamespace, String)> {
    let ns = TestNamespace::new(Cluster::shared().await?, about).await?;
    ns.apply(app("1")).await?;
    let reference = reference_to(&ns.apply(workload).await?);
    ns.rolled_out(&reference, secs(30)).await?;
    Ok((ns, reference))
}

async fn history_of(ns: &TestNamespace, workload: &str) -> Result<Output> {
    let admin = Cluster::shared().await?.kubeconfig();
    let own = format!("{}-nowhere", ns.name());
    let args = [
        "history",
        workload,
        "-n",
        ns.name(),
        "--own-namespace",
        &own,
    ];
    process::run(admin, &args).await
}

/// Edits its template, under no name of a client, and waits until the pods are new.
async fn edit(ns: &TestNamespace, workload: &str, key: &str, value: &str) -> Result<()> {
    clearly_later().await?;
    ns.edit_template(workload, key, value).await?;
    ns.rolled_out(workload, secs(30)).await
}

async fn told(ns: &TestNamespace, workload: &str, expect: &[&str]) -> Result<Output> {
    let output = history_of(ns, workload).await?;
    let said = text_of(&output);
    ensure!(output.status.success(), "{said}");
    ensure!(
        said.contains("There is no record of it in the namespace"),
        "{said}"
    );
    ensure!(picked(&output, &[0, 1, 3])? == expect, "{said}");
    Ok(output)
}

#[tokio::test]
async fn without_one_its_revisions_tell() -> Result<()> {
    let (ns, web) = bare("history-bare", web()).await?;
    let cause = json!({"metadata": {"annotations": {"kubernetes.io/change-cause": "for-a-test"}}});
    edit(&ns, &web, RESTARTED_AT, "2026-11-30T12:00:00Z").await?;
    edit(&ns, &web, "example.org/edited", "1").await?;
    ns.edit(&web, cause).await?;
    wait_until("the change-cause", secs(30), async || {
        let expect = ["- 1 created", "- 2 restart", "- 3 edit"];
        let said = text_of(&told(&ns, &web, &expect).await?);
        ensure!(said.contains("for-a-test"), "{said}");
        Ok(())
    })
    .await?;

    let back = json!({"example.org/edited": null});
    let back = json!({"spec": {"template": {"metadata": {"annotations": back}}}});
    ns.edit(&web, back.clone()).await?;
    ns.rolled_out(&web, secs(30)).await?;
    let expect = ["- 1 created", "- - restart", "- 3 edit", "- 4 undo"];
    told(&ns, &web, &expect).await?;

    // And forth, and back again.
    edit(&ns, &web, "example.org/edited", "1").await?;
    ns.edit(&web, back).await?;
    ns.rolled_out(&web, secs(30)).await?;
    let undone = ["- - undo", "- 5 undo", "- 6 undo"];
    let expect = [&["- 1 created", "- - restart", "- - edit"], &undone[..]].concat();
    told(&ns, &web, &expect).await?;
    Ok(())
}

#[tokio::test]
async fn those_of_a_stateful_set_too() -> Result<()> {
    let db = stateful_set("db").env_from("configmap/app");
    let (ns, db) = bare("history-sts", db).await?;
    edit(&ns, &db, RESTARTED_AT, "2026-11-30T12:00:00Z").await?;
    let output = told(&ns, &db, &["- 1 created", "- 2 restart"]).await?;
    let ends = picked(&output, &[4, 5])?;
    ensure!(ends == ["rig ?", "unknown done"], "{ends:?}");
    Ok(())
}

/// A user who may read workloads and their revisions in the namespace, and this.
async fn tenant(ns: &TestNamespace, more: &str) -> Result<(String, PathBuf)> {
    let apps = "deployments,replicasets";
    let rules = [rule("get,list", "apps", apps), rule("get,list", "", more)];
    let user = ns.service_account("tenant", &rules).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    Ok((user, kubeconfig))
}

async fn asked(lab: &Installed, kubeconfig: &Path) -> Result<(String, Option<i32>)> {
    let output = lab.ask_as(kubeconfig, "history", &[WEB]).await?;
    Ok((text_of(&output), output.status.code()))
}

#[tokio::test]
async fn a_tenant_is_told_what_templates_and_events_tell() -> Result<()> {
    let (lab, _tidings) = Installed::running("history-tenant", &[]).await?;
    lab.ns().apply(app("1")).await?;
    lab.adopt([web().replicas(1)]).await?;
    lab.ns().apply(app("2")).await?;
    ends(&lab, &[(1, "done")]).await?;

    let (user, kubeconfig) = tenant(lab.ns(), "configmaps,events").await?;
    let output = lab.ask_as(&kubeconfig, "history", &[WEB]).await?;
    let said = text_of(&output);
    ensure!(output.status.code() == Some(2), "{said}");
    let rolls = picked(&output, &[0, 1, 3, 4, 5, 7])?;
    let expect = [
        "- 1 created rig ? -",
        "1 2 rollout tidings done configmap/app",
    ];
    ensure!(rolls == expect, "{said}");
    let needs = format!("get on secret tidings-state.{}", lab.ns().name());
    for told in ["Its record may not be read", &needs, "kubectl create role"] {
        ensure!(said.contains(told), "{said}");
    }

    let records = [rule("get", "", "secrets")];
    let (client, own) = (lab.own().client(), lab.own().name());
    rbac::grant(client, Some(own), "tenant", &user, &records).await?;
    wait_until("the right to count", secs(30), async || {
        let (said, code) = asked(&lab, &kubeconfig).await?;
        ensure!(code == Some(0) && said.contains("\n1-"), "{code:?}: {said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_may_not_be_listed_is_named_and_the_rest_shown() -> Result<()> {
    let (ns, web) = bare("history-limited", web()).await?;
    let rules = [rule("get", "apps", "deployments")];
    let user = ns.service_account("limited", &rules).await?;
    let kubeconfig = Cluster::shared().await?.kubeconfig_for(&user).await?;
    let output = process::run(&kubeconfig, &["history", &web, "-n", ns.name()]).await?;
    let said = text_of(&output);
    ensure!(output.status.code() == Some(2), "{said}");
    for what in ["list on replicasets in", "list on events in"] {
        ensure!(
            said.contains(&format!("needs {what} {}", ns.name())),
            "{said}"
        );
    }
    Ok(())
}
