//! Pods from their JSON, as a ladder sees them: whose they are, where, and how they fare.

use std::net::IpAddr;

use serde::Deserialize;

use super::messages::{PokeMark, SeenPod};
use crate::object::Unreadable;
use crate::refs::Name;
use crate::uses::or_default;

/// A pod that runs, or is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePod {
    /// How it is. Where it is Ready its node is taken to be, too: the node's controller
    /// says of the pods of a node that is gone that they are not.
    pub pod: SeenPod,
    /// What made it and cares for it.
    pub maker: Option<Maker>,
    /// Its node, where it has one.
    pub node: Option<Name>,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
}

/// What made a pod and cares for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Its uid.
    pub uid: Name,
    /// Whether it is a ReplicaSet, which belongs to something else in turn.
    pub is_replica_set: bool,
}

/// Reads a pod; none where it has ended or is being deleted. Deaths count of the
/// containers of these names.
pub fn read_live(json: &[u8], users: &[Name]) -> Result<Option<LivePod>, Unreadable> {
    let read: PodText = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    let (head, state) = (read.metadata, read.status);
    let has_ended = matches!(&*state.phase, "Succeeded" | "Failed");
    if has_ended || head.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let ready = state.is_ready();
    Ok(Some(LivePod {
        maker: head.maker(),
        node: Some(read.spec.node_name).filter(|name| !name.is_empty()),
        address: state.pod_ip.parse().ok(),
        pod: SeenPod {
            ready,
            node_ready: ready,
            started: state.has_started(),
            deaths: state.deaths(users),
            mark: head.annotations.poke.as_deref().and_then(PokeMark::parse),
            uid: head.uid,
            name: head.name,
        },
    }))
}

#[derive(Deserialize)]
struct PodText {
    metadata: PodHead,
    #[serde(default, deserialize_with = "or_default")]
    spec: PodPlace,
    #[serde(default, deserialize_with = "or_default")]
    status: PodState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodHead {
    name: Name,
    uid: Name,
    deletion_timestamp: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    annotations: PokeText,
    #[serde(default, deserialize_with = "or_default")]
    owner_references: Vec<OwnerTold>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PokeText {
    #[serde(rename = "tidings.dev/poke")]
    poke: Option<String>,
}

#[derive(Deserialize)]
struct OwnerTold {
    kind: String,
    uid: Name,
    #[serde(default, deserialize_with = "or_default")]
    controller: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodPlace {
    node_name: Name,
}

impl Default for PodPlace {
    fn default() -> Self {
        Self {
            node_name: "".into(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodState {
    phase: String,
    #[serde(rename = "podIP")]
    pod_ip: String,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionTold>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<ContainerTold>,
    #[serde(deserialize_with = "or_default")]
    init_container_statuses: Vec<ContainerTold>,
}

#[derive(Deserialize)]
struct ConditionTold {
    #[serde(rename = "type")]
    of: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerTold {
    name: String,
    restart_count: u32,
    #[serde(deserialize_with = "or_default")]
    state: StateTold,
    #[serde(deserialize_with = "or_default")]
    last_state: StateTold,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StateTold {
    running: Option<RunTold>,
    terminated: Option<EndTold>,
}

#[derive(Deserialize)]
struct RunTold {}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EndTold {
    exit_code: i32,
    reason: String,
}

impl PodHead {
    fn maker(&self) -> Option<Maker> {
        let mut owners = self.owner_references.iter();
        let maker = owners.find(|owner| owner.controller)?;
        Some(Maker {
            uid: maker.uid.clone(),
            is_replica_set: maker.kind == "ReplicaSet",
        })
    }
}

impl PodState {
    fn is_ready(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|is| is.of == "Ready" && is.status == "True")
    }

    fn has_started(&self) -> bool {
        let mut containers = self.container_statuses.iter();
        containers.any(|container| container.state.running.is_some())
    }

    fn deaths(&self, users: &[Name]) -> u32 {
        let all = self.container_statuses.iter();
        let all = all.chain(&self.init_container_statuses);
        let using = all.filter(|container| users.iter().any(|user| **user == *container.name));
        using.map(ContainerTold::deaths).sum()
    }
}

impl ContainerTold {
    /// How often it was started again, and once more where it has ended and is to be;
    /// none where its last end was no death.
    fn deaths(&self) -> u32 {
        let last = self.state.terminated.as_ref();
        let last = last.or(self.last_state.terminated.as_ref());
        if !last.is_some_and(EndTold::is_death) {
            return 0;
        }
        let is_down = self.state.running.is_none();
        self.restart_count.saturating_add(u32::from(is_down))
    }
}

impl EndTold {
    /// The kubelet ends all containers where one of them asks for that
    /// (`restartPolicyRules`): that is nobody's death.
    fn is_death(&self) -> bool {
        self.exit_code != 0 && self.reason != "RestartingAllContainers"
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn with(place: &str, value: Value) -> Option<LivePod> {
        let running = json!({"running": {"startedAt": "2026-11-29T20:00:05Z"}});
        let mut pod = json!({
            "metadata": {"name": "web-x", "uid": "p1",
                "annotations": {"tidings.dev/poke": "4-k7f2 0123456789abcdef", "other": "x"},
                "ownerReferences": [
                    {"kind": "Gateway", "uid": "g"},
                    {"kind": "ReplicaSet", "uid": "rs", "controller": true}]},
            "spec": {"nodeName": "n1"},
            "status": {"phase": "Running", "podIP": "fd00::7",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [
                    {"name": "nginx", "restartCount": 0, "state": running, "lastState": {}},
                    {"name": "other", "restartCount": 7, "state": running,
                        "lastState": {"terminated": {"exitCode": 1}}}]},
        });
        if !place.is_empty() {
            *pod.pointer_mut(place).unwrap() = value;
        }
        read_live(pod.to_string().as_bytes(), &["nginx".into()]).unwrap()
    }

    #[test]
    fn a_pod_is_read_with_its_maker_node_and_address() {
        let live = with("", Value::Null).unwrap();
        assert_eq!(live.maker.unwrap().uid, "rs".into());
        assert_eq!(live.address, Some("fd00::7".parse().unwrap()));
        assert_eq!(live.node, Some("n1".into()));
        let SeenPod { mark, deaths, .. } = &live.pod;
        assert_eq!(*mark, PokeMark::parse("4-k7f2 0123456789abcdef"));
        assert_eq!(*deaths, 0);
        assert!(live.pod.ready && live.pod.started && live.pod.node_ready);
    }

    #[rstest]
    #[case("/status/phase", json!("Succeeded"))]
    #[case("/metadata", json!({"name": "a", "uid": "b", "deletionTimestamp": "2026-11-29T20:00:00Z"}))]
    fn what_has_ended_or_is_going_is_none(#[case] place: &str, #[case] value: Value) {
        assert_eq!(with(place, value), None);
    }

    #[test]
    fn what_is_not_told_is_not_there() {
        for place in [
            "/status",
            "/spec",
            "/metadata/annotations",
            "/metadata/ownerReferences",
        ] {
            let live = with(place, Value::Null).unwrap();
            let is_there = |place_of: &str| place != place_of;
            assert_eq!(live.pod.started, is_there("/status"));
            assert_eq!(live.node.is_some(), is_there("/spec"));
            assert_eq!(live.pod.mark.is_some(), is_there("/metadata/annotations"));
            assert_eq!(live.maker.is_some(), is_there("/metadata/ownerReferences"));
        }
    }

    #[rstest]
    #[case(json!({"running": {}}), json!({"terminated": {"exitCode": 1}}), 2, 2)]
    #[case(json!({"waiting": {}}), json!({"terminated": {"exitCode": 1}}), 2, 3)]
    #[case(json!({"terminated": {"exitCode": 137}}), json!({}), 0, 1)]
    #[case(json!({"terminated": {"exitCode": 0}}), json!({}), 4, 0)]
    #[case(json!({"running": {}}), json!({"terminated": {"exitCode": 137, "reason": "RestartingAllContainers"}}), 1, 0)]
    fn deaths_are_ends_of_its_own(
        #[case] state: Value,
        #[case] last: Value,
        #[case] restarts: u32,
        #[case] deaths: u32,
    ) {
        let told =
            json!([{"name": "nginx", "restartCount": restarts, "state": state, "lastState": last}]);
        let live = with("/status/containerStatuses", told).unwrap();
        assert_eq!(live.pod.deaths, deaths);
    }
}
