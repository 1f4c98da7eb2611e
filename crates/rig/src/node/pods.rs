//! What pods on the node do, and the words to await it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{ListParams, LogParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use crate::fetch;
use crate::fixtures::TestNamespace;
use crate::manifests::{self, Document};
use crate::random;
use crate::wait::wait_until;

/// Lines of a log in a message.
const LOG_END: usize = 5;

/// Applies documents as `kubectl apply -n` does: those that name no namespace, there.
pub async fn apply(ns: &TestNamespace, yaml: &str) -> Result<Vec<Document>> {
    let name = ns.name();
    // `metadata` of the object itself stands at the start of a line.
    let there = format!("\nmetadata:\n  namespace: {name}\n");
    let documents = manifests::read(&yaml.replace("\nmetadata:\n", &there))?;
    for document in &documents {
        document.apply(ns.client()).await?;
    }
    Ok(documents)
}

/// Waits until all pods with these labels (`app=web`) are ready, so many of them, and no
/// other is left; gives them.
pub async fn ready(
    ns: &TestNamespace,
    labels: &str,
    count: usize,
    limit: Duration,
) -> Result<Vec<Pod>> {
    let what = format!("{count} ready pods {labels} in {}", ns.name());
    wait_until(&what, limit, async || {
        let pods = list(ns, labels).await?;
        let ready = pods.iter().filter(|pod| is_ready(pod)).count();
        let all = ready == count && pods.len() == count;
        ensure!(all, "{}", told(ns, &pods).await);
        Ok(pods)
    })
    .await
}

/// The same of one pod.
pub async fn ready_one(ns: &TestNamespace, labels: &str, limit: Duration) -> Result<Pod> {
    let pods = ready(ns, labels, 1, limit).await?;
    pods.into_iter().next().context("no pod")
}

/// The pods with these labels.
pub async fn list(ns: &TestNamespace, labels: &str) -> Result<Vec<Pod>> {
    let labelled = ListParams::default().labels(labels);
    Ok(ns.api::<Pod>().list(&labelled).await?.items)
}

/// The address of a pod.
pub fn address(pod: &Pod) -> Result<&str> {
    let status = pod.status.as_ref().context("a pod without a status")?;
    status.pod_ip.as_deref().context("a pod without an address")
}

/// What a pod answers to a GET: status and text.
pub async fn get(pod: &Pod, port: u16, path: &str) -> Result<(u16, String)> {
    fetch::get(&format!("http://{}:{port}{path}", address(pod)?)).await
}

/// Waits until a pod answers 200 with a text that contains this.
pub async fn serves(
    pod: &Pod,
    (port, path): (u16, &str),
    text: &str,
    limit: Duration,
) -> Result<String> {
    let what = format!("{text:?} at port {port}{path} of {}", pod.name_any());
    wait_until(&what, limit, async || {
        let (status, answer) = get(pod, port, path).await?;
        let end: String = answer.chars().take(400).collect();
        ensure!(status == 200 && answer.contains(text), "{status} {end}");
        Ok(answer)
    })
    .await
}

/// What a container has written so far.
pub async fn logs(client: &Client, pod: &Pod, container: &str) -> Result<String> {
    let of = LogParams {
        container: Some(container.to_owned()),
        ..LogParams::default()
    };
    let namespace = pod.namespace().context("a pod without a namespace")?;
    let pods: kube::Api<Pod> = kube::Api::namespaced(client.clone(), &namespace);
    Ok(pods.logs(&pod.name_any(), &of).await?)
}

/// Has the kubelet bring the pod's files at once: it syncs a pod whose annotations
/// change, and others about once a minute.
pub async fn poke(ns: &TestNamespace, pod: &Pod) -> Result<()> {
    let poke = json!({"metadata": {"annotations": {"rig/poke": random::word()}}});
    ns.edit(&format!("pod/{}", pod.name_any()), poke).await?;
    Ok(())
}

/// How often the pod's containers were started again.
pub fn restarts(pod: &Pod) -> i32 {
    containers(pod).map(|status| status.restart_count).sum()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let ready = |condition: &k8s_openapi::api::core::v1::PodCondition| {
        condition.type_ == "Ready" && condition.status == "True"
    };
    let leaves = pod.metadata.deletion_timestamp.is_some();
    !leaves && conditions.is_some_and(|all| all.iter().any(ready))
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|s| {
        let first = s.init_container_statuses.iter().flatten();
        first.chain(s.container_statuses.iter().flatten())
    })
}

/// How pods stand, for messages: the states of containers that are not ready, and the
/// ends of what these have written.
async fn told(ns: &TestNamespace, pods: &[Pod]) -> String {
    let mut lines = vec![format!("{} pods", pods.len())];
    for pod in pods {
        let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        lines.push(format!("{} {}", pod.name_any(), phase.unwrap_or_default()));
        for container in containers(pod).filter(|status| !status.ready) {
            let state = json!({"now": container.state, "before": container.last_state});
            lines.push(format!("{} {state}", container.name));
            lines.extend(log_end(ns, pod, &container.name).await);
        }
    }
    lines.join("\n")
}

async fn log_end(ns: &TestNamespace, pod: &Pod, container: &str) -> Vec<String> {
    let log = logs(ns.client(), pod, container).await.unwrap_or_default();
    let from = log.lines().count().saturating_sub(LOG_END);
    let end = log.lines().skip(from);
    end.map(|line| format!("| {line}")).collect()
}
