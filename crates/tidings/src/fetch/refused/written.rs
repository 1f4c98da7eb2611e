//! What the API server would not take of labels and annotations (`ValidateLabels` and
//! `ValidateAnnotations` in `k8s.io/apimachinery`), whatever they are on.
//!
//! Goes in: the `metadata` of an object. Comes out: a sentence with names in it and no
//! value. Pure.

use serde_json::{Map, Value};
use tidings_core::pattern::quoted;

/// The longest name after the slash, and the longest value of a label.
const LONGEST: usize = 63;
/// The longest domain before the slash.
const LONGEST_DOMAIN: usize = 253;
/// What annotations may hold in all, names and values, in bytes.
const MOST: usize = 256 << 10;

/// Why it would be refused; `None` where nothing is known against it.
pub(crate) fn refusal(metadata: &Value) -> Option<String> {
    let labels = || metadata["labels"].as_object()?.iter().find_map(label);
    let annotations = || annotations(metadata["annotations"].as_object()?);
    labels().or_else(annotations)
}

fn label((key, value): (&String, &Value)) -> Option<String> {
    if !is_name(key) {
        return Some(no_name(key, "a label"));
    }
    let text = match value {
        Value::Null => "",
        Value::String(text) => text,
        _ => {
            let key = quoted(key);
            return Some(format!("the value of the label {key} is no text: quote it"));
        }
    };
    let is_value = text.is_empty() || (text.len() <= LONGEST && is_plain(text));
    (!is_value).then(|| {
        format!(
            "the value of the label {} is none that it can have: these are of letters, digits, \
             `-`, `_` and `.`, begin and end with a letter or digit, and have at most {LONGEST} \
             characters",
            quoted(key)
        )
    })
}

fn annotations(all: &Map<String, Value>) -> Option<String> {
    // Capitals are no mistake in the domain of an annotation.
    let wrong = all.keys().find(|key| !is_name(&key.to_lowercase()));
    if let Some(key) = wrong {
        return Some(no_name(key, "an annotation"));
    }
    let length = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    let bytes: usize = all.iter().map(length).sum();
    (bytes > MOST).then(|| format!("its annotations hold {bytes} bytes, and may hold {MOST}"))
}

fn no_name(key: &str, of: &str) -> String {
    format!(
        "{} is no name that {of} can have: it is of letters, digits, `-`, `_` and `.`, begins \
         and ends with a letter or digit, and has at most {LONGEST} characters, perhaps after a \
         domain in small letters and a slash",
        quoted(key)
    )
}

/// `IsQualifiedName` of Kubernetes.
fn is_name(key: &str) -> bool {
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    domain.is_none_or(is_domain) && name.len() <= LONGEST && is_plain(name)
}

/// `IsDNS1123Subdomain` of Kubernetes.
fn is_domain(text: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter()
            .all(|end| end.is_some_and(|end| is_letter(*end)))
            && bytes
                .iter()
                .all(|letter| is_letter(*letter) || *letter == b'-')
    };
    text.len() <= LONGEST_DOMAIN && text.split('.').all(is_part)
}

/// Letters, digits and a few more, but these not at the ends.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter);
    ends.iter()
        .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|letter| is_letter(*letter))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"labels": {"app.kubernetes.io/name": "web", "a": "", "b": null}}), "")]
    #[case(json!({"annotations": {"Example.org/a_B.c-1": "any thing", "x": ""}}), "")]
    #[case(json!({"labels": {"a b": "x"}}), "\"a b\" is no name that a label can have")]
    #[case(json!({"labels": {"Example.org/a": "x"}}), "is no name that a label")]
    #[case(json!({"labels": {"a/b/c": "x"}}), "is no name that a label")]
    #[case(json!({"labels": {"a": "two words"}}), "the value of the label \"a\" is none")]
    #[case(json!({"labels": {"a": "-x"}}), "the value of the label \"a\" is none")]
    #[case(json!({"labels": {"a": "x".repeat(64)}}), "the value of the label \"a\" is none")]
    #[case(json!({"labels": {"a": 1}}), "the value of the label \"a\" is no text")]
    #[case(json!({"annotations": {"a b": "x"}}), "\"a b\" is no name that an annotation can have")]
    #[case(json!({"annotations": {"/a": "x"}}), "is no name that an annotation")]
    #[case(json!({"annotations": {"x".repeat(64): "x"}}), "is no name that an annotation")]
    #[case(json!({"annotations": {"a": "x".repeat(MOST)}}), "its annotations hold 262145 bytes")]
    fn what_would_be_refused(#[case] metadata: Value, #[case] expect: &str) {
        let said = refusal(&metadata).unwrap_or_default();
        assert!(
            said.contains(expect) && said.is_empty() == expect.is_empty(),
            "{said}"
        );
    }
}
