//! What of the cluster is watched and read: selectors for the API server, and the
//! same test on an object that is at hand.
//!
//! Goes in: the installation's settings. Comes out: the query of a stream. What
//! the server can leave out is left out there: it costs neither wire nor memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};
use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::{Name, SourceKind};
use tidings_core::vocabulary::Vocabulary;

use crate::records::{JOB_TYPE, RECORD_TYPE};

/// The types of Secrets that no workload uses and that are many or change all
/// the time: Helm's releases, the tokens by which nodes join, what we keep.
pub const LEFT_OUT_TYPES: [&str; 4] = [
    "helm.sh/release.v1",
    "bootstrap.kubernetes.io/token",
    RECORD_TYPE,
    JOB_TYPE,
];

/// Which sources are watched, and by which keys annotations are read.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `--resource-label-selector`
    pub labels: Selector,
    /// `--namespace-selector`
    pub namespaces: Selector,
    /// The keys.
    pub vocabulary: Arc<Vocabulary>,
}

impl Filter {
    /// Whether a source of this type and with these labels is watched.
    pub fn admits(&self, kind: &str, labels: &BTreeMap<String, String>) -> bool {
        !LEFT_OUT_TYPES.contains(&kind) && self.labels.matches(labels)
    }

    /// Whether a namespace with these labels is left out.
    pub fn leaves_out(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.namespaces.matches(labels)
    }

    /// The query for sources of a kind.
    pub fn scope(&self, kind: SourceKind) -> Selectors {
        let types = LEFT_OUT_TYPES.map(|name| format!("type!={name}"));
        let (labels, fields) = match kind {
            SourceKind::ConfigMap => (self.labels.to_string(), String::new()),
            SourceKind::Secret => (self.labels.to_string(), types.join(",")),
            // The driver makes the statuses, and gives them no labels of the user's.
            SourceKind::SecretProviderClass => Default::default(),
        };
        Selectors { labels, fields }
    }
}

/// A query: which objects of a collection are listed and watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selectors {
    /// `labelSelector`
    pub labels: String,
    /// `fieldSelector`
    pub fields: String,
}

impl Selectors {
    /// The query of a stream. A stream of all namespaces leaves `ignored` ones
    /// out.
    pub fn of(stream: &Stream, filter: &Filter, ignored: &[Name]) -> Self {
        let mut scope = match stream.of {
            StreamOf::Sources(kind) => filter.scope(kind),
            StreamOf::Namespaces | StreamOf::Workloads(_) => Self::default(),
        };
        let field = match stream.of {
            StreamOf::Namespaces => "metadata.name",
            StreamOf::Sources(_) | StreamOf::Workloads(_) => "metadata.namespace",
        };
        if stream.namespace.is_none() {
            for name in ignored {
                scope.exclude(&format!("{field}!={name}"));
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

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tidings_core::kinds::KINDS;

    use super::*;
    use crate::settings::selector;

    #[rstest]
    #[case("app=web", true)]
    #[case("app!=web", false)]
    #[case("app in (api,web),!gone", true)]
    #[case("other notin (x)", true)]
    #[case("other", false)]
    fn labels_match_as_at_the_server(#[case] text: &str, #[case] matches: bool) {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let filter = Filter {
            labels: selector::parse(text).unwrap(),
            ..Filter::default()
        };
        assert_eq!(filter.admits("Opaque", &labels), matches);
    }

    #[test]
    fn streams_leave_out_what_no_workload_uses() {
        let filter = Filter {
            labels: selector::parse("app=web").unwrap(),
            ..Filter::default()
        };
        let ignored = ["kube-system".into()];
        let scope = |of, namespace| Selectors::of(&Stream { of, namespace }, &filter, &ignored);
        let secrets = scope(StreamOf::Sources(SourceKind::Secret), None);
        assert_eq!(secrets.labels, "app=web");
        assert_eq!(
            secrets.fields,
            "type!=helm.sh/release.v1,type!=bootstrap.kubernetes.io/token,\
             type!=tidings.dev/state,type!=tidings.dev/job,metadata.namespace!=kube-system"
        );
        let namespaces = scope(StreamOf::Namespaces, None);
        assert_eq!(namespaces.fields, "metadata.name!=kube-system");
        let workloads = scope(StreamOf::Workloads(&KINDS[0]), None);
        assert_eq!(workloads.fields, "metadata.namespace!=kube-system");
        let one = scope(StreamOf::Workloads(&KINDS[0]), Some("kube-system".into()));
        assert_eq!(one, Selectors::default());
    }
}
