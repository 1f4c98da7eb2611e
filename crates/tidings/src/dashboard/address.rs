//! Addresses of pages: each view, filter and object has one, which somebody else can open
//! on his own page.

use anyhow::{Result, bail};
use form_urlencoded::{Serializer, byte_serialize};
use tidings_core::standing::{WORDS, Word};

/// That of a workload.
pub(super) fn workload(namespace: &str, kind: &str, name: &str) -> String {
    path("workload", [namespace, kind, name])
}

/// That of a source.
pub(super) fn source(namespace: &str, kind: &str, name: &str) -> String {
    path("source", [namespace, kind, name])
}

fn path(page: &str, parts: [&str; 3]) -> String {
    let parts = parts.map(|part| byte_serialize(part.as_bytes()).collect::<String>());
    format!("/{page}/{}", parts.join("/"))
}

/// What of a list is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filtered {
    /// Only rows with this in their names; all where it is empty.
    pub(super) text: String,
    /// Only of this namespace; of all where it is empty.
    pub(super) namespace: String,
    /// Only what stands so.
    pub(super) standing: Option<Word>,
    /// The page of it, from 0 on.
    pub(super) page: usize,
}

impl Filtered {
    /// As an address has it. What means nothing is left out.
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "q" => value.trim().clone_into(&mut asked.text),
                "ns" => asked.namespace = value.into_owned(),
                "standing" => asked.standing = word(&value),
                "page" => asked.page = page(&value),
                _ => {}
            }
        }
        asked
    }

    /// The address of this, on a page of such lists.
    pub(super) fn address(&self, page: &str) -> String {
        let mut query = Serializer::new(String::new());
        if !self.text.is_empty() {
            query.append_pair("q", &self.text);
        }
        if !self.namespace.is_empty() {
            query.append_pair("ns", &self.namespace);
        }
        if let Some(word) = self.standing {
            query.append_pair("standing", word.row().json);
        }
        if self.page > 0 {
            query.append_pair("page", &(self.page + 1).to_string());
        }
        match query.finish() {
            query if query.is_empty() => page.to_owned(),
            query => format!("{page}?{query}"),
        }
    }

    /// The same, of what stands so; from the first page on.
    pub(super) fn standing(&self, standing: Option<Word>) -> Self {
        Self {
            standing,
            page: 0,
            ..self.clone()
        }
    }

    /// The same, at this page.
    pub(super) fn at(&self, page: usize) -> Self {
        Self {
            page,
            ..self.clone()
        }
    }

    /// Whether something is left out.
    pub(super) fn is_narrow(&self) -> bool {
        !self.text.is_empty() || !self.namespace.is_empty() || self.standing.is_some()
    }

    /// Whether a row with this namespace and these words is among what is asked for.
    pub(super) fn admits(&self, namespace: &str, words: &[&str]) -> bool {
        let text = self.text.to_lowercase();
        let has = |word: &&str| word.to_lowercase().contains(&text);
        (self.namespace.is_empty() || self.namespace == namespace)
            && (text.is_empty() || words.iter().any(has) || has(&namespace))
    }
}

/// From 0 on. No list has more than the last.
fn page(text: &str) -> usize {
    const LAST: usize = 1_000_000;
    text.parse::<usize>().unwrap_or(1).clamp(1, LAST) - 1
}

/// Whether an object may be called so (RFC 1123, as `IsDNS1123Subdomain` of Kubernetes'
/// `validation.go` has it): `..` would be another address of the API server.
pub(super) fn is_name(text: &str) -> bool {
    const LONGEST: usize = 253;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter()
            .all(|end| end.is_some_and(|byte| is_plain(*byte)))
            && bytes.iter().all(|byte| is_plain(*byte) || *byte == b'-')
    };
    text.len() <= LONGEST && text.split('.').all(is_label)
}

/// What no object is called is not asked for.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    match names.into_iter().find(|name| !is_name(name)) {
        Some(name) => bail!("no object is called {name:?}"),
        None => Ok(()),
    }
}

fn word(text: &str) -> Option<Word> {
    let row = WORDS
        .iter()
        .find(|row| row.json == text || row.text == text);
    row.map(|row| row.word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_an_address_and_back() {
        let asked = Filtered {
            text: "a&b <c>".to_owned(),
            namespace: "stage".to_owned(),
            standing: Some(Word::InStep),
            page: 2,
        };
        let address = asked.address("/");
        assert_eq!(address, "/?q=a%26b+%3Cc%3E&ns=stage&standing=inStep&page=3");
        assert_eq!(
            Filtered::read(address.split_once('?').map(|it| it.1)),
            asked
        );
        assert_eq!(Filtered::default().address("/stale"), "/stale");
    }

    #[test]
    fn what_means_nothing_is_left_out() {
        assert_eq!(
            Filtered::read(Some("page=0&standing=x&other=1&page")),
            Filtered::default()
        );
        assert_eq!(
            workload("a b", "deployment", "w/../x"),
            "/workload/a+b/deployment/w%2F..%2Fx"
        );
    }

    #[test]
    fn no_page_is_beyond_what_can_be_counted() {
        for page in ["18446744073709551615", "99999999999999999999", "-1"] {
            let asked = Filtered::read(Some(&format!("page={page}")));
            assert!(asked.page < 1_000_000, "{page}");
        }
    }

    #[test]
    fn what_no_object_is_called_is_none() {
        for name in ["web", "web-1.example", "0"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(254);
        for name in [
            "", "..", ".", "a..b", "-a", "a-", "A", "a/b", "\u{202e}", &long,
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn text_is_looked_for_in_names_whatever_their_case() {
        let asked = Filtered::read(Some("q=WEB"));
        assert!(asked.admits("stage", &["deployment/web"]));
        assert!(asked.admits("webshop", &["deployment/db"]));
        assert!(!asked.admits("stage", &["deployment/db"]));
    }
}
