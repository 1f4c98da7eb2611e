//! The records are objects like others: people delete and edit them. Nothing is
//! rolled for that, and the next change is rolled as ever.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use rig::installed::{INSTANCE, Installed, encoded};
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";
const KEY: &str = "deployments.apps_web";

async fn prepare(home: &Installed) -> Result<()> {
    app(home, "first").await?;
    home.adopt([idle("web"), idle("other")]).await
}

/// Both workloads are rolled that often, and no more often.
async fn both_are_rolled(home: &Installed, times: u64) -> Result<()> {
    home.rolled_exactly(WEB, times).await?;
    home.rolled_exactly("deployment/other", times).await
}

/// The object that holds the records of the namespace.
fn object(home: &Installed) -> String {
    format!("secret/{INSTANCE}-state.{}", home.ns().name())
}

async fn edit(home: &Installed, entry: &str) -> Result<()> {
    let patch = json!({"data": {KEY: encoded(entry)}});
    home.own().edit(&object(home), patch).await?;
    Ok(())
}

#[tokio::test]
async fn deleted_while_running_they_are_written_again_from_memory() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "gone-running").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    let before = home.adopted(WEB).await?;
    home.delete_records().await?;
    wait_until("the same record again", secs(60), async || {
        let entry = home.entry(WEB).await?.context("no record")?;
        ensure!(entry == before, "{entry}, not {before}");
        Ok(())
    })
    .await?;
    home.stays_rolled(WEB, 1).await?;
    app(&home, "third").await?;
    both_are_rolled(&home, 2).await
}

#[tokio::test]
async fn a_change_just_after_the_deletion_is_rolled_once() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "gone-changed").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    home.delete_records().await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stays_rolled(WEB, 1).await
}

#[tokio::test]
async fn deleted_while_stopped_they_are_adopted_anew_and_that_is_said() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "gone-stopped").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stop(tidings).await?;
    home.delete_records().await?;

    let _tidings = home.controller(&[]).await?;
    home.adopted(WEB).await?;
    let told = home.told(WEB, "StateLost", "").await?;
    ensure!(told.class == "Warning", "{told:?}");
    home.stays_rolled(WEB, 1).await?;
    app(&home, "third").await?;
    home.rolled_exactly(WEB, 2).await?;
    Ok(())
}

#[tokio::test]
async fn somebody_else_writes_to_them() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "edited").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let touched = json!({"metadata": {"annotations": {"touched": "yes"}}});
    home.own().edit(&object(&home), touched).await?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    home.stays_rolled(WEB, 1).await
}

/// Numbers grow from what is written, so that no number is used again.
#[tokio::test]
async fn somebody_else_counts_further() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "counted").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let mut entry: Value = home.adopted(WEB).await?;
    entry["n"] = json!(7);
    edit(&home, &entry.to_string()).await?;
    app(&home, "second").await?;
    home.numbered(WEB, 8).await?;
    home.rolled_exactly("deployment/other", 1).await?;
    let generation = home.ns().get(WEB).await?.metadata.generation;
    ensure!(generation == Some(2), "{generation:?}");
    Ok(())
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_as_good_as_none() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "unreadable").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    home.stop(tidings).await?;
    for wrong in ["not JSON", "{}", r#"{"v":2}"#] {
        edit(&home, wrong).await?;
        let tidings = home.controller(&[]).await?;
        wait_until("a record that can be read", secs(30), async || {
            let entry = home.entry(WEB).await.ok().flatten();
            let uid = entry.context("none yet")?["uid"].clone();
            ensure!(uid.is_string());
            Ok(())
        })
        .await?;
        home.stays_rolled(WEB, 0).await?;
        home.is_rolled_exactly("deployment/other", 0).await?;
        home.stop(tidings).await?;
    }
    let _tidings = home.controller(&[]).await?;
    app(&home, "second").await?;
    both_are_rolled(&home, 1).await
}

/// The records of the namespace: how many objects.
async fn objects(home: &Installed) -> Result<usize> {
    let all = home.own().list("secret").await?;
    Ok(all.len())
}

async fn until_gone(home: &Installed) -> Result<()> {
    wait_until("no record", secs(30), async || {
        let left = objects(home).await?;
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn they_go_with_the_last_workload_and_come_again() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "gone").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    for _ in 0..2 {
        for workload in [WEB, "deployment/other"] {
            home.ns().delete(workload).await?;
        }
        until_gone(&home).await?;
        home.adopt([idle("web"), idle("other")]).await?;
    }
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;
    Ok(())
}

#[tokio::test]
async fn one_without_an_entry_goes_too() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "gone-unseen").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    home.stop(tidings).await?;
    for workload in [WEB, "deployment/other"] {
        home.ns().delete(workload).await?;
    }
    // As versions before left them.
    home.own()
        .edit(&object(&home), json!({"data": null}))
        .await?;
    let _tidings = home.controller(&[]).await?;
    until_gone(&home).await
}

/// Rolls both, and gives what their records were before: a backup.
async fn rolled_after_a_copy(home: &Installed) -> Result<Value> {
    prepare(home).await?;
    let object = home.own().get(&object(home)).await?;
    app(home, "second").await?;
    both_are_rolled(home, 1).await?;
    Ok(object.data["data"].clone())
}

/// A backup is restored.
async fn put_back(home: &Installed, older: &Value) -> Result<()> {
    home.own()
        .edit(&object(home), json!({"data": older}))
        .await?;
    Ok(())
}

async fn are_rolled_for_the_next_only(home: &Installed) -> Result<()> {
    home.stays_rolled(WEB, 1).await?;
    home.stays_rolled("deployment/other", 1).await?;
    app(home, "third").await?;
    both_are_rolled(home, 2).await
}

#[tokio::test]
async fn an_older_copy_that_is_put_back_while_running_rolls_nothing_again() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "older-running").await?;
    let _tidings = home.controller(&[]).await?;
    let older = rolled_after_a_copy(&home).await?;
    put_back(&home, &older).await?;
    // Whatever writes a record finds it.
    home.adopt([idle("one-more")]).await?;
    are_rolled_for_the_next_only(&home).await
}

#[tokio::test]
async fn an_older_copy_that_is_put_back_while_stopped_rolls_nothing_again() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "older-stopped").await?;
    let tidings = home.controller(&[]).await?;
    let older = rolled_after_a_copy(&home).await?;
    home.stop(tidings).await?;
    put_back(&home, &older).await?;
    let _tidings = home.controller(&[]).await?;
    home.told(WEB, "StateLost", "").await?;
    are_rolled_for_the_next_only(&home).await
}

#[tokio::test]
async fn a_second_object_with_older_entries_rolls_nothing_again() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "older-second").await?;
    let tidings = home.controller(&[]).await?;
    let older = rolled_after_a_copy(&home).await?;
    home.stop(tidings).await?;
    let mut second = home.own().get(&object(&home)).await?;
    second.metadata = kube::api::ObjectMeta {
        name: Some(format!("{INSTANCE}-state.{}.1", home.ns().name())),
        namespace: second.metadata.namespace,
        labels: second.metadata.labels,
        ..Default::default()
    };
    second.data["data"] = older;
    home.own().apply(second).await?;
    let _tidings = home.controller(&[]).await?;
    are_rolled_for_the_next_only(&home).await
}

#[tokio::test]
async fn an_entry_that_is_made_unreadable_while_running_forgets_no_change() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "unreadable-now").await?;
    let _tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    edit(&home, "not JSON").await?;
    app(&home, "second").await?;
    both_are_rolled(&home, 1).await?;
    home.stays_rolled(WEB, 1).await
}

/// A number that has no next one is none.
#[tokio::test]
async fn a_number_beyond_all_is_no_number() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "last-number").await?;
    let tidings = home.controller(&[]).await?;
    prepare(&home).await?;
    let mut entry: Value = home.adopted(WEB).await?;
    home.stop(tidings).await?;
    entry["n"] = json!(u64::MAX);
    edit(&home, &entry.to_string()).await?;
    let _tidings = home.controller(&[]).await?;
    wait_until("a record with a number", secs(30), async || {
        let entry = home.entry(WEB).await?.context("none")?;
        ensure!(entry["n"] == 0, "{}", entry["n"]);
        Ok(())
    })
    .await?;
    app(&home, "second").await?;
    home.numbered(WEB, 1).await?;
    app(&home, "third").await?;
    home.numbered(WEB, 2).await
}

#[tokio::test]
async fn they_go_with_their_namespace() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let home = Installed::new(cluster, "gone-namespace").await?;
    let namespaces: Api<Namespace> = Api::all(home.ns().client().clone());
    let label = json!({"metadata": {"labels": {"rig": home.ns().name()}}});
    home.ns().merge(&label).await?;
    let selector = format!("--namespace-selector=rig={}", home.ns().name());
    let launch = || home.launch_everywhere(&[&selector]);
    let tidings = launch()?.start()?;
    tidings.ready(secs(30)).await?;
    prepare(&home).await?;
    home.stop(tidings).await?;
    namespaces
        .delete(home.ns().name(), &DeleteParams::default())
        .await?;
    wait_until("the namespace to be gone", secs(60), async || {
        let left = namespaces.get_opt(home.ns().name()).await?;
        ensure!(left.is_none());
        Ok(())
    })
    .await?;
    let tidings = launch()?.start()?;
    tidings.ready(secs(30)).await?;
    until_gone(&home).await
}
