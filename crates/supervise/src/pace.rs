//! When to act on a change: at once if it comes alone, else together with
//! what follows it.
//!
//! Leading edge with a cap. A change after a quiet time is acted on at once;
//! what follows within `quiet` is gathered until a quiet time passes or the
//! oldest of it has waited for `cap`. So constant churn still acts.

use std::time::Duration;

/// Time since the agent started, on a clock that never goes back.
pub type Time = Duration;

/// The settings and the memory of one coalescing window.
#[derive(Debug, Clone)]
pub struct Pace {
    quiet: Duration,
    cap: Duration,
    settle_first: bool,
    /// Changes before this time belong to the window that is open.
    open_until: Time,
    /// When the oldest change that was not acted on came in.
    oldest: Option<Time>,
    due: Option<Time>,
}

impl Pace {
    /// A closed window.
    pub fn new(quiet: Duration, cap: Duration, settle_first: bool) -> Self {
        Self {
            quiet,
            cap,
            settle_first,
            open_until: Time::ZERO,
            oldest: None,
            due: None,
        }
    }

    /// A change came in.
    pub fn changed(&mut self, now: Time) {
        let alone = now >= self.open_until && self.oldest.is_none() && !self.settle_first;
        let oldest = *self.oldest.get_or_insert(now);
        self.due = Some(if alone {
            now
        } else {
            (now + self.quiet).min(oldest + self.cap)
        });
        self.open_until = now + self.quiet;
    }

    /// Act at the next opportunity.
    pub fn at_once(&mut self, now: Time) {
        self.oldest.get_or_insert(now);
        self.due = Some(now);
    }

    /// Everything that came in is being acted on.
    pub fn begun(&mut self, now: Time) {
        self.oldest = None;
        self.due = None;
        self.open_until = self.open_until.max(now + self.quiet);
    }

    /// When the gathered changes are to be acted on.
    pub fn due(&self) -> Option<Time> {
        self.due
    }

    /// Whether something is due now.
    pub fn is_due(&self, now: Time) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Time {
        Duration::from_millis(millis)
    }

    /// Plays changes at these times and returns when actions begin.
    fn actions(settle_first: bool, changes: &[u64]) -> Vec<u64> {
        let mut pace = Pace::new(ms(200), ms(2000), settle_first);
        let mut began = Vec::new();
        for now in 0..20_000 {
            if changes.contains(&now) {
                pace.changed(ms(now));
            }
            if pace.is_due(ms(now)) {
                pace.begun(ms(now));
                began.push(now);
            }
        }
        began
    }

    #[test]
    fn a_change_alone_is_acted_on_at_once() {
        assert_eq!(actions(false, &[1000, 5000]), [1000, 5000]);
    }

    #[test]
    fn what_follows_is_gathered_into_one_more_action() {
        assert_eq!(actions(false, &[1000, 1050, 1150, 1300]), [1000, 1500]);
    }

    #[test]
    fn a_hundred_changes_in_a_second_are_two_actions() {
        let changes: Vec<u64> = (0..100).map(|n| 1000 + 10 * n).collect();
        assert_eq!(actions(false, &changes).len(), 2);
    }

    #[test]
    fn constant_churn_acts_within_its_cap() {
        let changes: Vec<u64> = (0..100).map(|n| 1000 + 100 * n).collect();
        let began = actions(false, &changes);
        assert!(
            began.windows(2).all(|pair| pair[1] - pair[0] <= 2200),
            "{began:?}"
        );
        assert!(began.len() <= 7, "{began:?}");
    }

    #[test]
    fn settle_first_waits_for_the_second_mount_of_a_pair() {
        assert_eq!(actions(true, &[1000, 1100]), [1300]);
    }
}
