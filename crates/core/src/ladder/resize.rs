//! Restarting containers in their pod, by a CPU request that differs by a thousandth of a
//! core.
//!
//! Goes in: a pod as the API server has it, the containers that are to be started again,
//! a number and the time. Comes out: a note for the pod and the resize, as patches; and of a
//! pod with such a note how far it is. The note is written first and names the values: who
//! comes after a crash asks for the same ones, which restarts nothing twice.
//!
//! The kubelet's back-off of a container is kept by its resources
//! (`pkg/kubelet/kuberuntime/helpers.go`, `GetBackOffKey`): with a value that it has had
//! lately it would wait for ten seconds and more. So each time another one is taken,
//! downwards first, of a range of twenty below what the container began with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::object::{Seconds, Unreadable};
use crate::refs::Name;
use crate::state::Number;

use super::live::{ContainerText, PodText};

/// The annotation of a pod that says for which number which containers are started again,
/// and how.
pub const RESTART: &str = "tidings.dev/restart";

/// A value counts as used for so long after a container had it: kubelets forget their
/// back-offs after ten minutes.
const LATELY: Seconds = 15 * 60;
/// So many values are taken below the one that a container began with.
const RANGE: u32 = 20;

/// What is noted on a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RestartNote {
    /// For which number.
    n: String,
    /// The containers that are started again for it.
    of: Vec<Name>,
    /// All that were ever started again so.
    cpu: BTreeMap<Name, Noted>,
}

/// What is noted of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// The container that ran, as its runtime calls it.
    id: String,
    /// What it asked for at first, in thousandths of a core.
    from: u32,
    /// What it asks for now.
    to: u32,
    /// What it had before, and until when.
    #[serde(default)]
    had: Vec<(u32, Seconds)>,
}

/// How far a pod is with what is noted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartMark {
    /// For which roll.
    pub number: Number,
    /// How far.
    pub stage: RestartStage,
}

/// How far a restart is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartStage {
    /// It is noted, and not asked for.
    Noted,
    /// It is asked for, and the containers are still those that were noted.
    Asked,
    /// All of them are others, and run.
    Restarted,
    /// The node does not do it; what it says.
    Refused(String),
}

/// What is to be done to a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resize {
    /// This.
    Patches {
        /// A merge patch of the pod, which comes first.
        note: String,
        /// A strategic merge patch of its `resize`.
        resize: String,
    },
    /// Nothing: it is asked for already.
    Asked,
    /// It cannot be restarted so; why.
    Cannot(String),
    /// It is another pod, or on its way out.
    Gone,
}

/// Works out how the containers of these names are started again in a pod, for a number.
pub fn resize(
    json: &[u8],
    uid: &Name,
    users: &[Name],
    number: Number,
    now: Seconds,
) -> Result<Resize, Unreadable> {
    let pod = PodText::read(json)?;
    if pod.metadata.uid != *uid || pod.is_going() {
        return Ok(Resize::Gone);
    }
    let is_asked = RestartMark::of(&pod).is_some_and(|mark| mark.is_asked_for(number));
    if is_asked {
        return Ok(Resize::Asked);
    }
    let note = RestartNote::next(&pod, users, number, now);
    Ok(match note {
        Ok(note) => Resize::Patches {
            resize: note.resize(&pod).to_string(),
            note: note.patch(uid).to_string(),
        },
        Err(why) => Resize::Cannot(why),
    })
}

impl RestartMark {
    /// What a pod carries, if it is ours.
    pub(super) fn of(pod: &PodText) -> Option<Self> {
        let note = RestartNote::of(pod)?;
        Some(Self {
            number: Number::parse(&note.n)?,
            stage: note.stage(pod),
        })
    }

    /// Whether what it takes for this number was asked for, or has happened by itself.
    pub(super) fn is_asked_for(&self, number: Number) -> bool {
        self.number == number && self.stage != RestartStage::Noted
    }
}

impl RestartNote {
    pub(super) fn of(pod: &PodText) -> Option<Self> {
        serde_json::from_str(pod.metadata.annotations.restart.as_deref()?).ok()
    }

    /// The container that was noted before it was started again.
    pub(super) fn replaced(&self, container: &str) -> Option<&str> {
        let noted = self.cpu.get(container)?;
        Some(&noted.id)
    }

    /// What is to be noted for a number: what is noted for it already, or values that were
    /// not used lately.
    fn next(pod: &PodText, users: &[Name], number: Number, now: Seconds) -> Result<Self, String> {
        let before = Self::of(pod);
        if let Some(note) = before.as_ref().filter(|note| note.n == number.to_string()) {
            note.is_untouched(pod)?;
            return Ok(note.clone());
        }
        if let Some(waits) = pod.pending_resize() {
            return Err(format!("a resize of it is pending already: {waits}"));
        }
        let mut note = Self {
            n: number.to_string(),
            of: users.to_vec(),
            cpu: before.map(|note| note.cpu).unwrap_or_default(),
        };
        for user in users {
            let noted = Noted::next(pod, user, note.cpu.get(user), now)?;
            note.cpu.insert(user.clone(), noted);
        }
        Ok(note)
    }

    /// What is noted of the containers that are started again now.
    fn noted(&self) -> impl Iterator<Item = (&Name, &Noted)> {
        let all = self.of.iter();
        all.filter_map(|name| self.cpu.get_key_value(name))
    }

    /// Whether nobody else has resized it since this was noted.
    fn is_untouched(&self, pod: &PodText) -> Result<(), String> {
        self.noted().try_for_each(|(name, noted)| {
            let asks = asks(pod, name)?;
            let had = noted.had.last().map(|(cpu, _)| *cpu);
            if asks == noted.to || Some(asks) == had {
                return Ok(());
            }
            Err(resized_by_others(name, asks, noted.to))
        })
    }

    fn stage(&self, pod: &PodText) -> RestartStage {
        let is_another = |name: &Name, noted: &Noted| {
            let told = pod.status.of_container(name);
            told.is_some_and(|told| told.runs() && *told.container_id != noted.id)
        };
        if self.noted().all(|(name, noted)| is_another(name, noted)) {
            return RestartStage::Restarted;
        }
        if let Some(why) = pod.pending_resize() {
            return RestartStage::Refused(why);
        }
        if self
            .noted()
            .all(|(name, noted)| asks(pod, name) == Ok(noted.to))
        {
            RestartStage::Asked
        } else {
            RestartStage::Noted
        }
    }

    fn patch(&self, uid: &Name) -> Value {
        let text = serde_json::to_string(self).unwrap_or_default();
        json!({ "metadata": { "uid": **uid, "annotations": { RESTART: text } } })
    }

    /// Each container with what it asks for; and what it may use, where that was the same.
    fn resize(&self, pod: &PodText) -> Value {
        let sized = |of: &[ContainerText]| -> Vec<Value> {
            let named = of
                .iter()
                .filter(|container| self.of.contains(&container.name));
            let sized = named.filter_map(|container| {
                let cpu = format!("{}m", self.cpu.get(&container.name)?.to);
                let mut resources = json!({ "requests": { "cpu": cpu } });
                if container.is_equal() {
                    resources["limits"] = json!({ "cpu": cpu });
                }
                Some(json!({ "name": *container.name, "resources": resources }))
            });
            sized.collect()
        };
        let mut spec = json!({});
        for (field, of) in [
            ("containers", sized(&pod.spec.containers)),
            ("initContainers", sized(&pod.spec.init_containers)),
        ] {
            if !of.is_empty() {
                spec[field] = of.into();
            }
        }
        json!({ "metadata": { "uid": *pod.metadata.uid }, "spec": spec })
    }
}

impl Noted {
    fn next(
        pod: &PodText,
        name: &Name,
        before: Option<&Self>,
        now: Seconds,
    ) -> Result<Self, String> {
        let container = pod.spec.of_container(name);
        let container = container.ok_or_else(|| format!("it has no container {name}"))?;
        if !container.is_restarted_by_resize() {
            return Err(format!("{name} is not restarted by another CPU request"));
        }
        let told = pod.status.of_container(name);
        if told.is_some_and(|told| told.runs() && !told.tells_resources()) {
            return Err("its node's kubelet resizes no pods in place".to_owned());
        }
        let asks = asks(pod, name)?;
        if let Some(before) = before.filter(|before| before.to != asks) {
            return Err(resized_by_others(name, asks, before.to));
        }
        let mut had = before.map(|before| before.had.clone()).unwrap_or_default();
        had.retain(|(_, until)| now.saturating_sub(*until) < LATELY);
        had.push((asks, now));
        let from = before.map_or(asks, |before| before.from);
        let below = container.limit().filter(|limit| *limit != asks);
        let to = free(asks, from, below, &had);
        let to = to.ok_or_else(|| {
            format!("{name} has had every CPU request that is near to {from}m within 15 minutes")
        })?;
        let id = told.map(|told| told.container_id.clone());
        let id = id.unwrap_or_default();
        Ok(Self { id, from, to, had })
    }
}

/// The first value that was not had lately, downwards from the present one, then from the
/// top. `below` is what it must stay below, so that the pod's QoS class stays as it is.
fn free(asks: u32, from: u32, below: Option<u32>, had: &[(u32, Seconds)]) -> Option<u32> {
    let low = from.saturating_sub(RANGE).max(1);
    let high = (low + RANGE).min(below.map_or(u32::MAX, |limit| limit.saturating_sub(1)));
    let down = (low..asks).rev();
    let mut all = down.chain((low..=high).rev());
    all.find(|value| *value != asks && had.iter().all(|(had, _)| had != value))
}

fn asks(pod: &PodText, name: &Name) -> Result<u32, String> {
    let container = pod.spec.of_container(name);
    let request = container.and_then(ContainerText::request);
    request.ok_or_else(|| format!("{name} asks for no CPU"))
}

fn resized_by_others(name: &Name, asks: u32, noted: u32) -> String {
    format!(
        "somebody else resizes it: {name} asks for {asks}m of CPU, where {noted}m was asked for here"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Seconds = 1_796_000_000;

    fn number(n: u64) -> Number {
        Number::parse(&format!("{n}-k7f2")).unwrap()
    }

    /// A pod of two containers that run, of which one has a limit that is its request.
    fn pod() -> Value {
        let policy = json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]);
        let runs = |name: &str, cpu: &str| {
            json!({"name": name, "containerID": format!("containerd://{name}1"), "restartCount": 0,
            "state": {"running": {"startedAt": "2026-11-30T17:00:00Z"}}, "resources": {"requests": {"cpu": cpu}}})
        };
        json!({
            "metadata": {"name": "web-0", "uid": "p1"},
            "spec": {"containers": [
                {"name": "main", "resizePolicy": policy, "resources": {"requests": {"cpu": "50m"}}},
                {"name": "side", "resizePolicy": policy,
                    "resources": {"requests": {"cpu": "0.1"}, "limits": {"cpu": "100m"}}}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [runs("main", "50m"), runs("side", "100m")]},
        })
    }

    fn planned(
        pod: &Value,
        users: &[&str],
        n: u64,
        now: Seconds,
    ) -> Result<(Value, Value), String> {
        let users: Vec<_> = users.iter().map(|user| Name::from(*user)).collect();
        match resize(
            pod.to_string().as_bytes(),
            &"p1".into(),
            &users,
            number(n),
            now,
        )
        .unwrap()
        {
            Resize::Patches { note, resize } => Ok((
                serde_json::from_str(&note).unwrap(),
                serde_json::from_str(&resize).unwrap(),
            )),
            Resize::Cannot(why) => Err(why),
            Resize::Gone => Err("gone".to_owned()),
            Resize::Asked => Err("asked".to_owned()),
        }
    }

    fn merge(into: &mut Value, patch: &Value) {
        into["metadata"]["annotations"] = patch["metadata"]["annotations"].clone();
    }

    fn resize_in(pod: &mut Value, patch: &Value) {
        for sized in patch["spec"]["containers"].as_array().unwrap() {
            let mut all = pod["spec"]["containers"].as_array_mut().unwrap().iter_mut();
            let container = all.find(|c| c["name"] == sized["name"]).unwrap();
            for (field, value) in sized["resources"].as_object().unwrap() {
                container["resources"][field] = value.clone();
            }
        }
    }

    fn stage(pod: &Value) -> RestartStage {
        let text = PodText::read(pod.to_string().as_bytes()).unwrap();
        RestartMark::of(&text).unwrap().stage
    }

    #[test]
    fn it_is_noted_and_asked_for_and_done() {
        let mut pod = pod();
        let (note, resize) = planned(&pod, &["main"], 4, NOW).unwrap();
        let expected = json!([{"name": "main", "resources": {"requests": {"cpu": "49m"}}}]);
        assert_eq!(resize["spec"], json!({ "containers": expected }));
        assert_eq!(resize["metadata"]["uid"], "p1");
        merge(&mut pod, &note);
        assert_eq!(stage(&pod), RestartStage::Noted);
        // Who comes after a crash asks for the same.
        assert_eq!(
            planned(&pod, &["main"], 4, NOW + 60),
            Ok((note, resize.clone()))
        );
        resize_in(&mut pod, &resize);
        assert_eq!(stage(&pod), RestartStage::Asked);
        assert_eq!(
            planned(&pod, &["main"], 4, NOW + 60),
            Err("asked".to_owned())
        );
        pod["status"]["containerStatuses"][0]["containerID"] = json!("containerd://main2");
        assert_eq!(stage(&pod), RestartStage::Restarted);
        pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {}});
        assert_eq!(stage(&pod), RestartStage::Asked);
    }

    #[test]
    fn where_request_and_limit_are_equal_they_stay_so() {
        let (_, resize) = planned(&pod(), &["side"], 4, NOW).unwrap();
        let both = json!({"requests": {"cpu": "99m"}, "limits": {"cpu": "99m"}});
        assert_eq!(resize["spec"]["containers"][0]["resources"], both);
    }

    #[test]
    fn a_sidecar_is_one_of_the_init_containers() {
        let mut pod = pod();
        pod["spec"]["initContainers"] = json!([pod["spec"]["containers"][0]]);
        pod["spec"]["containers"].as_array_mut().unwrap().remove(0);
        let (_, resize) = planned(&pod, &["main"], 4, NOW).unwrap();
        assert_eq!(resize["spec"]["initContainers"][0]["name"], "main");
        assert_eq!(resize["spec"].get("containers"), None);
    }

    #[test]
    fn what_the_node_says_is_told() {
        let mut pod = pod();
        let (note, resize) = planned(&pod, &["main"], 4, NOW).unwrap();
        merge(&mut pod, &note);
        resize_in(&mut pod, &resize);
        let pending = json!({"type": "PodResizePending", "status": "True", "reason": "Infeasible",
            "message": "static CPU manager"});
        pod["status"]["conditions"] = json!([pending]);
        let why = "Infeasible: static CPU manager";
        assert_eq!(stage(&pod), RestartStage::Refused(why.to_owned()));
        // Whatever comes next does not push it.
        let next = planned(&pod, &["main"], 5, NOW).unwrap_err();
        assert!(next.contains("pending already"), "{next}");
    }

    #[test]
    fn whoever_else_resizes_it_is_left_alone() {
        let mut pod = pod();
        let (note, resize) = planned(&pod, &["main"], 4, NOW).unwrap();
        merge(&mut pod, &note);
        resize_in(&mut pod, &resize);
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("250m");
        for n in [4, 5] {
            let why = planned(&pod, &["main"], n, NOW).unwrap_err();
            assert!(why.contains("somebody else resizes it"), "{why}");
        }
    }

    #[test]
    fn what_cannot_is_said() {
        let with = |place: &str, value: Value| {
            let mut pod = pod();
            *pod.pointer_mut(place).unwrap() = value;
            planned(&pod, &["main"], 4, NOW).unwrap_err()
        };
        let old = with("/status/containerStatuses/0/resources", Value::Null);
        assert!(old.contains("kubelet resizes no pods"), "{old}");
        let plain = with("/spec/containers/0/resizePolicy", json!([]));
        assert!(plain.contains("not restarted by another CPU"), "{plain}");
        assert_eq!(with("/metadata/uid", json!("p2")), "gone");
        assert_eq!(with("/status/phase", json!("Failed")), "gone");
        assert!(with("/spec/containers/0/name", json!("x")).contains("no container main"));
    }

    /// One after another, as fast as can be: `step` seconds apart.
    fn many(first: &str, times: u64, step: Seconds) -> Result<Vec<u32>, String> {
        let mut pod = pod();
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!(first);
        let mut values = Vec::new();
        for n in 0..times {
            let at = NOW + step * Seconds::try_from(n).unwrap();
            let (note, resize) = planned(&pod, &["main"], n + 1, at)?;
            merge(&mut pod, &note);
            resize_in(&mut pod, &resize);
            let text = PodText::read(pod.to_string().as_bytes()).unwrap();
            values.push(asks(&text, &"main".into()).unwrap());
        }
        Ok(values)
    }

    #[test]
    fn twenty_in_a_row_are_twenty_values_and_then_they_come_back_up() {
        let values = many("100m", 20, 1).unwrap();
        assert_eq!(values, (80..100).rev().collect::<Vec<_>>());
        let why = many("100m", 21, 1).unwrap_err();
        assert!(
            why.contains("every CPU request that is near to 100m"),
            "{why}"
        );
        let slow = many("100m", 23, 60).unwrap();
        assert_eq!(slow[20..], [100, 99, 98]);
    }

    proptest! {
        #[test]
        fn no_value_comes_again_within_a_quarter_of_an_hour(
            first in 2..200_u32, times in 1..60_u64, step in 1..400_i64,
        ) {
            let Ok(values) = many(&format!("{first}m"), times, step) else {
                return Ok(());
            };
            let lately = usize::try_from((LATELY - 1) / step).unwrap();
            let all: Vec<_> = std::iter::once(first).chain(values).collect();
            for (at, value) in all.iter().enumerate().skip(1) {
                let since = at.saturating_sub(lately);
                prop_assert!(!all[since..at].contains(value), "{all:?}");
                prop_assert!(*value > 0 && value.abs_diff(first) <= RANGE);
            }
        }
    }
}
