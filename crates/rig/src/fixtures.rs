//! What tests make in a cluster, in few words.
//!
//! A reference to an object is written as in Tidings' own annotations:
//! `configmap/app`, `secret/db`, `deployment/web`.

mod json;
mod namespace;
pub mod rbac;
mod sources;
mod workload;

pub use namespace::TestNamespace;
pub(crate) use namespace::is_rolled_out;
pub use sources::{config_map, secret};
pub use workload::{Workload, cron_job, daemon_set, deployment, job, stateful_set};

use anyhow::{Context, Result};
use kube::core::{ApiResource, GroupVersionKind};

/// Kinds that a reference may name: word, group, version, kind.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("configmap", "", "v1", "ConfigMap"),
    ("secret", "", "v1", "Secret"),
    ("pod", "", "v1", "Pod"),
    ("event", "", "v1", "Event"),
    ("serviceaccount", "", "v1", "ServiceAccount"),
    ("deployment", "apps", "v1", "Deployment"),
    ("statefulset", "apps", "v1", "StatefulSet"),
    ("daemonset", "apps", "v1", "DaemonSet"),
    ("replicaset", "apps", "v1", "ReplicaSet"),
    ("controllerrevision", "apps", "v1", "ControllerRevision"),
    ("job", "batch", "v1", "Job"),
    ("cronjob", "batch", "v1", "CronJob"),
    ("role", "rbac.authorization.k8s.io", "v1", "Role"),
    (
        "rolebinding",
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
    ),
];

/// Splits `kind/name`.
fn parse(reference: &str) -> Result<(ApiResource, &str)> {
    let (word, name) = reference
        .split_once('/')
        .with_context(|| format!("{reference} is not KIND/NAME"))?;
    Ok((resource(word)?, name))
}

pub(crate) fn resource(word: &str) -> Result<ApiResource> {
    let (_, group, version, kind) = KINDS
        .iter()
        .find(|row| row.0 == word)
        .with_context(|| format!("no kind {word} in fixtures"))?;
    Ok(ApiResource::from_gvk(&GroupVersionKind::gvk(
        group, version, kind,
    )))
}
