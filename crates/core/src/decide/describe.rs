//! Changes in words, as they are written on a template and told to people.

use std::collections::BTreeMap;
use std::fmt::Display;

use tidings_shared::plain::plain;

use crate::compare::Change;
use crate::refs::SourceRef;
use crate::state::KeyDigest;

/// The keys that are named for one source before the rest is only counted.
const KEYS_NAMED: usize = 5;
/// The sources that are named before the rest is only counted.
const SOURCES_NAMED: usize = 10;

/// `configmap/nginx-config (nginx.conf), secret/db`. Names may be free text, as those of
/// a class's objects are: they end no line here and speak to no terminal.
pub fn describe(changes: &[Change]) -> String {
    let mut by_source: BTreeMap<&SourceRef, Vec<&str>> = BTreeMap::new();
    for change in changes {
        let keys = by_source.entry(&change.source).or_default();
        keys.extend(change.keys.iter().map(|key| &**key));
    }
    let more = by_source.len().saturating_sub(SOURCES_NAMED);
    let named = by_source.into_iter().take(SOURCES_NAMED);
    let mut parts: Vec<_> = named.map(|(source, keys)| part(source, &keys)).collect();
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    plain(&parts.join(", ")).into_owned()
}

/// `configmap/nginx-config, secret/db`
pub(super) fn names<S: Display>(sources: &[S]) -> String {
    let more = sources.len().saturating_sub(SOURCES_NAMED);
    let named = sources.iter().take(SOURCES_NAMED).map(ToString::to_string);
    let more = (more > 0).then(|| format!("{more} more"));
    let names: Vec<_> = named.chain(more).collect();
    plain(&names.join(", ")).into_owned()
}

fn part(source: &SourceRef, keys: &[&str]) -> String {
    let (named, rest) = keys.split_at(keys.len().min(KEYS_NAMED));
    match (named.is_empty(), rest.len()) {
        (true, _) => source.to_string(),
        (_, 0) => format!("{source} ({})", named.join(", ")),
        (_, more) => format!("{source} ({} and {more} more)", named.join(", ")),
    }
}

/// The digest of a key as `why` prints it.
pub fn show_digest(digest: KeyDigest) -> String {
    String::from(digest).chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::What;
    use crate::refs::SourceKind;

    #[test]
    fn names_that_are_free_text_are_told_in_one_line() {
        let change = Change {
            source: SourceRef::new(SourceKind::SecretProviderClass, "ns", "c\u{202e}"),
            what: What::Changed,
            keys: vec!["a\n\u{1b}[2J".into()],
            version: None,
            dated: false,
            by: None,
        };
        let told = r"secretproviderclass/c\u{202e} (a\n\u{1b}[2J)";
        assert_eq!(describe(&[change]), told);
        assert_eq!(names(&["a\nb"]), r"a\nb");
    }
}
