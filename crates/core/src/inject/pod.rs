//! The parts of a pod template that an agent has to fit into.
//!
//! Goes in: a template as it is written. Comes out: its lists and words; what has another
//! shape than expected is not there.

use serde_json::Value;

use crate::uses::Seeing;

/// The bit of a mode by which everybody may read a file.
const READ_BY_ALL: i64 = 0o004;

/// The items of a list; of anything else none.
pub(super) fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

/// The string under a key; empty where there is none.
pub(super) fn word<'a>(of: &'a Value, key: &str) -> &'a str {
    of[key].as_str().unwrap_or_default()
}

/// What the manifest says to be started, word by word.
pub(super) fn command_line(container: &Value) -> impl Iterator<Item = &str> {
    let lists = ["command", "args"].map(|key| list(container, key));
    lists.into_iter().flatten().filter_map(Value::as_str)
}

/// The containers of a pod, the init containers first.
pub(super) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers"].map(|key| list(spec, key));
    lists.into_iter().flatten()
}

/// Whether its nodes are Windows machines, on which neither signals nor the agent are.
pub(super) fn is_windows(spec: &Value) -> bool {
    let by_node = word(&spec["nodeSelector"], "kubernetes.io/os");
    word(&spec["os"], "name") == "windows" || by_node == "windows"
}

/// The user as which a container runs, where the manifest says it.
pub(super) fn user(spec: &Value, container: &Value) -> Option<i64> {
    run_as(spec, container, "runAsUser")
}

/// The same of its group.
pub(super) fn group(spec: &Value, container: &Value) -> Option<i64> {
    run_as(spec, container, "runAsGroup")
}

fn run_as(spec: &Value, container: &Value, key: &str) -> Option<i64> {
    let own = container["securityContext"][key].as_i64();
    own.or_else(|| spec["securityContext"][key].as_i64())
}

/// The mounts of a container whose files follow a change, as they are written.
pub(super) fn file_mounts<'a>(container: &'a Value, seeing: &Seeing) -> Vec<&'a Value> {
    let folders: Vec<_> = seeing.folders().collect();
    let mounts = list(container, "volumeMounts").iter();
    let is_one = |mount: &&Value| {
        let by_itself = ["subPath", "subPathExpr"].map(|key| word(mount, key));
        by_itself.concat().is_empty() && folders.contains(&whole(word(mount, "mountPath")).as_str())
    };
    mounts.filter(is_one).collect()
}

/// A path without what means nothing in it.
pub(super) fn whole(path: &str) -> String {
    let parts = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    format!("/{}", parts.collect::<Vec<_>>().join("/"))
}

/// The first port from this one on that no container has.
pub(super) fn free_port(spec: &Value, from: u16) -> Option<u16> {
    let ports = containers(spec).flat_map(|container| list(container, "ports"));
    let taken: Vec<_> = ports
        .filter_map(|port| port["containerPort"].as_u64())
        .collect();
    let mut candidates = from..from.saturating_add(64);
    candidates.find(|port| !taken.contains(&u64::from(*port)))
}

/// Whether a volume gives files a mode with which not everybody may read them.
pub(super) fn has_modes(volume: &Value) -> bool {
    let is_one = |key: &str, value: &Value| {
        let is_mode = key == "defaultMode" || key == "mode";
        is_mode && value.as_i64().is_none_or(|mode| mode & READ_BY_ALL == 0)
    };
    match volume {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| is_one(key, value) || has_modes(value)),
        Value::Array(list) => list.iter().any(has_modes),
        _ => false,
    }
}
