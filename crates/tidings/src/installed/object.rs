//! The ConfigMap that says what is installed: how it is written and read.
//!
//! Whoever may write ConfigMaps may have written one, so what it says is taken for words,
//! and whose records are meant follows from where it lies. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_core::refs::Name;

use crate::settings::{Installation, Misuse, told};

/// The label that every one of them has; its value is the name of the installation.
pub const LABEL: &str = "tidings.dev/installation";
/// The form that this version writes, and the newest that it reads.
const FORM: u32 = 1;
/// No options are longer, in bytes.
pub const LONGEST: usize = 64 << 10;

/// The name of an installation's ConfigMap.
pub(super) fn name_of(instance: &str) -> String {
    format!("{instance}-installation")
}

/// As it is written.
pub(super) fn written(instance: &str, namespace: &str, options: &[String]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name_of(instance),
            "namespace": namespace,
            "labels": {
                LABEL: instance,
                "app.kubernetes.io/name": "tidings",
                "app.kubernetes.io/instance": instance,
                "app.kubernetes.io/managed-by": "tidings",
            },
        },
        "data": { "form": FORM.to_string(), "options": options.join("\n") },
    })
}

/// Where its label is.
const AT_LABEL: &str = "/metadata/labels/tidings.dev~1installation";

/// Whether an object says all that this one does; it may say more.
pub(super) fn says(found: &Value, wanted: &Value) -> bool {
    let data = wanted["data"].as_object().into_iter().flatten();
    let mut same = data.map(|(key, value)| found["data"].get(key) == Some(value));
    same.all(|same| same) && found.pointer(AT_LABEL) == wanted.pointer(AT_LABEL)
}

/// Whether an object is one of these at all, and nobody else's of the same name.
pub(super) fn is_one(found: &Value) -> bool {
    found.pointer(AT_LABEL).is_some()
}

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// An installation, as it says itself.
#[derive(Debug)]
pub struct Installed {
    /// The namespace of its records.
    pub namespace: Name,
    /// Its name.
    pub instance: Name,
    /// What it was told, and what that means; else why that cannot be read.
    pub told: Result<(Vec<String>, Box<Installation>), Misuse>,
}

#[derive(Deserialize)]
struct SaidObject {
    metadata: SaidMetadata,
    #[serde(default)]
    data: SaidData,
}

#[derive(Deserialize)]
struct SaidMetadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    labels: Labels,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidData {
    form: String,
    options: String,
}

impl Installed {
    /// What an object says; nothing where it is none of these.
    pub(super) fn read(json: &str) -> Option<Self> {
        let SaidObject { metadata, data } = serde_json::from_str(json).ok()?;
        let namespace = Name::from(&*metadata.namespace);
        Some(Self {
            instance: metadata.labels.get(LABEL)?.as_str().into(),
            told: data.read(&namespace),
            namespace,
        })
    }

    /// `namespace/name`
    pub fn shown(&self) -> String {
        format!("{}/{}", self.namespace, self.instance)
    }

    /// Whether it is known to watch a namespace of this name, and with these labels, if
    /// they are known.
    pub(super) fn covers(&self, namespace: &str, labels: Option<&Labels>) -> bool {
        let told = self.told.as_ref();
        told.is_ok_and(|(_, installation)| {
            let filter = installation.filter();
            installation.covers(namespace) && !labels.is_some_and(|it| filter.leaves_out(it))
        })
    }
}

impl SaidData {
    fn read(&self, own: &Name) -> Result<(Vec<String>, Box<Installation>), Misuse> {
        let form: Option<u32> = self.form.parse().ok();
        match form {
            Some(1..=FORM) if self.options.len() <= LONGEST => {}
            Some(newer) if newer > FORM => {
                return Err(Misuse::new(format!(
                    "it is of a newer version (form {newer}, this one knows {FORM})"
                )));
            }
            _ => return Err(Misuse::new("what it says is no options")),
        }
        let options: Vec<_> = self.options.lines().map(str::to_owned).collect();
        let means = told::read(&options, own)?;
        Ok((options, Box::new(means)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Vec<String> {
        ["--auto-reload-all=true", "--instance=blue"]
            .map(str::to_owned)
            .into()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let object = written("blue", "own", &options());
        let read = Installed::read(&object.to_string()).unwrap();
        assert_eq!(read.shown(), "own/blue");
        let (words, means) = read.told.unwrap();
        assert_eq!(words, options());
        assert!(means.defaults.auto_reload_all);
        assert_eq!(&*means.own_namespace, "own");
        assert!(says(&object, &object));
        assert!(!says(&written("blue", "own", &[]), &object));
        assert!(!says(&json!({}), &object));
        let mut more = object.clone();
        more["data"]["note"] = "by hand".into();
        assert!(says(&more, &object));
        assert!(!says(&object, &more));
        more["metadata"]["labels"] = json!({"app": "other"});
        assert!(is_one(&object) && !is_one(&more) && !says(&more, &object));
    }

    #[test]
    fn what_cannot_be_read_is_said_and_not_guessed() {
        let said = |form: &str, options: &str| {
            let mut object = written("tidings", "own", &[]);
            object["data"] = json!({"form": form, "options": options});
            let read = Installed::read(&object.to_string()).unwrap();
            read.told.unwrap_err().to_string()
        };
        let all = [
            said("2", ""),
            said("", ""),
            said("0", ""),
            said("1", "--newer=1"),
            said("1", "rm -rf /"),
            said("1", &"-".repeat(LONGEST + 1)),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        it is of a newer version (form 2, this one knows 1)
        what it says is no options
        what it says is no options
        it has "--newer", which this version does not know
        it has "rm -rf /", which this version does not know
        what it says is no options
        "#);
        assert!(Installed::read("{}").is_none());
        let bare = json!({"metadata": {"namespace": "a", "labels": {LABEL: "b"}}});
        assert!(Installed::read(&bare.to_string()).unwrap().told.is_err());
    }
}
