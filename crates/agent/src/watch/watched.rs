//! One watched place: what it contained at the last look, and whether another
//! is due.
//!
//! In: signs, and the place itself. Out: what differs. A place that is gone keeps
//! what was last seen of it: what runs goes on with what it read.

use super::Mount;
use super::moment::Moment;
use super::snapshot::{FileDigest, Place, Snapshot};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::time::Duration;

/// One place, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) place: Place,
    pub(super) moment: Moment,
    pub(super) last: Snapshot,
    pulse: Option<u64>,
    /// inotify is on all of its directories.
    pub(super) armed: bool,
    missing: bool,
}

/// What a look at one place found.
pub(super) struct Found {
    pub(super) names: Vec<String>,
    pub(super) flickered: bool,
}

impl Watched {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            moment: Moment::default(),
            last: Snapshot::default(),
            pulse: None,
            armed: false,
            missing: false,
        }
    }

    pub(super) fn first_look(&mut self) -> Result<(), String> {
        match self.place.read() {
            Ok(snapshot) => self.last = snapshot,
            Err(Errno::NOENT) => self.missing = true,
            Err(error) => {
                let dir = self.place.dir.display();
                return Err(format!(
                    "{dir} cannot be read ({error}); give the agent the user or group that may, for instance by fsGroup"
                ));
            }
        }
        self.pulse = self.present_pulse();
        Ok(())
    }

    /// Whether the kubelet has swapped and not yet removed what was before.
    pub(super) fn writer_at_work(&self) -> bool {
        let Some(old) = &self.last.generation else {
            return false;
        };
        let made_by_kubelet = old.starts_with("..2");
        made_by_kubelet && self.place.generation().as_ref() != Some(old) && self.place.holds(old)
    }

    fn present_pulse(&self) -> Option<u64> {
        match self.place.generation() {
            Some(name) => Some(name.bytes().fold(7, |sum, byte| {
                sum.wrapping_mul(31_u64).wrapping_add(byte.into())
            })),
            None => self.place.pulse(),
        }
    }

    pub(super) fn feel(&mut self, now: Duration) {
        let pulse = self.present_pulse();
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
            self.armed = false;
            return None;
        };
        self.missing = false;
        self.pulse = self.present_pulse();
        let found = Found {
            names: differing(&self.last.files, &snapshot.files),
            flickered,
        };
        self.last = snapshot;
        Some(found)
    }

    /// The one file that is watched was there and is not now.
    fn is_missing_in(&self, snapshot: &Snapshot) -> bool {
        self.place.file.is_some() && snapshot.files.is_empty() && !self.last.files.is_empty()
    }

    pub(super) fn describe(&self) -> Mount {
        let watched_by = match (self.missing, self.armed) {
            (true, _) => "missing",
            (false, true) => "inotify",
            (false, false) => "poll",
        };
        Mount {
            dir: self.place.dir.display().to_string(),
            generation: self.last.generation.clone(),
            files: self.last.files.keys().cloned().collect(),
            watched_by,
        }
    }
}

type Files = BTreeMap<String, FileDigest>;

/// The names that are in one of them only, or differ.
fn differing(before: &Files, after: &Files) -> Vec<String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let other = after
        .iter()
        .filter(|(name, digest)| before.get(*name) != Some(*digest));
    gone.chain(other.map(|(name, _)| name)).cloned().collect()
}
