//! What is being read of the cluster, and what waits for its turn to be.
//!
//! A namespace has so many reads under way at once; the others wait here, where one
//! takes a name and no request. Where a workload lacks many sources of which nothing is
//! known, it is looked up in one list which of them are there: one template can name
//! thousands that are not.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use tidings_core::index::{Concerned, Fact, Fetched, Presence};
use tidings_core::object::SourceMeta;
use tidings_core::refs::{Name, SourceKind, SourceRef};
use tidings_core::settle::Millis;

use super::backoff::Backoff;
use super::ground::Ground;
use super::together::Lists;
use super::{Effect, Lookup};
use crate::api::ApiError;

/// So much of what the watch tells of a source is put off while it is being read; then
/// the newest takes the place of the last.
const PUT_OFF: usize = 16;
/// Sources of a namespace that are read at once.
const AT_ONCE: usize = 32;
/// So many unknown sources of a kind are read one by one; more are looked up together.
const FEW: usize = 16;

/// Room for so many that are being read is kept, though fewer are.
const KEPT: usize = 512;

/// What is being read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    by_source: HashMap<SourceRef, Reading>,
    /// Those that have just been read, of which more was told meanwhile.
    just_read: Vec<SourceRef>,
    by_namespace: HashMap<Name, OfNamespace>,
    /// Those of which nothing is read any more, and that were not looked at since.
    quiet: BTreeSet<Name>,
    /// What is being looked up, each with what waits to be looked up after it.
    lookups: HashMap<(SourceKind, Name), Vec<SourceRef>>,
    /// By what lists many are read at once.
    pub(super) lists: Lists,
}

/// A source that is being read, or could not be.
#[derive(Debug, Default)]
struct Reading {
    /// Whether it is read, looked up, or waits for that.
    under_way: bool,
    /// By what it is read.
    by: By,
    /// What the watch has told of it meanwhile.
    later: Vec<SourceMeta>,
    backoff: Backoff,
    /// Why it could not be read.
    error: Option<ApiError>,
}

/// By what a source is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// A request of its own.
    #[default]
    Itself,
    /// A list of many.
    List,
    /// A list that was asked for before this term: what it shows may be older than the
    /// records.
    FormerList,
}

/// The reads of a namespace.
#[derive(Debug, Default)]
struct OfNamespace {
    under_way: usize,
    waiting: VecDeque<SourceRef>,
}

/// A source could not be read. It is not tried again before this time.
pub(super) struct NotRead {
    pub(super) error: ApiError,
    pub(super) again: Millis,
}

impl Reads {
    /// What the watch has told of it meanwhile means nothing any more.
    pub(super) fn forget_later(&mut self, source: &SourceRef) {
        if let Some(reading) = self.by_source.get_mut(source) {
            reading.later.clear();
        }
    }

    /// All that was put off.
    pub(super) fn take_all_later(&mut self) -> Vec<SourceMeta> {
        let all = self.by_source.values_mut();
        all.flat_map(|reading| std::mem::take(&mut reading.later))
            .collect()
    }

    /// Each tells since when it may have changed.
    pub(super) fn put_off(&mut self, meta: SourceMeta) {
        let reading = self.by_source.entry(meta.key.clone()).or_default();
        reading.later.truncate(PUT_OFF - 1);
        reading.later.push(meta);
    }

    /// Takes out what was put off of the sources that have been read since, where it has
    /// been decided about them.
    pub(super) fn take_later(&mut self, is_decided: impl Fn(&Name) -> bool) -> Vec<SourceMeta> {
        let mut later = Vec::new();
        for source in std::mem::take(&mut self.just_read) {
            if !is_decided(&source.namespace) {
                self.just_read.push(source);
                continue;
            }
            match self.by_source.get_mut(&source) {
                Some(reading) if !reading.under_way => later.append(&mut reading.later),
                _ => {}
            }
            self.put_away(&source);
        }
        self.give_back();
        later
    }

    /// At a start there is more to read at once than ever later.
    fn give_back(&mut self) {
        let most = KEPT.max(8 * self.by_source.len());
        if self.by_source.capacity() > most {
            self.by_source.shrink_to(KEPT);
            self.just_read.shrink_to(KEPT);
        }
    }

    /// A list has ended in a namespace: perhaps nothing is read in it any more.
    pub(super) fn list_ended(&mut self, namespace: &Name) {
        if !self.by_namespace.contains_key(namespace) {
            self.quiet.insert(namespace.clone());
        }
    }

    fn put_away(&mut self, source: &SourceRef) {
        let is_done = |reading: &Reading| {
            !reading.under_way && reading.later.is_empty() && reading.backoff.again() == 0
        };
        if self.by_source.get(source).is_some_and(is_done) {
            self.by_source.remove(source);
        }
    }

    /// What failed in an earlier term may work now.
    pub(super) fn forget_failures(&mut self) {
        for reading in self.by_source.values_mut() {
            (reading.backoff, reading.error) = (Backoff::default(), None);
            if reading.by == By::List {
                reading.by = By::FormerList;
            }
        }
        self.by_source
            .retain(|_, reading| reading.under_way || !reading.later.is_empty());
    }

    pub(super) fn is_under_way(&self, source: &SourceRef) -> bool {
        let reading = self.by_source.get(source);
        reading.is_some_and(|reading| reading.under_way)
    }

    /// Why a source could not be read, when that was tried last.
    pub(super) fn failure(&self, source: &SourceRef) -> Option<NotRead> {
        let reading = self.by_source.get(source)?;
        Some(NotRead {
            error: reading.error.clone()?,
            again: reading.backoff.again(),
        })
    }

    fn end(&mut self, source: &SourceRef) -> &mut Reading {
        self.just_read.push(source.clone());
        let reading = self.by_source.entry(source.clone()).or_default();
        (reading.under_way, reading.by) = (false, By::Itself);
        reading
    }

    /// Those of a kind that wait in a namespace are read by a list instead.
    pub(super) fn take_waiting(&mut self, kind: SourceKind, namespace: &Name) -> Vec<SourceRef> {
        let Some(reads) = self.by_namespace.get_mut(namespace) else {
            return Vec::new();
        };
        let all = std::mem::take(&mut reads.waiting).into_iter();
        let (taken, left) = all.partition::<Vec<_>, _>(|source| source.kind == kind);
        reads.waiting = left.into();
        taken
    }

    /// How many of a kind wait in a namespace.
    pub(super) fn waiting(&self, kind: SourceKind, namespace: &Name) -> usize {
        let waiting = self.by_namespace.get(namespace).into_iter();
        let waiting = waiting.flat_map(|reads| &reads.waiting);
        waiting.filter(|source| source.kind == kind).count()
    }

    /// A source is read by a list. `false`: it may not be now.
    pub(super) fn begin_by_list(&mut self, source: &SourceRef, now: Millis) -> bool {
        let reading = self.by_source.entry(source.clone()).or_default();
        let may_be = reading.backoff.again() <= now;
        if may_be {
            (reading.under_way, reading.by) = (true, By::List);
        }
        may_be
    }

    /// A source is read by itself after all, if a list was to show it and did not.
    pub(super) fn is_left_by_list(&mut self, source: &SourceRef) -> bool {
        let reading = self.by_source.get_mut(source);
        let left = reading.filter(|reading| reading.under_way && reading.by != By::Itself);
        left.map(|reading| reading.by = By::Itself).is_some()
    }

    /// It was read, or is known not to be there.
    fn was_read(&mut self, source: &SourceRef) {
        let reading = self.end(source);
        (reading.backoff, reading.error) = (Backoff::default(), None);
    }

    /// Whoever waits for it hears of it as if it had been.
    fn failed(&mut self, source: &SourceRef, error: ApiError, now: Millis) -> Concerned {
        let reading = self.end(source);
        reading.backoff.failed(now, error.retry_after());
        reading.error = Some(error);
        Concerned::read(source.clone())
    }
}

impl Ground {
    /// Reads sources, for all that wait for them. Returns when the first of those may be
    /// read that cannot be now.
    pub(super) fn read_all(&mut self, sources: &[SourceRef]) -> Option<Millis> {
        let mut again = None;
        let mut unknown: BTreeMap<(SourceKind, Name), Vec<SourceRef>> = BTreeMap::new();
        for source in sources {
            let Some(presence) = self.index.source(source).map(|held| &held.presence) else {
                continue;
            };
            let may_be_absent = *presence == Presence::Unknown && !source.kind.by_status();
            let reading = self.reading.by_source.entry(source.clone()).or_default();
            let at = reading.backoff.again();
            if at > self.now {
                again = Some(again.map_or(at, |other: Millis| other.min(at)));
            } else if std::mem::replace(&mut reading.under_way, true) {
                // Somebody else waits for it already.
            } else if may_be_absent {
                let of = (source.kind, source.namespace.clone());
                unknown.entry(of).or_default().push(source.clone());
            } else {
                self.fetch(source.clone());
            }
        }
        for (of, sources) in unknown {
            if sources.len() > FEW {
                self.look_up(of, sources);
            } else {
                for source in sources {
                    self.fetch(source);
                }
            }
        }
        again
    }

    pub(super) fn fetch(&mut self, source: SourceRef) {
        let reads = self.reading.by_namespace.entry(source.namespace.clone());
        let reads = reads.or_default();
        if reads.under_way >= AT_ONCE {
            let of = (source.kind, source.namespace.clone());
            reads.waiting.push_back(source);
            let waiting = reads.waiting.len();
            return self.wait_for_list(of, waiting);
        }
        match self.index.source(&source).map(|held| held.told) {
            Some(told) => {
                reads.under_way += 1;
                let sha1 = self.index.wants_sha1(&source);
                self.effects.push(Effect::Fetch(source, told, sha1));
            }
            // Nobody uses it any more.
            None => drop(self.reading.end(&source)),
        }
    }

    pub(super) fn fetched(
        &mut self,
        source: &SourceRef,
        told: u32,
        result: Result<Fetched, ApiError>,
    ) -> Concerned {
        let reading = self.reading.by_source.get(source);
        let by = reading.map_or(By::Itself, |reading| reading.by);
        if by == By::Itself {
            self.fetch_next(&source.namespace);
        }
        let fetched = match result {
            Ok(_) if by == By::FormerList => Err(ApiError::Late),
            Ok(fetched) if self.index.is_late(source, told, &fetched) => Err(ApiError::Late),
            result => result,
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => return self.reading.failed(source, error, self.now),
        };
        self.reading.was_read(source);
        let held = self.index.source(source);
        let before = held.and_then(|held| held.content.clone());
        let fact = Fact::Read(source.clone(), told, fetched);
        let concerned = self.index.apply(fact);
        let same = self.index.view(source).has_keys_of(before.as_ref());
        self.restless.read(source, same);
        concerned
    }

    /// One of a namespace has been read: the next.
    fn fetch_next(&mut self, namespace: &Name) {
        let Some(reads) = self.reading.by_namespace.get_mut(namespace) else {
            return;
        };
        reads.under_way = reads.under_way.saturating_sub(1);
        while let Some(reads) = self.reading.by_namespace.get_mut(namespace)
            && reads.under_way < AT_ONCE
        {
            match reads.waiting.pop_front() {
                Some(source) => self.fetch(source),
                None if reads.under_way == 0 => {
                    self.reading.by_namespace.remove(namespace);
                    self.reading.quiet.insert(namespace.clone());
                }
                None => return,
            }
        }
    }

    /// Where all has been read and decided, no more digests are held than a namespace may
    /// have.
    pub(super) fn shed(&mut self, is_decided: impl Fn(&Name) -> bool) {
        let quiet = self.reading.quiet.extract_if(.., |who| is_decided(who));
        let quiet: Vec<_> = quiet.collect();
        let reads = &self.reading.by_namespace;
        for namespace in quiet.iter().filter(|who| !reads.contains_key(*who)) {
            self.index.shed(namespace);
        }
    }

    /// One list of names at a time for each kind and namespace.
    fn look_up(&mut self, of: (SourceKind, Name), mut sources: Vec<SourceRef>) {
        if let Some(waiting) = self.reading.lookups.get_mut(&of) {
            return waiting.append(&mut sources);
        }
        let asked = sources.into_iter().map(|source| {
            let told = self.index.source(&source).map(|held| held.told);
            (source.name, told.unwrap_or_default())
        });
        let asked = asked.collect();
        let (kind, namespace) = of.clone();
        self.reading.lookups.insert(of, Vec::new());
        self.effects.push(Effect::LookUp(Lookup {
            kind,
            namespace,
            asked,
        }));
    }

    /// Which of them are there is known now: those are read.
    pub(super) fn looked_up(
        &mut self,
        lookup: Lookup,
        result: &Result<BTreeSet<Name>, ApiError>,
    ) -> Concerned {
        let mut concerned = Concerned::default();
        let of = (lookup.kind, lookup.namespace);
        if result.is_err() {
            self.reading.lists.put_off(of.clone(), self.now);
        }
        for (name, told) in lookup.asked {
            let source = SourceRef::new(of.0, of.1.clone(), name);
            match result {
                Ok(there) if !there.contains(&source.name) => {
                    self.reading.was_read(&source);
                    let fact = Fact::Read(source, told, Fetched::Absent);
                    concerned.extend(self.index.apply(fact));
                }
                // Each by itself may be permitted.
                Ok(_) | Err(ApiError::Forbidden(_)) => self.fetch(source),
                Err(error) => {
                    concerned.extend(self.reading.failed(&source, error.clone(), self.now));
                }
            }
        }
        let waiting = self.reading.lookups.remove(&of).unwrap_or_default();
        if !waiting.is_empty() {
            self.look_up(of, waiting);
        }
        concerned
    }
}
