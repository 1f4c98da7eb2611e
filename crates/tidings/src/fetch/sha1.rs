//! The hash of a source as stakater/Reloader makes it, to compare with what it
//! recorded (`GetSHAfromConfigmap`, `GetSHAfromSecret` in its
//! `internal/pkg/util`): SHA-1 of the lines `key=value`, sorted and joined by `;`.
//!
//! Unlike a digest it needs all lines at once: they are in memory, which is zeroed
//! when it is freed, until the hash is made.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha1::{Digest, Sha1 as Hasher};
use tidings_core::object::Unreadable;
use tidings_core::refs::SourceKind;
use tidings_core::reloader::traces::Sha1;

type KeyValues = Option<BTreeMap<String, Option<String>>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HashedObject {
    #[serde(default)]
    data: KeyValues,
    #[serde(default)]
    binary_data: KeyValues,
}

/// The hash of an object of this kind.
pub(super) fn of(kind: SourceKind, json: &[u8]) -> Result<Sha1, Unreadable> {
    let object: HashedObject = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    let mut lines = Vec::new();
    for (key, value) in object.data.into_iter().flatten() {
        let value = value.unwrap_or_default();
        let value = match kind {
            SourceKind::Secret => STANDARD.decode(value).map_err(|_| Unreadable)?,
            _ => value.into_bytes(),
        };
        lines.push(line(&key, &value));
    }
    // What Reloader hashes of binary data is its text in base64.
    for (key, value) in object.binary_data.into_iter().flatten() {
        lines.push(line(&key, value.unwrap_or_default().as_bytes()));
    }
    Ok(hash(lines))
}

/// The hash of what a pod has mounted of a class
/// (`GetSHAfromSecretProviderClassPodStatus`).
pub(super) fn of_class(name: &str, objects: &BTreeMap<String, String>) -> Sha1 {
    let objects = objects.iter();
    let mut lines: Vec<_> = objects.map(|(id, v)| line(id, v.as_bytes())).collect();
    lines.push(line("SecretProviderClassName", name.as_bytes()));
    hash(lines)
}

fn hash(mut lines: Vec<Vec<u8>>) -> Sha1 {
    lines.sort();
    Sha1(Hasher::digest(lines.join(&b';')).into())
}

fn line(key: &str, value: &[u8]) -> Vec<u8> {
    [key.as_bytes(), b"=", value].concat()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The hashes of these texts by `sha1sum`.
    #[rstest]
    #[case(SourceKind::ConfigMap, r#"{"data":{"b":"2","a":"1"}}"#, "a=1;b=2")]
    #[case(SourceKind::ConfigMap, r#"{"data":{"a":"1","a.b":"2"}}"#, "a.b=2;a=1")]
    #[case(
        SourceKind::ConfigMap,
        r#"{"binaryData":{"a":"AQI="},"data":{"b":""}}"#,
        "a=AQI=;b="
    )]
    #[case(
        SourceKind::Secret,
        r#"{"data":{"password":"aHVudGVyMg=="}}"#,
        "password=hunter2"
    )]
    #[case(SourceKind::Secret, r#"{"data":null}"#, "")]
    fn lines_are_sorted_as_a_whole(
        #[case] kind: SourceKind,
        #[case] json: &str,
        #[case] hashed: &str,
    ) {
        let expect = Sha1(Hasher::digest(hashed).into());
        assert_eq!(of(kind, json.as_bytes()), Ok(expect));
    }

    #[test]
    fn a_class_is_one_line_among_its_objects() {
        let objects = [("z", "3"), ("A", "1")].map(|(id, v)| (id.to_owned(), v.to_owned()));
        let hashed = "A=1;SecretProviderClassName=vault;z=3";
        let expect = Sha1(Hasher::digest(hashed).into());
        assert_eq!(of_class("vault", &objects.into()), expect);
    }

    #[test]
    fn it_is_sha1() {
        let hash = of(SourceKind::ConfigMap, b"{}").unwrap();
        let empty = Sha1::parse("da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(Some(hash), empty);
    }
}
