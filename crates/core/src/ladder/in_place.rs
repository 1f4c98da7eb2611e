//! Which containers are started again for a change.
//!
//! Goes in: how the pods see what they use, and what changed. Comes out: the containers
//! that use any of it, and only these; or why one of them cannot have it so.

use crate::compare::{Change, What};
use crate::method::Ports;
use crate::needs::Demand;
use crate::refs::Name;
use crate::state::{DueWhat, Outstanding};
use crate::uses::{Layout, Resizing, Seeing, Use, Via};

use super::choose::{describe, touched};
use super::questions::reached;

/// What a roll is to bring, as changes of sources of this namespace.
pub fn changes_of(due: &Outstanding, namespace: &Name) -> Vec<Change> {
    let changes = due.iter().map(|(seen, due)| Change {
        source: seen.source(namespace),
        what: match due.what {
            DueWhat::Changed => What::Changed,
            DueWhat::Gone => What::Gone(Demand::Optional),
            DueWhat::Missing => What::Gone(Demand::Required),
        },
        keys: due.keys.clone(),
        version: None,
        dated: false,
        by: None,
    });
    changes.collect()
}

/// The containers that use what changed, each once; or why these cannot be started again
/// in place. An agent beside the program is left as it is where it watches files: it takes
/// them by itself.
pub fn restarted(
    layout: &Layout,
    ports: Option<&Ports>,
    changes: &[Change],
) -> Result<Vec<Name>, String> {
    let agents = reached(layout, ports).unwrap_or_default();
    let watches = |(seeing, used): &(&Seeing, &Use)| {
        let is_file = matches!(used.via, Via::Volume | Via::Projected);
        is_file && agents.iter().any(|(agent, _)| agent.name == seeing.name)
    };
    let mut names = Vec::new();
    for change in changes {
        let what = describe(change, &change.keys);
        if change.what == What::Gone(Demand::Required) {
            return Err(format!(
                "{what} is not there, and without it no container starts"
            ));
        }
        let touched = touched(layout, change);
        if touched.is_empty() {
            return Err(format!("no container uses {what}"));
        }
        let is_alone = touched.iter().all(watches);
        let programs = touched
            .into_iter()
            .filter(|touch| is_alone || !watches(touch));
        for (seeing, _) in programs {
            can_be_restarted(seeing, &what)?;
            if !names.contains(&seeing.name) {
                names.push(seeing.name.clone());
            }
        }
    }
    Ok(names)
}

fn can_be_restarted(seeing: &Seeing, what: &str) -> Result<(), String> {
    let name = &seeing.name;
    if seeing.ends {
        return Err(format!(
            "the init container {name} has read {what} when the pod started, and does not run again"
        ));
    }
    match seeing.resizing {
        Resizing::Restarts => Ok(()),
        Resizing::WithoutPolicy => Err(format!(
            "{name} has no resizePolicy with RestartContainer for cpu"
        )),
        Resizing::WithoutRequest => Err(format!(
            "{name} asks for no CPU that could be a thousandth of a core less"
        )),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::refs::{SourceKind, SourceRef};

    /// A program with two keys, a sidecar with one of another ConfigMap, and one that is
    /// not made for it.
    fn spec() -> Value {
        let policy = json!([{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]);
        let asks = json!({"requests": {"cpu": "50m"}});
        let env = |source: &str, key: &str| json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": source, "key": key}}}]);
        json!({
            "initContainers": [
                {"name": "render", "env": env("init", "a")},
                {"name": "proxy", "restartPolicy": "Always", "env": env("both", "b"),
                    "resizePolicy": policy, "resources": asks}],
            "containers": [
                {"name": "main", "env": env("both", "a"), "resizePolicy": policy, "resources": asks,
                    "volumeMounts": [{"name": "file", "mountPath": "/a", "subPath": "a"}]},
                {"name": "plain", "env": env("plain", "a")},
                {"name": "free", "env": env("free", "a"), "resizePolicy": policy}],
            "volumes": [{"name": "file", "configMap": {"name": "file"}}],
        })
    }

    fn change(name: &str, keys: &[&str], what: What) -> Change {
        Change {
            source: SourceRef::new(SourceKind::ConfigMap, "ns", name),
            what,
            keys: keys.iter().map(|key| Name::from(*key)).collect(),
            version: None,
            dated: false,
            by: None,
        }
    }

    #[rstest]
    #[case("both", &["a"], Ok("main"))]
    #[case("both", &["b"], Ok("proxy"))]
    #[case("both", &[], Ok("proxy main"))]
    #[case("file", &["a"], Ok("main"))]
    #[case("init", &["a"], Err("the init container render has read a of configmap/init"))]
    #[case("plain", &["a"], Err("plain has no resizePolicy with RestartContainer for cpu"))]
    #[case("free", &["a"], Err("free asks for no CPU"))]
    #[case("other", &["a"], Err("no container uses a of configmap/other"))]
    fn only_those_that_use_it_are_restarted(
        #[case] source: &str,
        #[case] keys: &[&str],
        #[case] expect: Result<&str, &str>,
    ) {
        let layout = Layout::read(json!({ "spec": spec() }));
        let names = restarted(&layout, None, &[change(source, keys, What::Changed)]);
        match (names, expect) {
            (Ok(names), Ok(expect)) => {
                let names: Vec<_> = names.iter().map(|name| &**name).collect();
                assert_eq!(names.join(" "), expect);
            }
            (Err(why), Err(said)) => assert!(why.contains(said), "{why}"),
            (found, _) => unreachable!("{found:?}"),
        }
    }

    #[test]
    fn an_agent_that_watches_files_is_left_as_it_is() {
        let mut pod = spec();
        let poke = json!({"items": [
            {"path": "poke", "fieldRef": {"fieldPath": "metadata.annotations['tidings.dev/poke']"}}]});
        let mounts =
            json!([{"name": "poke", "mountPath": "/p"}, {"name": "file", "mountPath": "/f"}]);
        let volume = json!({"name": "poke", "downwardAPI": poke});
        pod["volumes"].as_array_mut().unwrap().push(volume);
        let add = |pod: &mut Value, list: &str, container: Value| {
            pod[list].as_array_mut().unwrap().push(container);
        };
        let agent = json!({"name": "agent", "restartPolicy": "Always", "volumeMounts": mounts,
            "ports": [{"name": "tidings", "containerPort": 9533}]});
        add(&mut pod, "initContainers", agent);
        let layout = Layout::read(json!({ "spec": pod }));
        let changes = [change("file", &["a"], What::Changed)];
        assert_eq!(restarted(&layout, None, &changes), Ok(vec!["main".into()]));
        // Where it runs the program itself there is nobody else.
        pod["containers"][0]["volumeMounts"] = json!([]);
        let layout = Layout::read(json!({ "spec": pod }));
        let why = restarted(&layout, None, &changes).unwrap_err();
        assert!(why.starts_with("agent has no resizePolicy"), "{why}");
    }

    #[test]
    fn what_is_needed_and_gone_restarts_nothing() {
        let layout = Layout::read(json!({ "spec": spec() }));
        let gone = |demand| restarted(&layout, None, &[change("both", &["a"], What::Gone(demand))]);
        assert_eq!(gone(Demand::Optional), Ok(vec!["main".into()]));
        assert!(
            gone(Demand::Required)
                .unwrap_err()
                .contains("no container starts")
        );
    }
}
