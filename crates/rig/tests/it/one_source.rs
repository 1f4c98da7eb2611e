//! What several promises are tried with: a ConfigMap of one key, and a workload of each
//! kind with pods of its own that uses it.

use anyhow::Result;
use rig::fixtures::{Workload, config_map, daemon_set, deployment, stateful_set};
use rig::installed::{Installed, RELOAD};

pub(crate) type Make = fn(&str) -> Workload;

pub(crate) const KINDS: [(&str, Make); 3] = [
    ("deployment/web", deployment),
    ("statefulset/web", stateful_set),
    ("daemonset/web", daemon_set),
];

/// Gives `configmap/app` this content.
pub(crate) async fn app(home: &Installed, value: &str) -> Result<()> {
    home.ns().apply(config_map("app", &[("k", value)])).await?;
    Ok(())
}

/// Its user, as it is made and opted in.
pub(crate) fn web(kind: Make) -> Workload {
    kind("web")
        .env_from("configmap/app")
        .annotate(RELOAD, "auto")
}
