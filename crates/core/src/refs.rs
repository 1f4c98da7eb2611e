//! Names of things: which source, which workload.
//!
//! Goes in: the strings of Kubernetes objects and of people's commands.
//! Comes out: small, ordered, cheaply cloned references. Nothing here fails but
//! parsing, which says what was expected.

use std::fmt;
use std::sync::Arc;

use crate::kinds::Kind;

/// A name shared by everything that mentions it.
pub type Name = Arc<str>;

/// What kind of object holds the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
    /// A SecretProviderClass of the Secrets Store CSI driver. Its content is what
    /// the driver mounted last, as its pod statuses tell.
    SecretProviderClass,
}

/// One row for each kind of source: its names where they differ.
#[derive(Debug)]
pub struct SourceRow {
    /// The kind that the row describes.
    pub kind: SourceKind,
    /// Its name in annotations, reports and state, in lower case.
    pub word: &'static str,
    /// Further spellings that people may use.
    pub short: &'static str,
    /// API group; empty is the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// `kind` in manifests.
    pub api_kind: &'static str,
    /// The resource in URLs and RBAC.
    pub plural: &'static str,
    /// The resource of the same group that is watched: whose changes are those of
    /// the content.
    pub watched: &'static str,
}

/// All kinds of sources.
pub static SOURCES: &[SourceRow] = &[
    SourceRow {
        kind: SourceKind::ConfigMap,
        word: "configmap",
        short: "cm",
        group: "",
        version: "v1",
        api_kind: "ConfigMap",
        plural: "configmaps",
        watched: "configmaps",
    },
    SourceRow {
        kind: SourceKind::Secret,
        word: "secret",
        short: "secrets",
        group: "",
        version: "v1",
        api_kind: "Secret",
        plural: "secrets",
        watched: "secrets",
    },
    SourceRow {
        kind: SourceKind::SecretProviderClass,
        word: "secretproviderclass",
        short: "spc",
        group: "secrets-store.csi.x-k8s.io",
        version: "v1",
        api_kind: "SecretProviderClass",
        plural: "secretproviderclasses",
        watched: "secretproviderclasspodstatuses",
    },
];

impl SourceKind {
    /// The row that describes this kind.
    pub fn row(self) -> &'static SourceRow {
        match self {
            Self::ConfigMap => &SOURCES[0],
            Self::Secret => &SOURCES[1],
            Self::SecretProviderClass => &SOURCES[2],
        }
    }

    /// Whether its content is told by objects of another resource: several may tell
    /// of one source, each what one pod has.
    pub fn by_status(self) -> bool {
        let row = self.row();
        row.plural != row.watched
    }

    /// All kinds, in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        SOURCES.iter().map(|row| row.kind)
    }

    /// `v1`, or `group/v1` outside the core group.
    pub fn api_version(self) -> String {
        let SourceRow { group, version, .. } = self.row();
        match *group {
            "" => (*version).to_owned(),
            group => format!("{group}/{version}"),
        }
    }

    /// Reads a kind as people write it: `configmap`, `cm`, `ConfigMap`, `secrets`.
    pub fn parse(text: &str) -> Option<Self> {
        SOURCES
            .iter()
            .find(|row| {
                [row.word, row.short, row.plural]
                    .iter()
                    .any(|w| w.eq_ignore_ascii_case(text))
            })
            .map(|row| row.kind)
    }
}

/// One source. Workloads use sources of their own namespace only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRef {
    /// Its kind.
    pub kind: SourceKind,
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl SourceRef {
    /// A reference from its parts.
    pub fn new(kind: SourceKind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Whether there can be a source of this name (Kubernetes: `IsDNS1123Subdomain` in
    /// `apimachinery/pkg/util/validation`). What an annotation or a template names may
    /// be any text.
    pub fn is_possible(&self) -> bool {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let part = |part: &str| {
            let inner = |c: char| edge(c) || c == '-';
            part.starts_with(edge) && part.ends_with(edge) && part.chars().all(inner)
        };
        self.name.len() <= 253 && self.name.split('.').all(part)
    }
}

impl fmt::Display for SourceRef {
    /// `configmap/nginx-config`; the namespace is the workload's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.row().word, self.name)
    }
}

impl fmt::Debug for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.namespace)
    }
}

/// One workload.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadRef {
    /// Its namespace.
    pub namespace: Name,
    /// Its kind.
    pub kind: &'static Kind,
    /// Its name.
    pub name: Name,
}

impl WorkloadRef {
    /// A reference from its parts.
    pub fn new(kind: &'static Kind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self {
            namespace: namespace.into(),
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for WorkloadRef {
    /// `stage/deployment/web`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind.word, self.name)
    }
}

impl fmt::Debug for WorkloadRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_row() {
        for kind in SourceKind::all() {
            assert_eq!(kind.row().kind, kind);
        }
    }

    #[test]
    fn names_are_those_that_an_object_can_have() {
        let can = |name: &str| SourceRef::new(SourceKind::Secret, "ns", name).is_possible();
        for name in ["a", "db-1.x", &"a".repeat(253)] {
            assert!(can(name), "{name}");
        }
        for name in [
            "",
            "A",
            "a_b",
            "a.",
            ".a",
            "a/b",
            "../../x/secrets/db",
            "a b",
            &"a".repeat(254),
        ] {
            assert!(!can(name), "{name}");
        }
    }

    #[test]
    fn people_write_kinds_in_many_ways() {
        for text in ["configmap", "cm", "ConfigMap", "configmaps"] {
            assert_eq!(SourceKind::parse(text), Some(SourceKind::ConfigMap));
        }
        assert_eq!(SourceKind::parse("secrets"), Some(SourceKind::Secret));
        let class = Some(SourceKind::SecretProviderClass);
        assert_eq!(SourceKind::parse("SecretProviderClass"), class);
        assert_eq!(SourceKind::parse("pod"), None);
    }
}
