//! The places as people are shown them: each directory once, whatever of it is watched,
//! and by however many places.

use super::watched::{MOST_LISTED_NAMES, MOST_OF_LISTED_NAMES, Watched};
use super::{Mount, shown};
use std::ffi::OsString;

/// How a directory can be watched, worst last.
const WORSE: [&str; 4] = ["inotify", "poll", "missing", "unreadable"];

/// In the order in which they were named first.
pub(super) fn mounts(places: &[Watched]) -> Vec<Mount> {
    let mut groups: Vec<(Mount, Vec<&Watched>)> = Vec::new();
    for watched in places {
        let mount = watched.describe();
        let group = groups.iter_mut().find(|(known, _)| known.dir == mount.dir);
        match group {
            Some((known, members)) => {
                join(known, mount, watched, members);
                members.push(watched);
            }
            None => groups.push((mount, vec![watched])),
        }
    }
    groups.into_iter().map(|(mount, _)| mount).collect()
}

/// `members`: whom it describes already.
fn join(known: &mut Mount, other: Mount, watched: &Watched, members: &[&Watched]) {
    let is_new = |name: &OsString| !members.iter().any(|member| member.holds(name));
    let new = watched.whole_names().filter(is_new);
    known.file_count += new.count();
    known.files.extend(other.files);
    known.files.sort();
    known.files.dedup();
    known.files = listed(std::mem::take(&mut known.files).into_iter());
    known.generation = known.generation.take().or(other.generation);
    let rank = |word: &&str| WORSE.iter().position(|known| known == word);
    known.watched_by = [known.watched_by, other.watched_by]
        .into_iter()
        .max_by_key(rank)
        .unwrap_or(known.watched_by);
    let is_new = |sentence: &String| !known.unread.contains(sentence);
    let unread: Vec<String> = other.unread.into_iter().filter(is_new).collect();
    known.unread.extend(unread);
}

/// As many as people can be shown: each of 32 callers may hold a copy.
pub(super) fn listed(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut left = MOST_OF_LISTED_NAMES;
    let fits = |name: &String| {
        let fits = left.checked_sub(name.len());
        left = fits.unwrap_or_default();
        fits.is_some()
    };
    names.take(MOST_LISTED_NAMES).take_while(fits).collect()
}

impl Watched {
    /// Relative to the directory.
    fn whole_names(&self) -> impl Iterator<Item = OsString> {
        self.last
            .files
            .keys()
            .map(|name| self.last.whole_name(name))
    }

    fn holds(&self, whole: &OsString) -> bool {
        if self.last.prefix.is_empty() {
            return self.last.files.contains_key(whole);
        }
        self.whole_names().any(|name| name == *whole)
    }

    /// The first of its files.
    pub(super) fn names(&self) -> Vec<String> {
        listed(self.whole_names().map(|name| shown(&name)))
    }
}
