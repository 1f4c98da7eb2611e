//! What each file contains, and what of it was taken. Pure.
//!
//! In: looks at the files, and word of what was taken. Out: whether a file is as it was
//! taken, and which ones are new: those have to be named before anything is taken
//! (`--paced`).

use crate::watch::{Contents, FileDigest};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

/// A file: its place, and its name below that.
pub(crate) type Name = (usize, OsString);

/// Of all places.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    places: Vec<BTreeMap<OsString, Row>>,
    /// It is known what was taken of what has no row: nothing.
    is_begun: bool,
}

/// What was taken of a file last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Had {
    Unknown,
    /// `None`: there was no such file.
    Content(Option<FileDigest>),
}

/// One file. What is gone stays until that was taken.
#[derive(Debug)]
struct Row {
    now: Option<FileDigest>,
    had: Had,
    /// It was another one since then.
    is_touched: bool,
}

impl Row {
    fn look(&mut self, now: Option<FileDigest>) {
        self.is_touched |= self.now != now;
        self.now = now;
    }

    fn is_new(&self) -> bool {
        self.had != Had::Content(self.now)
    }
}

impl Ledger {
    /// The files are these now.
    pub(crate) fn look(&mut self, contents: &Contents) {
        self.places.resize_with(contents.len(), BTreeMap::new);
        let had = if self.is_begun {
            Had::Content(None)
        } else {
            Had::Unknown
        };
        for (rows, files) in self.places.iter_mut().zip(contents) {
            for (name, row) in rows.iter_mut() {
                row.look(files.get(name).copied());
            }
            for (name, digest) in files {
                rows.entry(name.clone()).or_insert(Row {
                    now: Some(*digest),
                    had,
                    is_touched: true,
                });
            }
        }
    }

    /// They were others for a moment, nobody knows which.
    pub(crate) fn flickered(&mut self) {
        for row in self.places.iter_mut().flat_map(BTreeMap::values_mut) {
            row.is_touched = true;
        }
    }

    /// All of them were taken, as they are.
    pub(crate) fn took(&mut self) {
        self.is_begun = true;
        for rows in &mut self.places {
            rows.retain(|_, row| row.now.is_some());
            for row in rows.values_mut() {
                row.had = Had::Content(row.now);
                row.is_touched = false;
            }
        }
    }

    /// What it contains, as the watch saw it.
    pub(crate) fn now(&self, name: &Name) -> Option<FileDigest> {
        self.row(name).and_then(|row| row.now)
    }

    /// Whether it is as it was taken, and was no other since.
    pub(crate) fn is_as_taken(&self, name: &Name) -> bool {
        match self.row(name) {
            Some(row) => !row.is_touched && !row.is_new(),
            None => self.is_begun,
        }
    }

    /// The first file that is new and none of these, and how many there are.
    pub(crate) fn unnamed(&self, named: &BTreeSet<Name>) -> Option<(Name, usize)> {
        let places = self.places.iter().enumerate();
        let new = places.flat_map(|(place, rows)| {
            let new = rows.iter().filter(|(_, row)| row.is_new());
            new.map(move |(name, _)| (place, name.clone()))
        });
        let mut left = new.filter(|name| !named.contains(name));
        let first = left.next()?;
        Some((first, 1 + left.count()))
    }

    fn row(&self, (place, name): &Name) -> Option<&Row> {
        self.places.get(*place)?.get(AsRef::<OsStr>::as_ref(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of one place, each with one byte for its digest.
    fn contents(files: &[(&str, u8)]) -> Contents {
        let pair = |(name, digest): &(&str, u8)| (OsString::from(name), [*digest; 16]);
        vec![files.iter().map(pair).collect()]
    }

    fn name(name: &str) -> Name {
        (0, name.into())
    }

    fn new(ledger: &Ledger) -> Vec<String> {
        let mut named = BTreeSet::new();
        while let Some((next, _)) = ledger.unnamed(&named) {
            named.insert(next);
        }
        let text = |(_, name): Name| name.to_string_lossy().into_owned();
        named.into_iter().map(text).collect()
    }

    #[test]
    fn what_differs_from_what_was_taken_is_new() {
        let mut ledger = Ledger::default();
        ledger.look(&contents(&[("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(new(&ledger), ["a", "b", "c"], "nothing is known");
        ledger.took();
        assert!(new(&ledger).is_empty());
        ledger.look(&contents(&[("a", 2), ("b", 1), ("d", 1)]));
        assert_eq!(new(&ledger), ["a", "c", "d"], "changed, gone, come");
        assert_eq!(ledger.unnamed(&[name("a")].into()), Some((name("c"), 2)));
        ledger.look(&contents(&[("a", 1), ("b", 1), ("c", 1)]));
        assert!(new(&ledger).is_empty(), "as it was");
    }

    #[test]
    fn a_file_that_was_another_for_a_moment_is_not_as_it_was_taken() {
        let mut ledger = Ledger::default();
        ledger.look(&contents(&[("a", 1), ("b", 1)]));
        assert!(!ledger.is_as_taken(&name("a")) && !ledger.is_as_taken(&name("none")));
        ledger.took();
        assert!(ledger.is_as_taken(&name("a")) && ledger.is_as_taken(&name("none")));
        ledger.look(&contents(&[("a", 2), ("b", 1), ("none", 1)]));
        ledger.look(&contents(&[("a", 1), ("b", 1)]));
        assert!(!ledger.is_as_taken(&name("a")) && !ledger.is_as_taken(&name("none")));
        assert!(ledger.is_as_taken(&name("b")));
        ledger.flickered();
        assert!(!ledger.is_as_taken(&name("b")));
        ledger.took();
        assert!(ledger.is_as_taken(&name("a")) && ledger.is_as_taken(&name("b")));
    }
}
