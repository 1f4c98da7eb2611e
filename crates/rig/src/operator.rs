//! Operators: they made a workload, and keep its pod template as they want it.
//!
//! In: which. Out: one that does so until it is dropped. The stand-in takes every
//! annotation off a template that it did not write; the real one is the Prometheus
//! operator, built by `cluster/operators`.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::daemon::{Daemon, Program};
use crate::fixtures::TestNamespace;
use crate::{assets, crds};

const RETRY: Duration = Duration::from_millis(50);

/// An operator that keeps the pod template of one workload.
pub struct StandIn(JoinHandle<()>);

impl StandIn {
    /// Takes off the template every annotation but those that begin so.
    pub fn of(ns: &TestNamespace, workload: &str, but: &'static str) -> Result<Self> {
        let (api, name) = ns.dynamic_of(workload)?;
        let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let seen = watcher(api.clone(), only)
            .default_backoff()
            .applied_objects();
        Ok(Self(tokio::spawn(async move {
            // A watch that breaks is begun again.
            let mut seen = seen.map(Result::ok).boxed();
            while let Some(object) = seen.next().await {
                if let Some(object) = object {
                    keep(&api, &object, but).await;
                }
            }
        })))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What changed meanwhile comes again.
async fn keep(api: &Api<DynamicObject>, object: &DynamicObject, but: &str) {
    let template = &object.data["spec"]["template"]["metadata"]["annotations"];
    let foreign = template.as_object().into_iter().flatten();
    let foreign = foreign.filter(|(key, _)| but.is_empty() || !key.starts_with(but));
    let nothing: Value = foreign.map(|(key, _)| (key.clone(), Value::Null)).collect();
    let Some(name) = &object.metadata.name else {
        return;
    };
    if nothing.as_object().is_none_or(serde_json::Map::is_empty) {
        return;
    }
    let template = json!({"metadata": {"annotations": nothing}});
    let patch = json!({"spec": {"template": template}});
    let by = PatchParams::default();
    while api.patch(name, &by, &Patch::Merge(&patch)).await.is_err() {
        tokio::time::sleep(RETRY).await;
    }
}

/// Starts the Prometheus operator for one namespace.
pub async fn prometheus(cluster: &Cluster, ns: &TestNamespace) -> Result<Daemon> {
    crds::install(ns.client(), &crds::prometheus_operator()).await?;
    let program = assets::prepared_by("cluster/operators")?.join("prometheus-operator");
    let program = Program::new(program)
        .arg(format!("--namespaces={}", ns.name()))
        .arg("--web.listen-address=127.0.0.1:0")
        .env("KUBECONFIG", cluster.kubeconfig());
    let log = cluster.folder().join(format!("{}-operator.log", ns.name()));
    Daemon::spawn("prometheus-operator", &program, &log).context("the Prometheus operator")
}
