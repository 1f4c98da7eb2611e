//! What the API server would not take of a source that is applied, though it has the shape
//! of one (`ValidateConfigMap`, `ValidateSecret` and their updates in
//! `pkg/apis/core/validation` of Kubernetes).
//!
//! Goes in: an object as it would be stored, its keys, and what is there. Comes out: a
//! sentence with names in it and no content. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use tidings_core::pattern::quoted;
use tidings_core::refs::Name;

/// What a ConfigMap or Secret may hold in all, in bytes.
const MOST: usize = 1 << 20;
/// The longest key.
const LONGEST_KEY: usize = 253;

/// Keys that a Secret of a type must have: one of each group.
const DEMANDS: [(&str, &[&[&str]]); 5] = [
    ("kubernetes.io/tls", &[&["tls.crt"], &["tls.key"]]),
    ("kubernetes.io/ssh-auth", &[&["ssh-privatekey"]]),
    ("kubernetes.io/basic-auth", &[&["username", "password"]]),
    ("kubernetes.io/dockercfg", &[&[".dockercfg"]]),
    ("kubernetes.io/dockerconfigjson", &[&[".dockerconfigjson"]]),
];

/// Why it would be refused; `None` where nothing is known against it. `kind`: the type of the
/// Secret that is there, empty where there is none.
pub(super) fn refusal<'a>(
    object: &Map<String, Value>,
    keys: &(impl Iterator<Item = &'a Name> + Clone),
    kind: &str,
) -> Option<String> {
    by_key(keys.clone())
        .or_else(|| twice(object))
        .or_else(|| by_type(object, keys, kind))
        .or_else(|| by_length(object))
}

fn by_key<'a>(mut keys: impl Iterator<Item = &'a Name>) -> Option<String> {
    let wrong = keys.find(|key| !is_key(key))?;
    Some(format!(
        "{} is no key that it can have: these are of letters, digits, `-`, `_` and `.`, at most \
         {LONGEST_KEY}, and do not begin with `..`",
        quoted(wrong)
    ))
}

/// `IsConfigMapKey` of Kubernetes.
fn is_key(key: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"-._".contains(&letter);
    let has_length = (1..=LONGEST_KEY).contains(&key.len());
    has_length && key.bytes().all(is_letter) && key != "." && !key.starts_with("..")
}

fn twice(object: &Map<String, Value>) -> Option<String> {
    let (data, binary) = (object.get("data")?, object.get("binaryData")?);
    let mut keys = data.as_object()?.keys();
    let key = keys.find(|key| binary.get(key.as_str()).is_some())?;
    Some(format!("{} is in data and in binaryData", quoted(key)))
}

fn by_type<'a>(
    object: &Map<String, Value>,
    keys: &(impl Iterator<Item = &'a Name> + Clone),
    kind: &str,
) -> Option<String> {
    let asked = object.get("type")?.as_str()?;
    if !kind.is_empty() && asked != kind {
        let (asked, kind) = (quoted(asked), quoted(kind));
        return Some(format!(
            "its type may not be changed from {kind} to {asked}: delete it before"
        ));
    }
    let (_, demands) = DEMANDS.iter().find(|(of, _)| *of == asked)?;
    let lacks = |group: &&&[&str]| !keys.clone().any(|key| group.contains(&&**key));
    let lacking = demands.iter().find(lacks)?;
    let lacking = lacking.join(" or ");
    Some(format!("a Secret of type {asked} needs the key {lacking}"))
}

fn by_length(object: &Map<String, Value>) -> Option<String> {
    let is_secret = object.contains_key("type");
    let of = |field: &str, is_encoded: bool| {
        let values = object.get(field).and_then(Value::as_object);
        let values = values.into_iter().flat_map(Map::values);
        let length = |text: &str| match STANDARD.decode(text) {
            Ok(bytes) if is_encoded => zeroize::Zeroizing::new(bytes).len(),
            _ => text.len(),
        };
        let lengths = values.filter_map(Value::as_str).map(length);
        lengths.sum::<usize>()
    };
    let bytes = of("data", is_secret) + of("binaryData", true);
    (bytes > MOST).then(|| format!("it holds {bytes} bytes, and may hold {MOST}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"data": {"a b": ""}}), "", "\"a b\" is no key")]
    #[case(json!({"data": {"..a": ""}}), "", "\"..a\" is no key")]
    #[case(json!({"data": {"": ""}}), "", "\"\" is no key")]
    #[case(json!({"data": {"a.b-C_1": "", "...": "x"}}), "", "\"...\" is no key")]
    #[case(json!({"data": {"a": ""}, "binaryData": {"a": ""}}), "", "\"a\" is in data and in binaryData")]
    #[case(json!({"type": "a", "data": {}}), "Opaque", "may not be changed from \"Opaque\" to \"a\"")]
    #[case(json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}}), "", "needs the key tls.key")]
    #[case(json!({"type": "kubernetes.io/basic-auth", "data": {}}), "", "needs the key username or password")]
    #[case(json!({"data": {"a": "x".repeat(MOST + 1)}}), "", "it holds 1048577 bytes")]
    #[case(json!({"data": {"a.b-C_1": "x", ".a": "x"}}), "", "")]
    #[case(json!({"type": "Opaque", "data": {"a": ""}}), "Opaque", "")]
    #[case(json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}), "", "")]
    fn what_would_be_refused(#[case] object: Value, #[case] kind: &str, #[case] expect: &str) {
        let object = object.as_object().unwrap();
        let keys = object["data"].as_object().unwrap().keys();
        let keys: Vec<_> = keys.map(|key| Name::from(key.as_str())).collect();
        let said = refusal(object, &keys.iter(), kind).unwrap_or_default();
        assert!(
            said.contains(expect) && said.is_empty() == expect.is_empty(),
            "{said}"
        );
    }
}
