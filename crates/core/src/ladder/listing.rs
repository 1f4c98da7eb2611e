//! When the pods are listed. They are never watched as a whole.

use std::time::Duration;

use crate::pauses::Pauses;
use crate::settle::Millis;

/// While pods are under way.
const OFTEN: Millis = 5_000;
/// While nothing can be done: less and less often.
const RESTING: Pauses = Pauses::new(Duration::from_secs(1), Duration::from_mins(1));

/// What is known of listings.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    under_way: bool,
    /// When the last one was asked for.
    asked: Millis,
    /// When the last one was asked for that has come.
    came: Option<Millis>,
    /// Whether what it told may be otherwise now.
    stale: bool,
    /// Whether the next one is wanted at once.
    wanted: bool,
    failures: Pauses,
    /// How long to wait after a failure.
    failed: Millis,
    rests: Pauses,
    /// How long nothing has to be asked while nothing happens.
    rest: Millis,
}

impl Listing {
    pub(super) fn new() -> Self {
        Self {
            under_way: false,
            asked: 0,
            came: None,
            stale: true,
            wanted: true,
            failures: RESTING,
            failed: 0,
            rests: RESTING,
            rest: 0,
        }
    }

    /// When the pods were asked for that are known.
    pub(super) fn came(&self) -> Option<Millis> {
        self.came
    }

    /// Whether it has come, and nothing that we know of has happened since it was asked
    /// for.
    pub(super) fn is_fresh(&self) -> bool {
        self.came.is_some() && !self.stale && !self.under_way
    }

    /// Something happened.
    pub(super) fn outdate(&mut self) {
        self.stale = true;
        (self.rests, self.rest) = (RESTING, 0);
    }

    /// What is known cannot be gone on with.
    pub(super) fn want(&mut self) {
        self.outdate();
        self.wanted = true;
    }

    /// When the next one is to be asked for; none while one is under way.
    pub(super) fn due(&self, often: bool, at_once: bool) -> Option<Millis> {
        let pause = match (at_once || self.wanted, often) {
            (true, _) => 0,
            (false, true) => OFTEN,
            (false, false) => self.rest,
        };
        let at = self.asked.saturating_add(pause.max(self.failed));
        (!self.under_way).then_some(at)
    }

    /// It is asked for.
    pub(super) fn ask(&mut self, now: Millis) {
        (self.under_way, self.asked) = (true, now);
        (self.stale, self.wanted) = (false, false);
        self.rest = millis(self.rests.grow());
    }

    /// It has come.
    pub(super) fn has_come(&mut self) {
        (self.under_way, self.came) = (false, Some(self.asked));
        (self.failures, self.failed) = (RESTING, 0);
    }

    /// It has not.
    pub(super) fn has_failed(&mut self) {
        (self.under_way, self.stale, self.wanted) = (false, true, true);
        self.failed = millis(self.failures.grow());
    }
}

pub(super) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
