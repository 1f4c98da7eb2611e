//! Other keys for Reloader's annotations, as its options choose them.
//!
//! Goes in: which keys were renamed, and the annotations of an object as they
//! are written there. Comes out: those that Tidings reads, under the keys of the
//! table, so that nothing else has to know of other ones. A key that was renamed
//! is not read any more. The only error is a key that no annotation can have: a
//! sentence.

use std::collections::BTreeMap;

use crate::annotations::Annotations;
use crate::annotations::{self, IGNORE, MATCH, PAUSE_PERIOD, PAUSED_AT};
use crate::pattern::quoted;

/// An option of Reloader that renames an annotation.
#[derive(Debug)]
pub struct Rename {
    /// The option, without its dashes.
    pub option: &'static str,
    /// The key of the table.
    pub key: &'static str,
}

/// All such options.
pub static RENAMES: [Rename; 10] = [
    rename("auto-annotation", "reloader.stakater.com/auto"),
    rename(
        "configmap-auto-annotation",
        "configmap.reloader.stakater.com/auto",
    ),
    rename(
        "secret-auto-annotation",
        "secret.reloader.stakater.com/auto",
    ),
    rename(
        "configmap-annotation",
        "configmap.reloader.stakater.com/reload",
    ),
    rename("secret-annotation", "secret.reloader.stakater.com/reload"),
    rename("auto-search-annotation", "reloader.stakater.com/search"),
    rename("search-match-annotation", MATCH),
    rename("ignore-annotation", IGNORE[1]),
    rename("pause-deployment-annotation", PAUSE_PERIOD),
    rename("pause-deployment-time-annotation", PAUSED_AT),
];

const fn rename(option: &'static str, key: &'static str) -> Rename {
    Rename { option, key }
}

/// The keys under which annotations are read and written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The key that is written on objects, by that of the table.
    renamed: BTreeMap<&'static str, String>,
    /// Whether Tidings' own are no annotations.
    without_own: bool,
    /// Whether of a workload it is read how its pods see what they use: methods are
    /// enabled that go pod by pod.
    pub sees_pods: bool,
}

impl Vocabulary {
    /// The table's own keys, but for these.
    pub fn new(renamed: impl IntoIterator<Item = (&'static str, String)>) -> Result<Self, String> {
        let other = |(key, other): &(&str, String)| *key != other;
        let renamed: BTreeMap<_, _> = renamed.into_iter().filter(other).collect();
        let wrong = renamed.values().find(|key| !is_key(key));
        match wrong {
            Some(key) => Err(format!("{} is no key of an annotation", quoted(key))),
            None => Ok(Self {
                renamed,
                without_own: false,
                sees_pods: false,
            }),
        }
    }

    /// The same without Tidings' own annotations, as stakater/Reloader reads them.
    #[must_use]
    pub fn without_own(&self) -> Self {
        Self {
            without_own: true,
            ..self.clone()
        }
    }

    /// The key under which an annotation of the table is written on objects.
    pub fn written<'a>(&'a self, key: &'a str) -> &'a str {
        self.renamed.get(key).map_or(key, String::as_str)
    }

    /// Whether an annotation with this key, as it is written on objects, is read.
    pub fn reads(&self, key: &str) -> bool {
        let own = self.without_own && annotations::is_own(key);
        let as_it_stands = annotations::is_kept(key) && !self.renamed.contains_key(key) && !own;
        as_it_stands || self.renamed.values().any(|other| other == key)
    }

    /// Annotations as they are written on an object, under the keys of the table.
    /// Those that are not read are left out.
    pub fn read(&self, mut written: Annotations) -> Annotations {
        written.retain(|key, _| self.reads(key));
        if self.renamed.is_empty() {
            annotations::keep_few(&mut written);
            return written;
        }
        let renamed = self.renamed.iter().filter_map(|(key, other)| {
            let value = written.get(other)?;
            Some(((*key).to_owned(), value.clone()))
        });
        let renamed: Vec<_> = renamed.collect();
        written
            .retain(|key, _| annotations::is_kept(key) && !self.renamed.contains_key(key.as_str()));
        written.extend(renamed);
        annotations::keep_few(&mut written);
        written
    }
}

/// What Kubernetes takes for the key of an annotation: a name, perhaps after a
/// domain.
fn is_key(key: &str) -> bool {
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    let edge = |c: char| c.is_ascii_alphanumeric();
    let ends = |text: &str| text.starts_with(edge) && text.ends_with(edge);
    let plain = |text: &str, more: &[char]| text.chars().all(|c| edge(c) || more.contains(&c));
    let domain = domain.is_none_or(|d| d.len() <= 253 && ends(d) && plain(d, &['-', '.']));
    domain && name.len() <= 63 && ends(name) && plain(name, &['-', '_', '.'])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::annotations::RELOAD;

    const AUTO: &str = RENAMES[0].key;
    const NAMED: &str = RENAMES[3].key;

    fn annotations(pairs: &[(&str, &str)]) -> Annotations {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn check(renamed: &[(&'static str, &str)], written: &[(&str, &str)], read: &[(&str, &str)]) {
        let renamed = renamed
            .iter()
            .map(|(key, other)| (*key, (*other).to_owned()));
        let vocabulary = Vocabulary::new(renamed).unwrap();
        assert_eq!(vocabulary.read(annotations(written)), annotations(read));
    }

    #[test]
    fn what_is_not_renamed_is_read_as_it_stands() {
        let written = [(AUTO, "true"), (RELOAD, "auto"), ("other/key", "x")];
        check(&[], &written, &[(AUTO, "true"), (RELOAD, "auto")]);
    }

    #[test]
    fn a_renamed_key_is_read_under_its_other_name_only() {
        let renamed = [(AUTO, "example.org/follow")];
        check(
            &renamed,
            &[("example.org/follow", "true")],
            &[(AUTO, "true")],
        );
        check(&renamed, &[(AUTO, "true"), ("x", "y")], &[]);
        check(&renamed, &[(RELOAD, "auto")], &[(RELOAD, "auto")]);
    }

    #[test]
    fn two_keys_may_change_places_or_share_one() {
        let swapped = [(AUTO, NAMED), (NAMED, AUTO)];
        check(
            &swapped,
            &[(AUTO, "a"), (NAMED, "b")],
            &[(AUTO, "b"), (NAMED, "a")],
        );
        let shared = [(AUTO, "x/y"), (NAMED, "x/y")];
        check(&shared, &[("x/y", "c")], &[(AUTO, "c"), (NAMED, "c")]);
        let moved = [(AUTO, NAMED)];
        check(&moved, &[(NAMED, "c")], &[(AUTO, "c"), (NAMED, "c")]);
    }

    #[test]
    fn a_renamed_key_is_written_under_its_other_name() {
        let vocabulary = Vocabulary::new([(PAUSED_AT, "example.org/paused".to_owned())]).unwrap();
        assert_eq!(vocabulary.written(PAUSED_AT), "example.org/paused");
        assert_eq!(vocabulary.written(RELOAD), RELOAD);
    }

    #[test]
    fn reloader_reads_none_of_ours() {
        let reloaders = Vocabulary::default().without_own();
        let read = reloaders.read(annotations(&[(AUTO, "true"), (RELOAD, "auto")]));
        assert_eq!(read, annotations(&[(AUTO, "true")]));
    }

    #[rstest]
    #[case("auto", true)]
    #[case("my-company.com/auto_reload", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a/", false)]
    #[case("/a", false)]
    #[case("a/b/c", false)]
    #[case("-a", false)]
    fn a_key_must_be_one(#[case] key: &str, #[case] valid: bool) {
        assert_eq!(Vocabulary::new([(AUTO, key.to_owned())]).is_ok(), valid);
    }

    #[test]
    fn every_option_renames_another_annotation_of_the_table() {
        let keys: BTreeSet<_> = RENAMES.iter().map(|rename| rename.key).collect();
        assert_eq!(keys.len(), RENAMES.len());
        assert!(keys.iter().all(|key| annotations::find(key).is_some()));
    }
}
