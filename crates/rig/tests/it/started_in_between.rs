//! Pods may have started with content that is not there any more when it is decided:
//! what they waited for has changed since it came, or a change is taken back and a pod
//! was made before that.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use rig::fixtures::{Workload, deployment};
use rig::installed::Installed;
use rig::kubelet::READY;
use rig::{secs, wait_until};
use serde_json::json;

use crate::one_source::{KINDS, Make, app, web};

/// Its pods are ready when they are let, so that its status tells of each that is not
/// yet, however late the cluster's controllers are. That may be later than what is
/// quiet by default: here it is told to settle longer.
fn held(kind: Make) -> Workload {
    let web = web(kind).annotate_pods(READY, "never");
    web.annotate("tidings.dev/settle", "15s")
}

async fn adopt(home: &Installed, is: &str, kind: Make) -> Result<()> {
    home.adopt([held(kind)]).await?;
    becomes_ready(home, is).await?;
    home.caught_up().await
}

/// Lets its pod be ready.
async fn becomes_ready(home: &Installed, is: &str) -> Result<()> {
    wait_until("a pod", secs(30), async || the_pod(home, is).await).await?;
    let pod = the_pod(home, is).await?;
    let name = pod.metadata.name.unwrap_or_default();
    let ready = json!({"metadata": {"annotations": {READY: "0"}}});
    home.ns().edit(&format!("pod/{name}"), ready).await?;
    home.ns().rolled_out(is, secs(30)).await
}

/// Deletes its pod, and waits until another one has started and is ready.
async fn made_anew(home: &Installed, is: &str) -> Result<()> {
    let before = the_pod(home, is).await?;
    let name = before.metadata.name.clone().unwrap_or_default();
    let now = DeleteParams::default().grace_period(0);
    home.ns().api::<Pod>().delete(&name, &now).await?;
    wait_until("another pod", secs(30), async || {
        let pod = the_pod(home, is).await?;
        ensure!(pod.metadata.uid != before.metadata.uid, "still the old one");
        ensure!(has_started(&pod), "not started");
        let status = &home.ns().get(is).await?.data["status"];
        let ready = [&status["readyReplicas"], &status["numberReady"]];
        let none = ready.iter().all(|ready| ready.as_u64().unwrap_or(0) == 0);
        ensure!(none, "not told: {status}");
        Ok(())
    })
    .await?;
    becomes_ready(home, is).await
}

async fn the_pod(home: &Installed, is: &str) -> Result<Pod> {
    let pods = home.ns().pods(is).await?;
    let mut pods = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.next().context("no pod")
}

fn has_started(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    phase == Some("Running")
}

#[tokio::test]
async fn what_it_waited_for_changed_at_once() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running("waited", &[]).await?;
        home.adopt([web(kind)]).await?;
        home.caught_up().await?;
        app(&home, "1").await?;
        home.ns().rolled_out(is, secs(30)).await?;
        app(&home, "2").await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_it_waited_for_came_and_stayed() -> Result<()> {
    let (home, _tidings) = Installed::running("came", &[]).await?;
    home.adopt([web(deployment)]).await?;
    home.caught_up().await?;
    app(&home, "1").await?;
    let labelled = json!({"metadata": {"labels": {"by": "gitops"}}});
    home.ns().edit("configmap/app", labelled).await?;
    home.in_step("deployment/web", "configmap/app").await?;
    assert_eq!(home.number("deployment/web").await?, None);
    Ok(())
}

#[tokio::test]
async fn a_pod_was_made_while_it_was_another() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, _tidings) = Installed::running("between", &[]).await?;
        app(&home, "1").await?;
        adopt(&home, is, kind).await?;
        app(&home, "2").await?;
        made_anew(&home, is).await?;
        app(&home, "1").await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn also_while_nobody_looked() -> Result<()> {
    let is = "deployment/web";
    let (home, tidings) = Installed::running("between-down", &[]).await?;
    app(&home, "1").await?;
    adopt(&home, is, deployment).await?;
    home.stop(tidings).await?;
    app(&home, "2").await?;
    made_anew(&home, is).await?;
    app(&home, "1").await?;
    let _next = home.controller(&[]).await?;
    home.rolled_no_further(is, 1).await
}

#[tokio::test]
async fn none_if_no_pod_was_made() -> Result<()> {
    for (is, kind) in KINDS {
        let (home, tidings) = Installed::running("no-pod", &[]).await?;
        app(&home, "1").await?;
        home.adopt([web(kind)]).await?;
        home.ns().rolled_out(is, secs(30)).await?;
        home.caught_up().await?;
        home.rolls_nothing(&[is], async || {
            app(&home, "2").await?;
            app(&home, "1").await
        })
        .await?;
        home.stop(tidings).await?;
        app(&home, "2").await?;
        app(&home, "1").await?;
        let _next = home.controller(&[]).await?;
        home.in_step(is, "configmap/app").await?;
        assert_eq!(home.number(is).await?, None);
    }
    Ok(())
}

/// The pods run with what nobody knows any more.
#[tokio::test]
async fn what_was_missing_at_first_sight_is_back() -> Result<()> {
    let is = "deployment/web";
    let (home, tidings) = Installed::running("missing", &[]).await?;
    home.stop(tidings).await?;
    app(&home, "1").await?;
    home.ns().apply(web(deployment)).await?;
    home.ns().rolled_out(is, secs(30)).await?;
    home.ns().delete("configmap/app").await?;
    let _next = home.controller(&[]).await?;
    home.adopted(is).await?;
    app(&home, "2").await?;
    home.rolled_no_further(is, 1).await
}
