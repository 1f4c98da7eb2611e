//! Reloader's annotations mean to Tidings what they mean to Reloader.
//!
//! [`should_reload`] is the decision of its `ShouldReload` (version 1.4.21), step
//! by step, and [`ways`] is what it takes for a use: both written down apart from
//! the code that is tested. Every annotation, in every place, alone and beside
//! every other, for every kind of source, used or not, must come out alike. Where
//! they differ on purpose is one list, [`differences`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Value, json};
use tidings_core::annotations::Annotations;
use tidings_core::index::{Fact, How, Index, Stream, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::needs::needs_of;
use tidings_core::object::{Meta, SourceFlags, Workload, read_workload};
use tidings_core::pattern::Steps;
use tidings_core::policy::{self, Defaults, Policy};
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::vocabulary::Vocabulary;

const AUTO: &str = "reloader.stakater.com/auto";
const SEARCH: &str = "reloader.stakater.com/search";
const RELOAD: &str = "tidings.dev/reload";

/// The keys for one kind of source.
struct Keys {
    auto: &'static str,
    named: &'static str,
    exclude: &'static str,
}

fn keys(kind: SourceKind) -> Keys {
    match kind {
        SourceKind::ConfigMap => Keys {
            auto: "configmap.reloader.stakater.com/auto",
            named: "configmap.reloader.stakater.com/reload",
            exclude: "configmaps.exclude.reloader.stakater.com/reload",
        },
        SourceKind::Secret => Keys {
            auto: "secret.reloader.stakater.com/auto",
            named: "secret.reloader.stakater.com/reload",
            exclude: "secrets.exclude.reloader.stakater.com/reload",
        },
        SourceKind::SecretProviderClass => Keys {
            auto: "secretproviderclass.reloader.stakater.com/auto",
            named: "secretproviderclass.reloader.stakater.com/reload",
            exclude: "secretproviderclasses.exclude.reloader.stakater.com/reload",
        },
    }
}

/// What Reloader is told by an event of a source named `c`.
#[derive(Clone, Debug)]
struct Event {
    kind: SourceKind,
    ignore: &'static str,
    matches: &'static str,
    auto_reload_all: bool,
}

impl Event {
    fn of(kind: SourceKind) -> Self {
        Self {
            kind,
            ignore: "",
            matches: "",
            auto_reload_all: false,
        }
    }
}

/// Go's `strconv.ParseBool`; what it cannot parse is false.
fn parse_bool(text: &str) -> bool {
    ["1", "t", "T", "TRUE", "true", "True"].contains(&text)
}

/// Reloader's decision. No annotation is read from a namespace.
fn should_reload(on: &Written, event: &Event, referenced: bool) -> bool {
    if event.ignore == "true" {
        return false;
    }
    let keys = keys(event.kind);
    let of_this_type = [keys.named, SEARCH, AUTO, keys.auto];
    let on_metadata = of_this_type
        .iter()
        .any(|key| on.metadata.contains_key(*key));
    let chosen = if on_metadata {
        &on.metadata
    } else {
        &on.template
    };
    let value = |key: &str| chosen.get(key).map_or("", String::as_str);
    let excluded = on.metadata.get(keys.exclude).map_or("", String::as_str);
    if excluded.split(',').any(|name| name.trim() == "c") {
        return false;
    }
    for item in value(keys.named).split(',') {
        let whole = Regex::new(&format!("^{}$", item.trim()));
        if whole.is_ok_and(|regex| regex.is_match("c")) {
            return true;
        }
    }
    if value(SEARCH) == "true" && event.matches == "true" {
        return referenced;
    }
    let (auto, typed) = (value(AUTO), value(keys.auto));
    let silent = auto.is_empty() && typed.is_empty();
    referenced && (parse_bool(auto) || parse_bool(typed) || (event.auto_reload_all && silent))
}

/// Annotations, by place.
#[derive(Clone, Debug, Default)]
struct Written {
    metadata: Annotations,
    template: Annotations,
    namespace: Annotations,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Metadata,
    Template,
    Namespace,
}

const PLACES: [Place; 3] = [Place::Metadata, Place::Template, Place::Namespace];

impl Written {
    fn with(mut self, (place, key, value): (Place, &str, &str)) -> Self {
        let annotations = match place {
            Place::Metadata => &mut self.metadata,
            Place::Template => &mut self.template,
            Place::Namespace => &mut self.namespace,
        };
        annotations.insert(key.to_owned(), value.to_owned());
        self
    }

    fn workload(&self, spec: &Value) -> Workload {
        let json = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "u", "resourceVersion": "9",
                "annotations": self.metadata},
            "spec": {"template": {"metadata": {"annotations": self.template}, "spec": spec}},
        });
        read_workload(
            &KINDS[0],
            json.to_string().as_bytes(),
            &Vocabulary::default(),
        )
        .unwrap()
    }
}

/// What Tidings makes of the annotations alone.
fn policy_of(on: &Written, auto_reload_all: bool) -> Policy {
    let workload = on.workload(&json!({}));
    policy::read(
        &workload,
        &on.namespace,
        Defaults {
            auto_reload_all,
            ..Defaults::default()
        },
    )
    .0
}

/// Whether a source of this kind named `c` may roll the workload.
fn by_policy(policy: &Policy, event: &Event, used: bool) -> bool {
    let marks = SourceFlags {
        urgent: false,
        ignore: event.ignore == "true",
        matched: event.matches == "true",
    };
    policy
        .of(event.kind)
        .select("c", used, marks, &Steps::default())
        .is_some()
}

/// The same, of objects as the API server sends them.
fn by_objects(on: &Written, event: &Event, spec: &Value) -> bool {
    let stream = |of| Stream {
        of,
        namespace: None,
    };
    let defaults = Defaults {
        auto_reload_all: event.auto_reload_all,
        ..Defaults::default()
    };
    let mut index = Index::new(
        defaults,
        SourceKind::all().map(StreamOf::Sources).map(stream),
    );
    index.apply(Fact::Namespace {
        name: "ns".into(),
        annotations: on.namespace.clone(),
        left_out: false,
        since: None,
    });
    let workload = Box::new(on.workload(spec));
    index.apply(Fact::Workload(workload, How::Listed));
    let mut marks = BTreeMap::from([
        ("reloader.stakater.com/ignore", event.ignore),
        ("reloader.stakater.com/match", event.matches),
    ]);
    marks.retain(|_, value| !value.is_empty());
    let meta =
        json!({"namespace": "ns", "name": "c", "resourceVersion": "5", "annotations": marks});
    let meta: Meta = serde_json::from_value(meta).unwrap();
    let stream = stream(StreamOf::Sources(event.kind));
    index.apply(Fact::ListBegan(stream.clone()));
    let meta = meta.into_source(event.kind, &Vocabulary::default());
    index.apply(Fact::Source(meta.unwrap()));
    index.apply(Fact::ListEnded(stream, 9));
    let key = WorkloadRef::new(&KINDS[0], "ns", "web");
    index.work_out(&key);
    let needs = needs_of(index.get(&key).unwrap(), &index, None).needs;
    let source = SourceRef::new(event.kind, "ns", "c");
    needs.iter().any(|need| need.source == source)
}

/// Every annotation that an event of this kind is decided by, with values of
/// every sort, and some of another kind's.
fn annotations(kind: SourceKind) -> Vec<(&'static str, &'static str)> {
    let other = match kind {
        SourceKind::ConfigMap => SourceKind::Secret,
        _ => SourceKind::ConfigMap,
    };
    let (own, other) = (keys(kind), keys(other));
    let values: [(&str, &[&str]); 8] = [
        (AUTO, &["true", "1", "false", "yes", ""]),
        (own.auto, &["true", "T", "false", ""]),
        (other.auto, &["true", "false"]),
        (
            own.named,
            &["c", "x, c ", "x", "[bc]", "x|c", "c(", "", "C"],
        ),
        (other.named, &["c"]),
        (SEARCH, &["true", "TRUE", "false"]),
        (own.exclude, &["c", "x,c", "[c]"]),
        (other.exclude, &["c"]),
    ];
    let each = |(key, values): (&'static str, &[&'static str])| {
        let values = values.iter().map(move |value| (key, *value));
        values.collect::<Vec<_>>()
    };
    values.into_iter().flat_map(each).collect()
}

fn events(kind: SourceKind, auto_reload_all: bool) -> [Event; 5] {
    let marks = [
        ("", ""),
        ("", "true"),
        ("", "1"),
        ("true", "true"),
        ("1", ""),
    ];
    marks.map(|(ignore, matches)| Event {
        kind,
        ignore,
        matches,
        auto_reload_all,
    })
}

fn check(kind: SourceKind, written: &Written, auto_reload_all: bool) {
    let policy = policy_of(written, auto_reload_all);
    for event in events(kind, auto_reload_all) {
        for used in [false, true] {
            assert_eq!(
                by_policy(&policy, &event, used),
                should_reload(written, &event, used),
                "{written:?} {event:?} used: {used}"
            );
        }
    }
}

#[test]
fn any_two_annotations_in_any_two_places() {
    for kind in SourceKind::all() {
        let annotations = annotations(kind);
        let placed = annotations
            .iter()
            .flat_map(|(key, value)| PLACES.map(|place| (place, *key, *value)));
        let placed: Vec<_> = placed.collect();
        for (i, one) in placed.iter().enumerate() {
            for other in &placed[i..] {
                let written = Written::default().with(*one).with(*other);
                check(kind, &written, false);
                check(kind, &written, true);
            }
        }
    }
}

/// A pod spec by which source `c` of a kind is used, and whether Reloader takes
/// it for a use.
fn ways(kind: SourceKind) -> Vec<(&'static str, Value, bool)> {
    let container = |container: Value| json!({"containers": [container]});
    let volume = |volume: &Value, mounts: Value| {
        let containers = json!([{"volumeMounts": mounts}]);
        json!({"volumes": [volume], "containers": containers})
    };
    let mount = || json!([{"name": "v", "mountPath": "/v"}]);
    let (env, env_from, source) = match kind {
        SourceKind::ConfigMap => (
            json!({"configMapKeyRef": {"name": "c", "key": "k"}}),
            json!({"configMapRef": {"name": "c"}}),
            json!({"name": "v", "configMap": {"name": "c"}}),
        ),
        SourceKind::Secret => (
            json!({"secretKeyRef": {"name": "c", "key": "k"}}),
            json!({"secretRef": {"name": "c"}}),
            json!({"name": "v", "secret": {"secretName": "c"}}),
        ),
        SourceKind::SecretProviderClass => return ways_of_classes(),
    };
    let part = match kind {
        SourceKind::ConfigMap => json!({"configMap": {"name": "c"}}),
        _ => json!({"secret": {"name": "c"}}),
    };
    let projected = json!({"name": "v", "projected": {"sources": [part]}});
    let init = |spec: &Value| json!({"initContainers": spec["containers"], "containers": [{}]});
    let by_env = container(json!({"env": [{"name": "E", "valueFrom": env}]}));
    let by_env_from = container(json!({"envFrom": [env_from]}));
    let ephemeral = json!({"containers": [{}], "ephemeralContainers": by_env["containers"]});
    let sidecar = json!([{"restartPolicy": "Always", "envFrom": [env_from]}]);
    vec![
        ("init container's env", init(&by_env), true),
        ("init container's envFrom", init(&by_env_from), true),
        ("sidecar", json!({"initContainers": sidecar}), true),
        ("ephemeral container", ephemeral, false),
        ("env", by_env, true),
        ("envFrom", by_env_from, true),
        ("volume", volume(&source, mount()), true),
        (
            "volume by subPath",
            volume(&source, json!([{"name": "v", "subPath": "k"}])),
            true,
        ),
        (
            "volume that is not mounted",
            volume(&source, json!([])),
            false,
        ),
        ("projected volume", volume(&projected, mount()), true),
        (
            "projected, not mounted",
            volume(&projected, json!([])),
            false,
        ),
        (
            "pull secret",
            json!({"imagePullSecrets": [{"name": "c"}]}),
            false,
        ),
        ("none", container(json!({})), false),
    ]
}

fn ways_of_classes() -> Vec<(&'static str, Value, bool)> {
    let csi = json!({"driver": "secrets-store.csi.k8s.io", "readOnly": true,
        "volumeAttributes": {"secretProviderClass": "c"}});
    let spec = |mounts: Value| json!({"volumes": [{"name": "v", "csi": csi}], "containers": [{"volumeMounts": mounts}]});
    vec![
        ("csi", spec(json!([{"name": "v"}])), true),
        ("csi, not mounted", spec(json!([])), false),
        ("none", json!({}), false),
    ]
}

#[test]
fn any_annotation_with_any_way_of_use() {
    for kind in SourceKind::all() {
        for (way, spec, referenced) in ways(kind) {
            for (key, value) in annotations(kind) {
                for place in PLACES {
                    let written = Written::default().with((place, key, value));
                    let events = [false, true].map(|all| events(kind, all));
                    for event in events.iter().flatten() {
                        assert_eq!(
                            by_objects(&written, event, &spec),
                            should_reload(&written, event, referenced),
                            "{way} {written:?} {event:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Where Tidings differs on purpose.
struct Difference {
    why: &'static str,
    written: Written,
    auto_reload_all: bool,
    spec: Value,
    /// Whether Reloader takes `spec` for a use.
    referenced: bool,
    reloader: bool,
}

fn differences() -> Vec<Difference> {
    let auto = (Place::Metadata, AUTO, "true");
    let default = |value| (Place::Namespace, RELOAD, value);
    let named = |value| (Place::Metadata, keys(SourceKind::ConfigMap).named, value);
    let off = (Place::Template, RELOAD, "off");
    let many = format!("{},c.?", "x.*,".repeat(100));
    let long = format!("c|{}", "x".repeat(1_024));
    vec![
        Difference {
            referenced: false,
            ..difference("Reloader looks at one volume only", &[auto], false)
        },
        difference("tidings.dev/reload is the last word", &[auto, off], true),
        difference("a namespace sets a default", &[default("auto")], false),
        Difference {
            auto_reload_all: true,
            ..difference("before --auto-reload-all", &[default("off")], true)
        },
        Difference {
            spec: json!({}),
            ..difference("there is room for 100 patterns", &[named(&many[..])], true)
        },
        Difference {
            spec: json!({}),
            ..difference("of 1024 characters at most", &[named(&long[..])], true)
        },
    ]
}

/// What is written on a workload that uses `c`, and what Reloader makes of it.
fn difference(why: &'static str, on: &[(Place, &str, &str)], reloader: bool) -> Difference {
    let written = on.iter().copied().fold(Written::default(), Written::with);
    Difference {
        why,
        written,
        auto_reload_all: false,
        spec: used_by_the_second_of_two_volumes(),
        referenced: true,
        reloader,
    }
}

fn used_by_the_second_of_two_volumes() -> Value {
    json!({
        "volumes": [{"name": "a", "configMap": {"name": "c"}}, {"name": "b", "configMap": {"name": "c"}}],
        "containers": [{"volumeMounts": [{"name": "b"}]}],
    })
}

#[test]
fn all_differences_are_listed() {
    for difference in differences() {
        let event = Event {
            auto_reload_all: difference.auto_reload_all,
            ..Event::of(SourceKind::ConfigMap)
        };
        let Difference { why, written, .. } = &difference;
        let reloader = should_reload(written, &event, difference.referenced);
        assert_eq!(reloader, difference.reloader, "{why}");
        let tidings = by_objects(written, &event, &difference.spec);
        assert_ne!(tidings, difference.reloader, "{why}");
    }
}
