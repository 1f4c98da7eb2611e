//! Trains: the workloads that use one source are brought to its content a few at a time.
//!
//! Goes in: what is recorded of each workload's rides, what it is due for, and its wave.
//! Comes out: whether it may begin, or what it waits for; and who is to be decided again
//! when that is another. Nothing is known here that records and statuses do not tell, but
//! since when a workload is well: whoever leads next begins that anew.
//!
//! Of a source's content the first workload goes alone, then so many at once, those of the
//! lowest wave first; what fails stops those that have not begun. What one change costs
//! here grows with how many may be under way, and not with how many use the source.

mod line;
mod rider;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;

use crate::digest::Digest;
use crate::object::{Progress, Seconds};
use crate::refs::{SourceRef, WorkloadRef};
use crate::state::Entry;

use line::{InOrder, Line};
use rider::Rider;

pub use rider::RiderNews;

/// So long a workload must have been well to have arrived, in seconds.
pub const WELL_FOR: Seconds = 10;
/// After so many seconds without any progress it has failed, where its kind has no deadline
/// of its own: that of a Deployment which sets none.
pub const STALLED_FOR: Seconds = 600;

/// What is asked of the trains: whether a workload may be rolled.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// Which workload.
    pub key: &'a WorkloadRef,
    /// Its wave.
    pub wave: i32,
    /// For this source.
    pub source: &'a SourceRef,
    /// With this content.
    pub content: Digest,
    /// So many may be under way.
    pub at_once: NonZeroU32,
}

/// What makes a workload wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// The source has just changed, and who is due is not known yet.
    Untold,
    /// This one has failed with the same content; which stop of the train that is.
    Stopped(WorkloadRef, u32),
    /// This one is of an earlier wave, and has not arrived.
    Earlier(WorkloadRef, i32),
    /// This one goes first, alone.
    First(WorkloadRef),
    /// So many are under way, which are all that may be.
    Full(usize),
}

/// What a decision found out about a workload, as far as it concerns others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boarding {
    /// The sources that it is due for and has not begun with, where later waves wait for
    /// it.
    pub due: Vec<SourceRef>,
    /// In which train it waits: that of a source, with this content.
    pub waits: Option<(SourceRef, Digest)>,
    /// Whether it is under way, and well.
    pub is_well: bool,
}

/// All trains.
#[derive(Debug, Default)]
pub struct Trains {
    lines: HashMap<SourceRef, Line>,
    riders: HashMap<WorkloadRef, Rider>,
    /// Of whom it is not known whether they are due, by which sources' change.
    expected: HashMap<WorkloadRef, Vec<(i32, SourceRef)>>,
    /// The trains in which somebody may begin who could not before.
    moved: BTreeSet<SourceRef>,
}

impl Trains {
    /// Whether a workload may begin.
    pub fn let_begin(&self, asks: &Asks<'_>) -> Result<(), HeldBy> {
        let Some(line) = self.lines.get(asks.source) else {
            return Ok(());
        };
        if let Some((stop, by)) = line.stopped(asks.content) {
            return Err(HeldBy::Stopped(by.clone(), stop));
        }
        if line.is_untold() {
            return Err(HeldBy::Untold);
        }
        if let Some((wave, before)) = line.earlier(asks.wave) {
            return Err(HeldBy::Earlier(before.clone(), wave));
        }
        if let Some(first) = line.first(asks.content, asks.key) {
            return Err(HeldBy::First(first.clone()));
        }
        let others = line.under_way(asks.key);
        match usize::try_from(asks.at_once.get()) {
            Ok(at_once) if others >= at_once => Err(HeldBy::Full(others)),
            _ => Ok(()),
        }
    }

    /// Which one it is of those who are due for a source and not under way, in the order in
    /// which they go, counted from 1; and how many these are.
    pub fn place(&self, source: &SourceRef, key: &WorkloadRef) -> Option<(usize, usize)> {
        self.lines.get(source)?.place(key)
    }

    /// The number of the next stop of a train.
    pub fn next_stop(&self, source: &SourceRef, content: Digest) -> u32 {
        let line = self.lines.get(source);
        let resumed = line.map_or(0, |line| line.resumed(content));
        resumed.saturating_add(1)
    }

    /// Since when a workload that is under way is well, as far as that was seen.
    pub fn well_since(&self, key: &WorkloadRef) -> Option<Seconds> {
        self.riders.get(key)?.well
    }

    /// Since when its rollout is as far as this, as far as that was seen.
    pub fn stands_since(&self, key: &WorkloadRef, progress: Progress) -> Option<Seconds> {
        let (seen, since) = self.riders.get(key)?.stands?;
        (seen == progress).then_some(since)
    }

    /// A source is another; who uses it is told in a while ([`Trains::expect`]).
    pub fn stir(&mut self, source: &SourceRef) {
        self.lines.entry(source.clone()).or_default().stir();
    }

    /// Whether that is so of a source.
    pub fn is_stirred(&self, source: &SourceRef) -> bool {
        self.lines.get(source).is_some_and(Line::is_untold)
    }

    /// A source is another, or is looked at for the first time: who uses it is about to be
    /// decided, and until then it is not known who is due.
    pub fn expect(&mut self, source: &SourceRef, users: impl Iterator<Item = InOrder>) {
        let line = self.lines.entry(source.clone()).or_default();
        line.is_told();
        self.moved.insert(source.clone());
        for (wave, key) in users {
            let by = self.expected.entry(key.clone()).or_default();
            if line.expect((wave, key)) {
                by.push((wave, source.clone()));
            }
        }
    }

    /// This is on record of a workload that is yet to be decided by who leads now.
    pub fn resume(&mut self, key: &WorkloadRef, entry: &Entry, now: Seconds) {
        self.take(&RiderNews {
            key,
            wave: entry.wave(),
            at_once: None,
            entry: Some(entry),
            boarding: None,
            progress: Progress::default(),
            now,
        });
    }

    /// A workload was decided, and this is on record of it now.
    pub fn note(&mut self, news: &RiderNews<'_>) {
        if news.at_once.is_some() || self.knows(news.key) {
            self.is_decided(news.key);
            self.take(news);
        }
    }

    fn take(&mut self, news: &RiderNews<'_>) {
        let before = self.riders.remove(news.key);
        let now = Rider::new(news, before.as_ref());
        self.replace(news.key, before.as_ref(), now);
    }

    /// It is gone.
    pub fn forget(&mut self, key: &WorkloadRef) {
        self.is_decided(key);
        let before = self.riders.remove(key);
        self.replace(key, before.as_ref(), None);
    }

    /// Who is to be decided again: what made them wait is another.
    pub fn rouse(&mut self) -> Vec<WorkloadRef> {
        let mut roused = Vec::new();
        for source in std::mem::take(&mut self.moved) {
            let Some(line) = self.lines.get_mut(&source) else {
                continue;
            };
            line.rouse(&mut roused);
            if line.is_empty() {
                self.lines.remove(&source);
            }
        }
        roused
    }

    fn knows(&self, key: &WorkloadRef) -> bool {
        self.riders.contains_key(key) || self.expected.contains_key(key)
    }

    fn is_decided(&mut self, key: &WorkloadRef) {
        for (wave, source) in self.expected.remove(key).into_iter().flatten() {
            let line = self.lines.get_mut(&source);
            if line.is_some_and(|line| line.is_decided(&(wave, key.clone()))) {
                self.moved.insert(source);
            }
        }
    }

    fn replace(&mut self, key: &WorkloadRef, before: Option<&Rider>, now: Option<Rider>) {
        let parts = |rider: Option<&Rider>| rider.map(Rider::parts).unwrap_or_default();
        let (gone, come) = (parts(before), parts(now.as_ref()));
        let wave = |rider: Option<&Rider>| rider.map_or(0, |rider| rider.wave);
        let waves = [wave(before), wave(now.as_ref())];
        if let Some(now) = now {
            self.riders.insert(key.clone(), now);
        }
        if gone == come && waves[0] == waves[1] {
            return;
        }
        for (source, part) in gone {
            self.change(source, |line| line.remove((waves[0], key.clone()), part));
        }
        for (source, part) in come {
            self.change(source, |line| line.add((waves[1], key.clone()), part));
        }
    }

    fn change(&mut self, source: SourceRef, change: impl FnOnce(&mut Line)) {
        change(self.lines.entry(source.clone()).or_default());
        self.moved.insert(source);
    }
}
