//! Keeping inotify on every directory that matters, through everything that
//! takes it away: links that are set anew, directories that go and come back,
//! limits of the kernel, lost messages.

use super::Watch;
use super::inotify::{Inotify, News};
use super::place::Station;
use super::route::Heed;
use super::swap_tracker::{Sign, SwapTracker};
use crate::files::inode::Id;
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// How often the way to a place may change while watches are put on it before
/// the rest is left to the next look.
const PATIENCE: u32 = 10;

/// More of them are not remembered: they would be of names that somebody invents.
const MOST_COMPLAINTS: usize = 1000;

/// Whom a watched directory concerns, by index, and what in it.
pub(super) type Concerns = Vec<(usize, Heed)>;

impl Watch {
    /// Something happened to an entry of the directory with this number.
    pub(super) fn heard(&mut self, number: i32, name: &OsStr, news: News, now: Duration) {
        let concerns = self.numbers.get(&number).map(Vec::as_slice);
        for (index, heed) in concerns.unwrap_or_default() {
            if let Some(watched) = self.places.get_mut(*index) {
                take_in(&mut watched.tracker, heed, name, news, now);
            }
        }
    }

    /// The directory with this number is gone, or unmounted, or was moved.
    pub(super) fn lost(&mut self, number: i32, now: Duration) {
        for (index, _) in self.numbers.remove(&number).unwrap_or_default() {
            self.places[index].armed = false;
            self.places[index].tracker.suspect(now);
        }
        // One that was moved away still has its watch.
        if let Some(inotify) = &self.inotify {
            inotify.remove(number);
        }
    }

    /// The kernel dropped messages: anything may have happened anywhere.
    pub(super) fn overflowed(&mut self, now: Duration) {
        self.said
            .push("inotify lost messages; looking at everything again".into());
        for watched in &mut self.places {
            watched.tracker.lost(now);
        }
    }

    /// Puts inotify on every place that it is not on.
    pub(super) fn arm_all(&mut self) {
        for index in 0..self.places.len() {
            if !self.places[index].armed {
                self.arm(index);
            }
        }
    }

    /// Puts inotify on all directories of a place as it is now. When this
    /// returns, nothing can happen there without a message, or `armed` is false.
    pub(super) fn arm(&mut self, index: usize) {
        for _ in 0..PATIENCE {
            let stations = self.places[index].place.stations();
            let watched = &mut self.places[index];
            if watched.armed && watched.stations == stations {
                return;
            }
            watched.stations = stations;
            self.post();
            if !self.places[index].armed {
                return;
            }
        }
        self.places[index].armed = false;
    }

    /// One watch for each inode, for all places that it concerns.
    fn post(&mut self) {
        if self.inotify.is_none() {
            match Inotify::open() {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(error) => return self.say_once(&no_inotify(error)),
            }
        }
        let stations: Vec<Vec<Station>> = self
            .places
            .iter()
            .map(|watched| watched.stations.clone())
            .collect();
        for watched in &mut self.places {
            // One that has not been looked for yet is on none.
            watched.armed = !watched.stations.is_empty();
        }
        let inodes = by_inode(&stations);
        for (index, group) in groups(stations.len(), inodes.values())
            .into_iter()
            .enumerate()
        {
            self.places[index].group = group;
        }
        let mut numbers: HashMap<i32, Concerns> = HashMap::new();
        for (dir, concerns) in inodes.into_values() {
            if let Some(number) = self.post_one(dir, &concerns) {
                numbers.entry(number).or_default().extend(concerns);
            }
        }
        let before = std::mem::replace(&mut self.numbers, numbers);
        for number in before
            .keys()
            .filter(|number| !self.numbers.contains_key(number))
        {
            self.inotify
                .iter()
                .for_each(|inotify| inotify.remove(*number));
        }
    }

    fn post_one(&mut self, dir: &Path, concerns: &Concerns) -> Option<i32> {
        let added = self
            .inotify
            .as_ref()?
            .add(dir, concerns.iter().map(|(_, heed)| heed));
        let error = match added {
            Ok(number) => return Some(number),
            Err(error) => error,
        };
        // That a directory may be passed but not listed is common; the poll
        // sees if it goes.
        let bears = |heed: &Heed| error == Errno::ACCESS && *heed == Heed::Itself;
        let mut hurt = concerns.iter().filter(|(_, heed)| !bears(heed)).peekable();
        let is_gone = matches!(error, Errno::NOENT | Errno::NOTDIR);
        let complains = hurt.peek().is_some() && !is_gone;
        for (index, _) in hurt {
            self.places[*index].armed = false;
        }
        if complains {
            self.say_once(&no_watch(&dir.display(), error));
        }
        None
    }

    pub(super) fn say_once(&mut self, sentence: &str) {
        if self.complaints.len() >= MOST_COMPLAINTS {
            self.complaints.clear();
        }
        if !self.complaints.iter().any(|said| said == sentence) {
            self.complaints.push(sentence.to_owned());
            self.said.push(sentence.to_owned());
        }
    }
}

/// What a message about a directory means for a place that it concerns.
fn take_in(tracker: &mut SwapTracker, heed: &Heed, name: &OsStr, news: News, now: Duration) {
    match heed {
        Heed::Entry(mine) if mine == name && news.arrived => tracker.saw(now, Sign::Swapped),
        Heed::Entry(mine) if mine == name => tracker.saw(now, Sign::Written),
        Heed::File(mine) if mine == name => tracker.saw(now, news.sign.unwrap_or(Sign::Written)),
        Heed::Itself | Heed::Entry(_) | Heed::File(_) => {}
        // What was put in before the watch is on is found by the look.
        Heed::All if news.is_dir && news.arrived && news.sign.is_some() => tracker.suspect(now),
        Heed::All => {
            if let Some(sign) = news.sign {
                tracker.saw(now, sign);
            }
        }
    }
}

fn by_inode(stations: &[Vec<Station>]) -> BTreeMap<Id, (&Path, Concerns)> {
    let mut dirs: BTreeMap<Id, (&Path, Concerns)> = BTreeMap::new();
    for (index, stations) in stations.iter().enumerate() {
        for Station { id, step } in stations {
            let (_, concerns) = dirs.entry(*id).or_insert((&step.dir, Vec::new()));
            concerns.push((index, step.heed.clone()));
        }
    }
    dirs
}

/// Places that a message can concern together, by the first of them: a change of
/// one may be a change of the other, and both are one.
fn groups<'a>(count: usize, inodes: impl Iterator<Item = &'a (&'a Path, Concerns)>) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..count).collect();
    for (_, concerns) in inodes {
        let concerned = concerns.iter().filter(|(_, heed)| *heed != Heed::Itself);
        let concerned: Vec<usize> = concerned.map(|(index, _)| groups[*index]).collect();
        let Some(first) = concerned.iter().min().copied() else {
            continue;
        };
        for group in &mut groups {
            if concerned.contains(group) {
                *group = first;
            }
        }
    }
    groups
}

fn no_inotify(error: Errno) -> String {
    format!("no inotify ({error}); looking each second instead, as long as that lasts")
}

fn no_watch(dir: &dyn std::fmt::Display, error: Errno) -> String {
    format!(
        "no inotify watch on {dir} ({error}); looking each second instead, as long as that lasts"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_one_directory_are_looked_at_together() {
        let (dir, all) = (Path::new("/"), || Heed::All);
        let inodes = [
            (dir, vec![(0, all()), (2, Heed::File("a".into()))]),
            (dir, vec![(1, all()), (0, Heed::Itself)]),
            (dir, vec![(3, all()), (2, all())]),
            (dir, vec![(4, Heed::Itself)]),
        ];
        assert_eq!(groups(5, inodes.iter()), [0, 1, 0, 0, 4]);
    }
}
