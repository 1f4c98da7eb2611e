//! The train of one source: who is under way, who waits, and what stops it.
//!
//! Goes in: parts of workloads that come and go. Comes out: whether one more may begin, and
//! who is to be looked at when somebody may who could not before.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::refs::WorkloadRef;

use super::rider::Role;

/// A workload in the order in which they go: by wave, then by name.
pub(super) type InOrder = (i32, WorkloadRef);

/// The train of one source.
#[derive(Debug, Default)]
pub(super) struct Line {
    open: BTreeSet<InOrder>,
    /// Who holds later waves, though it is not under way.
    due: BTreeSet<InOrder>,
    /// Of whom it is not known whether they are due.
    expected: BTreeSet<InOrder>,
    waiting: BTreeSet<InOrder>,
    /// Whether its source has changed, and who uses it was not told yet.
    is_stirred: bool,
    by_content: BTreeMap<Digest, OfContent>,
    /// What those who wait would be brought to, and how many may be at once.
    present: Option<(Digest, usize)>,
    /// Whether those who wait were told that it is stopped.
    is_told_stopped: bool,
}

/// What is known of one content.
#[derive(Debug, Default, PartialEq, Eq)]
struct OfContent {
    open: BTreeSet<WorkloadRef>,
    arrived: usize,
    stops: BTreeSet<(u32, WorkloadRef)>,
    resumed: BTreeSet<(u32, WorkloadRef)>,
}

impl OfContent {
    fn resumed(&self) -> u32 {
        self.resumed.last().map_or(0, |(stop, _)| *stop)
    }
}

impl Line {
    /// What stopped it, and which stop that is.
    pub(super) fn stopped(&self, content: Digest) -> Option<(u32, &WorkloadRef)> {
        let of = self.by_content.get(&content)?;
        let (stop, by) = of.stops.last()?;
        (*stop > of.resumed()).then_some((*stop, by))
    }

    /// Up to which stop somebody let it go on.
    pub(super) fn resumed(&self, content: Digest) -> u32 {
        let of = self.by_content.get(&content);
        of.map_or(0, OfContent::resumed)
    }

    /// Who is of an earlier wave, and has not arrived.
    pub(super) fn earlier(&self, wave: i32) -> Option<(i32, &WorkloadRef)> {
        let firsts = [&self.open, &self.due, &self.expected].map(BTreeSet::first);
        let first = firsts.into_iter().flatten().min()?;
        (first.0 < wave).then_some((first.0, &first.1))
    }

    /// Another that goes first with a content that nobody has proven.
    pub(super) fn first(&self, content: Digest, key: &WorkloadRef) -> Option<&WorkloadRef> {
        let of = self.by_content.get(&content)?;
        let mut open = of.open.iter();
        open.find(|other| *other != key).filter(|_| of.arrived == 0)
    }

    /// How many others are under way.
    pub(super) fn under_way(&self, key: &WorkloadRef) -> usize {
        let own = self.open.iter().filter(|(_, open)| open == key);
        self.open.len() - own.count()
    }

    /// Which one it is of those who are due and not under way, counted from 1, and how many
    /// these are.
    pub(super) fn place(&self, key: &WorkloadRef) -> Option<(usize, usize)> {
        let wait = || self.due.iter().filter(|place| !self.open.contains(*place));
        let before = wait().position(|(_, other)| other == key)?;
        Some((before + 1, wait().count()))
    }

    pub(super) fn stir(&mut self) {
        self.is_stirred = true;
    }

    pub(super) fn is_told(&mut self) {
        self.is_stirred = false;
    }

    /// Whether it is not known yet who is due.
    pub(super) fn is_untold(&self) -> bool {
        self.is_stirred
    }

    pub(super) fn is_empty(&self) -> bool {
        let places = [&self.open, &self.due, &self.expected, &self.waiting];
        let nobody = places.into_iter().all(BTreeSet::is_empty);
        nobody && self.by_content.is_empty() && !self.is_stirred
    }

    /// Returns whether it was not expected before.
    pub(super) fn expect(&mut self, place: InOrder) -> bool {
        self.expected.insert(place)
    }

    /// Returns whether somebody of a later wave may have waited for that.
    pub(super) fn is_decided(&mut self, place: &InOrder) -> bool {
        let later = self.waiting.last().is_some_and(|last| last.0 > place.0);
        self.expected.remove(place) && later
    }

    pub(super) fn add(&mut self, place: InOrder, part: Role) {
        let key = || place.1.clone();
        match part {
            Role::Open(of) => {
                self.of(of).open.insert(key());
                self.open.insert(place);
            }
            Role::Arrived(of) => self.of(of).arrived += 1,
            Role::Stop(of, stop) => drop(self.of(of).stops.insert((stop, key()))),
            Role::Resumed(of, stop) => drop(self.of(of).resumed.insert((stop, key()))),
            Role::Due => drop(self.due.insert(place)),
            Role::Waits(of, at_once) => {
                let at_once = usize::try_from(at_once.get()).unwrap_or(usize::MAX);
                self.present = Some((of, at_once));
                self.waiting.insert(place);
            }
        }
    }

    pub(super) fn remove(&mut self, place: InOrder, part: Role) {
        match part {
            Role::Open(of) => {
                self.open.remove(&place);
                self.leave(of, |of| of.open.remove(&place.1));
            }
            Role::Arrived(of) => self.leave(of, |of| of.arrived -= 1),
            Role::Stop(of, stop) => {
                self.leave(of, |of| of.stops.remove(&(stop, place.1)));
            }
            Role::Resumed(of, stop) => {
                self.leave(of, |of| of.resumed.remove(&(stop, place.1)));
            }
            Role::Due => drop(self.due.remove(&place)),
            Role::Waits(..) => drop(self.waiting.remove(&place)),
        }
    }

    fn of(&mut self, content: Digest) -> &mut OfContent {
        self.by_content.entry(content).or_default()
    }

    fn leave<T>(&mut self, content: Digest, change: impl FnOnce(&mut OfContent) -> T) {
        change(self.of(content));
        if self.of(content) == &OfContent::default() {
            self.by_content.remove(&content);
        }
    }

    /// Who is to be looked at again: all who wait where it is stopped, or is so no longer;
    /// else no more than may begin.
    pub(super) fn rouse(&mut self, roused: &mut Vec<WorkloadRef>) {
        let Some((content, at_once)) = self.present else {
            return;
        };
        let is_stopped = self.stopped(content).is_some();
        if is_stopped != self.is_told_stopped {
            self.is_told_stopped = is_stopped;
            roused.extend(self.waiting.iter().map(|(_, key)| key.clone()));
        } else if !is_stopped {
            self.rouse_next(content, at_once, roused);
        }
    }

    fn rouse_next(&self, content: Digest, at_once: usize, roused: &mut Vec<WorkloadRef>) {
        let Some(wave) = self.waiting.first().map(|(wave, _)| *wave) else {
            return;
        };
        if self.earlier(wave).is_some() {
            return;
        }
        // Who is under way already needs no further place.
        let seated = self.open.intersection(&self.waiting);
        roused.extend(seated.map(|(_, key)| key.clone()));
        let free = at_once.saturating_sub(self.open.len());
        let free = match self.by_content.get(&content) {
            Some(of) if of.arrived > 0 => free,
            Some(of) if !of.open.is_empty() => 0,
            _ => free.min(1),
        };
        let next = self.waiting.iter().filter(|place| place.0 == wave);
        let next = next.filter(|place| !self.open.contains(*place));
        roused.extend(next.take(free).map(|(_, key)| key.clone()));
    }
}
