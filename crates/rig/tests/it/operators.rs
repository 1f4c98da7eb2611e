//! Operators keep the pod templates of what they made: it is rolled all the same,
//! as `kubectl rollout restart` does it, and where that is taken back too it is
//! told, and not fought.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DynamicObject;
use rig::fixtures::{object, secret, stateful_set};
use rig::installed::{CONFIG, RELOAD, text_of};
use rig::operator::{self, StandIn};
use rig::process::Tidings;
use rig::{Cluster, Installed, secs, wait_until};
use serde_json::json;

const DB: &str = "statefulset/db";
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
const KUBECTL: &str = "kubectl.kubernetes.io/";

async fn write(lab: &Installed, value: &str) -> Result<()> {
    lab.ns().apply(secret("tls", &[("tls.crt", value)])).await?;
    Ok(())
}

/// A StatefulSet of two pods, made by an operator or not.
async fn db(lab: &Installed, owned: bool) -> Result<DynamicObject> {
    let db = stateful_set("db").replicas(2).mount("secret/tls");
    let mut db = DynamicObject::from(db.annotate(RELOAD, "auto"));
    if owned {
        let owner = lab.ns().get("secret/tls").await?;
        let owner = json!({"apiVersion": "v1", "kind": "Secret", "name": "tls",
            "uid": owner.uid(), "controller": true});
        db.metadata.owner_references = Some(vec![serde_json::from_value(owner)?]);
    }
    Ok(db)
}

async fn lab(about: &str, owned: bool) -> Result<(Installed, Tidings)> {
    let (lab, tidings) = Installed::running(about, &[]).await?;
    write(&lab, "1").await?;
    lab.adopt([db(&lab, owned).await?]).await?;
    lab.ns().rolled_out(DB, secs(60)).await?;
    Ok((lab, tidings))
}

/// Names and uids of the pods that a StatefulSet has.
async fn pods(lab: &Installed, set: &str) -> Result<BTreeSet<String>> {
    let uid = lab.ns().get(set).await?.uid().context("no uid")?;
    let all = lab.ns().api::<Pod>().list(&ListParams::default()).await?;
    let owned = |pod: &&Pod| pod.owner_references().iter().any(|o| o.uid == uid);
    let there = all.items.iter().filter(owned);
    let uids = there.map(|pod| format!("{} {}", pod.name_any(), pod.uid().unwrap_or_default()));
    Ok(uids.collect())
}

/// Waits until each pod was replaced, once. As long as one was not, `why` must not
/// call it in step.
async fn replaced(lab: &Installed, set: &str, before: &BTreeSet<String>) -> Result<()> {
    let seen = Mutex::new(before.clone());
    let lies = AtomicUsize::new(0);
    wait_until("all pods to be replaced", secs(60), async || {
        let said = in_step(lab, set).await?;
        let now = pods(lab, set).await?;
        let see = |seen: &mut BTreeSet<_>| seen.extend(now.iter().cloned());
        see(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        let old = !now.is_disjoint(before);
        lies.fetch_add(usize::from(said && old), Ordering::Relaxed);
        ensure!(now.len() == before.len() && !old, "{now:?}");
        Ok(())
    })
    .await?;
    let lies = lies.into_inner();
    ensure!(lies == 0, "{lies} times in step beside old pods");
    lab.ns().rolled_out(set, secs(60)).await?;
    lab.caught_up().await?;
    let mut seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    seen.extend(pods(lab, set).await?);
    ensure!(seen.len() == 2 * before.len(), "replaced twice: {seen:?}");
    Ok(())
}

/// Whether `why` calls it in step.
async fn in_step(lab: &Installed, set: &str) -> Result<bool> {
    let output = lab.why(&[set]).await?;
    match output.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(anyhow::anyhow!(text_of(&output))),
    }
}

#[tokio::test]
async fn what_an_operator_made_is_rolled_by_a_time_alone() -> Result<()> {
    let (lab, _tidings) = lab("operator", true).await?;
    let _operator = StandIn::of(lab.ns(), DB, KUBECTL)?;
    for content in ["2", "3"] {
        let before = pods(&lab, DB).await?;
        let time = lab.ns().template_annotation(DB, RESTARTED_AT).await?;
        write(&lab, content).await?;
        replaced(&lab, DB, &before).await?;
        ensure!(lab.ns().template_annotation(DB, CONFIG).await?.is_none());
        let now = lab.ns().template_annotation(DB, RESTARTED_AT).await?;
        ensure!(now.is_some() && now != time, "{now:?}");
        ensure!(in_step(&lab, DB).await?);
    }
    let why = text_of(&lab.why(&[DB]).await?);
    let how = "by the time of a restart: its owner";
    ensure!(why.contains("Last roll: 2-") && why.contains(how), "{why}");
    let told = lab.events(DB).await?;
    ensure!(
        told.iter().all(|told| told.reason != "Reverted"),
        "{told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_was_taken_back_once_is_rolled_so_from_then_on() -> Result<()> {
    let (lab, tidings) = lab("unowned", false).await?;
    let operator = StandIn::of(lab.ns(), DB, KUBECTL)?;
    write(&lab, "2").await?;
    lab.told(DB, "Reverted", "stale").await?;
    ensure!(!in_step(&lab, DB).await?);
    // Also if another process goes on.
    lab.stop(tidings).await?;
    let _tidings = lab.controller(&[]).await?;
    lab.caught_up().await?;
    ensure!(!in_step(&lab, DB).await?);
    lab.ns().rolled_out(DB, secs(60)).await?;
    let before = pods(&lab, DB).await?;
    write(&lab, "3").await?;
    replaced(&lab, DB, &before).await?;
    ensure!(in_step(&lab, DB).await?);
    drop(operator);
    Ok(())
}

/// And nothing is tried a second time before the next content.
#[tokio::test]
async fn where_even_that_is_taken_back_it_is_told_and_not_fought() -> Result<()> {
    let (lab, _tidings) = lab("fought", true).await?;
    let _operator = StandIn::of(lab.ns(), DB, "")?;
    for (content, roll) in [("2", 1), ("3", 2)] {
        let generation = lab.ns().get(DB).await?.metadata.generation;
        write(&lab, content).await?;
        wait_until("the roll and its end", secs(30), async || {
            let now = lab.ns().get(DB).await?.metadata.generation;
            ensure!(now == generation.map(|g| g + 2), "{now:?}");
            let entry = lab.entry(DB).await?.context("no record")?;
            ensure!(entry["n"] == roll && entry["done"] == true, "{entry}");
            Ok(())
        })
        .await?;
        lab.told(DB, "Reverted", &format!("/{roll} ")).await?;
        let taken = lab.ns().get(DB).await?;
        lab.stay(&[(DB, taken)]).await?;
        ensure!(!in_step(&lab, DB).await?);
    }
    Ok(())
}

/// The real one, which `make test-operators` builds.
#[tokio::test]
#[ignore = "builds the Prometheus operator: make test-operators"]
async fn the_prometheus_operator_carries_a_restart_to_both_pods() -> Result<()> {
    const SET: &str = "statefulset/prometheus-k8s";
    let cluster = Cluster::shared().await?;
    let (lab, _tidings) = Installed::running("prometheus", &[]).await?;
    let operator = operator::prometheus(cluster, lab.ns()).await?;
    write(&lab, "1").await?;
    let spec = json!({"spec": {"replicas": 2, "secrets": ["tls"]}});
    let mut prometheus = object("prometheus", "k8s", spec);
    prometheus
        .annotations_mut()
        .insert(RELOAD.to_owned(), "secret/tls".to_owned());
    lab.ns().apply(prometheus).await?;
    let made = lab.ns().rolled_out(SET, secs(90)).await;
    made.with_context(|| operator.tail())?;
    lab.adopted(SET).await?;
    for content in ["2", "3"] {
        let before = pods(&lab, SET).await?;
        write(&lab, content).await?;
        replaced(&lab, SET, &before).await?;
        ensure!(lab.ns().template_annotation(SET, CONFIG).await?.is_none());
        ensure!(in_step(&lab, SET).await?);
    }
    let told = lab.events(SET).await?;
    ensure!(
        told.iter().all(|told| told.reason != "Reverted"),
        "{told:?}"
    );
    Ok(())
}
