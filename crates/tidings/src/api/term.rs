//! The time in which we are the one who writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// All workloads are on record.
const ALL: i64 = i64::MAX;

/// The time in which we are the one who writes.
#[derive(Clone, Debug)]
pub struct Term {
    /// Grows with each of our terms.
    pub number: u64,
    /// When the term before it was last renewed, by its holder's clock, or earlier, where
    /// that one left workloads of which nothing is on record; `None` where there was none.
    pub unled_since: Option<i64>,
    unrecorded: Arc<AtomicI64>,
    started: Instant,
    until: Arc<AtomicU64>,
}

impl Term {
    /// A term that is over until it is extended.
    pub(crate) fn new(number: u64, unled_since: Option<i64>) -> Self {
        Self {
            number,
            unled_since,
            unrecorded: Arc::new(AtomicI64::new(unled_since.unwrap_or(ALL))),
            started: Instant::now(),
            until: Arc::default(),
        }
    }

    /// A term without an end: of a dry run, and for what needs no leader.
    pub fn endless() -> Self {
        let term = Self::new(1, None);
        term.until.store(u64::MAX, Ordering::Relaxed);
        term
    }

    /// Since when there are workloads of which it leaves nothing on record.
    pub(crate) fn leave_unrecorded(&self, since: Option<i64>) {
        self.unrecorded
            .store(since.unwrap_or(ALL), Ordering::Relaxed);
    }

    /// The same, if it ended now.
    pub(crate) fn unrecorded_since(&self) -> Option<i64> {
        let since = self.unrecorded.load(Ordering::Relaxed);
        (since != ALL).then_some(since)
    }

    /// Whether we may still write.
    pub fn is_valid(&self) -> bool {
        let now = self.started.elapsed().as_millis();
        now < u128::from(self.until.load(Ordering::Relaxed))
    }

    /// How long we may still write.
    pub(crate) fn left(&self) -> Duration {
        let until = Duration::from_millis(self.until.load(Ordering::Relaxed));
        until.saturating_sub(self.started.elapsed())
    }

    /// It is over, for all who hold it: another replica may lead from now on.
    pub(crate) fn end(&self) {
        self.until.store(0, Ordering::Relaxed);
    }

    /// It lasts for so long after it was asked for.
    pub(crate) fn extend(&self, asked: Instant, by: Duration) {
        let until = (asked + by)
            .saturating_duration_since(self.started)
            .as_millis();
        self.until
            .store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_that_is_ended_is_over_for_all_who_hold_it() {
        let term = Term::new(1, None);
        let held = term.clone();
        term.extend(Instant::now(), Duration::from_hours(1));
        assert!(held.is_valid());
        term.end();
        assert!(!held.is_valid());
    }
}
