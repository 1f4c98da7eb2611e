//! Pods from their JSON: which containers have been started when, and what each uses.
//!
//! What counts is the start of a container, not of its pod: one that was started again
//! has read its variables, and a file that is mounted by `subPath`, anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::workload::part;
use super::{Meta, Seconds, Unreadable, seconds};
use crate::refs::{Name, WorkloadRef};
use crate::uses::{PodTemplate, Use, or_default, uses_of_each};

/// What pods are shown under: the workload that they were made from, or each by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Its namespace.
    pub namespace: Name,
    /// The word for its kind, in lower case: `deployment`, `pod`.
    pub kind: Name,
    /// Its name.
    pub name: Name,
}

impl Group {
    /// What the pods of a workload are shown under.
    pub fn of(workload: &WorkloadRef) -> Self {
        Self {
            namespace: workload.namespace.clone(),
            kind: workload.kind.word.into(),
            name: workload.name.clone(),
        }
    }
}

/// A pod that has containers, or is to have some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// What it belongs to, with its namespace.
    pub group: Group,
    /// Its name.
    pub name: Name,
    /// When it was created.
    pub created: Seconds,
    /// For which number it was acted on last: poked, or restarted in place.
    pub acted_on: Option<Name>,
    /// Since when it says that it is not Ready.
    pub unready_since: Option<Seconds>,
    /// Its containers that have been started and may matter still.
    pub containers: Box<[PodContainer]>,
}

/// A container that has been started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodContainer {
    /// Its name.
    pub name: Name,
    /// When it was started last.
    pub started: Seconds,
    /// Whether it was started before, in the same pod.
    pub again: bool,
    /// Whether it has ended: an init container, which has read what it will ever read.
    pub ended: bool,
    /// What it uses, in order.
    pub uses: Arc<[Use]>,
}

#[derive(Deserialize)]
struct PodObject<'a> {
    metadata: Meta,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "or_default")]
    status: PodPhase,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodPhase {
    phase: String,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<PodCondition>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodCondition {
    r#type: String,
    status: String,
    last_transition_time: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    restart_count: u32,
    state: ContainerState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    running: Option<StartedAt>,
    terminated: Option<StartedAt>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StartedAt {
    started_at: Option<String>,
}

/// Reads a pod from its JSON; none where it has ended or is being deleted.
pub fn read_pod(json: &[u8]) -> Result<Option<Pod>, Unreadable> {
    let pod: PodObject<'_> = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    let has_ended = matches!(&*pod.status.phase, "Succeeded" | "Failed");
    if has_ended || pod.metadata.is_going() {
        return Ok(None);
    }
    let created = pod.metadata.created().ok_or(Unreadable)?;
    let spec = with_ephemeral(part::<Value>(pod.spec).unwrap_or_default());
    let sidecars = sidecars(&spec);
    let template = PodTemplate::read(json!({ "spec": spec })).unwrap_or_default();
    let containers = uses_of_each(template).into_iter();
    let started = containers.filter_map(|(name, uses)| {
        let (status, started, ended) = pod.status.start_of(&name)?;
        if ended && sidecars.contains(&name) {
            return None;
        }
        Some(PodContainer {
            name: name.into(),
            started: started.unwrap_or(created),
            again: status.restart_count > 0,
            ended,
            uses: uses.into(),
        })
    });
    Ok(Some(Pod {
        containers: started.collect(),
        group: group(&pod.metadata),
        acted_on: pod.metadata.acted_on(),
        unready_since: pod.status.unready_since(created),
        name: pod.metadata.name.into(),
        created,
    }))
}

/// Those that somebody put into a running pod to look into it are containers like others.
fn with_ephemeral(mut spec: Value) -> Value {
    let ephemeral = spec["ephemeralContainers"].take();
    if let (Value::Array(more), Value::Array(all)) = (ephemeral, &mut spec["containers"]) {
        all.extend(more);
    }
    spec
}

/// The init containers that run beside the others: one that has ended is started again.
fn sidecars(spec: &Value) -> BTreeSet<String> {
    let init = spec["initContainers"].as_array().into_iter().flatten();
    let stay = init.filter(|container| container["restartPolicy"] == "Always");
    stay.filter_map(|container| Some(container["name"].as_str()?.to_owned()))
        .collect()
}

impl PodPhase {
    /// Since it was made, where it does not say since when.
    fn unready_since(&self, created: Seconds) -> Option<Seconds> {
        let unready = |is: &&PodCondition| is.r#type == "Ready" && is.status == "False";
        let unready = self.conditions.iter().find(unready)?;
        let since = unready.last_transition_time.as_deref();
        Some(since.and_then(seconds).unwrap_or(created))
    }

    /// When a container was started, if that is told, and whether it has ended. One that
    /// waits to be started again will read what is there then.
    fn start_of(&self, name: &str) -> Option<(&ContainerStatus, Option<Seconds>, bool)> {
        let named = |status: &&ContainerStatus| status.name == name;
        let main = self.container_statuses.iter();
        let main = main.chain(&self.ephemeral_container_statuses).find(named);
        let init = self.init_container_statuses.iter().find(named);
        let status = main.or(init)?;
        let running = status.state.running.as_ref();
        let ended = init.and_then(|init| init.state.terminated.as_ref());
        let start = running.or(ended)?;
        let at = start.started_at.as_deref().and_then(seconds);
        Some((status, at, running.is_none()))
    }
}

/// The labels by which the ReplicaSets of Deployments and of Argo's Rollouts tell their
/// pods apart; their names end in the same (`pkg/controller/deployment` of Kubernetes).
const HASHES: [(&str, &str); 2] = [
    ("pod-template-hash", "deployment"),
    ("rollouts-pod-template-hash", "rollout"),
];

fn group(meta: &Meta) -> Group {
    let (kind, name) = match meta.made_by() {
        // A static pod is its node's, which has many.
        None | Some(("Node", _)) => ("pod".to_owned(), &*meta.name),
        Some((kind, name)) => match of_replica_set(meta, kind, name) {
            Some((kind, name)) => (kind.to_owned(), name),
            None => (kind.to_lowercase(), name),
        },
    };
    Group {
        namespace: meta.namespace.as_str().into(),
        kind: kind.into(),
        name: name.into(),
    }
}

/// Whose a ReplicaSet is, as far as its name tells.
fn of_replica_set<'a>(meta: &Meta, kind: &str, name: &'a str) -> Option<(&'static str, &'a str)> {
    let mut hashes = HASHES.iter().filter(|_| kind == "ReplicaSet");
    hashes.find_map(|(label, kind)| {
        let hash = meta.labels.get(*label)?;
        Some((*kind, name.strip_suffix(&**hash)?.strip_suffix('-')?))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn with(patch: impl FnOnce(&mut Value)) -> Option<Pod> {
        let started = json!({"startedAt": "2026-11-29T20:00:05Z"});
        let mut pod = json!({
            "metadata": {"namespace": "ns", "name": "web-5d-x", "resourceVersion": "1",
                "creationTimestamp": "2026-11-29T20:00:00Z",
                "labels": {"pod-template-hash": "5d"},
                "ownerReferences": [{"controller": true, "kind": "ReplicaSet", "name": "web-5d", "uid": "u"}]},
            "spec": {
                "initContainers": [{"name": "init"}, {"name": "sidecar"}],
                "containers": [{"name": "web"}, {"name": "crashed"}]},
            "status": {"phase": "Running",
                "initContainerStatuses": [
                    {"name": "init", "state": {"terminated": {"startedAt": null}}},
                    {"name": "sidecar", "state": {"running": started}}],
                "containerStatuses": [
                    {"name": "web", "state": {"running": started}},
                    {"name": "crashed", "state": {"terminated": started}}]},
        });
        patch(&mut pod);
        read_pod(pod.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn containers_count_that_have_started_and_will_not_start_again() {
        let pod = with(|_| {}).unwrap();
        let of = |c: &PodContainer| (c.name.to_string(), c.started - pod.created, c.ended);
        let all: Vec<_> = pod.containers.iter().map(of).collect();
        let expected = [("init", 0, true), ("sidecar", 5, false), ("web", 5, false)];
        assert_eq!(
            all,
            expected.map(|(name, at, ended)| (name.to_owned(), at, ended))
        );
    }

    #[rstest]
    #[case(json!({"status": "False", "lastTransitionTime": "2026-11-29T20:00:07Z"}), Some(7))]
    #[case(json!({"status": "False"}), Some(0))]
    #[case(json!({"status": "True"}), None)]
    fn it_is_told_since_when_it_is_not_ready(#[case] mut ready: Value, #[case] after: Option<i64>) {
        ready["type"] = json!("Ready");
        let conditions = json!([{"type": "PodScheduled", "status": "False"}, ready]);
        let pod = with(|pod| pod["status"]["conditions"] = conditions).unwrap();
        let since = pod.unready_since.map(|since| since - pod.created);
        assert_eq!(since, after);
    }

    /// A sidecar that has ended will be started again; what somebody looks into the pod with
    /// has read its variables.
    #[test]
    fn sidecars_and_ephemeral_containers_count_while_they_run() {
        let started = json!({"startedAt": "2026-11-29T20:00:09Z"});
        let with = |state: &Value| {
            let pod = with(|pod| {
                pod["spec"]["initContainers"][1]["restartPolicy"] = json!("Always");
                pod["status"]["initContainerStatuses"][1]["state"] = state.clone();
                pod["spec"]["ephemeralContainers"] = json!([{"name": "debugger",
                    "envFrom": [{"configMapRef": {"name": "app"}}]}]);
                pod["status"]["ephemeralContainerStatuses"] =
                    json!([{"name": "debugger", "state": state}]);
            });
            let pod = pod.unwrap();
            let all = pod
                .containers
                .iter()
                .map(|c| (c.name.to_string(), c.uses.len()));
            all.collect::<Vec<_>>()
        };
        let of = |names: &[(&str, usize)]| {
            let owned = names.iter().map(|(name, uses)| ((*name).to_owned(), *uses));
            owned.collect::<Vec<_>>()
        };
        let running = with(&json!({"running": started}));
        assert_eq!(
            running,
            of(&[("init", 0), ("sidecar", 0), ("web", 0), ("debugger", 1)])
        );
        assert_eq!(
            with(&json!({"terminated": started})),
            of(&[("init", 0), ("web", 0)])
        );
    }

    #[test]
    fn a_pod_that_ends_is_left_out() {
        assert_eq!(
            with(|pod| pod["status"]["phase"] = json!("Succeeded")),
            None
        );
        let going =
            |pod: &mut Value| pod["metadata"]["deletionTimestamp"] = json!("2026-11-29T20:00:00Z");
        assert_eq!(with(going), None);
    }

    #[rstest]
    #[case(json!({}), "deployment/web")]
    #[case(json!({"labels": {"rollouts-pod-template-hash": "5d"}}), "rollout/web")]
    #[case(json!({"labels": {"pod-template-hash": "6e"}}), "replicaset/web-5d")]
    #[case(json!({"ownerReferences": [{"controller": true, "kind": "StatefulSet", "name": "db"}]}), "statefulset/db")]
    #[case(json!({"ownerReferences": [{"controller": true, "kind": "Node", "name": "n1"}]}), "pod/web-5d-x")]
    #[case(json!({"ownerReferences": null}), "pod/web-5d-x")]
    fn pods_are_shown_under_their_workload(#[case] metadata: Value, #[case] expect: &str) {
        let fields = metadata.as_object().unwrap().clone();
        let pod = with(|pod| pod["metadata"].as_object_mut().unwrap().extend(fields)).unwrap();
        assert_eq!(format!("{}/{}", pod.group.kind, pod.group.name), expect);
    }
}
