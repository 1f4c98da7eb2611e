//! The clusters of the rig: rollouts complete, pods wait for what they need, users
//! may do what was granted to them.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use rig::fixtures::{
    TestNamespace, Workload, config_map, cron_job, daemon_set, deployment, job, rbac, secret,
    stateful_set,
};
use rig::{Cluster, Options, client_of, holds, secs, wait_until};
use serde_json::json;

#[tokio::test]
async fn a_changed_template_rolls_out() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "rollout").await?;
    ns.apply(deployment("web").replicas(3)).await?;
    ns.rolled_out("deployment/web", secs(20)).await?;
    assert_eq!(ns.revision_count("deployment/web").await?, 1);

    ns.edit_template("deployment/web", "edited", "yes").await?;
    ns.rolled_out("deployment/web", secs(20)).await?;
    assert_eq!(ns.revision_count("deployment/web").await?, 2);
    let value = ns.template_annotation("deployment/web", "edited").await?;
    assert_eq!(value.as_deref(), Some("yes"));
    Ok(())
}

#[tokio::test]
async fn all_kinds_roll_out() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "kinds").await?;
    ns.apply(stateful_set("db").replicas(2)).await?;
    ns.apply(daemon_set("log")).await?;
    for workload in ["statefulset/db", "daemonset/log"] {
        ns.rolled_out(workload, secs(20)).await?;
        ns.edit_template(workload, "edited", "yes").await?;
        ns.rolled_out(workload, secs(20)).await?;
        assert_eq!(ns.revision_count(workload).await?, 2, "{workload}");
    }
    ns.apply(cron_job("nightly")).await?;
    ns.apply(job("once")).await?;
    wait_until("the job to be complete", secs(20), async || {
        let job = ns.get("job/once").await?;
        ensure!(
            job.data["status"]["succeeded"] == 1,
            "{}",
            job.data["status"]
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_pod_waits_for_what_it_needs() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "needs").await?;
    ns.apply(deployment("by-env").env_from("configmap/app"))
        .await?;
    ns.apply(deployment("by-key").env_key("secret/db", "password"))
        .await?;
    ns.apply(deployment("by-file").mount("configmap/app"))
        .await?;
    ns.apply(deployment("free").env_from("configmap/app").optional())
        .await?;
    ns.rolled_out("deployment/free", secs(20)).await?;
    waits(&ns, "deployment/by-env", "configmap \"app\" not found").await?;
    waits(&ns, "deployment/by-file", "configmap \"app\" not found").await?;

    ns.apply(secret("db", &[("user", "me")])).await?;
    waits(
        &ns,
        "deployment/by-key",
        "couldn't find key password in secret db",
    )
    .await?;

    ns.apply(config_map("app", &[("LEVEL", "info")])).await?;
    ns.apply(secret("db", &[("user", "me"), ("password", "secret")]))
        .await?;
    for workload in ["by-env", "by-key", "by-file"] {
        ns.rolled_out(&format!("deployment/{workload}"), secs(20))
            .await?;
    }
    Ok(())
}

async fn waits(ns: &TestNamespace, workload: &str, message: &str) -> Result<()> {
    wait_until(&format!("{workload} to wait"), secs(20), async || {
        let pods = json!(ns.pods(workload).await?);
        let state = &pods[0]["status"]["containerStatuses"][0]["state"];
        ensure!(state["waiting"]["message"] == message, "{pods}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_pod_is_ready_when_its_annotation_says() -> Result<()> {
    let ns = TestNamespace::new(Cluster::shared().await?, "ready").await?;
    let steered = |name: &str, value: &str| -> Workload {
        deployment(name).annotate_pods(rig::kubelet::READY, value)
    };
    ns.apply(steered("never", "never")).await?;
    ns.apply(steered("later", "1000")).await?;
    ns.rolled_out("deployment/later", secs(20)).await?;
    holds("the other not being ready", secs(1), async || {
        let deployment = ns.get("deployment/never").await?;
        ensure!(deployment.data["status"].get("availableReplicas").is_none());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_user_may_do_what_was_granted_and_no_more() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "rights").await?;
    let rules = [rbac::rule("get,list", "", "configmaps")];
    let reader = ns.service_account("reader", &rules).await?;
    rbac::grant(ns.client(), Some(ns.name()), "alice", "alice", &rules).await?;
    for (user, may) in [(reader.as_str(), true), ("alice", true), ("bob", false)] {
        let client = client_of(&cluster.kubeconfig_for(user).await?).await?;
        let maps: Api<ConfigMap> = Api::namespaced(client, ns.name());
        let listed = maps.list(&ListParams::default()).await;
        assert_eq!(listed.is_ok(), may, "{user}: {listed:?}");
        let refused = maps.delete("x", &DeleteParams::default()).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("forbidden")));
    }
    Ok(())
}

#[tokio::test]
async fn the_api_server_can_be_stopped_and_frozen() -> Result<()> {
    let cluster = Cluster::start(Options::default()).await?;
    let ns = TestNamespace::new(&cluster, "outage").await?;
    ns.apply(config_map("app", &[])).await?;
    cluster.stop_api().await?;
    assert!(ns.get("configmap/app").await.is_err());
    cluster.start_api().await?;
    ns.get("configmap/app").await?;

    cluster.freeze_api().await?;
    let answer = tokio::time::timeout(secs(1), ns.get("configmap/app")).await;
    assert!(answer.is_err());
    cluster.thaw_api().await?;
    ns.get("configmap/app").await?;
    ns.apply(deployment("web")).await?;
    ns.rolled_out("deployment/web", secs(30)).await
}

#[tokio::test]
async fn hundreds_of_pods_are_carried() -> Result<()> {
    const DEPLOYMENTS: usize = 60;
    let ns = TestNamespace::new(Cluster::shared().await?, "many").await?;
    ns.apply(config_map("app", &[("a", "1")])).await?;
    let names: Vec<_> = (0..DEPLOYMENTS).map(|i| format!("web-{i}")).collect();
    for name in &names {
        let workload = deployment(name).replicas(5).env_from("configmap/app");
        ns.apply(workload).await?;
    }
    for name in &names {
        ns.rolled_out(&format!("deployment/{name}"), secs(60))
            .await?;
    }
    Ok(())
}
