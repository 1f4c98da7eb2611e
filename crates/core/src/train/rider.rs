//! A workload, as far as trains go.
//!
//! Goes in: its record, and what was found out when it was decided. Comes out: its parts
//! in the trains of sources, and since when it is well or stands still.

use std::num::NonZeroU32;

use crate::digest::Digest;
use crate::object::{Progress, Seconds};
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::state::{Entry, LegEnd, Seen};

use super::Boarding;

/// What is told of a workload when it was decided.
#[derive(Clone, Copy, Debug)]
pub struct RiderNews<'a> {
    /// Which workload.
    pub key: &'a WorkloadRef,
    /// Its wave.
    pub wave: i32,
    /// How many may be under way in its namespace; none: as many as there are.
    pub at_once: Option<NonZeroU32>,
    /// What is on record of it now.
    pub entry: Option<&'a Entry>,
    /// What was found out, where anything was.
    pub boarding: Option<&'a Boarding>,
    /// How far its rollout is.
    pub progress: Progress,
    /// The time.
    pub now: Seconds,
}

/// What a workload is in the train of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It is under way, with this content.
    Open(Digest),
    /// It has arrived with this content.
    Arrived(Digest),
    /// It has failed with this content, which is that stop.
    Stop(Digest, u32),
    /// By its word the train of this content goes on after that stop.
    Resumed(Digest, u32),
    /// Later waves wait for it.
    Due,
    /// It waits for its turn with this content, where so many may be under way.
    Waits(Digest, NonZeroU32),
}

/// A workload, as far as trains go.
#[derive(Clone, Debug)]
pub(super) struct Rider {
    pub(super) wave: i32,
    /// The number of the roll that is under way.
    n: Option<u64>,
    parts: Vec<(SourceRef, Role)>,
    /// Since when it is under way and well.
    pub(super) well: Option<Seconds>,
    /// How far its rollout was when it was decided, and since when.
    pub(super) stands: Option<(Progress, Seconds)>,
}

impl Rider {
    /// As it is now; none where there is nothing to be known of it.
    pub(super) fn new(news: &RiderNews<'_>, before: Option<&Self>) -> Option<Self> {
        let mut parts = Vec::new();
        recorded(news.entry, &news.key.namespace, &mut parts);
        if let Some(boarding) = news.boarding {
            let due = boarding.due.iter();
            parts.extend(due.map(|source| (source.clone(), Role::Due)));
            let waits = boarding.waits.iter().zip(news.at_once);
            let part = |((source, of), at_once): (&(SourceRef, Digest), _)| {
                (source.clone(), Role::Waits(*of, at_once))
            };
            parts.extend(waits.map(part));
        }
        let entry = news.entry.filter(|entry| entry.is_on_its_way());
        if parts.is_empty() && entry.is_none() {
            return None;
        }
        let n = entry.map(|entry| entry.n);
        let before = before.filter(|before| n.is_some() && before.n == n);
        let is_well = news.boarding.is_some_and(|boarding| boarding.is_well);
        let well = before.and_then(|before| before.well).unwrap_or(news.now);
        let stands = before.and_then(|before| before.stands);
        let stands = stands.filter(|(seen, _)| *seen == news.progress);
        Some(Self {
            wave: news.wave,
            n,
            parts,
            well: is_well.then_some(well),
            stands: Some(stands.unwrap_or((news.progress, news.now))),
        })
    }

    pub(super) fn parts(&self) -> Vec<(SourceRef, Role)> {
        self.parts.clone()
    }
}

/// What the record of a workload says: of its last roll, and of what waits.
fn recorded(entry: Option<&Entry>, namespace: &Name, parts: &mut Vec<(SourceRef, Role)>) {
    let Some(entry) = entry else {
        return;
    };
    let mut add = |seen: &Seen, part| parts.push((seen.source(namespace), part));
    if let Some(ride) = &entry.ride {
        for (seen, leg) in ride.on.iter().filter(|_| !ride.apart) {
            match leg.end {
                None => add(seen, Role::Open(leg.of)),
                Some(LegEnd::Arrived) => add(seen, Role::Arrived(leg.of)),
                Some(LegEnd::Failed) => {}
            }
            if leg.stop > 0 {
                add(seen, Role::Stop(leg.of, leg.stop));
            }
        }
    }
    let rode = entry.ride.iter().flat_map(|ride| ride.on.iter());
    let waits = entry.waits.iter().flat_map(|pending| pending.on.iter());
    for (seen, leg) in rode.chain(waits).filter(|(_, leg)| leg.resumed > 0) {
        add(seen, Role::Resumed(leg.of, leg.resumed));
    }
}
