//! An edit that hangs and is taken back brings nothing: what it was to bring is due
//! again. And an older revision that is used again has new pods.

use anyhow::Result;
use rig::fixtures::{Workload, deployment, stateful_set};
use rig::installed::{Installed, RELOAD};
use rig::kubelet::READY;
use rig::process::Tidings;
use rig::secs;
use serde_json::json;

use crate::one_source::{Make, app};

/// The update of a StatefulSet takes one pod away before it makes another.
fn pair(name: &str) -> Workload {
    stateful_set(name).replicas(2)
}

const APP: &str = "configmap/app";

fn web(kind: Make, release: &str) -> Workload {
    let web = kind("web").env_from(APP).annotate(RELOAD, "auto");
    web.annotate_pods("release", release)
}

/// Release 1 with content 1, then in one go release 2, which never gets ready, with
/// content 2.
async fn hanging(about: &str, kind: Make, is: &str) -> Result<(Installed, Tidings)> {
    let (home, tidings) = Installed::running(about, &[]).await?;
    app(&home, "1").await?;
    home.adopt([web(kind, "1")]).await?;
    home.ns().rolled_out(is, secs(30)).await?;
    home.caught_up().await?;
    app(&home, "2").await?;
    let release = web(kind, "2").annotate_pods(READY, "never");
    home.ns().apply(release).await?;
    home.in_step(is, APP).await?;
    assert_eq!(home.number(is).await?, None, "it is absorbed");
    Ok((home, tidings))
}

#[tokio::test]
async fn a_change_that_was_absorbed_by_it_is_rolled() -> Result<()> {
    let kinds: [(Make, &str); 2] = [(deployment, "deployment/web"), (pair, "statefulset/web")];
    for (kind, is) in kinds {
        let (home, _tidings) = hanging("taken-back", kind, is).await?;
        home.ns().apply(web(kind, "1")).await?;
        home.rolled_no_further(is, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn also_after_a_restart() -> Result<()> {
    let is = "deployment/web";
    let (home, tidings) = hanging("back-later", deployment, is).await?;
    home.stop(tidings).await?;
    home.ns().apply(web(deployment, "1")).await?;
    let _next = home.controller(&[]).await?;
    home.rolled_no_further(is, 1).await
}

/// As a failed `helm upgrade --atomic` does.
#[tokio::test]
async fn none_if_the_content_is_taken_back_too() -> Result<()> {
    let is = "deployment/web";
    let (home, _tidings) = hanging("both-back", deployment, is).await?;
    app(&home, "1").await?;
    home.ns().apply(web(deployment, "1")).await?;
    home.in_step(is, APP).await?;
    let back = home.ns().get(is).await?;
    home.stay(&[(is, back)]).await?;
    assert_eq!(home.number(is).await?, None);
    Ok(())
}

/// `kubectl replace` takes the mark of the last roll away, and the first ReplicaSet
/// gets new pods.
#[tokio::test]
async fn a_replaced_manifest_has_new_pods() -> Result<()> {
    let is = "deployment/web";
    let (home, _tidings) = Installed::running("replaced", &[]).await?;
    app(&home, "1").await?;
    home.adopt([web(deployment, "1")]).await?;
    home.ns().rolled_out(is, secs(30)).await?;
    app(&home, "2").await?;
    home.numbered(is, 1).await?;
    home.ns().rolled_out(is, secs(30)).await?;
    home.caught_up().await?;
    app(&home, "3").await?;
    let without = json!({"tidings.dev/config": null, "tidings.dev/because": null});
    let without = json!({"spec": {"template": {"metadata": {"annotations": without}}}});
    home.ns().edit(is, without).await?;
    home.in_step(is, APP).await?;
    let replaced = home.ns().get(is).await?;
    home.stay(&[(is, replaced)]).await?;
    assert_eq!(home.number(is).await?, None);
    Ok(())
}
