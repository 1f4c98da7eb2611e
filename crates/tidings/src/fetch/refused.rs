//! What the API server would not take of a source that is applied, though it has the shape
//! of one (`ValidateConfigMap`, `ValidateSecret` and their updates in
//! `pkg/apis/core/validation` of Kubernetes).
//!
//! Goes in: an object as it would be stored, its keys, and what is there. Comes out: a
//! sentence with names in it and no content. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tidings_core::pattern::quoted;
use tidings_core::refs::Name;
use zeroize::Zeroizing;

pub(crate) mod written;

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

/// What a key of a Secret of a type must hold: whether it does, and what that is.
type Holds = (&'static str, &'static str, fn(&[u8]) -> bool, &'static str);

const HOLDS: [Holds; 3] = [
    (
        "kubernetes.io/dockercfg",
        ".dockercfg",
        is_map,
        "a JSON object",
    ),
    (
        "kubernetes.io/dockerconfigjson",
        ".dockerconfigjson",
        is_map,
        "a JSON object",
    ),
    (
        "kubernetes.io/ssh-auth",
        "ssh-privatekey",
        is_something,
        "something",
    ),
];

/// The token of a service account, which an annotation names.
const OF_ACCOUNT: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Why it would be refused; `None` where nothing is known against it. `kind`: the type of the
/// Secret that is there, empty where there is none.
pub(super) fn refusal<'a>(
    object: &Map<String, Value>,
    keys: &(impl Iterator<Item = &'a Name> + Clone),
    kind: &str,
) -> Option<String> {
    written::refusal(object.get("metadata").unwrap_or(&Value::Null))
        .or_else(|| by_key(keys.clone()))
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
    if asked == OF_ACCOUNT && !names_account(object) {
        return Some(format!(
            "a Secret of type {asked} needs the annotation {ACCOUNT}"
        ));
    }
    let (_, demands) = DEMANDS.iter().find(|(of, _)| *of == asked)?;
    let lacks = |group: &&&[&str]| !keys.clone().any(|key| group.contains(&&**key));
    match demands.iter().find(lacks) {
        Some(lacking) => {
            let lacking = lacking.join(" or ");
            Some(format!("a Secret of type {asked} needs the key {lacking}"))
        }
        None => by_value(object, asked),
    }
}

fn names_account(object: &Map<String, Value>) -> bool {
    let metadata = object.get("metadata");
    let annotation = metadata.and_then(|metadata| metadata["annotations"][ACCOUNT].as_str());
    annotation.is_some_and(|name| !name.is_empty())
}

/// What keys hold that the API server looks into, where the manifest has them.
fn by_value(object: &Map<String, Value>, asked: &str) -> Option<String> {
    let (_, key, holds, what) = HOLDS.iter().find(|(of, ..)| *of == asked)?;
    let encoded = object.get("data")?.get(key)?.as_str()?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    (!holds(&bytes)).then(|| format!("{key} of a Secret of type {asked} has to hold {what}"))
}

fn is_map(bytes: &[u8]) -> bool {
    let is_json = serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    let text = bytes.trim_ascii();
    is_json && (text.starts_with(b"{") || text == b"null")
}

fn is_something(bytes: &[u8]) -> bool {
    !bytes.is_empty()
}

fn by_length(object: &Map<String, Value>) -> Option<String> {
    let is_secret = object.contains_key("type");
    let of = |field: &str, is_encoded: bool| {
        let values = object.get(field).and_then(Value::as_object);
        let values = values.into_iter().flat_map(Map::values);
        let length = |text: &str| match STANDARD.decode(text) {
            Ok(bytes) if is_encoded => Zeroizing::new(bytes).len(),
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
    #[case(json!({"data": {}, "metadata": {"labels": {"a b": ""}}}), "", "is no name that a label")]
    #[case(json!({"type": "kubernetes.io/dockerconfigjson", "data": {}}), "", "needs the key .dockerconfigjson")]
    #[case(json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}), "", "")]
    #[case(json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "bnVsbA=="}}), "", "")]
    #[case(json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "W10="}}), "", "has to hold a JSON object")]
    #[case(json!({"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "ew=="}}), "", "has to hold a JSON object")]
    #[case(json!({"type": "kubernetes.io/ssh-auth", "data": {"ssh-privatekey": ""}}), "", "has to hold something")]
    #[case(json!({"type": "kubernetes.io/service-account-token", "data": {}}), "", "needs the annotation kubernetes.io/service-account.name")]
    #[case(json!({"type": "kubernetes.io/service-account-token", "data": {},
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "web"}}}), "", "")]
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
