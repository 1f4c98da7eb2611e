//! What outlasts a term: what is in the cluster and what is being read of it, the
//! clock, and what the installation was told. Who waits keeps it as warm as who leads.

use std::collections::HashMap;

use tidings_core::decide::{Decided, Rules};
use tidings_core::index::{Concerned, Fact, How, Index};
use tidings_core::kinds::Kinds;
use tidings_core::method::Method;
use tidings_core::object::{Seconds, SourceMeta, Version, Workload};
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::settle::Millis;

use super::backoff::Backoff;
use super::behind::Behind;
use super::reading::Reads;
use super::{Effect, NameTest, Plan};
use crate::api::ApiError;

/// For each source that a list showed, so long the same is not listed again: who opts in
/// and out again and again beside many would have all of them read each time.
const LIST_PAUSE: Millis = 1;
/// Quiet time before a change is brought to processes that go on, where the workload says
/// nothing else; what restarts nothing need not wait long for more.
const HOT_SETTLE: Millis = 200;

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
    pub(super) reading: Reads,
    behind: Behind,
    lists: HashMap<(SourceKind, Name), Listing>,
    /// By namespace, workloads that are read again one by one.
    returning: HashMap<Name, Backoff>,
    pub(super) effects: Vec<Effect>,
    pub(super) decided: Vec<Decided>,
}

/// A list of the sources of a namespace.
#[derive(Debug, Default)]
struct Listing {
    /// Somebody waits for it, and has not been asked for.
    is_wanted: bool,
    is_under_way: bool,
    backoff: Backoff,
}

impl Ground {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            index: Index::new(plan.defaults, plan.streams).at_home(plan.home),
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
            reading: Reads::default(),
            behind: Behind::default(),
            lists: HashMap::new(),
            returning: HashMap::new(),
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

    /// Whether somebody wants nothing at all to be rolled now.
    pub(super) fn everything_paused(&self) -> bool {
        let pause = self.index.everything_paused();
        pause.is_some_and(|pause| pause.holds(self.seconds()))
    }

    pub(super) fn millis_at(&self, time: Seconds) -> Millis {
        let since = u64::try_from(time - self.started).unwrap_or(0);
        since.saturating_mul(1_000).max(self.now)
    }

    /// For how long what a workload uses is to be quiet before it is decided.
    pub(super) fn quiet_for(&self, key: &WorkloadRef) -> Millis {
        let Some(known) = self.index.get(key) else {
            return self.settle;
        };
        let methods = known.policy.methods & self.rules.enabled;
        let most = if methods.contains(Method::Hot) {
            HOT_SETTLE
        } else {
            Millis::MAX
        };
        let own = known.policy.own.settle;
        own.unwrap_or_else(|| self.settle.min(most))
    }

    /// The same, before its pods are replaced.
    pub(super) fn quiet_for_rollout(&self, key: &WorkloadRef) -> Millis {
        let known = self.index.get(key);
        let own = known.and_then(|known| known.policy.own.settle);
        own.unwrap_or(self.settle)
    }

    // --- facts ---------------------------------------------------------------

    /// Takes in what the watch tells, and says whom it concerns.
    pub(super) fn take_in(&mut self, fact: Fact) -> Concerned {
        match fact {
            Fact::Source(meta) if self.is_for_later(&meta) => {
                self.restless.changed(&meta.key);
                self.reading.put_off(meta);
                Concerned::default()
            }
            Fact::Source(ref meta) => {
                let source = meta.key.clone();
                self.source_changed(&source, fact)
            }
            Fact::SourceGone(ref source, _) => {
                let source = source.clone();
                self.reading.forget_later(&source);
                self.source_changed(&source, fact)
            }
            Fact::ListBegan(_) => {
                let later = self.reading.take_all_later();
                let mut concerned = self.sources_changed(later);
                concerned.extend(self.index.apply(fact));
                concerned
            }
            other => self.index.apply(other),
        }
    }

    /// What a list shows may have changed long ago.
    fn source_changed(&mut self, source: &SourceRef, fact: Fact) -> Concerned {
        self.behind.told(&fact, &self.index, self.now);
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
        one_object && self.is_read(&meta.key) && !self.index.is_listing(&meta.key)
    }

    /// Takes in what was put off, where it has been decided about what was read.
    pub(super) fn take_in_later(&mut self, is_decided: impl Fn(&Name) -> bool) -> Concerned {
        let later = self.reading.take_later(is_decided);
        self.sources_changed(later)
    }

    /// Whether a source is being read.
    pub(super) fn is_read(&self, source: &SourceRef) -> bool {
        self.reading.is_under_way(source)
    }

    /// Doubts what was read of sources, where the watch does not follow.
    pub(super) fn doubt_what_was_read(&mut self) -> Concerned {
        self.behind.doubt(&mut self.index, self.now)
    }

    // --- what is asked for ------------------------------------------------------

    /// Reads workloads for which there is room now.
    pub(super) fn ask_for_returning(&mut self) {
        for key in self.index.take_returning() {
            let backoff = self.returning.get(&key.namespace);
            let at = backoff.map_or(0, Backoff::again).max(self.now);
            self.effects.push(Effect::Return(key, at));
        }
    }

    /// One was read. That one is gone the watch tells; who is not there any more was read
    /// before that.
    pub(super) fn returned(
        &mut self,
        key: &WorkloadRef,
        result: Result<Option<Box<Workload>>, ApiError>,
    ) -> Concerned {
        let concerned = match result {
            Ok(Some(_)) if self.index.get(key).is_none() => Concerned::default(),
            Ok(Some(workload)) => {
                self.returning.remove(&key.namespace);
                self.index.apply(Fact::Workload(workload, How::Event))
            }
            other => {
                let error = other.err();
                if let Some(error) = &error {
                    tracing::warn!(%key, %error, "cannot be read again");
                }
                let wish = error.and_then(|error| error.retry_after());
                let backoff = self.returning.entry(key.namespace.clone()).or_default();
                backoff.failed(self.now, wish);
                Concerned::default()
            }
        };
        self.index.looked_for_room(&key.namespace);
        concerned
    }

    /// Asks for the lists that wildcards need.
    pub(super) fn ask_for_lists(&mut self) {
        for list in self.index.take_listings() {
            self.lists.entry(list).or_default().is_wanted = true;
        }
        for (list, listing) in &mut self.lists {
            if listing.due().is_some_and(|at| at <= self.now) {
                (listing.is_wanted, listing.is_under_way) = (false, true);
                self.effects.push(Effect::List(list.0, list.1.clone()));
            }
        }
    }

    /// When there is something to ask for again without an input.
    pub(super) fn next(&self) -> Option<Millis> {
        let lists = self.lists.values().filter_map(Listing::due);
        lists.chain(self.behind.next()).min()
    }

    pub(super) fn listed(
        &mut self,
        kind: SourceKind,
        namespace: Name,
        result: Result<Vec<SourceMeta>, ApiError>,
    ) -> Concerned {
        let listing = self.lists.entry((kind, namespace.clone())).or_default();
        listing.is_under_way = false;
        match result {
            Ok(sources) => {
                let pause = LIST_PAUSE.saturating_mul(sources.len() as u64);
                listing.backoff = Backoff::until(self.now + pause);
                // What was told before one wanted it again may not be in it.
                let is_late = listing.is_wanted;
                self.lists.retain(|_, listing| !listing.is_over(self.now));
                if is_late {
                    return Concerned::default();
                }
                self.index.apply(Fact::Listed(kind, namespace, sources))
            }
            Err(error) => {
                tracing::warn!(%namespace, %error, "cannot list {}", kind.row().plural);
                listing.backoff.failed(self.now, error.retry_after());
                self.index.apply(Fact::NotListed(kind, namespace))
            }
        }
    }
}

impl Listing {
    /// When it is to be asked for.
    fn due(&self) -> Option<Millis> {
        (self.is_wanted && !self.is_under_way).then(|| self.backoff.again())
    }

    fn is_over(&self, now: Millis) -> bool {
        !self.is_wanted && !self.is_under_way && self.backoff.again() <= now
    }
}
