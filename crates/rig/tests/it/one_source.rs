//! What most promises are tried with: a ConfigMap of one key, and a workload of each kind
//! with pods of its own that uses it, or a Deployment without any.

use anyhow::Result;
use rig::Cluster;
use rig::fixtures::{Workload, config_map, daemon_set, deployment, stateful_set};
use rig::installed::{Installed, RELOAD};
use rig::proxy::Proxy;

pub(crate) type Make = fn(&str) -> Workload;

pub(crate) const KINDS: [(&str, Make); 3] = [
    ("deployment/web", deployment),
    ("statefulset/web", stateful_set),
    ("daemonset/web", daemon_set),
];

/// An installation behind a proxy, with `configmap/app`.
pub(crate) async fn behind(proxy: &Proxy<'_>, about: &str) -> Result<Installed> {
    let home = Installed::behind(proxy, Cluster::shared().await?, about).await?;
    app(&home, "first").await?;
    Ok(home)
}

/// Gives `configmap/app` this content.
pub(crate) async fn app(home: &Installed, value: &str) -> Result<()> {
    give(home, "app", value).await
}

/// Gives a ConfigMap this content.
pub(crate) async fn give(home: &Installed, name: &str, value: &str) -> Result<()> {
    home.ns().apply(config_map(name, &[("k", value)])).await?;
    Ok(())
}

/// Its user, as it is made and opted in.
pub(crate) fn web(kind: Make) -> Workload {
    kind("web")
        .env_from("configmap/app")
        .annotate(RELOAD, "auto")
}

/// A Deployment without pods that uses `configmap/app`.
pub(crate) fn idle(name: &str) -> Workload {
    idle_of(name, "app")
}

/// A Deployment without pods that uses a ConfigMap.
pub(crate) fn idle_of(name: &str, config_map: &str) -> Workload {
    let idle = deployment(name).replicas(0);
    idle.env_from(&format!("configmap/{config_map}"))
        .annotate(RELOAD, "auto")
}
