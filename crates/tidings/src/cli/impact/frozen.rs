//! What the API server refuses of a workload that is applied (the updates in
//! `pkg/apis/apps/validation` and `pkg/apis/batch/validation` of Kubernetes): what may not
//! be changed, and labels and annotations that none can have.
//!
//! Goes in: a workload as it is, and as it would be. Comes out: a sentence. Pure.

use serde_json::{Map, Value};
use tidings_core::kinds::Kind;
use tidings_core::refs::WorkloadRef;

use crate::fetch::refusal_of_metadata;

/// What may not be changed of a kind.
enum Frozen {
    /// These fields of its spec.
    These(&'static [&'static str]),
    /// All of its spec but these.
    AllBut(&'static [&'static str]),
}

const KINDS: [(&str, Frozen); 4] = [
    ("deployment", Frozen::These(&["selector"])),
    ("daemonset", Frozen::These(&["selector"])),
    (
        "statefulset",
        Frozen::AllBut(&[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ]),
    ),
    (
        "job",
        Frozen::These(&["selector", "template", "completionMode"]),
    ),
];

/// Why the API server would refuse it; `None` where nothing is known against it.
pub(super) fn refusal(kind: &Kind, live: &Value, after: &Value) -> Option<String> {
    if let Some(field) = changed(kind, live, after) {
        return Some(format!("spec.{field} may not be changed; delete it before"));
    }
    let template = kind.template.iter().fold(after, |at, part| &at[*part]);
    let written = [("", after), ("of its pod template, ", template)].into_iter();
    let mut refused = written.filter_map(|(of, object)| {
        let why = refusal_of_metadata(&object["metadata"])?;
        Some(format!("{of}{why}"))
    });
    refused.next()
}

/// The first such field that would be another.
fn changed<'a>(kind: &Kind, live: &Value, after: &'a Value) -> Option<&'a str> {
    let (_, frozen) = KINDS.iter().find(|(word, _)| *word == kind.word)?;
    let is_frozen = |field: &str| match frozen {
        Frozen::These(fields) => fields.contains(&field),
        Frozen::AllBut(fields) => !fields.contains(&field),
    };
    // One that is suspended may be scheduled otherwise before it starts.
    if kind.word == "job" && live["spec"]["suspend"] == true {
        return None;
    }
    let fields = after["spec"].as_object().into_iter().flat_map(Map::keys);
    let mut fields = fields.map(String::as_str);
    fields.find(|field| is_frozen(field) && after["spec"][*field] != live["spec"][*field])
}

/// What is said of it.
pub(super) fn told(key: &WorkloadRef, why: &str) -> String {
    let (kind, name, namespace) = (key.kind.word, &key.name, &key.namespace);
    format!("{kind}/{name} in {namespace} is refused by the API server: {why}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("deploy", json!({"selector": {"matchLabels": {"a": "2"}}}), Some("selector"))]
    #[case("deploy", json!({"template": {"x": 2}, "replicas": 2}), None)]
    #[case("sts", json!({"serviceName": "other"}), Some("serviceName"))]
    #[case("sts", json!({"template": {"x": 2}, "replicas": 2}), None)]
    #[case("job", json!({"template": {"x": 2}}), Some("template"))]
    #[case("job", json!({"parallelism": 2}), None)]
    #[case("cj", json!({"jobTemplate": {"x": 2}}), None)]
    fn what_may_not_be_changed(
        #[case] kind: &str,
        #[case] spec: Value,
        #[case] expect: Option<&str>,
    ) {
        let live = json!({"spec": {"selector": {"matchLabels": {"a": "1"}}, "template": {"x": 1},
            "serviceName": "web"}});
        let mut after = live.clone();
        let of = after["spec"].as_object_mut().unwrap();
        of.extend(spec.as_object().unwrap().clone());
        assert_eq!(changed(Kind::parse(kind).unwrap(), &live, &after), expect);
    }

    #[test]
    fn labels_are_those_of_the_template_too() {
        let live =
            json!({"metadata": {}, "spec": {"template": {"metadata": {"labels": {"a": "1"}}}}});
        let mut after = live.clone();
        after["spec"]["template"]["metadata"]["labels"]["a"] = json!("two words");
        let kind = Kind::parse("deploy").unwrap();
        assert_eq!(refusal(kind, &live, &live), None);
        let said = refusal(kind, &live, &after).unwrap();
        assert!(
            said.starts_with("of its pod template, the value of the label"),
            "{said}"
        );
    }
}
