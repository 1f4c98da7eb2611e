//! What tests make in a cluster, in few words.
//!
//! A reference to an object is written as in Tidings' own annotations:
//! `configmap/app`, `secret/db`, `deployment/web`; with another group than its
//! kind usually has, `fleet.example.org/web`.

mod admission;
mod json;
mod namespace;
mod provider;
pub mod rbac;
mod sources;
mod workload;

pub use namespace::TestNamespace;
pub(crate) use namespace::is_rolled_out;
pub use provider::{class_status, provider_class};
pub use sources::{config_map, secret};
pub use workload::label;
pub use workload::{
    Workload, cron_job, daemon_set, deployment, deployment_config, fleet, job, rollout,
    stateful_set, workshop,
};

use anyhow::{Context, Result};
use kube::ResourceExt;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use crate::crds;

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
    ("rollout", "argoproj.io", "v1alpha1", "Rollout"),
    (
        "deploymentconfig",
        "apps.openshift.io",
        "v1",
        "DeploymentConfig",
    ),
    ("prometheus", "monitoring.coreos.com", "v1", "Prometheus"),
    ("workshop", crds::GROUP, "v1", "Workshop"),
    ("fleet", crds::GROUP, "v1", "Fleet"),
    (
        "secretproviderclass",
        crds::CSI,
        "v1",
        "SecretProviderClass",
    ),
    (
        "secretproviderclasspodstatus",
        crds::CSI,
        "v1",
        "SecretProviderClassPodStatus",
    ),
    ("role", "rbac.authorization.k8s.io", "v1", "Role"),
    (
        "rolebinding",
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
    ),
];

/// Splits `kind/name`.
pub(crate) fn parse(reference: &str) -> Result<(ApiResource, &str)> {
    let (word, name) = reference
        .split_once('/')
        .with_context(|| format!("{reference} is not KIND/NAME"))?;
    Ok((resource(word)?, name))
}

pub(crate) fn resource(word: &str) -> Result<ApiResource> {
    let (word, other) = match word.split_once('.') {
        Some((word, group)) => (word, Some(group)),
        None => (word, None),
    };
    let (_, group, version, kind) = KINDS
        .iter()
        .find(|row| row.0 == word)
        .with_context(|| format!("no kind {word} in fixtures"))?;
    let gvk = GroupVersionKind::gvk(other.unwrap_or(group), version, kind);
    Ok(ApiResource::from_gvk(&gvk))
}

/// The reference to an object.
pub fn reference_to(object: &DynamicObject) -> String {
    let types = object.types.clone().unwrap_or_default();
    let word = types.kind.to_lowercase();
    let group = types.api_version.split_once('/').map_or("", |both| both.0);
    let usual = KINDS.iter().any(|row| row.0 == word && row.1 == group);
    let name = object.name_any();
    if usual {
        format!("{word}/{name}")
    } else {
        format!("{word}.{group}/{name}")
    }
}

/// An object of a kind of the table.
pub fn object(word: &str, name: &str, data: Value) -> DynamicObject {
    #[expect(clippy::expect_used, reason = "both words are in the table")]
    let resource = resource(word).expect("a kind of the table");
    DynamicObject::new(name, &resource).data(data)
}
