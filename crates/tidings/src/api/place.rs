//! Where an object, or a collection of them, is.

use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::Kind;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};

/// A collection of one resource, or with a name one object of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    namespace: Option<Name>,
    name: Option<Name>,
    part: Option<&'static str>,
    on_behalf_of: Option<Name>,
}

impl Place {
    /// All objects of a resource, in all namespaces. The core group is `""`.
    pub const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self {
            group,
            version,
            plural,
            namespace: None,
            name: None,
            part: None,
            on_behalf_of: None,
        }
    }

    /// All objects of a resource of the core group.
    pub const fn core(plural: &'static str) -> Self {
        Self::new("", "v1", plural)
    }

    /// All workloads of a kind.
    pub fn kind(kind: &'static Kind) -> Self {
        Self::new(kind.group, kind.version, kind.plural)
    }

    /// A workload.
    pub fn workload(key: &WorkloadRef) -> Self {
        Self::kind(key.kind)
            .within(key.namespace.clone())
            .named(key.name.clone())
    }

    /// What is watched of a kind of source.
    pub fn sources(kind: SourceKind) -> Self {
        let row = kind.row();
        Self::new(row.group, row.version, row.watched)
    }

    /// A source.
    pub fn source(key: &SourceRef) -> Self {
        let row = key.kind.row();
        Self::new(row.group, row.version, row.plural)
            .within(key.namespace.clone())
            .named(key.name.clone())
    }

    /// What a stream carries.
    pub fn stream(stream: &Stream) -> Self {
        let all = match stream.of {
            StreamOf::Namespaces => Self::core("namespaces"),
            StreamOf::Workloads(kind) => Self::kind(kind),
            StreamOf::Sources(kind) => Self::sources(kind),
        };
        let namespace = stream.namespace.clone();
        Self { namespace, ..all }
    }

    /// The part of it in one namespace.
    #[must_use]
    pub fn within(self, namespace: impl Into<Name>) -> Self {
        let namespace = Some(namespace.into());
        Self { namespace, ..self }
    }

    /// The object of this name in it.
    #[must_use]
    pub fn named(self, name: impl Into<Name>) -> Self {
        let name = Some(name.into());
        Self { name, ..self }
    }

    /// What is written of it apart: a subresource.
    #[must_use]
    pub fn part(self, part: &'static str) -> Self {
        let part = Some(part);
        Self { part, ..self }
    }

    /// The same, asked for on behalf of another namespace than its own.
    #[must_use]
    pub fn on_behalf_of(self, namespace: Name) -> Self {
        let on_behalf_of = Some(namespace);
        Self {
            on_behalf_of,
            ..self
        }
    }

    /// On behalf of which namespace it is asked for; of none (`""`) where it is in none.
    pub fn who(&self) -> Name {
        let who = self.on_behalf_of.as_ref().or(self.namespace.as_ref());
        who.cloned().unwrap_or_else(|| "".into())
    }

    /// The name of the object, where it is one.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Its namespace.
    pub fn namespace(&self) -> Option<&Name> {
        self.namespace.as_ref()
    }

    /// `secrets`, `deployments.apps`, `pods/resize`
    pub fn resource(&self) -> String {
        let part = self.part.map(|part| format!("/{part}"));
        let part = part.unwrap_or_default();
        match self.group {
            "" => format!("{}{part}", self.plural),
            group => format!("{}.{group}{part}", self.plural),
        }
    }

    /// As its objects say it: `v1`, `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// Its path at the API server.
    pub fn path(&self) -> String {
        let mut path = match self.group {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        if let Some(namespace) = &self.namespace {
            path.push_str("/namespaces/");
            path.push_str(&escape(namespace));
        }
        path.push('/');
        path.push_str(self.plural);
        if let Some(name) = &self.name {
            path.push('/');
            path.push_str(&escape(name));
        }
        if let Some(part) = self.part {
            path.push('/');
            path.push_str(part);
        }
        path
    }
}

/// Percent-encodes all but the characters that mean nothing in a URI.
pub(super) fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let escape = |b: u8| {
        if plain(b) {
            char::from(b).to_string()
        } else {
            format!("%{b:02X}")
        }
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_namespaces_make_the_path() {
        let lease = Place::new("coordination.k8s.io", "v1", "leases");
        assert_eq!(lease.path(), "/apis/coordination.k8s.io/v1/leases");
        let lease = lease.within("tidings").named("tidings");
        assert_eq!(
            lease.path(),
            "/apis/coordination.k8s.io/v1/namespaces/tidings/leases/tidings"
        );
        assert_eq!(lease.resource(), "leases.coordination.k8s.io");
        assert_eq!(Place::core("secrets").path(), "/api/v1/secrets");
    }

    #[test]
    fn what_people_type_stays_within_its_segment() {
        let odd = Place::core("secrets").within("a/b").named("c?d=e#");
        assert_eq!(odd.path(), "/api/v1/namespaces/a%2Fb/secrets/c%3Fd%3De%23");
    }
}
