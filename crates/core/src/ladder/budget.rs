//! What a PodDisruptionBudget lets be done: where one holds, nothing is tried for a while,
//! and people are told what it waits for.

use std::time::Duration;

use crate::pauses::Pauses;
use crate::settle::Millis;

use super::listing::millis;

/// From an eviction that was held to the next try: what opens a budget is mostly a pod that
/// becomes Ready, within seconds; one that never opens is asked seldom.
const TRIES: Pauses = Pauses::new(Duration::from_secs(1), Duration::from_secs(30));

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// What it says while it holds; none where it has let something be done last.
    holds: Option<String>,
    /// What people were told of that; none where that is not known.
    told: Option<String>,
    /// When it is tried again.
    again: Millis,
    tries: Pauses,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            holds: None,
            told: None,
            again: 0,
            tries: TRIES,
        }
    }

    /// It holds, and says so.
    pub(super) fn has_held(&mut self, now: Millis, said: String) {
        self.holds = Some(said);
        self.again = now + millis(self.tries.grow());
    }

    /// It has let something be done.
    pub(super) fn has_let(&mut self) {
        (self.holds, self.again, self.tries) = (Some(String::new()), 0, TRIES);
    }

    /// Whether something may be tried.
    pub(super) fn is_open(&self, now: Millis) -> bool {
        self.again <= now
    }

    /// When something may be tried that may not now.
    pub(super) fn opens(&self, now: Millis) -> Option<Millis> {
        (!self.is_open(now)).then_some(self.again)
    }

    /// What people have not been told: what holds, or, as an empty text, that nothing does
    /// any more.
    pub(super) fn news(&mut self) -> Option<String> {
        if self.holds == self.told {
            return None;
        }
        self.told.clone_from(&self.holds);
        self.holds.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_tried_less_and_less_often() {
        let mut budget = Budget::new();
        assert_eq!(budget.news(), None);
        budget.has_held(1_000, "web needs 2".to_owned());
        assert_eq!(budget.news().as_deref(), Some("web needs 2"));
        assert_eq!(
            (budget.opens(1_000), budget.is_open(2_000)),
            (Some(2_000), true)
        );
        budget.has_held(2_000, "web needs 2".to_owned());
        assert_eq!((budget.news(), budget.opens(2_000)), (None, Some(4_000)));
        budget.has_let();
        assert_eq!(budget.news().as_deref(), Some(""));
        assert_eq!((budget.news(), budget.opens(2_000)), (None, None));
    }
}
