//! Which graph an address asks for, and the address of each.

use form_urlencoded::Serializer;
use tidings_core::graph::Focus;
use tidings_core::kinds::Kinds;
use tidings_core::object::Group;
use tidings_core::refs::{SourceKind, SourceRef};

use super::HERE;

/// What an address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// This.
    Of(Focus),
    /// Nothing in particular.
    Any,
    /// What there cannot be; what it would have to be.
    Nothing(String),
}

impl Destination {
    /// As an address has it: `ns=stage`, `workload=deployment/stage/web`,
    /// `source=configmap/stage/app`.
    pub(super) fn read(query: Option<&str>, kinds: &Kinds) -> Self {
        let mut namespace = Self::Any;
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "workload" => return Self::workload(&value, kinds),
                "source" => return Self::source(&value),
                "ns" if !value.is_empty() => {
                    namespace = Self::Of(Focus::Namespace((*value).into()));
                }
                _ => {}
            }
        }
        namespace
    }

    fn workload(text: &str, kinds: &Kinds) -> Self {
        let Some([kind, namespace, name]) = parts(text) else {
            return Self::Nothing(format!("{text} is not KIND/NAMESPACE/NAME"));
        };
        let known = kinds.parse(kind).map(|kind| kind.word);
        Self::Of(Focus::Workload(Group {
            namespace: namespace.into(),
            // What is no workload may have made pods all the same.
            kind: known.unwrap_or(kind).into(),
            name: name.into(),
        }))
    }

    fn source(text: &str) -> Self {
        let Some([kind, namespace, name]) = parts(text) else {
            return Self::Nothing(format!("{text} is not KIND/NAMESPACE/NAME"));
        };
        match SourceKind::parse(kind) {
            Some(kind) => Self::Of(Focus::Source(SourceRef::new(kind, namespace, name))),
            None => Self::Nothing(format!("{kind} is no kind of source")),
        }
    }
}

fn parts(text: &str) -> Option<[&str; 3]> {
    let parts: Vec<_> = text.split('/').collect();
    let parts = <[&str; 3]>::try_from(parts).ok()?;
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// The namespace of the graph that an address asks for, if it asks for any.
pub(in crate::dashboard) fn namespace(query: &str) -> Option<String> {
    match Destination::read(Some(query), &Kinds::default()) {
        Destination::Of(focus) => Some(focus.namespace().to_string()),
        Destination::Any | Destination::Nothing(_) => None,
    }
}

/// The address of the graph of this.
pub(in crate::dashboard) fn address(focus: &Focus) -> String {
    let mut query = Serializer::new(String::new());
    match focus {
        Focus::Namespace(namespace) => query.append_pair("ns", namespace),
        Focus::Workload(Group {
            namespace,
            kind,
            name,
        }) => query.append_pair("workload", &format!("{kind}/{namespace}/{name}")),
        Focus::Source(source) => {
            let (
                kind,
                SourceRef {
                    namespace, name, ..
                },
            ) = (source.kind.row().word, source);
            query.append_pair("source", &format!("{kind}/{namespace}/{name}"))
        }
    };
    format!("{HERE}?{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Destination {
        Destination::read(Some(query), &Kinds::default())
    }

    #[test]
    fn what_is_asked_is_an_address_and_back() {
        let group = Group {
            namespace: "stage".into(),
            kind: "deployment".into(),
            name: "web".into(),
        };
        let source = SourceRef::new(SourceKind::Secret, "stage", "a.b");
        for (focus, expect) in [
            (Focus::Namespace("a&b".into()), "/graph?ns=a%26b"),
            (
                Focus::Workload(group),
                "/graph?workload=deployment%2Fstage%2Fweb",
            ),
            (Focus::Source(source), "/graph?source=secret%2Fstage%2Fa.b"),
        ] {
            let address = address(&focus);
            assert_eq!(address, expect);
            assert_eq!(read(&address["/graph?".len()..]), Destination::Of(focus));
        }
    }

    #[test]
    fn kinds_are_written_in_many_ways_and_nonsense_is_told() {
        let Destination::Of(Focus::Workload(group)) = read("workload=deploy/stage/web") else {
            unreachable!("a workload");
        };
        assert_eq!(&*group.kind, "deployment");
        assert!(matches!(read("source=cm/stage/app"), Destination::Of(_)));
        for nonsense in [
            "workload=web",
            "workload=a/b/",
            "source=pod/stage/web",
            "source=<script>",
        ] {
            assert!(
                matches!(read(nonsense), Destination::Nothing(_)),
                "{nonsense}"
            );
        }
        assert_eq!(read("ns=&other=1"), Destination::Any);
    }
}
