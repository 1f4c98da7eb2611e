//! Gates: what makes a roll wait though it is due.
//!
//! Two of them look at earlier rolls: the least interval that somebody asked for,
//! and the fuse. The fuse holds what would be rolled too often ([`LIMITS`]), and what
//! is to be rolled for restless sources alone: such a roll passes when the source
//! becomes restless, every [`AT_LEAST_EVERY`] after that, and when it has come to
//! rest.
//!
//! [`LIMITS`]: crate::state::LIMITS

use crate::compare::Change;
use crate::few::Few;
use crate::object::Seconds;
use crate::reason::Reason;
use crate::refs::SourceRef;
use crate::state::{Entry, Seen};
use crate::time::show;

use super::Case;

/// A workload is rolled for a restless source so often.
pub(super) const AT_LEAST_EVERY: Seconds = 600;

/// What holds a roll.
pub(super) struct Hold<'a> {
    pub(super) reason: Reason,
    until: Seconds,
    /// The source whose rest ends it too.
    restless: Option<&'a SourceRef>,
}

impl Hold<'_> {
    /// What it waits for.
    pub(super) fn text(&self, because: &str) -> String {
        let until = show(self.until);
        match self.restless {
            None => format!("{because}; not before {until}"),
            Some(source) => format!(
                "{because}; not before {until}, or when {source} has been quiet for a minute"
            ),
        }
    }
}

impl Case<'_> {
    /// What holds a roll for these changes. The fuse holds only what restarts.
    pub(super) fn held<'a>(&self, changes: &'a [Change], restarts: bool) -> Option<Hold<'a>> {
        let unrest = self
            .unrest_holds(changes)
            .filter(|_| restarts)
            .map(|(until, source)| Hold {
                reason: Reason::Fused,
                until,
                restless: Some(source),
            });
        let hold = |reason| {
            move |until| Hold {
                reason,
                until,
                restless: None,
            }
        };
        let limit = self.limit_ends().filter(|_| restarts);
        let limit = limit.map(hold(Reason::Fused));
        let interval = self.interval_ends().map(hold(Reason::TooSoon));
        // Of those that end together the last one counts.
        let holds = [unrest, interval, limit].into_iter().flatten();
        holds.max_by_key(|hold| hold.until)
    }

    /// When the interval is over that somebody asked for, if it is not yet. A last
    /// roll in the future tells that the clock was put back, and holds nothing.
    fn interval_ends(&self) -> Option<Seconds> {
        let now = self.moment.now;
        let at = self.last()?.at.filter(|at| *at <= now)?;
        let own = self
            .known
            .policy
            .own
            .min_interval
            .map(|millis| Seconds::try_from(millis.div_ceil(1_000)).unwrap_or(Seconds::MAX));
        let until = at.saturating_add(own.unwrap_or(self.rules.min_interval));
        Some(until).filter(|until| *until > now)
    }

    fn limit_ends(&self) -> Option<Seconds> {
        self.fused()?.restarts.held_until(self.moment.now)
    }

    /// The last record, where the fuse heeds it.
    fn fused(&self) -> Option<&Entry> {
        self.last().filter(|_| self.rules.fuse)
    }

    /// Until when all sources that changed are held, and the one that is free first.
    fn unrest_holds<'a>(&self, changes: &'a [Change]) -> Option<(Seconds, &'a SourceRef)> {
        let until = |change: &'a Change| {
            let until = self.unrest_ends(&change.source)?;
            Some((until, &change.source))
        };
        let all: Option<Vec<_>> = changes.iter().map(until).collect();
        all?.into_iter().min()
    }

    /// When a source that is restless, and that the workload was rolled for since it
    /// is, rolls it again at the latest.
    fn unrest_ends(&self, source: &SourceRef) -> Option<Seconds> {
        let at = *self.fused()?.restless.get(&Seen::of(source))?;
        self.moment.restless.until(source)?;
        let until = at + AT_LEAST_EVERY;
        let holds = at <= self.moment.now && until > self.moment.now;
        holds.then_some(until)
    }

    /// The sources that are restless still, of those that the record tells of.
    pub(super) fn still_restless(&self) -> Few<Seen, Seconds> {
        let told = self
            .last()
            .into_iter()
            .flat_map(|last| last.restless.iter());
        let still = told.filter(|(seen, _)| self.rests_at(seen).is_some());
        still.map(|(seen, at)| (seen.clone(), *at)).collect()
    }

    /// The same once it is rolled for these changes. A roll for one source brings
    /// what all of them have, and the next one for the others is no nearer for it.
    pub(super) fn restless_after(&self, changes: &[Change]) -> Few<Seen, Seconds> {
        let mut restless = self.still_restless();
        for source in changes.iter().map(|change| &change.source) {
            let is_restless = self.moment.restless.until(source).is_some();
            if is_restless && self.unrest_ends(source).is_none() {
                restless.insert(Seen::of(source), self.moment.now);
            }
        }
        restless
    }

    fn rests_at(&self, seen: &Seen) -> Option<Seconds> {
        let namespace = &self.known.workload.key.namespace;
        self.moment.restless.until(&seen.source(namespace))
    }

    /// When a gate may open, or a source that the record tells of has come to rest.
    pub(super) fn gate_opens(&self, reason: Reason) -> Option<Seconds> {
        let told = self
            .last()
            .into_iter()
            .flat_map(|last| last.restless.iter());
        let unrest = told.flat_map(|(seen, at)| {
            let rests = self.rests_at(seen);
            [rests, rests.map(|_| at + AT_LEAST_EVERY)]
        });
        let waits = matches!(reason, Reason::TooSoon | Reason::Fused);
        let gates = [self.interval_ends(), self.limit_ends()];
        let gates = gates.into_iter().filter(|_| waits);
        let all = unrest.chain(gates).flatten();
        all.filter(|at| *at > self.moment.now).min()
    }
}
