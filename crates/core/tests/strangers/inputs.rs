//! What somebody may write who may edit one namespace and means harm: as large as the
//! API server takes it.

use serde_json::{Value, json};

/// Reloader's list of names.
pub(crate) const NAMES: &str = "configmap.reloader.stakater.com/reload";
/// The API server takes no more bytes of annotations.
const ANNOTATIONS: usize = 256 << 10;

/// A Deployment and the ConfigMaps beside it.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) deployment: Value,
    /// Their names, each with the number of its keys.
    pub(crate) config_maps: Vec<(String, usize)>,
}

pub(crate) fn deployment(annotations: &Value, spec: &Value) -> Value {
    json!({
        "metadata": {"namespace": "ns", "name": "web", "uid": "u", "resourceVersion": "10",
            "generation": 1, "annotations": annotations},
        "spec": {"template": {"spec": spec}},
    })
}

/// All of them.
pub(crate) fn inputs() -> Vec<Input> {
    [by_names(), by_patterns(), by_templates()].concat()
}

fn of(name: &'static str, deployment: Value, config_maps: Vec<(String, usize)>) -> Input {
    Input {
        name,
        deployment,
        config_maps,
    }
}

/// In Reloader's words.
fn listed(list: &[String]) -> Value {
    deployment(&json!({NAMES: list.join(",")}), &json!({}))
}

/// In ours.
fn items(item: &str, times: usize) -> Value {
    let list = vec![item; times].join(",");
    deployment(&json!({"tidings.dev/reload": list}), &json!({}))
}

fn by_names() -> Vec<Input> {
    let names = |n: usize| (0..n).map(|i| format!("n{i}")).collect::<Vec<_>>();
    let all = (0..5_000).map(|i| (format!("c{i}"), 3)).collect();
    vec![
        of("25,000 plain names", listed(&names(25_000)), vec![]),
        of("3,000 plain names", listed(&names(3_000)), vec![]),
        of(
            "own annotations that do not exist",
            deployment(&unknown(), &json!({})),
            vec![],
        ),
        of("all of 5,000 ConfigMaps", items("configmap/*", 1), all),
    ]
}

fn by_patterns() -> Vec<Input> {
    let long = |i: usize| (format!("{}-{i}", "ab".repeat(120)), 1);
    let many_long: Vec<_> = (0..200).map(long).collect();
    let blow_up = "[ab]*a[ab]{100}[c-z0-9][ab]*|".repeat(8) + "x";
    let slow: Vec<_> = (0..100).map(|i| format!(".*[ab-]{i}.*x")).collect();
    let many_keys = vec![("c".to_owned(), 60_000)];
    vec![
        of(
            "expressions that blow up",
            listed(&vec![blow_up; 60]),
            many_long.clone(),
        ),
        of(
            "expressions that are short and slow",
            listed(&slow),
            many_long.clone(),
        ),
        of(
            "globs of many ways",
            items("configmap/{*a,*b,*-*a*b*a*b*}*", 100),
            many_long,
        ),
        of(
            "globs of keys, and many keys",
            items("configmap/c[*a*b*c]", 90),
            many_keys.clone(),
        ),
        of("many keys", items("configmap/c", 1), many_keys),
    ]
}

fn by_templates() -> Vec<Input> {
    let auto = |spec: &Value| deployment(&json!({"tidings.dev/reload": "auto"}), spec);
    let keys = |n: usize| {
        let env: Vec<_> = (0..n).map(secret_key).collect();
        auto(&json!({"containers": [{"env": env}]}))
    };
    vec![
        of(
            "8,000 keys of Secrets that are not there",
            keys(8_000),
            vec![],
        ),
        of("3,000 of them", keys(3_000), vec![]),
        of(
            "environments over each other",
            auto(&environments()),
            vec![],
        ),
        of(
            "items and mounts",
            auto(&mounts()),
            vec![("c".to_owned(), 1_000)],
        ),
    ]
}

fn secret_key(i: usize) -> Value {
    let reference = json!({"name": format!("absent-{i}"), "key": "k", "optional": true});
    json!({"name": format!("V{i}"), "valueFrom": {"secretKeyRef": reference}})
}

fn environments() -> Value {
    let from =
        |i: usize, at: usize| json!({"configMapRef": {"name": format!("c{}", (i * 7 + at) % 97)}});
    let container =
        |i: usize| json!({"envFrom": (0..32).map(|at| from(i, at)).collect::<Vec<_>>()});
    json!({"containers": (0..600).map(container).collect::<Vec<_>>()})
}

fn mounts() -> Value {
    let items: Vec<_> = (0..10_000)
        .map(|i| json!({"key": format!("k{i}"), "path": format!("p/{i}")}))
        .collect();
    let mounts: Vec<_> = (0..10_000)
        .map(|i| json!({"name": "v", "mountPath": format!("/m{i}"), "subPath": format!("p/{i}")}))
        .collect();
    json!({
        "containers": [{"volumeMounts": mounts}],
        "volumes": [{"name": "v", "configMap": {"name": "c", "items": items}}],
    })
}

fn unknown() -> Value {
    let keys = (0..ANNOTATIONS / 32).map(|i| (format!("tidings.dev/x{i:012}"), json!("")));
    Value::Object(keys.collect())
}
