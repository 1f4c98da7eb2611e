//! What a workload would be when its manifest is applied.
//!
//! Goes in: the object as the API server has it, and a manifest, which leaves out what the
//! API server fills in. Comes out: the object with what the manifest says otherwise. What
//! the two write in two ways (`1000m` and `1`) is no difference, and what was applied
//! before and is not said any more goes, as far as the annotation tells that
//! `kubectl apply` writes. An approximation for want of a right to try it
//! (`--dry-run=server` needs the right to write): what admission adds is not known. Pure.

use serde_json::{Map, Value};

use crate::fetch::LAST_APPLIED;

/// By which the items of a list are the same, the first that they have.
const NAMES: [&str; 5] = ["name", "mountPath", "containerPort", "devicePath", "key"];

/// The object when the manifest is applied to it.
pub(super) fn applied(live: &Value, manifest: &Value) -> Value {
    let last = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    let last = last.and_then(|text| serde_json::from_str(text).ok());
    let mut after = live.clone();
    for part in ["spec", "metadata"] {
        let last = last.as_ref().map(|last: &Value| &last[part]);
        let says = match part {
            "metadata" => only_written(&manifest[part]),
            _ => manifest[part].clone(),
        };
        after[part] = over(&live[part], &says, last.unwrap_or(&Value::Null));
    }
    if after["spec"] != live["spec"] {
        let generation = live["metadata"]["generation"].as_i64().unwrap_or_default();
        after["metadata"]["generation"] = (generation + 1).into();
    }
    after
}

/// Of metadata people write these; the rest is the API server's.
fn only_written(metadata: &Value) -> Value {
    let written = ["annotations", "labels"].into_iter();
    let written = written.filter_map(|of| Some((of.to_owned(), metadata.get(of)?.clone())));
    Value::Object(written.collect())
}

fn over(live: &Value, says: &Value, last: &Value) -> Value {
    match (live, says) {
        (Value::Object(live), Value::Object(says)) => map_over(live, says, last).into(),
        (Value::Array(live), Value::Array(says)) => list_over(live, says, last).into(),
        (live, says) if is_same(live, says) => live.clone(),
        (_, says) => says.clone(),
    }
}

fn map_over(
    live: &Map<String, Value>,
    says: &Map<String, Value>,
    last: &Value,
) -> Map<String, Value> {
    let mut after = live.clone();
    let gone = |key: &String| last.get(key).is_some() && !says.contains_key(key);
    after.retain(|key, _| !gone(key));
    for (key, value) in says {
        match live.get(key) {
            Some(live) => drop(after.insert(key.clone(), over(live, value, &last[key]))),
            // The API server does not keep what says nothing.
            None if is_nothing(value) => {}
            None => drop(after.insert(key.clone(), value.clone())),
        }
    }
    after
}

/// Items by their names, else by their places.
fn list_over(live: &[Value], says: &[Value], last: &Value) -> Vec<Value> {
    let last = last.as_array().map_or(&[][..], Vec::as_slice);
    let items = says.iter().enumerate().map(|(place, item)| {
        let Some(there) = like(live, item, place) else {
            return item.clone();
        };
        let before = like(last, item, place).unwrap_or(&Value::Null);
        over(there, item, before)
    });
    items.collect()
}

fn like<'a>(list: &'a [Value], item: &Value, place: usize) -> Option<&'a Value> {
    let name = NAMES.iter().find(|name| item.get(**name).is_some());
    match name {
        Some(name) => list.iter().find(|other| other[*name] == item[*name]),
        None => list.get(place),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
    }
}

/// The same, or the same amount.
fn is_same(live: &Value, says: &Value) -> bool {
    let amount = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => quantity(text),
        _ => None,
    };
    let alike = || {
        let (a, b) = (amount(live)?, amount(says)?);
        Some((a - b).abs() <= a.abs() * f64::EPSILON)
    };
    live == says || alike().unwrap_or(false)
}

/// The suffixes of quantities (`apimachinery/pkg/api/resource` of Kubernetes), and what
/// each is times.
const SUFFIXES: [(&str, f64); 16] = [
    ("Ki", 1_024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("", 1.0),
];

fn quantity(text: &str) -> Option<f64> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let mut found = SUFFIXES.iter().filter_map(|(suffix, times)| {
        let number: f64 = text.strip_suffix(suffix)?.parse().ok()?;
        Some(number * times)
    });
    begins.then(|| found.next()).flatten()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn live() -> Value {
        json!({
            "metadata": {"uid": "u", "generation": 3, "annotations": {"a": "1"}},
            "spec": {"replicas": 2, "template": {"spec": {
                "restartPolicy": "Always",
                "containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always",
                    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                    "env": [{"name": "A", "value": "1"}, {"name": "EMPTY"}]}]}}},
        })
    }

    fn manifest(container: &Value) -> Value {
        json!({"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [container]}}}})
    }

    #[rstest]
    #[case(json!({"name": "c", "image": "i"}))]
    #[case(json!({"name": "c", "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}))]
    #[case(json!({"name": "c", "resources": {"limits": {"cpu": 1}}}))]
    #[case(json!({"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}]}))]
    #[case(json!({"name": "c", "command": null, "stdin": false, "ports": []}))]
    fn what_the_server_fills_in_is_no_difference(#[case] container: Value) {
        assert_eq!(applied(&live(), &manifest(&container)), live());
    }

    #[rstest]
    #[case(json!({"name": "c", "image": "j"}))]
    #[case(json!({"name": "c", "env": [{"name": "A", "value": "2"}, {"name": "EMPTY"}]}))]
    #[case(json!({"name": "c", "env": [{"name": "A", "value": "1"}]}))]
    #[case(json!({"name": "c", "resources": {"limits": {"cpu": "2"}}}))]
    #[case(json!({"name": "d"}))]
    fn what_is_said_otherwise_is_one(#[case] container: Value) {
        let after = applied(&live(), &manifest(&container));
        assert_ne!(after["spec"], live()["spec"]);
        assert_eq!(after["metadata"]["generation"], 4);
        assert_eq!(after["spec"]["replicas"], 2);
    }

    #[test]
    fn what_was_applied_before_goes() {
        let mut live = live();
        let last = json!({"spec": {"template": {"spec": {"restartPolicy": "Always"}}}});
        live["metadata"]["annotations"][LAST_APPLIED] = last.to_string().into();
        let after = applied(&live, &manifest(&json!({"name": "c"})));
        assert!(after["spec"]["template"]["spec"]["restartPolicy"].is_null());
    }

    #[test]
    fn quantities() {
        assert_eq!(quantity("500m"), Some(0.5));
        assert_eq!(quantity("1e3"), Some(1_000.0));
        assert_eq!(quantity("1Ki"), Some(1_024.0));
        for none in ["", "m", "inf", "web", "1 Gi"] {
            assert_eq!(quantity(none), None, "{none}");
        }
    }
}
