//! One watched place: what it contained at the last look, and whether another
//! is due.
//!
//! In: signs, and the place itself. Out: what differs. A place that is gone keeps
//! what was last seen of it: what runs goes on with what it read.

use super::Mount;
use super::place::{Place, Station};
use super::route::is_absence;
use super::shown;
use super::snapshot::Snapshot;
use super::swap_tracker::SwapTracker;
use crate::files::read::Unread;
use rustix::io::Errno;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// No more files of all places together are listed for people, nor with longer
/// names; the rest is counted.
pub(crate) const MOST_LISTED_NAMES: usize = 1000;
pub(crate) const MOST_OF_LISTED_NAMES: usize = 64 << 10;

/// One place, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) place: Place,
    pub(super) tracker: SwapTracker,
    pub(super) last: Snapshot,
    pulse: Option<u64>,
    /// The directories that inotify must be on.
    pub(super) stations: Vec<Station>,
    /// The first of the places that are looked at together with this one.
    pub(super) group: usize,
    /// Inotify is on all of the directories.
    pub(super) armed: bool,
    pub(super) missing: bool,
    /// Why it cannot be looked at, though it is there.
    pub(super) blind: Option<Errno>,
}

/// What a look at one place found.
pub(super) struct Changes {
    pub(super) names: Vec<OsString>,
    pub(super) flickered: bool,
}

impl Watched {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            tracker: SwapTracker::default(),
            last: Snapshot::default(),
            pulse: None,
            stations: Vec::new(),
            group: 0,
            armed: false,
            missing: false,
            blind: None,
        }
    }

    pub(super) fn first_look(&mut self) -> Result<(), String> {
        match self.place.read() {
            Ok(snapshot) => self.last = snapshot,
            Err(error) if is_absence(error) => self.missing = true,
            Err(error) if !self.is_forbidden_by_people(error) => self.blind = Some(error),
            Err(error) => {
                let path = self.place.path.display();
                return Err(format!(
                    "{path} cannot be read ({error}); give the agent the user or group that may, for instance by fsGroup"
                ));
            }
        }
        self.pulse = self.known_pulse();
        Ok(())
    }

    /// People named what the agent may not read. A link may be somebody else's.
    fn is_forbidden_by_people(&self, error: Errno) -> bool {
        matches!(error, Errno::ACCESS | Errno::PERM) && !self.place.route().by_links
    }

    /// Whether the kubelet has swapped and not yet removed what was before.
    pub(super) fn writer_at_work(&self) -> bool {
        let Some(old) = &self.last.generation else {
            return false;
        };
        let made_by_kubelet = old.starts_with("..2");
        let Ok(spot) = self.place.route().end else {
            return false;
        };
        let Ok(generation) = spot.generation() else {
            return false;
        };
        made_by_kubelet && generation.as_ref() != Some(old) && spot.holds(old)
    }

    pub(super) fn feel(&mut self, now: Duration) {
        let pulse = self.place.pulse();
        if pulse != self.pulse {
            self.pulse = pulse;
            self.tracker.suspect(now);
        }
    }

    pub(super) fn take(&mut self, read: Result<Snapshot, Errno>) -> Option<Changes> {
        let flickered = self.tracker.flickered();
        self.tracker.looked();
        self.blind = read.as_ref().err().copied().filter(|why| !is_absence(*why));
        if self.blind.is_some() {
            // Nothing is known, so nothing changed yet.
            self.pulse = None;
            return None;
        }
        let there = read.ok().filter(|snapshot| !self.is_missing_in(snapshot));
        let Some(mut snapshot) = there else {
            // Gone for the moment: what runs goes on with what it read.
            self.missing = true;
            return None;
        };
        self.missing = false;
        snapshot.keep_unknown_of(&self.last);
        let found = Changes {
            names: differing(&self.last, &snapshot),
            flickered,
        };
        self.last = snapshot;
        self.pulse = self.known_pulse();
        Some(found)
    }

    /// `None` where something is unknown: then the next poll looks again.
    fn known_pulse(&self) -> Option<u64> {
        let is_known = self.blind.is_none() && self.last.unknown.is_empty();
        self.place.pulse().filter(|_| is_known)
    }

    /// Whether all of it is as it is reported.
    pub(super) fn is_clear(&self) -> bool {
        self.armed && !self.missing && self.blind.is_none() && self.last.unknown.is_empty()
    }

    /// What cannot be read, one sentence each.
    pub(super) fn unread(&self) -> Vec<String> {
        if let Some(error) = self.blind {
            let path = shown(self.place.path.as_os_str());
            let why = Unread::from(error);
            return vec![format!(
                "{path} cannot be read: {why}; what was seen of it last stands until it can"
            )];
        }
        let dir = Path::new(&self.last.dir);
        let one = |(name, why): &(OsString, Unread)| {
            let path = if name.is_empty() {
                shown(dir.as_os_str())
            } else {
                shown(dir.join(name).as_os_str())
            };
            format!("{path} cannot be read: {why}{}", advice(*why))
        };
        let mut all: Vec<String> = self.last.unread.iter().map(one).collect();
        let more = self.last.unread_count - self.last.unread.len();
        if more > 0 {
            all.push(format!("{}: {more} more cannot be read", dir.display()));
        }
        all
    }

    /// The one file that is watched was there and is not now, or the mount is gone.
    fn is_missing_in(&self, snapshot: &Snapshot) -> bool {
        if !snapshot.unknown.is_empty() {
            // It is there, and was not read.
            return false;
        }
        let is_gone =
            !snapshot.prefix.is_empty() && snapshot.files.is_empty() && !self.last.files.is_empty();
        is_gone || snapshot.is_unmounted_since(&self.last)
    }

    pub(super) fn describe(&self) -> Mount {
        let watched_by = match (self.missing, self.blind, self.armed) {
            (_, Some(_), _) => "unreadable",
            (true, ..) => "missing",
            (_, _, true) => "inotify",
            (_, _, false) => "poll",
        };
        let known = Some(&self.last.dir).filter(|dir| !self.missing && !dir.is_empty());
        Mount {
            dir: shown(known.map_or(self.place.path.as_os_str(), OsString::as_os_str)),
            generation: self.last.generation.clone(),
            files: self.names(),
            file_count: self.last.files.len(),
            watched_by,
            unread: self.unread(),
        }
    }
}

/// What to do about it, where that is known.
fn advice(why: Unread) -> &'static str {
    match why {
        why if why.is_forbidden() => {
            "; a file counts as changed at every new generation then; give the agent its user or group (fsGroup)"
        }
        Unread::LeadsOut => "; --follow-links allows that",
        _ => "; the rest is watched",
    }
}

/// The names that are in one of them only, or differ.
fn differing(before: &Snapshot, after: &Snapshot) -> Vec<OsString> {
    let gone = before
        .files
        .keys()
        .filter(|name| !after.files.contains_key(*name));
    let gone = gone.map(|name| before.whole_name(name));
    let other = after
        .files
        .iter()
        .filter(|(name, digest)| before.files.get(*name) != Some(*digest));
    gone.chain(other.map(|(name, _)| after.whole_name(name)))
        .collect()
}
