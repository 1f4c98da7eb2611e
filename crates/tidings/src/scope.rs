//! What of the cluster is watched: selectors for the API server, and the same
//! test on an object that is at hand.
//!
//! Goes in: the installation's settings. Comes out: the query of a stream. Only
//! reading a selector can fail, with a sentence for the person who wrote it.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::{Expression, Selector, SelectorExt};
use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::{Name, SourceKind};

/// The types of Secrets that no workload uses and that are many or change all
/// the time: Helm's releases and the tokens by which nodes join.
pub const LEFT_OUT_TYPES: [&str; 2] = ["helm.sh/release.v1", "bootstrap.kubernetes.io/token"];

/// Which sources are watched.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `--resource-label-selector`
    pub labels: Selector,
}

impl Filter {
    /// Whether a source of this type and with these labels is watched.
    pub fn admits(&self, kind: &str, labels: &BTreeMap<String, String>) -> bool {
        !LEFT_OUT_TYPES.contains(&kind) && self.labels.matches(labels)
    }

    /// The query for sources of a kind.
    pub fn scope(&self, kind: SourceKind) -> Scope {
        let types = LEFT_OUT_TYPES.map(|name| format!("type!={name}"));
        Scope {
            labels: self.labels.to_string(),
            fields: match kind {
                SourceKind::ConfigMap => String::new(),
                SourceKind::Secret => types.join(","),
            },
        }
    }
}

/// A query: which objects of a collection are listed and watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `labelSelector`
    pub labels: String,
    /// `fieldSelector`
    pub fields: String,
}

impl Scope {
    /// The query of a stream. A stream of all namespaces leaves `ignored` ones
    /// out.
    pub fn of(stream: &Stream, filter: &Filter, ignored: &[Name]) -> Self {
        let mut scope = match stream.of {
            StreamOf::Sources(kind) => filter.scope(kind),
            StreamOf::Namespaces | StreamOf::Workloads(_) => Self::default(),
        };
        if stream.namespace.is_none() && stream.of != StreamOf::Namespaces {
            for name in ignored {
                scope.exclude(&format!("metadata.namespace!={name}"));
            }
        }
        scope
    }

    fn exclude(&mut self, field: &str) {
        if !self.fields.is_empty() {
            self.fields.push(',');
        }
        self.fields.push_str(field);
    }
}

/// Reads a label selector as `kubectl -l` takes it: `a=b`, `a==b`, `a!=b`,
/// `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas.
pub fn parse_selector(text: &str) -> Result<Selector, String> {
    let terms = split(text).into_iter().map(str::trim);
    terms.filter(|term| !term.is_empty()).map(term).collect()
}

/// Splits at the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut inside = false;
    let cut = |c| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    };
    text.split(cut).collect()
}

fn term(text: &str) -> Result<Expression, String> {
    if let Some(list) = text.strip_suffix(')') {
        return set(text, list);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Expression::NotEqual(
            word(text, key)?,
            value_of(text, value)?,
        ));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok(Expression::Equal(word(text, key)?, value_of(text, value)?));
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Expression::DoesNotExist(word(text, key)?)),
        None => Ok(Expression::Exists(word(text, text)?)),
    }
}

fn set(text: &str, list: &str) -> Result<Expression, String> {
    let (head, values) = list.split_once('(').ok_or_else(|| expected(text))?;
    let mut head = head.split_whitespace();
    let (key, operator) = (head.next(), head.next());
    let key = word(text, key.unwrap_or_default())?;
    let values = values.split(',').map(|value| value_of(text, value));
    let values: BTreeSet<_> = values.collect::<Result<_, _>>()?;
    match (operator, head.next()) {
        (Some("in"), None) => Ok(Expression::In(key, values)),
        (Some("notin"), None) => Ok(Expression::NotIn(key, values)),
        _ => Err(expected(text)),
    }
}

fn word(text: &str, part: &str) -> Result<String, String> {
    match value_of(text, part)? {
        key if key.is_empty() => Err(expected(text)),
        key => Ok(key),
    }
}

fn value_of(text: &str, part: &str) -> Result<String, String> {
    let part = part.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if part.chars().all(allowed) {
        Ok(part.to_owned())
    } else {
        Err(expected(text))
    }
}

fn expected(text: &str) -> String {
    format!(
        "`{text}` is no label selector; write `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a` or `!a`"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tidings_core::kinds::KINDS;

    use super::*;

    #[rstest]
    #[case("app=web", "app=web")]
    #[case(" app == web , tier!=db", "app=web,tier!=db")]
    #[case("env in (prod, stage),!canary", "env in (prod,stage),!canary")]
    #[case("env notin (dev),tidings.dev/x", "env notin (dev),tidings.dev/x")]
    #[case("a=", "a=")]
    #[case("", "")]
    fn selectors_are_read_as_kubectl_does(#[case] text: &str, #[case] read: &str) {
        assert_eq!(parse_selector(text).unwrap().to_string(), read);
    }

    #[rstest]
    #[case("a in b")]
    #[case("=b")]
    #[case("a near (b)")]
    #[case("a=b=c")]
    #[case("in (b)")]
    #[case("a b")]
    fn nonsense_is_quoted_with_what_was_expected(#[case] text: &str) {
        assert!(parse_selector(text).unwrap_err().contains("label selector"));
    }

    #[rstest]
    #[case("app=web", true)]
    #[case("app!=web", false)]
    #[case("app in (api,web),!gone", true)]
    #[case("other notin (x)", true)]
    #[case("other", false)]
    fn labels_match_as_at_the_server(#[case] text: &str, #[case] matches: bool) {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let filter = Filter {
            labels: parse_selector(text).unwrap(),
        };
        assert_eq!(filter.admits("Opaque", &labels), matches);
    }

    #[test]
    fn streams_leave_out_what_no_workload_uses() {
        let filter = Filter {
            labels: parse_selector("app=web").unwrap(),
        };
        let ignored = ["kube-system".into()];
        let scope = |of, namespace| Scope::of(&Stream { of, namespace }, &filter, &ignored);
        let secrets = scope(StreamOf::Sources(SourceKind::Secret), None);
        assert_eq!(secrets.labels, "app=web");
        assert_eq!(
            secrets.fields,
            "type!=helm.sh/release.v1,type!=bootstrap.kubernetes.io/token,metadata.namespace!=kube-system"
        );
        let workloads = scope(StreamOf::Workloads(&KINDS[0]), None);
        assert_eq!(workloads.fields, "metadata.namespace!=kube-system");
        let one = scope(StreamOf::Workloads(&KINDS[0]), Some("kube-system".into()));
        assert_eq!(one, Scope::default());
    }
}
