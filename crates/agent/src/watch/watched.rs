//! One watched place: what it contained at the last look, and whether another
//! is due.
//!
//! In: signs, and the place itself. Out: what differs. A place that is gone keeps
//! what was last seen of it: what runs goes on with what it read.

use super::Mount;
use super::moment::Moment;
use super::place::{Place, Station, is_absence};
use super::shown;
use super::snapshot::Snapshot;
use rustix::io::Errno;
use std::ffi::OsString;
use std::time::Duration;

/// One place, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) place: Place,
    pub(super) moment: Moment,
    pub(super) last: Snapshot,
    pulse: Option<u64>,
    /// The directories that inotify must be on.
    pub(super) stations: Vec<Station>,
    /// The first of the places that are looked at together with this one.
    pub(super) group: usize,
    /// Inotify is on all of the directories.
    pub(super) armed: bool,
    pub(super) missing: bool,
}

/// What a look at one place found.
pub(super) struct Found {
    pub(super) names: Vec<OsString>,
    pub(super) flickered: bool,
}

impl Watched {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            moment: Moment::default(),
            last: Snapshot::default(),
            pulse: None,
            stations: Vec::new(),
            group: 0,
            armed: false,
            missing: false,
        }
    }

    pub(super) fn first_look(&mut self) -> Result<(), String> {
        match self.place.read() {
            Ok(snapshot) => self.last = snapshot,
            Err(error) if is_absence(error) => self.missing = true,
            Err(error) => {
                let path = self.place.path.display();
                return Err(format!(
                    "{path} cannot be read ({error}); give the agent the user or group that may, for instance by fsGroup"
                ));
            }
        }
        self.pulse = self.place.pulse();
        Ok(())
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
        made_by_kubelet && spot.generation().as_ref() != Some(old) && spot.holds(old)
    }

    pub(super) fn feel(&mut self, now: Duration) {
        let pulse = self.place.pulse();
        if pulse != self.pulse {
            self.pulse = pulse;
            self.moment.suspect(now);
        }
    }

    pub(super) fn take(&mut self, read: Result<Snapshot, Errno>) -> Option<Found> {
        let flickered = self.moment.flickered();
        self.moment.looked();
        let there = read.ok().filter(|snapshot| !self.is_missing_in(snapshot));
        let Some(snapshot) = there else {
            // Gone for the moment: what runs goes on with what it read.
            self.missing = true;
            return None;
        };
        self.missing = false;
        self.pulse = self.place.pulse();
        let found = Found {
            names: differing(&self.last, &snapshot),
            flickered,
        };
        self.last = snapshot;
        Some(found)
    }

    /// The one file that is watched was there and is not now.
    fn is_missing_in(&self, snapshot: &Snapshot) -> bool {
        !snapshot.prefix.is_empty() && snapshot.files.is_empty() && !self.last.files.is_empty()
    }

    pub(super) fn describe(&self) -> Mount {
        let watched_by = match (self.missing, self.armed) {
            (true, _) => "missing",
            (false, true) => "inotify",
            (false, false) => "poll",
        };
        let known = Some(&self.last.dir).filter(|dir| !self.missing && !dir.is_empty());
        let names = self.last.files.keys();
        Mount {
            dir: shown(known.map_or(self.place.path.as_os_str(), OsString::as_os_str)),
            generation: self.last.generation.clone(),
            files: names
                .map(|name| shown(&self.last.whole_name(name)))
                .collect(),
            watched_by,
        }
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
