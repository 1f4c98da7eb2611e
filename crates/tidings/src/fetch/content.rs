//! A ConfigMap or Secret as the digests of its keys.
//!
//! Values are digested where the parser comes upon them: no map of values is
//! ever built, and what has to be decoded is decoded into memory that is zeroed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use tidings_core::digest::Digest;
use tidings_core::object::{Meta, Unreadable};
use tidings_core::refs::{Name, SourceKind, SourceRef};
use zeroize::Zeroizing;

/// What is kept of the object.
#[derive(Default)]
pub(super) struct SourceObject {
    /// Its metadata.
    pub(super) meta: Meta,
    /// The `type` of a Secret.
    pub(super) kind: String,
    /// The digests of its keys, in their order.
    pub(super) keys: Vec<(Name, Digest)>,
    /// Those of them that are in `binaryData`, in their order.
    pub(super) binary: Vec<Name>,
    /// Whether it may not be changed.
    pub(super) immutable: bool,
}

/// Reads the object that is at `source`.
pub(super) fn read(source: &SourceRef, json: &[u8]) -> Result<SourceObject, Unreadable> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    let mut object = Whole { source }
        .deserialize(&mut parser)
        .map_err(|_| Unreadable)?;
    parser.end().map_err(|_| Unreadable)?;
    object.keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    object.binary.sort();
    Ok(object)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Field {
    Metadata,
    Type,
    Immutable,
    Data,
    BinaryData,
    #[serde(other)]
    Other,
}

/// How values are written in JSON.
#[derive(Clone, Copy)]
enum Coding {
    Text,
    Base64,
}

struct Whole<'a> {
    source: &'a SourceRef,
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = SourceObject;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<SourceObject, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = SourceObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SourceObject, A::Error> {
        let mut object = SourceObject::default();
        let data = match self.source.kind {
            SourceKind::Secret => Coding::Base64,
            SourceKind::ConfigMap | SourceKind::SecretProviderClass => Coding::Text,
        };
        while let Some(field) = map.next_key()? {
            match field {
                Field::Metadata => object.meta = map.next_value()?,
                Field::Type => object.kind = map.next_value()?,
                Field::Immutable => object.immutable = map.next_value::<Option<_>>()? == Some(true),
                Field::Data => map.next_value_seed(self.values(data, &mut object.keys))?,
                Field::BinaryData => {
                    let mut keys = Vec::new();
                    map.next_value_seed(self.values(Coding::Base64, &mut keys))?;
                    object
                        .binary
                        .extend(keys.iter().map(|(key, _)| key.clone()));
                    object.keys.append(&mut keys);
                }
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(object)
    }
}

impl<'a> Whole<'a> {
    fn values<'b>(&self, coding: Coding, into: &'b mut Vec<(Name, Digest)>) -> Values<'a, 'b> {
        let source = self.source;
        Values {
            source,
            coding,
            into,
        }
    }
}

/// The map of values, which may be `null`.
struct Values<'a, 'b> {
    source: &'a SourceRef,
    coding: Coding,
    into: &'b mut Vec<(Name, Digest)>,
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of values")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let value = One {
                source: self.source,
                coding: self.coding,
                key: &key,
            };
            let digest = map.next_value_seed(value)?;
            self.into.push((key.into(), digest));
        }
        Ok(())
    }
}

/// One value. The server writes an empty one as `""` or `null`.
struct One<'a> {
    source: &'a SourceRef,
    coding: Coding,
    key: &'a str,
}

impl One<'_> {
    fn digest(&self, value: &[u8]) -> Digest {
        Digest::of_key(self.source, self.key, value)
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Digest;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Digest, D::Error> {
        input.deserialize_any(self)
    }
}

impl Visitor<'_> for One<'_> {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Digest, E> {
        Ok(self.digest(b""))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Digest, E> {
        match self.coding {
            Coding::Text => Ok(self.digest(text.as_bytes())),
            Coding::Base64 => {
                let bytes = STANDARD.decode(text).map_err(|_| E::custom("no base64"))?;
                Ok(self.digest(&Zeroizing::new(bytes)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(kind: SourceKind, json: &str) -> Vec<(Name, Digest)> {
        let source = SourceRef::new(kind, "ns", "c");
        read(&source, json.as_bytes()).unwrap().keys
    }

    fn expected(kind: SourceKind, values: &[(&str, &[u8])]) -> Vec<(Name, Digest)> {
        let source = SourceRef::new(kind, "ns", "c");
        let of = |key: &str, value: &[u8]| (Name::from(key), Digest::of_key(&source, key, value));
        values.iter().map(|(key, value)| of(key, value)).collect()
    }

    #[test]
    fn text_counts_as_the_bytes_that_it_means() {
        let json = r#"{"data": {"b": "line\n\u00e9\ud83d\ude00\\", "a": ""}, "kind": "ConfigMap"}"#;
        let values: [(&str, &[u8]); 2] = [("a", b""), ("b", "line\né😀\\".as_bytes())];
        let kind = SourceKind::ConfigMap;
        assert_eq!(keys(kind, json), expected(kind, &values));
    }

    #[test]
    fn binary_data_lies_among_the_text() {
        let json = r#"{"binaryData": {"b": "AP/+"}, "data": {"c": "AP/+", "a": "x"}}"#;
        let values: [(&str, &[u8]); 3] = [("a", b"x"), ("b", &[0, 255, 254]), ("c", b"AP/+")];
        let kind = SourceKind::ConfigMap;
        assert_eq!(keys(kind, json), expected(kind, &values));
        let source = SourceRef::new(kind, "ns", "c");
        let binary = read(&source, json.as_bytes()).unwrap().binary;
        assert_eq!(binary, [Name::from("b")]);
    }

    #[test]
    fn secrets_count_decoded_and_an_escaped_slash_is_a_slash() {
        let json = r#"{"data": {"a": "aHVudGVyMg==", "b": "AP\/+", "c": null}, "type": "Opaque"}"#;
        let values: [(&str, &[u8]); 3] = [("a", b"hunter2"), ("b", &[0, 255, 254]), ("c", b"")];
        let kind = SourceKind::Secret;
        assert_eq!(keys(kind, json), expected(kind, &values));
    }

    #[test]
    fn a_source_without_data_has_no_keys() {
        for json in [r#"{"data": null}"#, r#"{"metadata": {"name": "c"}}"#, "{}"] {
            assert_eq!(keys(SourceKind::ConfigMap, json), []);
        }
    }

    #[test]
    fn junk_is_an_error() {
        let source = SourceRef::new(SourceKind::Secret, "ns", "c");
        for json in [
            r#"{"data": {"a": "hunter2!"}}"#,
            r#"{"data": {"a": 7}}"#,
            r#"{"data": "hunter2"}"#,
            r#"{"data": {"a": "aHVudGVyMg=="}"#,
            "hunter2",
        ] {
            assert!(read(&source, json.as_bytes()).is_err(), "{json}");
        }
    }
}
