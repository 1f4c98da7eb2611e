//! Since when workloads were made of which nothing is on record yet.
//!
//! A term may end before it has written what it saw: its records could not be taken over,
//! or were refused, or a source could not be read. Whoever leads next has not seen these
//! workloads being made, and takes what their pods have for what is there now. So their
//! time stands on the Lease, where it is handed on from term to term.

use tidings_core::object::Seconds;
use tidings_core::settle::Millis;

/// How often all workloads are looked at while some are unrecorded.
const EVERY: Millis = 10_000;

/// The oldest of them.
pub(super) struct Unrecorded {
    since: Option<Seconds>,
    counted: Millis,
}

impl Unrecorded {
    /// Since when nobody led, or wrote, before this term.
    pub(super) fn new(since: Option<Seconds>, now: Millis) -> Self {
        let counted = now;
        Self { since, counted }
    }

    /// Not later than this; `None`: all are on record.
    pub(super) fn since(&self) -> Option<Seconds> {
        self.since
    }

    /// One was made then.
    pub(super) fn made(&mut self, created: Seconds) {
        self.since = Some(self.since.map_or(created, |since| since.min(created)));
    }

    /// Whether those that are left are to be counted.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.since.is_some() && now >= self.counted + EVERY
    }

    /// When the oldest of those that are left was made.
    pub(super) fn count(&mut self, oldest: Option<Seconds>, now: Millis) {
        *self = Self::new(oldest, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_one_counts_until_it_is_recorded() {
        let mut unrecorded = Unrecorded::new(None, 0);
        assert!(!unrecorded.is_due(EVERY));
        unrecorded.made(70);
        unrecorded.made(50);
        unrecorded.made(60);
        assert_eq!(unrecorded.since(), Some(50));
        assert!(unrecorded.is_due(EVERY) && !unrecorded.is_due(EVERY - 1));
        unrecorded.count(Some(60), EVERY);
        assert_eq!(
            (unrecorded.since(), unrecorded.is_due(EVERY)),
            (Some(60), false)
        );
        unrecorded.count(None, 2 * EVERY);
        assert_eq!(unrecorded.since(), None);
    }
}
