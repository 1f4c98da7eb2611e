//! Pods from their JSON, as a ladder sees them: whose they are, where, and how they fare.
//!
//! That its kubelet can resize it in place a running container's `resources` in the status
//! tell: only those write them that can (`pkg/kubelet/kubelet_pods.go`).

use std::net::IpAddr;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::messages::{PokeMark, SeenPod};
use super::resize::{RestartMark, RestartNote};
use crate::object::{Unreadable, seconds};
use crate::refs::Name;
use crate::uses::{ResizePolicy, Resizing, Resources, or_default, resizing};

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
    /// Whether its node says that it is at a loopback address itself: then the pod may be.
    pub on_this_machine: bool,
}

/// What made a pod and cares for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Its uid.
    pub uid: Name,
    /// Whether it is a ReplicaSet, which belongs to something else in turn.
    pub is_replica_set: bool,
}

/// Reads a pod; none where it has ended. Deaths count of the containers of these names.
pub fn read_live(json: &[u8], users: &[Name]) -> Result<Option<LivePod>, Unreadable> {
    let read = PodText::read(json)?;
    if read.has_ended() {
        return Ok(None);
    }
    let (pending, going) = (&*read.status.phase == "Pending", read.is_being_deleted());
    let (ready, started) = (read.status.is_ready(), read.status.has_started());
    let (restart, deaths) = (RestartMark::of(&read), read.deaths(users));
    let (head, state) = (read.metadata, read.status);
    Ok(Some(LivePod {
        maker: head.maker(),
        node: Some(read.spec.node_name).filter(|name| !name.is_empty()),
        address: state.pod_ip.parse().ok(),
        on_this_machine: false,
        pod: SeenPod {
            made: head.creation_timestamp.as_deref().and_then(seconds),
            ready,
            node_ready: ready,
            started,
            pending,
            going,
            deaths,
            mark: head.annotations.poke.as_deref().and_then(PokeMark::parse),
            restart,
            uid: head.uid,
            name: head.name,
        },
    }))
}

/// What is read of a pod.
#[derive(Deserialize)]
pub(super) struct PodText {
    pub(super) metadata: PodHead,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: PodPlan,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: PodState,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodHead {
    name: Name,
    pub(super) uid: Name,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) annotations: MarksTold,
    #[serde(default, deserialize_with = "or_default")]
    owner_references: Vec<OwnerTold>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MarksTold {
    #[serde(rename = "tidings.dev/poke")]
    poke: Option<String>,
    #[serde(rename = "tidings.dev/restart")]
    pub(super) restart: Option<String>,
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
pub(super) struct PodPlan {
    node_name: Name,
    #[serde(deserialize_with = "or_default")]
    pub(super) containers: Vec<ContainerText>,
    #[serde(deserialize_with = "or_default")]
    pub(super) init_containers: Vec<ContainerText>,
}

impl Default for PodPlan {
    fn default() -> Self {
        Self {
            node_name: "".into(),
            containers: Vec::new(),
            init_containers: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerText {
    pub(super) name: Name,
    #[serde(default, deserialize_with = "or_default")]
    resize_policy: Vec<ResizePolicy>,
    #[serde(default, deserialize_with = "or_default")]
    resources: Resources,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodState {
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
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerTold {
    name: String,
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
    restart_count: u32,
    resources: Option<IgnoredAny>,
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
    #[serde(rename = "containerID")]
    container_id: String,
}

impl PodText {
    pub(super) fn read(json: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json).map_err(|_| Unreadable)
    }

    /// Whether it has ended or is being deleted.
    pub(super) fn is_going(&self) -> bool {
        self.has_ended() || self.is_being_deleted()
    }

    fn has_ended(&self) -> bool {
        matches!(&*self.status.phase, "Succeeded" | "Failed")
    }

    fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Why its node does not resize it yet, or never.
    pub(super) fn pending_resize(&self) -> Option<String> {
        let mut conditions = self.status.conditions.iter();
        let is_pending = |is: &&ConditionTold| is.of == "PodResizePending" && is.status == "True";
        let ConditionTold {
            reason, message, ..
        } = conditions.find(is_pending)?;
        Some(format!("{reason}: {message}"))
    }

    fn deaths(&self, users: &[Name]) -> u32 {
        let note = RestartNote::of(self);
        let all = self.status.containers();
        let using = all.filter(|container| users.iter().any(|user| **user == *container.name));
        let replaced = |name: &str| note.as_ref().and_then(|note| note.replaced(name));
        using.map(|told| told.deaths(replaced(&told.name))).sum()
    }
}

impl PodPlan {
    /// The container of this name.
    pub(super) fn of_container(&self, name: &str) -> Option<&ContainerText> {
        let mut all = self.containers.iter().chain(&self.init_containers);
        all.find(|container| *container.name == *name)
    }
}

impl ContainerText {
    /// The thousandths of a core that it asks for.
    pub(super) fn request(&self) -> Option<u32> {
        self.resources.request()
    }

    /// The thousandths of a core that it may use.
    pub(super) fn limit(&self) -> Option<u32> {
        self.resources.limit()
    }

    /// Whether it may use as much CPU as it asks for, and no more.
    pub(super) fn is_equal(&self) -> bool {
        self.limit().is_some() && self.limit() == self.request()
    }

    pub(super) fn is_restarted_by_resize(&self) -> bool {
        resizing(&self.resize_policy, &self.resources) == Resizing::Restarts
    }
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

    fn containers(&self) -> impl Iterator<Item = &ContainerTold> {
        self.container_statuses
            .iter()
            .chain(&self.init_container_statuses)
    }

    /// What is told of the container of this name.
    pub(super) fn of_container(&self, name: &str) -> Option<&ContainerTold> {
        self.containers().find(|told| told.name == name)
    }
}

impl ContainerTold {
    /// Whether it runs.
    pub(super) fn runs(&self) -> bool {
        self.state.running.is_some()
    }

    /// Whether its kubelet tells which resources it has.
    pub(super) fn tells_resources(&self) -> bool {
        self.resources.is_some()
    }

    /// How often it was started again, and once more where it has ended and is to be;
    /// none where its last end was no death, or that of the container which we replaced.
    fn deaths(&self, replaced: Option<&str>) -> u32 {
        let last = self.state.terminated.as_ref();
        let last = last.or(self.last_state.terminated.as_ref());
        let ours = |last: &EndTold| replaced == Some(&last.container_id);
        if !last.is_some_and(|last| last.is_death() && !ours(last)) {
            return 0;
        }
        self.restart_count.saturating_add(u32::from(!self.runs()))
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
    #[case("/status/phase", json!("Failed"))]
    fn what_has_ended_is_none(#[case] place: &str, #[case] value: Value) {
        assert_eq!(with(place, value), None);
    }

    #[test]
    fn what_is_being_deleted_is_going_and_what_has_not_run_is_pending() {
        let gone = json!({"name": "a", "uid": "b", "deletionTimestamp": "2026-11-29T20:00:00Z"});
        assert!(with("/metadata", gone).unwrap().pod.going);
        assert!(with("/status/phase", json!("Pending")).unwrap().pod.pending);
        let pod = with("", Value::Null).unwrap().pod;
        assert!(!pod.going && !pod.pending);
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

    #[test]
    fn an_end_that_we_brought_about_is_no_death() {
        let note =
            r#"{"n":"4-k7f2","of":["nginx"],"cpu":{"nginx":{"id":"c://1","from":50,"to":49}}}"#;
        let deaths = |ended: &str, restarts: u32| {
            let annotations = json!({"tidings.dev/restart": note});
            let mut live = json!({
                "metadata": {"name": "a", "uid": "u", "annotations": annotations},
                "status": {"containerStatuses": [{"name": "nginx", "containerID": "c://2",
                    "restartCount": restarts, "state": {"running": {}}}]}});
            live["status"]["containerStatuses"][0]["lastState"] =
                json!({"terminated": {"exitCode": 137, "reason": "Error", "containerID": ended}});
            let live = read_live(live.to_string().as_bytes(), &["nginx".into()]);
            live.unwrap().unwrap().pod.deaths
        };
        assert_eq!(deaths("c://1", 1), 0);
        assert_eq!(deaths("c://2", 2), 2);
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
