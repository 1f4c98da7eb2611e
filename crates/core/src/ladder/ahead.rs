//! What of all that a workload uses could go pod by pod, before anything has changed.
//!
//! Goes in: a workload, what its owners allow. Comes out: whether any change could, and why
//! others could not. A source may be used in several ways, so each key is asked about as
//! the controller asks about those that have changed; keys that the same uses bring are
//! alike, and so are all that no use names.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Change, What};
use crate::method::Methods;
use crate::object::Workload;
use crate::policy::Policy;
use crate::refs::{Name, SourceRef};
use crate::uses::{Keys, Layout, Use, Via};

use super::choose::{Passed, Wish, choose, is_in_files, is_touched};

/// Stands for the keys that no use names: no key can be called so.
const OTHERS: &str = "any other key";

/// Why changes of what a workload uses could not go pod by pod, by a method that is
/// listed, with all rights: each reason once, in order.
pub fn obstacles(workload: &Workload, policy: &Policy) -> Vec<Passed> {
    let Some(layout) = workload.layout.as_deref() else {
        return Vec::new();
    };
    let listed = policy.methods.iter().filter(|method| method.is_pod_wise());
    let listed: Methods = listed.collect();
    let passed = possible(workload, layout).into_iter().flat_map(|change| {
        let wish = Wish {
            kind: workload.key.kind,
            changes: &[change],
            layout: Some(layout),
            ports: policy.own.agent.as_deref(),
            listed,
            enabled: Methods::all(),
        };
        choose(&wish).passed
    });
    let mut each: Vec<_> = passed.collect();
    each.sort_by(|a, b| (a.method, &a.why).cmp(&(b.method, &b.why)));
    each.dedup();
    each
}

/// Whether a change of anything that a workload uses is one of files that follow it, as far
/// as is known.
pub fn has_files(workload: &Workload) -> bool {
    let Some(layout) = workload.layout.as_deref() else {
        return true;
    };
    let mut possible = possible(workload, layout).into_iter();
    possible.any(|change| is_in_files(layout, &change).is_ok())
}

/// The changes that can happen to what counts.
fn possible(workload: &Workload, layout: &Layout) -> Vec<Change> {
    // What only the kubelet uses rolls nothing.
    let counting = || {
        let uses = workload.uses.iter();
        uses.filter(|used| used.via != Via::ImagePullSecret)
    };
    let namespace = &workload.key.namespace;
    let sources: BTreeSet<_> = counting().map(|used| used.source(namespace)).collect();
    let all = sources.iter().flat_map(|source| {
        let in_containers = layout.containers.iter().flat_map(|seeing| &seeing.uses);
        let uses = counting().chain(in_containers);
        let is_its = |used: &&Use| used.source(namespace) == *source;
        changes_of(source, &uses.filter(is_its).collect::<Vec<_>>())
    });
    all.collect()
}

/// A change for each group of keys that the same uses bring.
fn changes_of(source: &SourceRef, uses: &[&Use]) -> Vec<Change> {
    let mut groups: BTreeMap<Vec<bool>, Vec<Name>> = BTreeMap::new();
    let names: BTreeSet<Name> = uses.iter().flat_map(|used| named(used)).collect();
    for key in names.into_iter().chain([OTHERS.into()]) {
        let change = changed(source, vec![key.clone()]);
        let bring = uses.iter().map(|used| is_touched(used, &change)).collect();
        groups.entry(bring).or_default().push(key);
    }
    groups.retain(|bring, _| bring.contains(&true));
    if let [keys] = groups.values_mut().collect::<Vec<_>>().as_mut_slice() {
        // They are all that there are.
        keys.retain(|key| &**key != OTHERS);
    }
    let groups = groups.into_values();
    groups.map(|keys| changed(source, keys)).collect()
}

fn named(used: &Use) -> impl Iterator<Item = Name> {
    let keys = match &used.keys {
        Keys::All => &[],
        Keys::Except(keys) | Keys::Some(keys) | Keys::Present(keys) => &**keys,
    };
    keys.iter().cloned()
}

fn changed(source: &SourceRef, keys: Vec<Name>) -> Change {
    Change {
        source: source.clone(),
        what: What::Changed,
        keys,
        version: None,
        dated: false,
        by: None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::annotations::Annotations;
    use crate::kinds::KINDS;
    use crate::object::read_workload;
    use crate::policy::{self, Defaults};
    use crate::vocabulary::Vocabulary;

    /// A Deployment that lists `poke`, with these containers.
    fn workload(containers: &Value) -> Workload {
        let mut vocabulary = Vocabulary::default();
        vocabulary.sees_pods = true;
        let spec = json!({
            "imagePullSecrets": [{"name": "registry"}],
            "containers": containers,
            "volumes": [
                {"name": "web", "configMap": {"name": "web"}},
                {"name": "some", "configMap": {"name": "web",
                    "items": [{"key": "a", "path": "a"}, {"key": "b", "path": "b"}]}}],
        });
        let json = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "u", "resourceVersion": "1",
                "annotations": {"tidings.dev/reload": "auto", "tidings.dev/method": "poke"}},
            "spec": {"template": {"spec": spec}},
        });
        read_workload(&KINDS[0], json.to_string().as_bytes(), &vocabulary).unwrap()
    }

    fn mount(volume: &str) -> Value {
        json!({"name": volume, "mountPath": format!("/{volume}")})
    }

    fn by_sub_path(key: &str) -> Value {
        json!({"name": "web", "mountPath": format!("/etc/{key}"), "subPath": key})
    }

    fn variable(name: &str, key: &str) -> Value {
        json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "web", "key": key}}})
    }

    fn environment() -> Value {
        json!([{"configMapRef": {"name": "web"}}])
    }

    fn is_variable(what: &str) -> String {
        format!("poke cannot: {what} of configmap/web is an environment variable of main")
    }

    /// What a container `main` has, whether any change of it goes hot, and why others
    /// do not.
    #[rstest]
    #[case::a_file(json!({"volumeMounts": [mount("web")]}), true, "")]
    #[case::a_file_beside_a_variable(
        json!({"volumeMounts": [mount("web")], "env": [variable("L", "level")]}),
        true, &is_variable("level"))]
    #[case::a_file_that_is_a_variable_too(
        json!({"volumeMounts": [mount("some")], "env": [variable("A", "a"), variable("B", "b")]}),
        false, &[is_variable("a"), is_variable("b")].join("; "))]
    #[case::one_file_of_two_is_a_variable(
        json!({"volumeMounts": [mount("some")], "env": [variable("A", "a")]}),
        true, &is_variable("a"))]
    #[case::all_are_variables(
        json!({"volumeMounts": [mount("web")], "envFrom": environment()}),
        false, "poke cannot: configmap/web is an environment variable of main")]
    #[case::a_variable_that_goes_over_one(
        json!({"volumeMounts": [mount("web")], "envFrom": environment(), "env": [{"name": "a", "value": "x"}]}),
        true, &is_variable("any other key"))]
    #[case::a_file_beside_a_sub_path(
        json!({"volumeMounts": [mount("web"), by_sub_path("a")]}),
        true, "poke cannot: a of configmap/web is mounted by subPath in main, and never follows")]
    #[case::a_sub_path(
        json!({"volumeMounts": [by_sub_path("a")]}),
        false, "poke cannot: a of configmap/web is mounted by subPath in main, and never follows")]
    #[case::nothing(json!({}), false, "")]
    fn each_key_is_asked_about(
        #[case] mut container: Value,
        #[case] goes: bool,
        #[case] said: &str,
    ) {
        container["name"] = json!("main");
        let workload = workload(&json!([container]));
        let policy = policy::read(&workload, &Annotations::default(), Defaults::default()).0;
        let obstacles = obstacles(&workload, &policy);
        let obstacles: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
        assert_eq!(obstacles.join("; "), said);
        assert_eq!(has_files(&workload), goes);
    }

    #[test]
    fn what_another_container_has_as_a_variable_is_one() {
        let containers = json!([
            {"name": "main", "volumeMounts": [mount("some")]},
            {"name": "other", "envFrom": environment()},
        ]);
        assert!(!has_files(&workload(&containers)));
    }
}
