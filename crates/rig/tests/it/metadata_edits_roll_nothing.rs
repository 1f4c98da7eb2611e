//! Labels and annotations of sources and workloads are not content: editing them
//! rolls nothing, and the source is read once at most, however many use it.

use anyhow::Result;
use rig::fixtures::{config_map, deployment, secret};
use rig::installed::RELOAD;
use rig::proxy::Proxy;
use rig::{Cluster, Installed};
use serde_json::json;

const WORKLOADS: [&str; 2] = ["deployment/one", "deployment/two"];

#[tokio::test]
async fn edits_of_metadata_roll_nothing_and_need_one_read_at_most() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "metadata").await?;
    let _tidings = lab.controller(&[]).await?;
    lab.ns().apply(config_map("app", &[("key", "1")])).await?;
    lab.ns()
        .apply(secret("db", &[("password", "hunter2")]))
        .await?;
    let user = |name: &str| {
        let workload = deployment(name).replicas(0).annotate(RELOAD, "auto");
        workload.env_from("configmap/app").mount("secret/db")
    };
    lab.adopt([user("one"), user("two")]).await?;
    lab.caught_up().await?;

    proxy.forget();
    let edit = json!({"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}});
    lab.rolls_nothing(&WORKLOADS, async || {
        for source in ["configmap/app", "secret/db"] {
            lab.ns().edit(source, edit.clone()).await?;
        }
        Ok(())
    })
    .await?;
    // Whatever is decided later, what was read is known. An edit of annotations
    // gives a Deployment a new generation, as an edit of its spec does.
    for workload in WORKLOADS {
        lab.ns().edit(workload, edit.clone()).await?;
        lab.ns().edit_template(workload, "edited", "yes").await?;
    }
    lab.caught_up().await?;
    for path in ["/configmaps/app$", "/secrets/db$"] {
        let reads = proxy.count("GET", path)?;
        assert!(reads <= 1, "{path} was read {reads} times");
    }
    for workload in WORKLOADS {
        assert_eq!(lab.number(workload).await?, None, "{workload}");
    }
    Ok(())
}
