//! What the person who started the agent decided, once, on its command line.

use super::Time;
use crate::action::Signal;
use std::time::Duration;

/// What a change leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// Tell the running process: signal, HTTP or command; the shell knows which.
    Tell,
    /// Stop the child and start it again.
    Restart,
    /// End with this code and leave the restart to the kubelet.
    Exit(u8),
}

/// What becomes of the container when the child was started again and ended before
/// it had proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailedRestart {
    /// The agent ends with the child's own code, as it does whenever the child ends.
    #[default]
    Exit,
    /// It is started again with growing pauses, and at once when the files change.
    KeepTrying,
}

/// Pauses between attempts: the first one, doubled each time, up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Pause after the first failure.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// Attempts on one version after which only a change helps; `None`: no end.
    pub attempts: Option<u32>,
}

impl Backoff {
    /// When to try again after this many failures in a row, if at all.
    pub fn next(&self, now: Time, failures: u32) -> Option<Time> {
        if self.attempts.is_some_and(|most| failures >= most) {
            return None;
        }
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1));
        Some(now + self.first.saturating_mul(doubled).min(self.longest))
    }
}

/// The settings of the machine.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a decision of its own"
)]
pub struct Policy {
    /// The agent has a command of its own to run (`run`), or not (`watch`).
    pub supervises: bool,
    /// What a change leads to.
    pub on_change: OnChange,
    /// What a restart that fails leads to.
    pub on_failed_restart: FailedRestart,
    /// A rendering or a check comes before every action.
    pub prepares: bool,
    /// What was checked waits until it is released.
    pub paced: bool,
    /// Changes closer together than this become one action.
    pub quiet: Duration,
    /// No change waits longer than this for quiet.
    pub cap: Duration,
    /// Gather before the first action too, instead of acting on it at once.
    pub settle_first: bool,
    /// What tells the child to end.
    pub stop: Signal,
    /// How long the child may take to end before it is killed.
    pub grace: Duration,
    /// Pauses after failed checks and attempts.
    pub backoff: Backoff,
    /// Pause before looking again for a process that is not there yet.
    pub until_up: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_overflow() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            attempts: None,
        };
        let pauses: Vec<u64> = [1, 2, 3, 5, 6, 40, u32::MAX]
            .map(|failures| backoff.next(Time::ZERO, failures).unwrap().as_secs())
            .into();
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30, 30]);
    }

    #[test]
    fn attempts_can_be_counted_out() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            attempts: Some(2),
        };
        assert!(backoff.next(Time::ZERO, 1).is_some());
        assert_eq!(backoff.next(Time::ZERO, 2), None);
    }
}
