//! Files that lie beside configuration and are none: they change by themselves.
//!
//! In: the content of a file. Out: what it is, if it is one of them. A service
//! account token is renewed before it expires (Kubernetes,
//! pkg/kubelet/token/token_manager.go); the downward API's list of annotations
//! changes with every annotation, and among those are the kubelet's own
//! (pkg/kubelet/types, `ConfigSourceAnnotationKey`).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// What changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// A token of a service account.
    Token,
    /// The annotations of the pod.
    Annotations,
}

/// No token is longer, and no pod has more annotations.
pub(super) const LONGEST: usize = 512 * 1024;

impl Foreign {
    /// What this is, for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Token => "a service account token, which the kubelet renews",
            Self::Annotations => "the pod's annotations, which change with everything",
        }
    }

    /// Whether a file that begins like this may be one: then all of it is needed.
    pub(super) fn is_possible(start: &[u8]) -> bool {
        start.trim_ascii_start().starts_with(b"eyJ") || is_pair(first_line(start))
    }

    /// What this content is.
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        if is_token(content) {
            return Some(Self::Token);
        }
        is_annotations(content).then_some(Self::Annotations)
    }
}

/// A JWT with the claim that the API server puts into bound tokens.
fn is_token(content: &[u8]) -> bool {
    let parts: Vec<&[u8]> = content.trim_ascii().split(|byte| *byte == b'.').collect();
    let [header, claims, _] = parts.as_slice() else {
        return false;
    };
    is::<Object>(header) && is::<Claims>(claims)
}

fn is<T: DeserializeOwned>(part: &[u8]) -> bool {
    let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<T>(&json).is_ok()
}

#[derive(Deserialize)]
struct Claims {
    #[serde(rename = "kubernetes.io")]
    _bound: Object,
}

/// An object, of which nothing is kept: it may be somebody's half a megabyte.
struct Object;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Object {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self)
    }
}

/// `key="value"` in each line, escaped, and one that only the kubelet writes.
fn is_annotations(content: &[u8]) -> bool {
    let lines = || content.trim_ascii().split(|byte| *byte == b'\n');
    lines().all(is_pair) && lines().any(|line| line.starts_with(b"kubernetes.io/config.source=\""))
}

fn is_pair(line: &[u8]) -> bool {
    let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./".contains(byte);
    let key = line.iter().take_while(|byte| is_of_key(byte)).count();
    key > 0 && line[key..].starts_with(b"=\"")
}

fn first_line(content: &[u8]) -> &[u8] {
    content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.{}",
            part("{\"alg\":\"RS256\"}"),
            part(claims),
            part("sign")
        )
    }

    fn of(content: &str) -> Option<Foreign> {
        let content = content.as_bytes();
        let found = Foreign::of(content);
        assert!(found.is_none() || Foreign::is_possible(content));
        found
    }

    #[test]
    fn tokens_of_service_accounts_are_known_and_others_are_not() {
        let bound = token(r#"{"aud":["x"],"kubernetes.io":{"namespace":"default"}}"#);
        assert_eq!(of(&bound), Some(Foreign::Token));
        assert_eq!(of(&format!("{bound}\n")), Some(Foreign::Token));
        for other in [
            token(r#"{"sub":"me"}"#),
            token(r#"{"kubernetes.io":"no object"}"#),
            token(r#"[{"kubernetes.io":{}}]"#),
            token("[{}]"),
            // One that does not expire lies in a Secret of its own.
            token(r#"{"kubernetes.io/serviceaccount/namespace":"default"}"#),
            format!("{bound}.more"),
            format!("token: {bound}"),
            "eyJ".into(),
            "..".into(),
            String::new(),
        ] {
            assert_eq!(of(&other), None, "{other}");
        }
    }

    #[test]
    fn the_pods_annotations_are_known_and_settings_are_not() {
        let annotations = "app.io/x=\"1\"\nkubernetes.io/config.seen=\"2026-11-28\"\nkubernetes.io/config.source=\"api\"\ntext=\"two\\nlines\"";
        assert_eq!(of(annotations), Some(Foreign::Annotations));
        for other in [
            "LOG_LEVEL=\"debug\"\n",
            "app=\"web\"\npod-template-hash=\"5d4\"",
            "# kubernetes.io/config.source=\"api\"",
            "text\nkubernetes.io/config.source=\"api\"",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
