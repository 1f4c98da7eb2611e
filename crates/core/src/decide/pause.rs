//! Pauses: what is paused by hand waits for the hand; what a roll has paused for
//! its pause-period is resumed when that is over.
//!
//! The time of the pause stands on the workload (`paused-at`), so it is resumed
//! whoever has paused it, Tidings or Reloader, and whatever became of either
//! since. A period that was taken away or cannot be read is over.

use crate::annotations::PAUSED_AT;
use crate::object::Seconds;
use crate::reason::Reason;

use super::gate::show;
use super::{Act, Answer, Case};

impl Case<'_> {
    /// Whether somebody has paused it, who will resume it.
    pub(super) fn is_paused_by_hand(&self) -> bool {
        self.known.workload.paused && self.pause_ends().is_none()
    }

    /// When a pause that a roll began is over, if it is not yet.
    pub(super) fn pauses_until(&self) -> Option<Seconds> {
        self.pause_ends().filter(|until| *until > self.moment.now)
    }

    /// An answer, unless there is nothing better to do than to end a pause.
    pub(super) fn unless_pause_is_over(&self, answer: Answer) -> Answer {
        let is_ours = !self.index.left_out(&self.known.workload.key.namespace)
            && self.owned_by_other().is_none();
        let over = self
            .pause_ends()
            .filter(|until| is_ours && *until <= self.moment.now);
        match (over, &answer.0) {
            (Some(until), Act::Nothing | Act::Note(_) | Act::Forget) => (
                Act::Unpause,
                Reason::PauseOver,
                format!("since {}", show(until)),
            ),
            _ => answer,
        }
    }

    /// When to look again.
    pub(super) fn again(&self, reason: Reason) -> Option<Seconds> {
        let gate = self.too_soon().map(|(_, until)| until);
        let gate = gate.filter(|_| matches!(reason, Reason::TooSoon | Reason::Fused));
        [gate, self.pauses_until()].into_iter().flatten().min()
    }

    /// A pause that lies ahead tells that the clock was put back: it lasts for a
    /// period from now.
    fn pause_ends(&self) -> Option<Seconds> {
        let workload = &self.known.workload;
        let text = workload
            .annotations
            .get(PAUSED_AT)
            .filter(|_| workload.paused)?;
        let Ok(at) = text.parse::<jiff::Timestamp>() else {
            return Some(self.moment.now);
        };
        let period = self.known.policy.pause_period.unwrap_or(0);
        let period = Seconds::try_from(period).unwrap_or(Seconds::MAX);
        let at = at.as_second().min(self.moment.now);
        Some(at.saturating_add(period))
    }
}
