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
    let mut mounts: Vec<Mount> = groups.into_iter().map(|(mount, _)| mount).collect();
    shorten(&mut mounts);
    mounts
}

/// Each place has an equal share of what can be shown, and of what others leave of theirs.
fn shorten(mounts: &mut [Mount]) {
    let mut by_size: Vec<&mut Mount> = mounts.iter_mut().collect();
    by_size.sort_by_key(|mount| mount.files.len());
    let (mut names, mut letters) = (MOST_LISTED_NAMES, MOST_OF_LISTED_NAMES);
    let count = by_size.len();
    for (index, mount) in by_size.into_iter().enumerate() {
        let share = count - index;
        let files = std::mem::take(&mut mount.files).into_iter();
        mount.files = listed(files, (names / share, letters / share));
        names -= mount.files.len();
        letters -= mount.files.iter().map(String::len).sum::<usize>();
    }
}

/// `members`: whom it describes already.
fn join(known: &mut Mount, other: Mount, watched: &Watched, members: &[&Watched]) {
    let is_new = |name: &OsString| !members.iter().any(|member| member.holds(name));
    let new = watched.whole_names().filter(is_new);
    known.file_count += new.count();
    known.files.extend(other.files);
    known.files.sort();
    known.files.dedup();
    known.files = listed(std::mem::take(&mut known.files).into_iter(), MOST);
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

/// So many names, with so many letters together, can be shown.
const MOST: (usize, usize) = (MOST_LISTED_NAMES, MOST_OF_LISTED_NAMES);

/// The first of them.
fn listed(names: impl Iterator<Item = String>, (count, mut left): (usize, usize)) -> Vec<String> {
    let fits = |name: &String| {
        let fits = left.checked_sub(name.len());
        left = fits.unwrap_or_default();
        fits.is_some()
    };
    names.take(count).take_while(fits).collect()
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
        listed(self.whole_names().map(|name| shown(&name)), MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(count: usize, name: &str) -> Mount {
        Mount {
            dir: String::new(),
            generation: None,
            files: vec![name.to_owned(); count],
            file_count: count,
            watched_by: "inotify",
            unread: Vec::new(),
        }
    }

    #[test]
    fn places_share_what_is_shown() {
        let lengths = |mut mounts: Vec<Mount>| {
            shorten(&mut mounts);
            mounts
                .iter()
                .map(|mount| mount.files.len())
                .collect::<Vec<_>>()
        };
        let small = |count| mount(count, "a");
        assert_eq!(lengths(vec![small(1000)]), [1000]);
        assert_eq!(lengths(vec![small(1000), small(10)]), [990, 10]);
        assert_eq!(
            lengths(vec![small(1000), small(3), small(1000)]),
            [498, 3, 499]
        );
        let long = "x".repeat(1024);
        assert_eq!(
            lengths(vec![mount(60, &long), mount(4, &long), mount(60, &long)]),
            [30, 4, 30]
        );
    }
}
