//! What to look for when a workload rolls. Pure.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::fixtures::is_rolled_out;

/// The annotation of a pod template that names the roll.
pub(super) const CONFIG: &str = "tidings.dev/config";
/// The annotation of a pod template that says what it was for.
pub(super) const BECAUSE: &str = "tidings.dev/because";

fn is(object: &DynamicObject, kind: &str) -> bool {
    object
        .types
        .as_ref()
        .is_some_and(|types| types.kind == kind)
}

/// What an annotation of the pod template says.
pub(super) fn of_template<'o>(object: &'o DynamicObject, key: &str) -> Option<&'o str> {
    object.data["spec"]["template"]["metadata"]["annotations"][key].as_str()
}

fn carries(object: &DynamicObject, roll: u64) -> bool {
    of_template(object, CONFIG) == Some(&*mark(roll))
}

fn mark(roll: u64) -> String {
    format!("tidings/{roll}")
}

/// The record of the workload names this roll; roll 0 is the first record.
pub(super) fn recorded(object: &DynamicObject, roll: u64) -> bool {
    is(object, "Secret") && entries(object).any(|entry| entry["n"] == roll)
}

/// The entries of one of Tidings' own Secrets.
fn entries(secret: &DynamicObject) -> impl Iterator<Item = Value> {
    let data = secret.data["data"].as_object().into_iter().flatten();
    data.filter_map(|(_, value)| {
        let json = BASE64_STANDARD.decode(value.as_str()?).ok()?;
        serde_json::from_slice(&json).ok()
    })
}

/// The Deployment's template names this roll.
pub(super) fn patched(object: &DynamicObject, roll: u64) -> bool {
    is(object, "Deployment") && carries(object, roll)
}

/// The new ReplicaSet.
pub(super) fn replica_set(object: &DynamicObject, roll: u64) -> bool {
    is(object, "ReplicaSet") && carries(object, roll)
}

/// The new pod is ready.
pub(super) fn ready(object: &DynamicObject, roll: u64) -> bool {
    let mark = mark(roll);
    let ours = object.annotations().get(CONFIG) == Some(&mark);
    let conditions = object.data["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    is(object, "Pod") && ours && conditions.any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// All pods are new.
pub(super) fn complete(object: &DynamicObject, roll: u64) -> bool {
    patched(object, roll) && is_rolled_out(object)
}

/// The Event that tells of the roll.
pub(super) fn told(object: &DynamicObject, roll: u64) -> bool {
    let message = object.data["message"].as_str().unwrap_or_default();
    is(object, "Event") && message.contains(&format!("(no. {roll})"))
}
