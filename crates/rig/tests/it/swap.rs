//! A cluster as Reloader leaves it is taken over without a roll; what it missed is
//! said, and rolled where that is asked for.

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, deployment, secret};
use rig::{Cluster, Installed};
use serde_json::json;

/// `printf 'a=1' | sha1sum`, and of what was there before.
const OF_NOW: &str = "86eda770a6060824b090dd4df091e3bd4121279c";
const OF_BEFORE: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn user(name: &str) -> Workload {
    let user = deployment(name).replicas(0).env_from("configmap/app");
    user.annotate("reloader.stakater.com/auto", "true")
}

fn by_variable(name: &str, hash: &str) -> DynamicObject {
    let mut object = DynamicObject::from(user(name));
    let env = json!([{"name": "STAKATER_APP_CONFIGMAP", "value": hash}]);
    object.data["spec"]["template"]["spec"]["containers"][0]["env"] = env;
    object
}

fn by_annotation(name: &str, hash: &str) -> DynamicObject {
    let last = json!({"type": "CONFIGMAP", "name": "app", "hash": hash, "containerRefs": ["main"]});
    let key = "reloader.stakater.com/last-reloaded-from";
    user(name).annotate_pods(key, &last.to_string()).into()
}

async fn left_by_reloader(lab: &Installed) -> Result<Vec<DynamicObject>> {
    lab.ns().apply(config_map("app", &[("a", "1")])).await?;
    lab.ns().apply(secret("db", &[("a", "1")])).await?;
    Ok(vec![
        by_variable("in-step", OF_NOW),
        by_annotation("annotated", OF_NOW),
        by_variable("missed", OF_BEFORE),
        by_annotation("missed-too", OF_BEFORE),
        user("untouched").into(),
    ])
}

#[tokio::test]
async fn nothing_is_rolled_and_what_was_missed_is_said() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "swap").await?;
    let left = left_by_reloader(&lab).await?;
    for workload in &left {
        lab.ns().apply(workload.clone()).await?;
    }
    let _tidings = lab.controller(&[]).await?;
    lab.adopt(left).await?;
    lab.caught_up().await?;
    for name in ["missed", "missed-too"] {
        lab.told(&format!("deployment/{name}"), "Missed", "configmap/app")
            .await?;
    }
    for name in ["in-step", "annotated", "missed", "missed-too", "untouched"] {
        let workload = format!("deployment/{name}");
        let now = lab.ns().get(&workload).await?;
        ensure!(now.metadata.generation == Some(1), "{name} was written");
        let events = lab.events(&workload).await?;
        let doubted = events.iter().any(|event| event.reason == "MaybeStale");
        ensure!(!doubted, "{name}: {events:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_missed_is_rolled_where_that_is_asked_for() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "swap-catch-up").await?;
    let left = left_by_reloader(&lab).await?;
    for workload in &left {
        lab.ns().apply(workload.clone()).await?;
    }
    let _tidings = lab.controller(&["--catch-up"]).await?;
    for name in ["missed", "missed-too"] {
        lab.rolled_no_further(&format!("deployment/{name}"), 1)
            .await?;
    }
    for name in ["in-step", "annotated"] {
        let now = lab.number(&format!("deployment/{name}")).await?;
        ensure!(now.is_none(), "{name} was rolled");
    }
    let missed = lab.ns().get("deployment/missed").await?;
    let env = &missed.data["spec"]["template"]["spec"]["containers"][0]["env"];
    ensure!(env.as_array().is_none_or(Vec::is_empty), "{env}");
    lab.because("deployment/missed").await?.context("no mark")?;
    Ok(())
}
