//! A roll as JSON Patch (RFC 6902): where variables of containers are written or
//! taken away, which a merge patch could only do by sending all containers.
//!
//! Goes in: the object as it was just read, and the [`Rewrite`]. Comes out: the
//! operations. Containers and variables are found by their place, so each is
//! tested for its name first, and the version must be that of the reading:
//! nothing else can be hit. Pure; nothing here fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::annotations::LAST_RELOADED_FROM;
use crate::digest::Digest;
use crate::refs::SourceRef;
use crate::reloaded::{Trace, variable_of};
use crate::uses::{PodTemplate, Via, uses_of};

/// What a roll writes in the words of stakater/Reloader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Nothing.
    None,
    /// A variable for each changed source.
    Variables,
    /// The annotation `last-reloaded-from`.
    Annotation,
}

/// What is to be written.
#[derive(Debug)]
pub struct Rewrite<'a> {
    /// Where the kind has its pod template.
    pub template: &'a [&'a str],
    /// The installation.
    pub instance: &'a str,
    /// Its number of the roll.
    pub n: u64,
    /// Reloader's words for it.
    pub words: Words,
    /// The sources that changed.
    pub changed: &'a [SourceRef],
    /// All sources that count: variables of others are taken away.
    pub all: &'a [SourceRef],
    /// Annotations of the pod template.
    pub marks: Vec<(&'a str, String)>,
    /// Annotations of the object, with which it is paused.
    pub paused_by: Vec<(&'a str, String)>,
}

/// The value of a source's variable after a roll: another one for each roll, the
/// same for the same one, and nothing that could be guessed content from. It has
/// the form of Reloader's.
pub fn value(instance: &str, n: u64, source: &SourceRef) -> String {
    let part = |round: &str| {
        let n = n.to_string();
        let texts = [
            instance,
            &n,
            source.kind.row().word,
            &source.namespace,
            &source.name,
            round,
        ];
        Digest::of_parts(&texts.map(str::as_bytes)).to_string()
    };
    (part("0") + &part("1"))[..40].to_owned()
}

/// The name of the container that a source's variable belongs to: the first that
/// uses it, else the first of all.
pub fn container_for<'a>(template: &'a Value, source: &SourceRef) -> Option<(usize, &'a str)> {
    let containers = template["spec"]["containers"].as_array()?;
    let uses = |container: &Value| {
        let alone =
            json!({"spec": {"containers": [container], "volumes": template["spec"]["volumes"]}});
        let read = PodTemplate::read(alone).unwrap_or_default();
        uses_of(&read).iter().any(|used| {
            used.via != Via::ImagePullSecret && used.source(&source.namespace) == *source
        })
    };
    let found = containers.iter().position(uses).unwrap_or(0);
    Some((found, containers.get(found)?["name"].as_str()?))
}

impl Rewrite<'_> {
    /// The operations on an object of this version. It is the object that was read.
    pub fn operations(&self, object: &Value) -> Vec<Value> {
        let meta = &object["metadata"];
        let version = &meta["resourceVersion"];
        let mut ops = vec![
            json!({"op": "test", "path": "/metadata/uid", "value": meta["uid"]}),
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}),
        ];
        let at = pointer(self.template);
        let template = object.pointer(&at).unwrap_or(&Value::Null);
        self.variables(&at, template, &mut ops);
        self.forget_last(&at, template, &mut ops);
        annotate(&at, template, &self.marks, &mut ops);
        if !self.paused_by.is_empty() {
            ops.push(json!({"op": "add", "path": "/spec/paused", "value": true}));
            annotate("", object, &self.paused_by, &mut ops);
        }
        ops
    }

    /// Whether the roll's variables are there already.
    pub fn is_there(&self, object: &Value) -> bool {
        let at = pointer(self.template);
        let template = object.pointer(&at).unwrap_or(&Value::Null);
        let there = |source: &SourceRef| {
            let (variable, value) = (variable_of(source), value(self.instance, self.n, source));
            each_variable(template).any(|(_, _, name, found)| name == variable && found == value)
        };
        self.words == Words::Variables && !self.changed.is_empty() && self.changed.iter().all(there)
    }

    /// What was written last goes, if it is not written anew.
    fn forget_last(&self, at: &str, template: &Value, ops: &mut Vec<Value>) {
        let there = template["metadata"]["annotations"].get(LAST_RELOADED_FROM);
        if there.is_some() && self.words != Words::Annotation {
            let path = format!("{at}/metadata/annotations/{}", escape(LAST_RELOADED_FROM));
            ops.push(json!({"op": "remove", "path": path}));
        }
    }

    fn variables(&self, at: &str, template: &Value, ops: &mut Vec<Value>) {
        let kept: BTreeSet<String> = match self.words {
            Words::Variables => self
                .all
                .iter()
                .chain(self.changed)
                .map(variable_of)
                .collect(),
            Words::None | Words::Annotation => BTreeSet::new(),
        };
        let mut left = template.clone();
        let old = |(_, _, name, value): &(usize, usize, &str, &str)| {
            Trace::of_variable(name, value).is_some() && !kept.contains(*name)
        };
        let old: Vec<_> = each_variable(template).filter(old).collect();
        for (container, i, name, _) in old.into_iter().rev() {
            let path = format!("{at}/spec/containers/{container}/env/{i}");
            ops.push(json!({"op": "test", "path": format!("{path}/name"), "value": name}));
            ops.push(json!({"op": "remove", "path": path}));
            if let Some(env) = env_of(&mut left, container) {
                env.remove(i);
            }
        }
        if self.words == Words::Variables {
            for source in self.changed {
                self.set(at, &mut left, source, ops);
            }
        }
    }

    fn set(&self, at: &str, template: &mut Value, source: &SourceRef, ops: &mut Vec<Value>) {
        let (variable, value) = (variable_of(source), value(self.instance, self.n, source));
        let found = each_variable(template).find(|(_, _, name, _)| *name == variable);
        if let Some((container, i, ..)) = found {
            let path = format!("{at}/spec/containers/{container}/env/{i}");
            ops.push(json!({"op": "test", "path": format!("{path}/name"), "value": variable}));
            ops.push(json!({"op": "add", "path": format!("{path}/value"), "value": value}));
            return;
        }
        let Some((container, name)) = container_for(template, source) else {
            return;
        };
        let path = format!("{at}/spec/containers/{container}");
        ops.push(json!({"op": "test", "path": format!("{path}/name"), "value": name}));
        let new = json!({"name": variable, "value": value});
        if env_of(template, container).is_none() {
            ops.push(json!({"op": "add", "path": format!("{path}/env"), "value": []}));
            template["spec"]["containers"][container]["env"] = json!([]);
        }
        ops.push(json!({"op": "add", "path": format!("{path}/env/-"), "value": new}));
        if let Some(env) = env_of(template, container) {
            env.push(new);
        }
    }
}

/// Every variable with a value of its own: its container's place, its own, its
/// name and the value.
fn each_variable(template: &Value) -> impl DoubleEndedIterator<Item = (usize, usize, &str, &str)> {
    let containers = template["spec"]["containers"].as_array();
    let all = containers.into_iter().flatten().enumerate();
    let all: Vec<_> = all
        .flat_map(|(container, object)| {
            let env = object["env"].as_array().into_iter().flatten().enumerate();
            env.filter_map(move |(i, one)| {
                Some((
                    container,
                    i,
                    one["name"].as_str()?,
                    one["value"].as_str().unwrap_or(""),
                ))
            })
        })
        .collect();
    all.into_iter()
}

fn env_of(template: &mut Value, container: usize) -> Option<&mut Vec<Value>> {
    let containers = template.get_mut("spec")?.get_mut("containers")?;
    containers
        .get_mut(container)?
        .get_mut("env")?
        .as_array_mut()
}

/// Adds annotations to what is at this place.
fn annotate(at: &str, object: &Value, annotations: &[(&str, String)], ops: &mut Vec<Value>) {
    if annotations.is_empty() {
        return;
    }
    let meta = &object["metadata"];
    let path = format!("{at}/metadata");
    if !meta.is_object() {
        ops.push(json!({"op": "add", "path": path, "value": {}}));
    }
    let path = path + "/annotations";
    if !meta["annotations"].is_object() {
        ops.push(json!({"op": "add", "path": path, "value": {}}));
    }
    for (key, value) in annotations {
        let path = format!("{path}/{}", escape(key));
        ops.push(json!({"op": "add", "path": path, "value": value}));
    }
}

/// A path as a JSON Pointer.
pub fn pointer(path: &[&str]) -> String {
    let below = |at: String, field: &&str| at + "/" + &escape(field);
    path.iter().fold(String::new(), below)
}

/// RFC 6901.
fn escape(field: &str) -> String {
    field.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::SourceKind;

    const OLD: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    fn source(kind: SourceKind, name: &str) -> SourceRef {
        SourceRef::new(kind, "ns", name)
    }

    fn object(containers: &Value) -> Value {
        let volumes = json!([{"name": "v", "secret": {"secretName": "db"}}]);
        json!({
            "metadata": {"uid": "u", "resourceVersion": "7"},
            "spec": {"template": {"spec": {"containers": containers, "volumes": volumes}}},
        })
    }

    fn rewrite(words: Words, changed: &[SourceRef]) -> Rewrite<'_> {
        Rewrite {
            template: &["spec", "template"],
            instance: "t",
            n: 3,
            words,
            changed,
            all: changed,
            marks: vec![("tidings.dev/config", "t/3".to_owned())],
            paused_by: Vec::new(),
        }
    }

    fn shown(rewrite: &Rewrite<'_>, object: &Value) -> String {
        let ops = rewrite.operations(object);
        let ops = ops.iter().map(|op| {
            let path = op["path"].as_str().unwrap_or_default();
            format!(
                "{} {path} {}",
                op["op"].as_str().unwrap_or_default(),
                op["value"]
            )
        });
        let text = ops.collect::<Vec<_>>().join("\n");
        rewrite.changed.iter().fold(text, |text, source| {
            text.replace(&value("t", 3, source), "VALUE")
        })
    }

    #[test]
    fn a_variable_goes_to_the_first_container_that_uses_the_source() {
        let db = [source(SourceKind::Secret, "db")];
        let containers =
            json!([{"name": "side"}, {"name": "app", "volumeMounts": [{"name": "v"}]}]);
        insta::assert_snapshot!(shown(&rewrite(Words::Variables, &db), &object(&containers)), @r#"
        test /metadata/uid "u"
        replace /metadata/resourceVersion "7"
        test /spec/template/spec/containers/1/name "app"
        add /spec/template/spec/containers/1/env []
        add /spec/template/spec/containers/1/env/- {"name":"STAKATER_DB_SECRET","value":"VALUE"}
        add /spec/template/metadata {}
        add /spec/template/metadata/annotations {}
        add /spec/template/metadata/annotations/tidings.dev~1config "t/3"
        "#);
    }

    #[test]
    fn what_is_there_is_set_and_what_is_not_used_any_more_goes() {
        let app = [source(SourceKind::ConfigMap, "app")];
        let env = json!([
            {"name": "STAKATER_OLD_CONFIGMAP", "value": OLD},
            {"name": "KEEP", "value": "1"},
            {"name": "STAKATER_APP_CONFIGMAP", "value": OLD},
            {"name": "STAKATER_OURS_CONFIGMAP", "value": "not of Reloader's form"},
        ]);
        let object = object(&json!([{"name": "app", "env": env}]));
        insta::assert_snapshot!(shown(&rewrite(Words::Variables, &app), &object), @r#"
        test /metadata/uid "u"
        replace /metadata/resourceVersion "7"
        test /spec/template/spec/containers/0/env/0/name "STAKATER_OLD_CONFIGMAP"
        remove /spec/template/spec/containers/0/env/0 null
        test /spec/template/spec/containers/0/env/1/name "STAKATER_APP_CONFIGMAP"
        add /spec/template/spec/containers/0/env/1/value "VALUE"
        add /spec/template/metadata {}
        add /spec/template/metadata/annotations {}
        add /spec/template/metadata/annotations/tidings.dev~1config "t/3"
        "#);
        insta::assert_snapshot!(shown(&rewrite(Words::None, &app), &object), @r#"
        test /metadata/uid "u"
        replace /metadata/resourceVersion "7"
        test /spec/template/spec/containers/0/env/2/name "STAKATER_APP_CONFIGMAP"
        remove /spec/template/spec/containers/0/env/2 null
        test /spec/template/spec/containers/0/env/0/name "STAKATER_OLD_CONFIGMAP"
        remove /spec/template/spec/containers/0/env/0 null
        add /spec/template/metadata {}
        add /spec/template/metadata/annotations {}
        add /spec/template/metadata/annotations/tidings.dev~1config "t/3"
        "#);
    }

    #[test]
    fn the_annotation_goes_unless_it_is_written_anew() {
        let mut object = object(&json!([]));
        let last = json!({LAST_RELOADED_FROM: "{}"});
        object["spec"]["template"]["metadata"] = json!({"annotations": last});
        let removed =
            "remove /spec/template/metadata/annotations/reloader.stakater.com~1last-reloaded-from";
        for (words, goes) in [
            (Words::None, true),
            (Words::Variables, true),
            (Words::Annotation, false),
        ] {
            let shown = shown(&rewrite(words, &[]), &object);
            assert_eq!(shown.contains(removed), goes, "{words:?}");
        }
    }

    #[test]
    fn a_pause_is_in_the_same_patch() {
        let mut rewrite = rewrite(Words::None, &[]);
        rewrite.paused_by = vec![("a/paused-at", "now".to_owned())];
        let mut object = object(&json!([]));
        object["metadata"]["annotations"] = json!({"other": "x"});
        let shown = shown(&rewrite, &object);
        assert!(
            shown
                .ends_with("add /spec/paused true\nadd /metadata/annotations/a~1paused-at \"now\""),
            "{shown}"
        );
    }

    #[test]
    fn the_value_tells_rolls_apart_and_nothing_else() {
        let app = source(SourceKind::ConfigMap, "app");
        let other = source(SourceKind::Secret, "app");
        let three = value("t", 3, &app);
        assert_eq!(three, value("t", 3, &app));
        assert_ne!(three, value("t", 4, &app));
        assert_ne!(three, value("t", 3, &other));
        assert!(Trace::of_variable("STAKATER_APP_CONFIGMAP", &three).is_some());
    }

    #[test]
    fn a_roll_that_is_there_is_known() {
        let app = [source(SourceKind::ConfigMap, "app")];
        let env = |value: &str| json!([{"name": "STAKATER_APP_CONFIGMAP", "value": value}]);
        let is_there = |words, found: &str| {
            let object = object(&json!([{"name": "app", "env": env(found)}]));
            rewrite(words, &app).is_there(&object)
        };
        assert!(is_there(Words::Variables, &value("t", 3, &app[0])));
        assert!(!is_there(Words::Variables, &value("t", 2, &app[0])));
        assert!(!is_there(Words::None, &value("t", 3, &app[0])));
    }
}
