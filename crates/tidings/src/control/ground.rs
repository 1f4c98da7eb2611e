//! What outlasts a term: what is in the cluster and what is being read of it, the
//! clock, and what the installation was told. Who waits keeps it as warm as who leads.

use std::collections::HashMap;

use tidings_core::decide::{Decided, Rules};
use tidings_core::index::{Concerned, Fact, Fetched, Index};
use tidings_core::kinds::Kinds;
use tidings_core::object::{Seconds, SourceMeta, Version};
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::settle::Millis;

use super::backoff::Backoff;
use super::{Effect, NameTest, Plan};
use crate::api::ApiError;

/// So much of what the watch tells of a source is put off while it is being read; then
/// the newest takes the place of the last.
const PUT_OFF: usize = 16;

/// What outlasts a term.
pub(super) struct Ground {
    pub(super) index: Index,
    /// Which sources do not come to rest.
    pub(super) restless: Restless,
    pub(super) rules: Rules,
    /// Quiet time where a workload says nothing else.
    settle: Millis,
    pub(super) dry_run: bool,
    pub(super) kinds: Kinds,
    pub(super) covers: NameTest,
    pub(super) now: Millis,
    /// The time when `now` was 0.
    started: Seconds,
    /// Of the next decision.
    pub(super) seed: u64,
    /// Up to this version the API server has forgotten what was.
    pub(super) forgotten: Version,
    reading: HashMap<SourceRef, Reading>,
    /// Those that have just been read, of which more was told meanwhile.
    read: Vec<SourceRef>,
    lists: HashMap<(SourceKind, Name), Backoff>,
    pub(super) effects: Vec<Effect>,
    pub(super) decided: Vec<Decided>,
}

/// A source that is being read, or could not be.
#[derive(Debug, Default)]
struct Reading {
    under_way: bool,
    /// What the watch has told of it meanwhile.
    later: Vec<SourceMeta>,
    backoff: Backoff,
}

/// A source could not be read. It is not tried again before this time.
pub(super) struct NotRead {
    pub(super) error: ApiError,
    pub(super) again: Millis,
}

impl Ground {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            index: Index::new(plan.defaults, plan.streams),
            restless: Restless::new(plan.started),
            rules: plan.rules,
            settle: plan.settle,
            dry_run: plan.dry_run,
            kinds: plan.kinds,
            covers: plan.covers,
            now: 0,
            started: plan.started,
            seed: plan.seed,
            forgotten: 0,
            reading: HashMap::new(),
            read: Vec::new(),
            lists: HashMap::new(),
            effects: Vec::new(),
            decided: Vec::new(),
        }
    }

    // --- time ----------------------------------------------------------------

    pub(super) fn pass(&mut self, now: Millis) {
        self.now = self.now.max(now);
        self.restless.pass(self.now);
    }

    pub(super) fn seconds(&self) -> Seconds {
        self.started + Seconds::try_from(self.now / 1_000).unwrap_or(Seconds::MAX)
    }

    pub(super) fn millis_at(&self, time: Seconds) -> Millis {
        let since = u64::try_from(time - self.started).unwrap_or(0);
        since.saturating_mul(1_000).max(self.now)
    }

    pub(super) fn quiet_for(&self, key: &WorkloadRef) -> Millis {
        let own = self
            .index
            .get(key)
            .and_then(|known| known.policy.own.settle);
        own.unwrap_or(self.settle)
    }

    // --- facts ---------------------------------------------------------------

    /// Takes in what the watch tells, and says whom it concerns.
    pub(super) fn take_in(&mut self, fact: Fact) -> Concerned {
        match fact {
            Fact::Source(meta) if self.is_for_later(&meta) => {
                self.restless.changed(&meta.key);
                self.put_off(meta);
                Concerned::default()
            }
            Fact::Source(ref meta) => {
                let source = meta.key.clone();
                self.source_changed(&source, fact)
            }
            Fact::SourceGone(ref source, _) => {
                let source = source.clone();
                if let Some(reading) = self.reading.get_mut(&source) {
                    reading.later.clear();
                }
                self.source_changed(&source, fact)
            }
            Fact::ListBegan(_) => {
                let all = self.reading.values_mut();
                let later = all.flat_map(|reading| std::mem::take(&mut reading.later));
                let later: Vec<_> = later.collect();
                let mut concerned = self.sources_changed(later);
                concerned.extend(self.index.apply(fact));
                concerned
            }
            other => self.index.apply(other),
        }
    }

    /// What a list shows may have changed long ago.
    fn source_changed(&mut self, source: &SourceRef, fact: Fact) -> Concerned {
        let concerned = self.index.apply(fact);
        if !concerned.changed.is_empty() && !self.index.is_listing(source) {
            self.restless.changed(source);
        }
        concerned
    }

    fn sources_changed(&mut self, sources: Vec<SourceMeta>) -> Concerned {
        let mut concerned = Concerned::default();
        for meta in sources {
            let source = meta.key.clone();
            concerned.extend(self.source_changed(&source, Fact::Source(meta)));
        }
        concerned
    }

    /// What the watch tells of a source that is being read is taken in when it has
    /// been read and decided about: what changes more quickly than it can be read
    /// would never be decided about otherwise. A list has to be taken in as it comes.
    fn is_for_later(&self, meta: &SourceMeta) -> bool {
        let one_object = !meta.key.kind.by_status();
        let reading = self.reading.get(&meta.key);
        one_object
            && reading.is_some_and(|reading| reading.under_way)
            && !self.index.is_listing(&meta.key)
    }

    /// Each tells since when it may have changed.
    fn put_off(&mut self, meta: SourceMeta) {
        let reading = self.reading.entry(meta.key.clone()).or_default();
        reading.later.truncate(PUT_OFF - 1);
        reading.later.push(meta);
    }

    /// Takes in what was put off, where it has been decided about what was read.
    pub(super) fn take_in_later(&mut self) -> Concerned {
        let mut later = Vec::new();
        for source in std::mem::take(&mut self.read) {
            match self.reading.get_mut(&source) {
                Some(reading) if !reading.under_way => later.append(&mut reading.later),
                _ => {}
            }
            self.put_away(&source);
        }
        self.sources_changed(later)
    }

    fn put_away(&mut self, source: &SourceRef) {
        let is_done = |reading: &Reading| {
            !reading.under_way && reading.later.is_empty() && reading.backoff.again() == 0
        };
        if self.reading.get(source).is_some_and(is_done) {
            self.reading.remove(source);
        }
    }

    // --- what is asked for ------------------------------------------------------

    /// What failed in an earlier term may work now.
    pub(super) fn forget_failures(&mut self) {
        for reading in self.reading.values_mut() {
            reading.backoff = Backoff::default();
        }
        self.reading
            .retain(|_, reading| reading.under_way || !reading.later.is_empty());
    }

    /// Asks for the lists that wildcards need.
    pub(super) fn ask_for_lists(&mut self) {
        for list in self.index.take_listings() {
            let backoff = self.lists.get(&list).copied().unwrap_or_default();
            let at = backoff.again().max(self.now);
            self.effects.push(Effect::List(list.0, list.1, at));
        }
    }

    pub(super) fn listed(
        &mut self,
        kind: SourceKind,
        namespace: Name,
        result: Result<Vec<SourceMeta>, ApiError>,
    ) -> Concerned {
        let list = (kind, namespace.clone());
        match result {
            Ok(sources) => {
                self.lists.remove(&list);
                self.index.apply(Fact::Listed(kind, namespace, sources))
            }
            Err(error) => {
                tracing::warn!(%namespace, %error, "cannot list {}", kind.row().plural);
                let backoff = self.lists.entry(list).or_default();
                backoff.failed(self.now, error.retry_after());
                self.index.apply(Fact::NotListed(kind, namespace))
            }
        }
    }

    /// Reads a source, for all that wait for it. Returns when it may be read, where
    /// that is not now.
    pub(super) fn fetch(&mut self, source: &SourceRef) -> Option<Millis> {
        let told = self.index.source(source)?.told;
        let reading = self.reading.entry(source.clone()).or_default();
        let again = reading.backoff.again();
        if again > self.now {
            return Some(again);
        }
        if !std::mem::replace(&mut reading.under_way, true) {
            let sha1 = self.index.wants_sha1(source);
            let effect = Effect::Fetch(source.clone(), told, sha1);
            self.effects.push(effect);
        }
        None
    }

    pub(super) fn fetched(
        &mut self,
        source: &SourceRef,
        told: u32,
        result: Result<Fetched, ApiError>,
    ) -> Result<Concerned, NotRead> {
        let reading = self.reading.entry(source.clone()).or_default();
        reading.under_way = false;
        self.read.push(source.clone());
        match result {
            Ok(fetched) => {
                reading.backoff = Backoff::default();
                let held = self.index.source(source);
                let before = held.and_then(|held| held.content.clone());
                let fact = Fact::Read(source.clone(), told, fetched);
                let concerned = self.index.apply(fact);
                let same = self.index.view(source).has_keys_of(before.as_ref());
                self.restless.read(source, same);
                Ok(concerned)
            }
            Err(error) => {
                let again = reading.backoff.failed(self.now, error.retry_after());
                Err(NotRead { error, again })
            }
        }
    }
}
