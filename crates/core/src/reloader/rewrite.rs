//! A roll where variables of containers are written or taken away.
//!
//! Goes in: the object as it was just read, and the [`Rewrite`]. Comes out: the
//! object as it is to be, which is another in nothing but what the roll must
//! change. Pure; nothing here fails.

use serde_json::{Value, json};

use crate::annotations::LAST_RELOADED_FROM;
use crate::digest::Digest;
use crate::marking::entry;
use crate::refs::SourceRef;
use crate::reloader::traces::{Trace, variable_of};
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
    /// An object as the roll makes it.
    pub fn after(&self, object: &Value) -> Value {
        let mut after = object.clone();
        let template = self
            .template
            .iter()
            .fold(&mut after, |at, field| entry(at, field));
        self.variables(template);
        if self.words != Words::Annotation {
            // What was written last is not of this roll.
            let annotations = template.pointer_mut("/metadata/annotations");
            let annotations = annotations.and_then(Value::as_object_mut);
            annotations.map(|all| all.remove(LAST_RELOADED_FROM));
        }
        annotate(template, &self.marks);
        if !self.paused_by.is_empty() {
            *entry(entry(&mut after, "spec"), "paused") = true.into();
            annotate(&mut after, &self.paused_by);
        }
        after
    }

    /// Whether the roll's variables are there already.
    pub fn is_there(&self, object: &Value) -> bool {
        let template = template_of(self.template, object);
        let containers = template["spec"]["containers"].as_array();
        let env = containers.into_iter().flatten();
        let env = env.filter_map(|container| container["env"].as_array());
        let there = |source: &SourceRef| {
            let (name, value) = (variable_of(source), value(self.instance, self.n, source));
            let mut all = env.clone().flatten();
            all.any(|one| one["name"] == *name && one["value"] == *value)
        };
        self.words == Words::Variables && !self.changed.is_empty() && self.changed.iter().all(there)
    }

    fn variables(&self, template: &mut Value) {
        for env in envs(template) {
            env.retain(|variable| !self.is_left_over(variable));
        }
        if self.words == Words::Variables {
            for source in self.changed {
                self.set(template, source);
            }
        }
    }

    /// Whether it is of a former roll, for a source that does not count any more.
    fn is_left_over(&self, variable: &Value) -> bool {
        let Some(name) = variable["name"].as_str() else {
            return false;
        };
        let mut sources = self.all.iter().chain(self.changed);
        let counts = self.words == Words::Variables && sources.any(|s| variable_of(s) == name);
        let value = variable["value"].as_str().unwrap_or_default();
        !counts && Trace::of_variable(name, value).is_some()
    }

    fn set(&self, template: &mut Value, source: &SourceRef) {
        let (name, value) = (variable_of(source), value(self.instance, self.n, source));
        let mut all = envs(template).flatten();
        if let Some(there) = all.find(|one| one["name"] == *name) {
            there["value"] = value.into();
            return;
        }
        drop(all);
        let Some((container, _)) = container_for(template, source) else {
            return;
        };
        let env = entry(&mut template["spec"]["containers"][container], "env");
        if !env.is_array() {
            *env = json!([]);
        }
        if let Some(env) = env.as_array_mut() {
            env.push(json!({"name": name, "value": value}));
        }
    }
}

/// The pod template of an object; null where it has none.
pub fn template_of<'a>(path: &[&str], object: &'a Value) -> &'a Value {
    path.iter().fold(object, |at, field| &at[field])
}

/// The variables of each container that has any.
fn envs(template: &mut Value) -> impl Iterator<Item = &mut Vec<Value>> {
    let containers = template.pointer_mut("/spec/containers");
    let containers = containers.and_then(Value::as_array_mut);
    let each = containers.into_iter().flatten();
    each.filter_map(|container| container.get_mut("env")?.as_array_mut())
}

fn annotate(object: &mut Value, annotations: &[(&str, String)]) {
    for (key, value) in annotations {
        let all = entry(entry(object, "metadata"), "annotations");
        *entry(all, key) = value.as_str().into();
    }
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

    /// What of an object is another after the roll, and how.
    fn shown(rewrite: &Rewrite<'_>, object: &Value) -> String {
        let template = rewrite.after(object)["spec"]["template"].clone();
        let containers = template["spec"]["containers"].as_array().unwrap();
        let env = containers
            .iter()
            .map(|one| format!("{} {}\n", one["name"], one["env"]));
        let text = env.collect::<String>() + &template["metadata"].to_string();
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
        "side" null
        "app" [{"name":"STAKATER_DB_SECRET","value":"VALUE"}]
        {"annotations":{"tidings.dev/config":"t/3"}}
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
        "app" [{"name":"KEEP","value":"1"},{"name":"STAKATER_APP_CONFIGMAP","value":"VALUE"},{"name":"STAKATER_OURS_CONFIGMAP","value":"not of Reloader's form"}]
        {"annotations":{"tidings.dev/config":"t/3"}}
        "#);
        insta::assert_snapshot!(shown(&rewrite(Words::None, &app), &object), @r#"
        "app" [{"name":"KEEP","value":"1"},{"name":"STAKATER_OURS_CONFIGMAP","value":"not of Reloader's form"}]
        {"annotations":{"tidings.dev/config":"t/3"}}
        "#);
    }

    #[test]
    fn nothing_else_changes() {
        let mut object = object(&json!([{"name": "app", "odd": null, "env": null}]));
        object["spec"]["template"]["metadata"] = json!({"creationTimestamp": null});
        let app = [source(SourceKind::ConfigMap, "app")];
        let after = rewrite(Words::Variables, &app).after(&object);
        let template = &mut object["spec"]["template"];
        template["metadata"]["annotations"] = json!({"tidings.dev/config": "t/3"});
        template["spec"]["containers"][0]["env"] =
            json!([{"name": "STAKATER_APP_CONFIGMAP", "value": value("t", 3, &app[0])}]);
        assert_eq!(after, object);
    }

    #[test]
    fn the_annotation_goes_unless_it_is_written_anew() {
        let mut object = object(&json!([]));
        let last = json!({LAST_RELOADED_FROM: "{}"});
        object["spec"]["template"]["metadata"] = json!({"annotations": last});
        for (words, goes) in [
            (Words::None, true),
            (Words::Variables, true),
            (Words::Annotation, false),
        ] {
            let after = rewrite(words, &[]).after(&object);
            let annotations = &after["spec"]["template"]["metadata"]["annotations"];
            assert_eq!(annotations[LAST_RELOADED_FROM].is_null(), goes, "{words:?}");
        }
    }

    #[test]
    fn a_pause_comes_with_it() {
        let mut rewrite = rewrite(Words::None, &[]);
        rewrite.paused_by = vec![("a/paused-at", "now".to_owned())];
        let mut object = object(&json!([]));
        object["metadata"]["annotations"] = json!({"other": "x"});
        let after = rewrite.after(&object);
        assert_eq!(after["spec"]["paused"], true);
        let annotations = json!({"other": "x", "a/paused-at": "now"});
        assert_eq!(after["metadata"]["annotations"], annotations);
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
