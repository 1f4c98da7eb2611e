//! The proxy of the rig: it records, and makes the trouble that it was asked for.

use anyhow::Result;
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, ListParams, WatchEvent, WatchParams};
use rig::fixtures::{TestNamespace, config_map, rbac};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, client_of, secs, wait_until};

#[tokio::test]
async fn a_client_keeps_its_own_rights() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "identity").await?;
    let rules = [rbac::rule("list", "", "configmaps")];
    let user = ns.service_account("reader", &rules).await?;
    let proxy = Proxy::start(cluster).await?;
    let client = client_of(&proxy.kubeconfig_for(&user).await?).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, ns.name());
    maps.list(&ListParams::default()).await?;
    let refused = maps.delete("x", &DeleteParams::default()).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("forbidden")));
    assert_eq!(proxy.count("DELETE", "/configmaps/x$")?, 1);
    Ok(())
}

#[tokio::test]
async fn the_proxy_records_and_disturbs() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "proxy").await?;
    let proxy = Proxy::start(cluster).await?;
    let client = client_of(&proxy.kubeconfig_for("admin").await?).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, ns.name());
    ns.apply(config_map("app", &[("a", "1")])).await?;

    let busy = proxy.inject(Fault::busy(7).on("GET", "/configmaps/app$").times(1))?;
    let refused = maps.get("app").await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 429),
        "{refused:?}"
    );
    maps.get("app").await?;
    assert_eq!(busy.hits(), 1);
    assert_eq!(proxy.count("GET", "/configmaps/app$")?, 2);
    let statuses: Vec<_> = proxy
        .requests()
        .iter()
        .map(rig::proxy::Seen::status)
        .collect();
    assert_eq!(statuses, [Some(429), Some(200)]);

    let lost = proxy.inject(Fault::lose_answer().on("DELETE", "/configmaps/app$"))?;
    assert!(maps.delete("app", &DeleteParams::default()).await.is_err());
    assert_eq!(lost.hits(), 1);
    assert!(maps.get_opt("app").await?.is_none());

    proxy.refuse();
    assert!(maps.get_opt("app").await.is_err());
    proxy.restore();
    wait_until("the proxy to listen again", secs(5), async || {
        Ok(maps.get_opt("app").await?)
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn watches_pass_the_proxy_and_can_be_cut_and_frozen() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "watch").await?;
    let proxy = Proxy::start(cluster).await?;
    let client = client_of(&proxy.kubeconfig_for("admin").await?).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client, ns.name());
    let start = maps
        .list(&ListParams::default())
        .await?
        .metadata
        .resource_version
        .unwrap_or_default();
    let stream = maps.watch(&WatchParams::default(), &start).await?;
    let mut stream = std::pin::pin!(stream);
    ns.apply(config_map("one", &[])).await?;
    let event = tokio::time::timeout(secs(5), stream.try_next()).await??;
    assert!(matches!(event, Some(WatchEvent::Added(_))));

    proxy.freeze();
    ns.apply(config_map("two", &[])).await?;
    assert!(
        tokio::time::timeout(secs(1), stream.try_next())
            .await
            .is_err()
    );
    proxy.restore();
    let event = tokio::time::timeout(secs(5), stream.try_next()).await??;
    assert!(matches!(event, Some(WatchEvent::Added(_))));

    proxy.cut();
    let end = tokio::time::timeout(secs(5), stream.try_next()).await?;
    assert!(!matches!(end, Ok(Some(WatchEvent::Added(_)))));
    Ok(())
}
