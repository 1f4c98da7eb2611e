//! What each workload was last brought to: the record that decisions compare
//! with, kept in Tidings' own namespace.
//!
//! Goes in and comes out: JSON, one entry a workload. The form is versioned
//! (`v`); an entry that cannot be read is as good as none, and says so.
//!
//! A roll is written here (`done: false`) before the workload is touched, so
//! that a crash at any moment leaves either no trace or a roll to carry out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::kinds::{Kind, Kinds};
use crate::object::{Seconds, Version};
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

/// The form that this version writes.
pub const FORM: u8 = 1;
/// Above this many used keys one digest stands for all of them.
pub const KEYS_APART: usize = 32;

/// The record of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The form, [`FORM`].
    pub v: u8,
    /// The workload's uid: one of the same name made later is another.
    pub uid: Name,
    /// Number of the last roll; it only grows.
    pub n: u64,
    /// Whether that roll reached the workload.
    pub done: bool,
    /// Digest of the pod template when this was recorded.
    pub template: Digest,
    /// When that roll was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Seconds>,
    /// How many rolls came in a row, without a calm time between them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub row: u32,
    /// What the last roll was for, until it is done.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Mark of another installation that this one was told to take over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// What the workload was brought to, by source.
    pub seen: BTreeMap<Seen, SeenSource>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes fields by reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A source in the namespace of the entry: `configmap/nginx-config`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seen {
    /// ConfigMap or Secret.
    pub kind: SourceKind,
    /// Its name.
    pub name: Name,
}

impl Seen {
    /// The source, in the entry's namespace.
    pub fn of(source: &SourceRef) -> Self {
        Self {
            kind: source.kind,
            name: source.name.clone(),
        }
    }
}

impl TryFrom<String> for Seen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').ok_or("not kind/name")?;
        let kind = SourceKind::parse(kind).ok_or("not a kind of source")?;
        Ok(Self {
            kind,
            name: name.into(),
        })
    }
}

impl From<Seen> for String {
    fn from(seen: Seen) -> Self {
        format!("{}/{}", seen.kind.row().word, seen.name)
    }
}

/// What was seen of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSource {
    /// Its resourceVersion; 0 where it was not there.
    pub rv: Version,
    /// The newest write of its data. A later one that left the same content was
    /// there and back again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Seconds>,
    /// Whether the template was edited while it was gone: new pods may wait for
    /// what it will have first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// Digest of all its keys, where not all of them count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Digest>,
    /// Whether all its keys were used, so that a further key is a change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Digest of which keys were asked for, where `keys` alone does not tell: a
    /// key that is not among them was perhaps there, but did not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Digest>,
    /// The keys that were used.
    pub keys: SeenKeys,
}

/// The used keys of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SeenKeys {
    /// Each by itself; a key that was not there has none.
    Apart(BTreeMap<Name, KeyDigest>),
    /// One digest for more than [`KEYS_APART`].
    Together(Digest),
}

/// The digest of a key, or `-` where the key was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyDigest(pub Option<Digest>);

impl TryFrom<String> for KeyDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self(None));
        }
        let digest = Digest::parse(&text).ok_or("not a digest")?;
        Ok(Self(Some(digest)))
    }
}

impl From<KeyDigest> for String {
    fn from(key: KeyDigest) -> Self {
        key.0
            .map_or_else(|| "-".to_owned(), |digest| digest.to_string())
    }
}

impl SeenSource {
    /// The record of used keys, together where they are many.
    pub fn new(rv: Version, whole: bool, keys: BTreeMap<Name, KeyDigest>) -> Self {
        let keys = if keys.len() > KEYS_APART {
            let all = keys.iter().map(|(key, digest)| (&**key, digest.0));
            SeenKeys::Together(Digest::of_keys(all))
        } else {
            SeenKeys::Apart(keys)
        };
        Self {
            rv,
            written: None,
            awaited: false,
            all: None,
            whole,
            asked: None,
            keys,
        }
    }
}

impl Entry {
    /// Whether nothing is recorded but the number: the workload was opted out, or
    /// was told to be taken over.
    pub fn is_bare(&self) -> bool {
        self.seen.is_empty() && self.done
    }

    /// The JSON that is stored.
    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Entry::write`] wrote. The error says why not.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        let entry: Self = serde_json::from_slice(json).map_err(|e| e.to_string())?;
        match entry.v {
            FORM => Ok(entry),
            newer => Err(format!("form {newer} is not known to this version")),
        }
    }
}

/// The key under which a workload's entry is stored. Kubernetes names have no
/// `_`, so it separates for certain.
pub fn entry_key(workload: &WorkloadRef) -> String {
    let Kind { plural, group, .. } = workload.kind;
    format!("{plural}.{group}_{}", workload.name)
}

/// Reads what [`entry_key`] wrote.
pub fn workload_of(kinds: &Kinds, namespace: &Name, key: &str) -> Option<WorkloadRef> {
    let (resource, name) = key.split_once('_')?;
    let (plural, group) = resource.split_once('.')?;
    let kind = kinds.of_resource(plural, group)?;
    Some(WorkloadRef::new(kind, namespace.clone(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let digest = Digest::of_parts(&[b"x"]);
        let keys = BTreeMap::from([
            (Name::from("a"), KeyDigest(Some(digest))),
            (Name::from("b"), KeyDigest(None)),
        ]);
        let many = (0..33).map(|i| (Name::from(format!("k{i}")), KeyDigest(Some(digest))));
        let seen = |name: &str| Seen {
            kind: SourceKind::Secret,
            name: name.into(),
        };
        Entry {
            v: FORM,
            uid: "u".into(),
            n: 3,
            done: true,
            template: digest,
            at: None,
            row: 0,
            because: String::new(),
            over: None,
            seen: BTreeMap::from([
                (seen("few"), SeenSource::new(7, false, keys)),
                (seen("many"), SeenSource::new(8, true, many.collect())),
                (seen("none"), SeenSource::new(0, true, BTreeMap::new())),
            ]),
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let text = entry().write();
        assert_eq!(Entry::read(text.as_bytes()).unwrap(), entry());
        insta::assert_snapshot!(text, @r#"{"v":1,"uid":"u","n":3,"done":true,"template":"83dc55ccddb68bf3cf487468c2681a52","seen":{"secret/few":{"rv":7,"keys":{"a":"83dc55ccddb68bf3cf487468c2681a52","b":"-"}},"secret/many":{"rv":8,"whole":true,"keys":"5ccf349647245e8db541fa20f39daaa7"},"secret/none":{"rv":0,"whole":true,"keys":{}}}}"#);
    }

    #[test]
    fn a_newer_form_is_said() {
        let text = entry().write().replace(r#""v":1"#, r#""v":9"#);
        assert!(Entry::read(text.as_bytes()).unwrap_err().contains("form 9"));
    }

    #[test]
    fn keys_name_the_workload() {
        let namespace = Name::from("ns");
        for kind in crate::kinds::KINDS {
            let workload = WorkloadRef::new(kind, namespace.clone(), "a.b-c");
            assert_eq!(
                workload_of(&Kinds::default(), &namespace, &entry_key(&workload)),
                Some(workload)
            );
        }
        let nonsense = workload_of(&Kinds::default(), &namespace, "nonsense");
        assert_eq!(nonsense, None);
    }
}
