//! A namespace of which nothing is known yet is nobody's: while the namespaces' watch is
//! refused, in one that is new nothing is recorded, read or rolled, whether its labels
//! and annotations would have it rolled or not. When it is known, it is as it says.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::{INSTANCE, RELOAD};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, Installed, secs, wait_until};
use serde_json::json;

const WATCH: &str = "^/api/v1/namespaces$";

/// Whether Tidings keeps records of a namespace.
async fn is_on_record(lab: &Installed, ns: &TestNamespace) -> Result<bool> {
    let secrets: Api<Secret> = lab.own().api();
    let all = secrets.list(&ListParams::default()).await?;
    let name = format!("{INSTANCE}-state.{}", ns.name());
    Ok(all.iter().any(|secret| secret.name_any() == name))
}

async fn write(ns: &TestNamespace, value: &str) -> Result<()> {
    ns.apply(config_map("app", &[("key", value)])).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_known_of_a_namespace_is_waited_for() -> Result<()> {
    // A selector and all that it selects: what is not known is whether either holds.
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let lab = Installed::behind(&proxy, cluster, "not-known").await?;
    let label = |value: &str| json!({"metadata": {"labels": {"rig": value}}});
    lab.ns().merge(&label(lab.ns().name())).await?;
    let selector = format!("--namespace-selector=rig={}", lab.ns().name());
    let options = [selector.as_str(), "--auto-reload-all"];
    let tidings = lab.launch_everywhere(&options)?.start()?;
    tidings.ready(secs(30)).await?;

    let fault = proxy.inject(Fault::status(503).on("GET", WATCH))?;
    proxy.cut();
    fault.wait_for_hits(1, secs(30)).await?;
    let [ours, others, off] = [
        TestNamespace::new(cluster, "not-known-ours").await?,
        TestNamespace::new(cluster, "not-known-others").await?,
        TestNamespace::new(cluster, "not-known-off").await?,
    ];
    ours.merge(&label(lab.ns().name())).await?;
    off.merge(&label(lab.ns().name())).await?;
    let defaults = json!({"metadata": {"annotations": {RELOAD: "off"}}});
    off.merge(&defaults).await?;
    for ns in [&ours, &others, &off] {
        write(ns, "1").await?;
        let web = deployment("web").replicas(0).env_from("configmap/app");
        ns.apply(web).await?;
    }
    lab.caught_up().await?;
    for ns in [&ours, &others, &off] {
        write(ns, "2").await?;
    }
    lab.caught_up().await?;
    for ns in [&ours, &others, &off] {
        assert!(!is_on_record(&lab, ns).await?, "{}", ns.name());
        let path = format!("/namespaces/{}/", ns.name());
        let asked = proxy.matching("*", &path)?;
        assert!(asked.is_empty(), "{asked:?}");
    }

    fault.withdraw();
    wait_until(
        "the one that is ours to be on record",
        secs(60),
        async || {
            ensure!(is_on_record(&lab, &ours).await?, "it is not");
            Ok(())
        },
    )
    .await?;
    lab.caught_up().await?;
    for ns in [&others, &off] {
        assert!(!is_on_record(&lab, ns).await?, "{}", ns.name());
        let web = ns.get("deployment/web").await?;
        assert_eq!(web.metadata.generation, Some(1), "{}", ns.name());
    }
    Ok(())
}
