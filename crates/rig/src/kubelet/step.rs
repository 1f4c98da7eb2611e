//! What a pod needs next. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodStatus};
use kube::ResourceExt;

use super::status::CRASHES;
use super::{DONE, READY};

/// The next thing to do for a pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until it changes.
    Rest,
    /// Nothing, before this time has passed.
    Later(Duration),
    /// Give it this node.
    Bind(String),
    /// Delete it for good.
    Remove,
    /// Start its containers, if all that it needs is there.
    Start,
    /// Report it ready.
    MakeReady,
    /// Report that it has succeeded.
    End,
}

/// What is next for the pod, on these nodes, at this time.
pub(super) fn next_step(pod: &Pod, nodes: &[String], now: Timestamp) -> Step {
    let Some(spec) = &pod.spec else {
        return Step::Rest;
    };
    let Some(node) = &spec.node_name else {
        return Step::Bind(choose_node(spec, nodes, &pod.uid().unwrap_or_default()));
    };
    if !nodes.contains(node) {
        return Step::Rest;
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Step::Remove;
    }
    let status = pod.status.clone().unwrap_or_default();
    match status.phase.as_deref() {
        Some("Running") if crashes(&status) => Step::Rest,
        Some("Running") if !is_ready(&status) => {
            after(ready_after(pod), &status, now, Step::MakeReady)
        }
        Some("Running") if ends(pod) => after(done_after(pod), &status, now, Step::End),
        None | Some("Pending") => Step::Start,
        _ => Step::Rest,
    }
}

/// The pod's readiness as its annotation asks; without one, at once.
pub(super) fn ready_after(pod: &Pod) -> Option<Duration> {
    told(pod, READY)
}

/// When a pod that [`ends`] does, as its annotation asks; without one, at once.
pub(super) fn done_after(pod: &Pod) -> Option<Duration> {
    told(pod, DONE)
}

/// Whether the pod's containers are not started again.
pub(super) fn ends(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let policy = spec.and_then(|spec| spec.restart_policy.as_deref());
    matches!(policy, Some("Never" | "OnFailure"))
}

fn told(pod: &Pod, annotation: &str) -> Option<Duration> {
    match pod.annotations().get(annotation).map(String::as_str) {
        Some("never") => None,
        Some(millis) => Some(Duration::from_millis(millis.parse().unwrap_or_default())),
        None => Some(Duration::ZERO),
    }
}

/// The step, so long after the pod's start.
fn after(delay: Option<Duration>, status: &PodStatus, now: Timestamp, step: Step) -> Step {
    let Some(delay) = delay else {
        return Step::Rest;
    };
    let started = status.start_time.as_ref().map_or(now, |time| time.0);
    let passed = Duration::try_from(now.duration_since(started)).unwrap_or_default();
    match delay.checked_sub(passed) {
        Some(left) if !left.is_zero() => Step::Later(left),
        _ => step,
    }
}

fn is_ready(status: &PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

fn crashes(status: &PodStatus) -> bool {
    let containers = status.container_statuses.iter().flatten();
    let states = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref());
    { states }.any(|waiting| waiting.reason.as_deref() == Some(CRASHES))
}

/// A DaemonSet's pod names its node; any other gets one by its uid.
fn choose_node(spec: &PodSpec, nodes: &[String], uid: &str) -> String {
    let wanted = wanted_node(spec);
    let sum: usize = uid.bytes().map(usize::from).sum();
    wanted.unwrap_or_else(|| nodes[sum % nodes.len()].clone())
}

fn wanted_node(spec: &PodSpec) -> Option<String> {
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let mut fields = required
        .node_selector_terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten());
    let by_name = fields.find(|field| field.key == "metadata.name")?;
    by_name.values.as_ref()?.first().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn step(pod: &Value) -> Step {
        let pod = serde_json::from_value(pod.clone()).unwrap();
        let now = "2026-01-01T00:00:01Z".parse().unwrap();
        next_step(&pod, &["rig-0".to_owned()], now)
    }

    fn running(ready: &str) -> Value {
        json!({
            "metadata": {"annotations": {READY: ready}},
            "spec": {"containers": [], "nodeName": "rig-0"},
            "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"},
        })
    }

    #[test]
    fn a_pod_without_a_node_gets_one() {
        let pod = json!({"spec": {"containers": []}});
        assert_eq!(step(&pod), Step::Bind("rig-0".to_owned()));
    }

    #[test]
    fn the_pod_of_a_daemon_set_gets_its_own() {
        let field = json!({"key": "metadata.name", "operator": "In", "values": ["other"]});
        let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": terms});
        let affinity = json!({"nodeAffinity": required});
        let pod = json!({"spec": {"containers": [], "affinity": affinity}});
        assert_eq!(step(&pod), Step::Bind("other".to_owned()));
    }

    #[test]
    fn other_nodes_pods_are_left_alone() {
        let deleted = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        let pod = json!({"metadata": deleted, "spec": {"containers": [], "nodeName": "other"}});
        assert_eq!(step(&pod), Step::Rest);
    }

    #[test]
    fn readiness_comes_when_the_annotation_says() {
        assert_eq!(step(&running("never")), Step::Rest);
        assert_eq!(
            step(&running("1500")),
            Step::Later(Duration::from_millis(500))
        );
        assert_eq!(step(&running("1000")), Step::MakeReady);
    }

    #[test]
    fn a_pod_that_is_not_restarted_ends_when_its_annotation_says() {
        let mut pod = running("0");
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
        assert_eq!(step(&pod), Step::Rest);
        pod["spec"]["restartPolicy"] = json!("Never");
        pod["metadata"]["annotations"][DONE] = json!("never");
        assert_eq!(step(&pod), Step::Rest);
        pod["metadata"]["annotations"][DONE] = json!("1500");
        assert_eq!(step(&pod), Step::Later(Duration::from_millis(500)));
        pod["metadata"]["annotations"][DONE] = json!("1000");
        assert_eq!(step(&pod), Step::End);
    }
}
