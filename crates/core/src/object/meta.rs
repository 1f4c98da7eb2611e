//! The metadata that every object has.
//!
//! Of annotations only those that are read are taken out, when they are asked
//! for; the rest is dropped with the metadata.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{CLEARLY_LATER, Seconds, SourceFlags, SourceMeta, Unreadable, Version, seconds};
use crate::annotations;
use crate::annotations::Annotations;
use crate::jobs;
use crate::number::Number;
use crate::refs::{Name, SourceKind, SourceRef};
use crate::uses::or_default;
use crate::vocabulary::Vocabulary;

/// The fields of a source that hold its content.
const DATA: [&str; 3] = ["f:data", "f:binaryData", "f:stringData"];
/// The field of a source that is never written again.
const TYPE: &str = "f:type";

/// The metadata that every object has.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.resourceVersion`
    pub resource_version: String,
    /// `metadata.generation`
    pub generation: i64,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "or_default")]
    finalizers: Vec<String>,
    /// `metadata.labels`
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// As they came: `kubectl apply` writes a Secret's content there.
    annotations: Option<Box<RawValue>>,
    #[serde(deserialize_with = "or_default")]
    managed_fields: Vec<ManagedFields>,
    #[serde(deserialize_with = "or_default")]
    owner_references: Vec<OwnerReference>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OwnerReference {
    #[serde(deserialize_with = "or_default")]
    controller: bool,
    kind: String,
    name: String,
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManagedFields {
    manager: String,
    time: Option<String>,
    subresource: String,
    #[serde(deserialize_with = "keys")]
    fields_v1: BTreeSet<String>,
}

impl Meta {
    /// The resourceVersion as a number.
    pub fn version(&self) -> Result<Version, Unreadable> {
        self.resource_version.parse().map_err(|_| Unreadable)
    }

    /// The annotations that are read, under the keys of the table.
    pub fn annotations(&self, vocabulary: &Vocabulary) -> Result<Annotations, Unreadable> {
        let Some(raw) = &self.annotations else {
            return Ok(Annotations::new());
        };
        let kept = serde_json::Deserializer::from_str(raw.get()).deserialize_map(Kept(vocabulary));
        kept.map(|kept| vocabulary.read(kept))
            .map_err(|_| Unreadable)
    }

    /// The number for which it was acted on last, where it is a pod's: it was poked, or its
    /// containers are started again. The token of a poke is nobody's concern.
    pub(super) fn acted_on(&self) -> Option<Name> {
        #[derive(Deserialize)]
        struct ActedOn {
            #[serde(rename = "tidings.dev/poke")]
            poke: Option<String>,
            #[serde(rename = "tidings.dev/restart")]
            restart: Option<String>,
        }
        #[derive(Deserialize)]
        struct Numbered {
            n: String,
        }
        let raw = self.annotations.as_ref()?;
        let ActedOn { poke, restart } = serde_json::from_str(raw.get()).ok()?;
        let poked = poke.and_then(|poke| Number::parse(poke.split(' ').next()?));
        let restarted = restart.and_then(|note| {
            let Numbered { n } = serde_json::from_str(&note).ok()?;
            Number::parse(&n)
        });
        let both = poked.into_iter().chain(restarted);
        let last = both.max_by_key(|number| number.n)?;
        Some(last.to_string().into())
    }

    /// This metadata as that of a source.
    pub fn into_source(
        self,
        kind: SourceKind,
        vocabulary: &Vocabulary,
    ) -> Result<SourceMeta, Unreadable> {
        let annotations = self.annotations(vocabulary)?;
        let says = |key: &str| annotations.get(key).is_some_and(|value| value == "true");
        Ok(SourceMeta {
            version: self.version()?,
            marks: Some(SourceFlags {
                ignore: annotations::ignores(&annotations),
                urgent: annotations::is_urgent(&annotations),
                matched: says(annotations::MATCH),
            }),
            written: self.written(&DATA),
            rewritten: self.rewritten(),
            by: self.writer(&DATA),
            only_data: self.wrote_only_data(),
            problem: annotations::problem_on_source(&annotations).map(Box::new),
            key: SourceRef::new(kind, self.namespace.as_str(), self.name.as_str()),
        })
    }

    /// When the object was created.
    pub(super) fn created(&self) -> Option<Seconds> {
        self.creation_timestamp.as_deref().and_then(seconds)
    }

    /// Whether somebody has deleted it, and it is to go.
    pub(super) fn is_going(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// Whether it is being deleted, but not what it has made
    /// (`metav1.FinalizerOrphanDependents` of Kubernetes).
    pub(super) fn orphans(&self) -> bool {
        let orphan = |finalizer: &String| finalizer == "orphan";
        self.is_going() && self.finalizers.iter().any(orphan)
    }

    /// What keeps it there while it is being deleted.
    pub(super) fn held_by(&self) -> Option<Box<str>> {
        let finalizers = self.finalizers.iter().map(String::as_str);
        self.is_going().then(|| jobs::held_by(finalizers).into())
    }

    /// The uid of what made the object and cares for it.
    pub(super) fn controller(&self) -> Option<Name> {
        self.owner().map(|owner| owner.uid.as_str().into())
    }

    fn owner(&self) -> Option<&OwnerReference> {
        let mut owners = self.owner_references.iter();
        owners.find(|owner| owner.controller)
    }

    /// The kind and name of what made the object and cares for it.
    pub(super) fn made_by(&self) -> Option<(&str, &str)> {
        let owner = self.owner()?;
        Some((&owner.kind, &owner.name))
    }

    fn rewritten(&self) -> bool {
        let later = |(written, created)| written - created >= CLEARLY_LATER;
        self.written(&DATA).zip(self.created()).is_some_and(later)
    }

    /// The newest write of any of these fields.
    pub(super) fn written(&self, fields: &[&str]) -> Option<Seconds> {
        self.writes(fields).map(|(at, _)| at).max()
    }

    /// Who made it.
    pub(super) fn writer(&self, fields: &[&str]) -> Option<Name> {
        let (_, manager) = self.writes(fields).max_by_key(|(at, _)| *at)?;
        (!manager.is_empty()).then(|| manager.into())
    }

    /// Each write that is the last of its manager: when, and by whom.
    fn writes(&self, fields: &[&str]) -> impl Iterator<Item = (Seconds, &str)> {
        let writes = self.managed_fields.iter();
        let writes = writes.filter(|m| m.holds(fields));
        writes.filter_map(|m| Some((m.at()?, &*m.manager)))
    }

    /// Whether the newest write was one of data for certain: the time of a manager moves
    /// with whatever it writes, a label too, so its fields must be of data alone.
    fn wrote_only_data(&self) -> bool {
        let newest = self.written(&DATA);
        let data = |field: &String| field == TYPE || DATA.contains(&&**field);
        let mut writes = self.managed_fields.iter();
        newest.is_some()
            && writes.all(|m| !m.holds(&DATA) || m.at() != newest || m.fields_v1.iter().all(data))
    }
}

impl ManagedFields {
    /// Whether any of these fields is its manager's.
    fn holds(&self, fields: &[&str]) -> bool {
        self.subresource.is_empty() && fields.iter().any(|f| self.fields_v1.contains(*f))
    }

    fn at(&self) -> Option<Seconds> {
        seconds(self.time.as_deref()?)
    }
}

/// Takes out of a map of annotations those that are read; the others are never
/// copied.
struct Kept<'a>(&'a Vocabulary);

impl<'de> Visitor<'de> for Kept<'_> {
    type Value = Annotations;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("annotations")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let mut kept = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0.reads(&key) {
                kept.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(kept.into_iter().collect())
    }
}

/// The keys of an object, whatever is below them.
fn keys<'de, D>(input: D) -> Result<BTreeSet<String>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    struct KeyNames;
    impl<'de> Visitor<'de> for KeyNames {
        type Value = BTreeSet<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut keys = BTreeSet::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.insert(key);
            }
            Ok(keys)
        }
    }
    input.deserialize_map(KeyNames)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_write_of_data_counts() {
        let meta: Meta = serde_json::from_value(json!({
        "namespace": "ns", "name": "c", "resourceVersion": "5",
        "annotations": {"reloader.stakater.com/ignore": "true"},
        "managedFields": [
            {"time": "2026-11-23T11:44:00Z", "fieldsV1": {"f:data": {}}},
            {"time": "2026-11-23T11:45:00Z", "manager": "alice", "fieldsV1": {"f:binaryData": {}}},
            {"time": "2026-11-23T11:46:00Z", "fieldsV1": {"f:metadata": {}}},
        ]}))
        .unwrap();
        let source = meta
            .into_source(SourceKind::ConfigMap, &Vocabulary::default())
            .unwrap();
        assert_eq!(source.written, seconds("2026-11-23T11:45:00Z"));
        assert_eq!(source.by.as_deref(), Some("alice"));
        assert!(source.only_data);
        let marks = SourceFlags {
            ignore: true,
            urgent: false,
            matched: false,
        };
        assert_eq!(source.marks, Some(marks));
    }

    #[test]
    fn the_time_of_who_writes_labels_too_may_be_a_labels() {
        let only_data = |fields: serde_json::Value| {
            let writes = json!([{"time": "2026-11-23T11:44:00Z", "fieldsV1": fields}]);
            let json = json!({"resourceVersion": "5", "managedFields": writes});
            let meta: Meta = serde_json::from_value(json).unwrap();
            meta.wrote_only_data()
        };
        assert!(only_data(json!({"f:data": {}, "f:type": {}})));
        assert!(!only_data(json!({"f:data": {}, "f:metadata": {}})));
        assert!(!only_data(json!({"f:data": {}, "f:immutable": {}})));
        assert!(!only_data(json!({"f:metadata": {}})));
    }

    #[test]
    fn annotations_are_kept_under_the_keys_of_the_table() {
        let renamed = [(
            "reloader.stakater.com/ignore",
            "example.org/leave".to_owned(),
        )];
        let vocabulary = Vocabulary::new(renamed).unwrap();
        let meta = |annotations| {
            let json = json!({"resourceVersion": "1", "annotations": annotations});
            serde_json::from_value::<Meta>(json).unwrap()
        };
        let copy = "kubectl.kubernetes.io/last-applied-configuration";
        let written = meta(json!({"example.org/leave": "true", copy: "hunter2"}));
        let kept = written.annotations(&vocabulary).unwrap();
        assert_eq!(kept.len(), 1);
        let source = written
            .into_source(SourceKind::Secret, &vocabulary)
            .unwrap();
        assert!(source.marks.is_some_and(|marks| marks.ignore));
        let original = meta(json!({"reloader.stakater.com/ignore": "true"}));
        let source = original
            .into_source(SourceKind::Secret, &vocabulary)
            .unwrap();
        assert!(source.marks.is_some_and(|marks| !marks.ignore));
        assert_eq!(
            meta(json!(null)).annotations(&vocabulary),
            Ok(Annotations::new())
        );
        assert_eq!(
            meta(json!("hunter2")).annotations(&vocabulary),
            Err(Unreadable)
        );
    }
}
