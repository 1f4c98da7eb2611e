//! Digests of configuration: what is compared instead of content ([`tidings_wire`]).

pub use tidings_wire::digest::Digest;

use tidings_wire::digest::Source;

use crate::refs::SourceRef;

impl<'a> From<&'a SourceRef> for Source<'a> {
    fn from(source: &'a SourceRef) -> Self {
        Self {
            kind: source.kind.row().word,
            namespace: &source.namespace,
            name: &source.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refs::SourceKind;

    #[test]
    fn a_source_is_known_by_its_word() {
        let source = SourceRef::new(SourceKind::Secret, "ns", "app");
        assert_eq!(Source::from(&source).to_string(), "secret/ns/app");
    }
}
