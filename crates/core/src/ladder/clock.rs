//! How long a pod has had: its time runs while its node is there.
//!
//! That a node is gone is told late: the node controller gives it forty or fifty seconds.
//! So an agent that is not heard for a while may be on a node that is gone, and what it
//! is silent for does not count, up to a minute in all. After that a node that was gone
//! all the time is known to be.

use crate::settle::Millis;

/// A silence that is longer may be the node's. Questions are put more often.
const SILENCE: Millis = 10_000;
/// So much silence does not count at most.
const GRACE: Millis = 60_000;

/// The time of one pod, from the act on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    since: Millis,
    /// When its agents were heard last, or it was acted on.
    heard: Millis,
    /// How long they were silent before.
    silent: Millis,
}

impl Clock {
    pub(super) fn start(now: Millis) -> Self {
        Self {
            since: now,
            heard: now,
            silent: 0,
        }
    }

    /// Its agents were heard.
    pub(super) fn hear(&mut self, now: Millis) {
        let silence = now.saturating_sub(self.heard);
        if silence > SILENCE {
            self.silent += silence;
        }
        self.heard = now;
    }

    /// When it is late, as far as that is known now.
    pub(super) fn deadline(&self, now: Millis, timeout: Millis) -> Millis {
        let silence = now.saturating_sub(self.heard);
        let is_silent = silence > SILENCE || silence >= timeout;
        let grace = if is_silent { GRACE } else { self.silent };
        self.since.saturating_add(timeout) + grace.min(GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_does_not_count_for_a_minute() {
        let mut clock = Clock::start(1_000);
        assert_eq!(clock.deadline(2_000, 30_000), 31_000);
        assert_eq!(clock.deadline(31_000, 30_000), 91_000);
        clock.hear(7_000);
        clock.hear(27_000);
        assert_eq!(clock.deadline(31_000, 30_000), 51_000);
        clock.hear(200_000);
        assert_eq!(clock.deadline(200_000, 30_000), 91_000);
    }

    #[test]
    fn nor_where_the_time_is_shorter_than_what_is_a_silence() {
        let mut clock = Clock::start(0);
        assert_eq!(clock.deadline(5_000, 5_000), 65_000);
        clock.hear(4_000);
        assert_eq!(clock.deadline(5_000, 5_000), 5_000);
    }
}
