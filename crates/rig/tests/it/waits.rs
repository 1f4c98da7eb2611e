//! What a workload's own settings hold back waits, and it is said: paused,
//! `OnDelete`, `partition`.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::core::DynamicObject;
use rig::fixtures::{config_map, daemon_set, deployment, stateful_set};
use rig::installed::{RELOAD, text_of};
use rig::{Installed, secs, wait_until};
use serde_json::{Value, json};

fn app(value: &str) -> DynamicObject {
    config_map("app", &[("key", value)])
}

fn by(strategy: &Value) -> Value {
    json!({"updateStrategy": strategy})
}

#[tokio::test]
async fn a_paused_deployment_rolls_once_when_it_is_resumed() -> Result<()> {
    const WEB: &str = "deployment/web";
    let (lab, _tidings) = Installed::running("paused", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").env_from("configmap/app");
    lab.adopt([web.annotate(RELOAD, "auto")]).await?;
    lab.ns()
        .edit(WEB, json!({"spec": {"paused": true}}))
        .await?;
    lab.rolls_nothing(&[WEB], async || {
        lab.ns().apply(app("2")).await?;
        lab.ns().apply(app("3")).await?;
        explained(&lab, WEB, "Paused").await
    })
    .await?;

    lab.ns()
        .edit(WEB, json!({"spec": {"paused": false}}))
        .await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.in_step(WEB, "configmap/app").await?;
    lab.ns().rolled_out(WEB, secs(30)).await?;
    assert_eq!(lab.rolls(WEB).await?, 1);
    Ok(())
}

#[tokio::test]
async fn with_on_delete_the_template_is_rolled_and_pods_take_it_when_deleted() -> Result<()> {
    let (lab, _tidings) = Installed::running("on-delete", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let on_delete = by(&json!({"type": "OnDelete"}));
    let sets = [stateful_set("db"), daemon_set("log")];
    let sets = sets.map(|set| set.spec(&on_delete).env_from("configmap/app"));
    lab.adopt(sets.map(|set| set.annotate(RELOAD, "auto")))
        .await?;
    for workload in ["statefulset/db", "daemonset/log"] {
        lab.ns().rolled_out(workload, secs(30)).await?;
    }
    lab.ns().apply(app("2")).await?;
    for workload in ["statefulset/db", "daemonset/log"] {
        lab.rolled_no_further(workload, 1).await?;
        explained(&lab, workload, "WaitsForDelete").await?;
        explained(&lab, workload, "waiting").await?;
        for pod in lab.ns().pods(workload).await? {
            let name = pod.metadata.name.unwrap_or_default();
            lab.ns()
                .api::<Pod>()
                .delete(&name, &DeleteParams::default())
                .await?;
        }
        explained(&lab, workload, "UpToDate").await?;
        lab.rolled_no_further(workload, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn above_a_partition_pods_are_rolled_and_the_rest_is_told() -> Result<()> {
    const DB: &str = "statefulset/db";
    let (lab, _tidings) = Installed::running("partition", &[]).await?;
    lab.ns().apply(app("1")).await?;
    let partition = |from: u32| by(&json!({"rollingUpdate": {"partition": from}}));
    let db = stateful_set("db").replicas(3).env_from("configmap/app");
    let db = db.spec(&partition(2)).annotate(RELOAD, "auto");
    lab.adopt([db]).await?;
    lab.ns().rolled_out(DB, secs(30)).await?;

    lab.ns().apply(app("2")).await?;
    lab.rolled_no_further(DB, 1).await?;
    explained(&lab, DB, "PartlyRolled").await?;
    explained(&lab, DB, "1 of 3").await?;
    eprintln!("ENTRY {}", lab.entry(DB).await?.unwrap());
    eprintln!("STATUS {}", lab.ns().get(DB).await?.data["status"]);
    explained(&lab, DB, "waiting").await?;

    lab.ns().edit(DB, json!({"spec": partition(0)})).await?;
    explained(&lab, DB, "UpToDate").await?;
    lab.rolled_no_further(DB, 1).await
}

/// Waits until `tidings why` says this of the workload.
async fn explained(lab: &Installed, workload: &str, text: &str) -> Result<()> {
    wait_until(&format!("{text} about {workload}"), secs(30), async || {
        let said = text_of(&lab.why(&[workload]).await?);
        ensure!(said.contains(text), "{said}");
        Ok(())
    })
    .await
}
