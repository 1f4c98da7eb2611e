//! Pod statuses as a kubelet would write them. Pure but for the clock.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::LOCAL;
use super::needs::Missing;
use super::step::{done_after, ends, ready_after};

/// By which a container says that it ends again and again.
pub(super) const CRASHES: &str = "CrashLoopBackOff";

/// Nothing runs yet, and why.
pub(super) fn waiting(pod: &Pod, missing: &Missing) -> Value {
    let state = json!({"waiting": {"reason": missing.reason, "message": missing.message}});
    let statuses: Vec<_> = containers(pod)
        .map(|c| container(c, false, &state))
        .collect();
    json!({
        "phase": "Pending",
        "startTime": Timestamp::now(),
        "conditions": conditions([true, false, false, false]),
        "containerStatuses": statuses,
    })
}

/// Whether the pod's status tells of this already.
pub(super) fn says(pod: &Pod, missing: &Missing) -> bool {
    let statuses = pod
        .status
        .iter()
        .flat_map(|s| s.container_statuses.iter().flatten());
    let waits = statuses.filter_map(|s| s.state.as_ref()?.waiting.as_ref());
    let mut messages = waits.filter_map(|waiting| waiting.message.as_ref());
    messages.any(|message| *message == missing.message)
}

/// All containers run: ready too, unless the pod's annotation says otherwise. A
/// pod that is not restarted may be done at once.
pub(super) fn running(pod: &Pod) -> Value {
    if ends(pod) && is_at_once(done_after(pod)) {
        return succeeded(pod);
    }
    let ready = is_at_once(ready_after(pod));
    in_phase(pod, "Running", ready, &running_state())
}

fn is_at_once(delay: Option<Duration>) -> bool {
    delay.is_some_and(|delay| delay.is_zero())
}

/// Its containers end again and again.
pub(super) fn broken(pod: &Pod) -> Value {
    let state = json!({"waiting": {"reason": CRASHES}});
    in_phase(pod, "Running", false, &state)
}

/// As [`running`], and ready.
pub(super) fn ready(pod: &Pod) -> Value {
    in_phase(pod, "Running", true, &running_state())
}

/// All containers have ended well.
pub(super) fn succeeded(pod: &Pod) -> Value {
    in_phase(pod, "Succeeded", false, &terminated_state())
}

fn in_phase(pod: &Pod, phase: &str, ready: bool, state: &Value) -> Value {
    let start = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.clone());
    let ip = address(pod);
    let statuses: Vec<_> = containers(pod)
        .map(|c| container(c, ready, state))
        .collect();
    json!({
        "phase": phase,
        "startTime": start.map_or_else(Timestamp::now, |time| time.0),
        "hostIP": "127.0.0.1",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": conditions([true, true, ready, ready]),
        "containerStatuses": statuses,
        "initContainerStatuses": init_statuses(pod, state),
    })
}

/// A sidecar (`restartPolicy: Always`) shares the containers' state; others are done.
fn init_statuses(pod: &Pod, state: &Value) -> Vec<Value> {
    let init = pod
        .spec
        .iter()
        .flat_map(|spec| spec.init_containers.iter().flatten());
    init.map(|c| match c.restart_policy.as_deref() {
        Some("Always") => container(c, true, state),
        _ => container(c, true, &terminated_state()),
    })
    .collect()
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| &spec.containers)
}

fn container(container: &Container, ready: bool, state: &Value) -> Value {
    let image = container.image.as_deref().unwrap_or_default();
    json!({
        "name": container.name,
        "image": image,
        "imageID": format!("rig://{image}"),
        "containerID": format!("rig://{}", container.name),
        "ready": ready,
        "started": state.get("running").is_some(),
        "restartCount": 0,
        "state": state,
    })
}

fn running_state() -> Value {
    json!({"running": {"startedAt": Timestamp::now()}})
}

fn terminated_state() -> Value {
    let now = Timestamp::now();
    json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}})
}

fn conditions(values: [bool; 4]) -> Vec<Value> {
    let now = Timestamp::now();
    let names = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];
    let rows = names.into_iter().zip(values);
    rows.map(|(name, value)| {
        let status = if value { "True" } else { "False" };
        json!({"type": name, "status": status, "lastTransitionTime": now})
    })
    .collect()
}

/// An address that looks like a pod's; made of the uid, so that it stays.
fn address(pod: &Pod) -> String {
    let uid = pod.uid().unwrap_or_default();
    let number = uid.bytes().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let [_, a, b, c] = number.to_be_bytes();
    let net = if pod.annotations().contains_key(LOCAL) {
        127
    } else {
        10
    };
    format!("{net}.{a}.{b}.{}", c.max(1))
}
