//! The keys under which entries are stored, and whose they are.
//!
//! Goes in and comes out: a workload and its entry, a key and its JSON. A key is
//! always one that a Secret may have, whatever the names in it: nothing of one
//! workload may make an object invalid that others need.

use serde::{Deserialize, Serialize};

use super::form::Written;
use super::{Entry, Unread};
use crate::digest::Digest;
use crate::kinds::{Kind, Kinds};
use crate::refs::{Name, WorkloadRef};

/// The longest key of a Secret's data (`validation.IsConfigMapKey`).
const KEY_MAX: usize = 253;
/// What stands between the beginning of a whole key and its digest.
const CUT: &str = "__";
/// How much of it is kept before the digest, which is 32 characters.
const KEPT: usize = KEY_MAX - CUT.len() - 32;

/// The key under which a workload's entry is stored, always one that a Secret may
/// have. Kubernetes names have no `_`, so it separates for certain; what is too
/// long or too odd ends in its digest.
pub fn entry_key(workload: &WorkloadRef) -> String {
    let whole = whole_key(workload);
    let separators = whole.bytes().filter(|b| *b == b'_').count();
    if whole.len() <= KEY_MAX && separators == 1 && whole.bytes().all(is_plain) {
        return whole;
    }
    let digest = Digest::of_parts(&[whole.as_bytes()]);
    let plain = |b: u8| if is_plain(b) { char::from(b) } else { '-' };
    let beginning: String = whole.bytes().take(KEPT).map(plain).collect();
    format!("{}{CUT}{digest}", beginning.replace(CUT, "--"))
}

/// The same, however long: `deployments.apps_web`.
pub fn whole_key(workload: &WorkloadRef) -> String {
    let Kind { plural, group, .. } = workload.kind;
    format!("{plural}.{group}_{}", workload.name)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// Reads what [`whole_key`] wrote.
pub fn workload_of(kinds: &Kinds, namespace: &Name, key: &str) -> Option<WorkloadRef> {
    let (resource, name) = key.split_once('_')?;
    let (plural, group) = resource.split_once('.')?;
    let kind = kinds.of_resource(plural, group)?;
    Some(WorkloadRef::new(kind, namespace.clone(), name))
}

/// An entry whose key does not say whose it is.
#[derive(Serialize)]
struct Stored<'a> {
    of: String,
    #[serde(flatten)]
    entry: Written<'a>,
}

#[derive(Deserialize)]
struct NameOnly {
    of: String,
}

/// Reads the entry that is stored under a key, and whose it is. The error says
/// why not.
pub fn read_stored(
    kinds: &Kinds,
    namespace: &Name,
    key: &str,
    json: &[u8],
) -> Result<(WorkloadRef, Entry), Unread> {
    let entry = Entry::read(json)?;
    let named = || serde_json::from_slice::<NameOnly>(json).ok();
    let workload = if key.contains(CUT) {
        named().and_then(|named| workload_of(kinds, namespace, &named.of))
    } else {
        workload_of(kinds, namespace, key)
    };
    let workload = workload.filter(|workload| entry_key(workload) == key);
    let unknown = || Unread::Broken("not a workload that this version knows".to_owned());
    let workload = workload.ok_or_else(unknown)?;
    Ok((workload, entry))
}

impl Entry {
    /// The JSON that is stored under [`entry_key`]: with the workload's name where
    /// the key does not tell it.
    pub fn write_for(&self, workload: &WorkloadRef, form: u8) -> String {
        let of = whole_key(workload);
        if of == entry_key(workload) {
            return self.write(form);
        }
        let entry = self.written(form);
        serde_json::to_string(&Stored { of, entry }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Epoch, FORM};

    fn entry() -> Entry {
        let epoch = Epoch::draw(7, "u");
        Entry {
            n: 3,
            ..Entry::new("u".into(), epoch, Digest::of_parts(&[]))
        }
    }

    /// `validation.IsConfigMapKey` of `k8s.io/apimachinery`.
    fn is_key(key: &str) -> bool {
        key.len() <= 253 && key.bytes().all(is_plain) && !key.starts_with("..") && key != "."
    }

    fn odd_kind() -> &'static Kind {
        let group = format!("{}.example.org", "g".repeat(200));
        Kind::read(&format!("{group}/v1/Worker:spec.template")).unwrap()
    }

    #[test]
    fn keys_are_valid_and_name_the_workload() {
        let namespace = Name::from("ns");
        let kinds = Kinds::new(crate::kinds::KINDS.iter().chain([odd_kind()]));
        let lengths = [1, 31, 200, 235, 236, 237, 240, 253, 1_000];
        let names = lengths.map(|length| "n".repeat(length)).into_iter();
        let odd = ["a.b-c", "a:b", "a_b", "a__b", "ä", "a/b", ".."].map(str::to_owned);
        let names: Vec<_> = names.chain(odd).collect();
        let mut keys = std::collections::BTreeSet::new();
        for kind in kinds.iter() {
            for name in &names {
                let workload = WorkloadRef::new(kind, namespace.clone(), name.as_str());
                let key = entry_key(&workload);
                assert!(is_key(&key), "{key}");
                let json = entry().write_for(&workload, FORM);
                let read = read_stored(&kinds, &namespace, &key, json.as_bytes());
                assert_eq!(read, Ok((workload, entry())));
                assert!(keys.insert(key));
            }
        }
    }

    #[test]
    fn usual_keys_are_as_they_ever_were() {
        let namespace = Name::from("ns");
        let web = WorkloadRef::new(&crate::kinds::KINDS[0], namespace.clone(), "web");
        assert_eq!(entry_key(&web), "deployments.apps_web");
        assert_eq!(entry().write_for(&web, FORM), entry().write(FORM));
        let json = entry().write(FORM);
        for key in [
            "nonsense",
            "a.b_c",
            "deployments.apps__web",
            "deployments.apps_x__y",
        ] {
            assert!(read_stored(&Kinds::default(), &namespace, key, json.as_bytes()).is_err());
        }
    }

    #[test]
    fn of_two_copies_one_is_the_later() {
        let (was, mut now) = (entry(), entry());
        assert!(!now.is_later_than(&was));
        now.n += 1;
        now.done = false;
        assert!(now.is_later_than(&was) && !was.is_later_than(&now));
    }
}
