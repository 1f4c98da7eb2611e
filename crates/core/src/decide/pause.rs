//! Pauses: what is paused by hand waits for the hand; what a roll has paused for
//! its pause-period is resumed when that is over.
//!
//! The time of the pause stands on the workload (`paused-at`), so it is resumed
//! whoever has paused it, Tidings or Reloader, and whatever became of either
//! since. A period that was taken away or cannot be read is over.

use crate::annotations::PAUSED_AT;
use crate::object::Seconds;
use crate::reason::Reason;
use crate::state::Entry;

use super::{Act, Answer, Case};
use crate::time::show;

impl Case<'_> {
    /// Whether somebody has paused it, who will resume it.
    pub(super) fn is_paused_by_hand(&self) -> bool {
        self.known.workload.paused && self.pause_ends().is_none()
    }

    /// What a roll waits for, where somebody has paused it: the workload itself, or all
    /// rolls of it.
    pub(super) fn paused(&self, because: &str) -> Option<Answer> {
        let word = self.pause_word();
        let until = word.and_then(|(_, pause)| pause.until());
        if let Some(until) = until {
            self.look_again_at(until);
        }
        let until = until.map(|until| format!("; not before {}", show(until)));
        let held = word.map_or("", |(held, _)| held.text());
        let text = || format!("{because}{held}{}", until.unwrap_or_default());
        let is_paused = word.is_some() || self.is_paused_by_hand();
        is_paused.then(|| (Act::Nothing, Reason::Paused, text()))
    }

    /// When a pause that a roll began is over, if it is not yet.
    pub(super) fn pauses_until(&self) -> Option<Seconds> {
        self.pause_ends().filter(|until| *until > self.moment.now)
    }

    /// An answer, unless there is nothing better to do than to end a pause.
    pub(super) fn unless_pause_is_over(&self, answer: Answer) -> Answer {
        let over = self.is_to_end().filter(|until| *until <= self.moment.now);
        match (over, &answer.0) {
            (Some(until), Act::Nothing | Act::Note(_) | Act::Forget) => (
                Act::Unpause,
                Reason::PauseOver,
                format!("since {}", show(until)),
            ),
            _ => answer,
        }
    }

    /// When to look again. A pause that is over is ended after what goes first.
    pub(super) fn again(&self, act: &Act, reason: Reason) -> Option<Seconds> {
        let gate = self.gate_opens(reason);
        let pause = self.is_to_end().filter(|_| *act != Act::Unpause);
        let pause = pause.map(|until| until.max(self.moment.now + 1));
        let of_the_past = |entry: &Entry| self.is_of_the_past(entry);
        let follow = matches!(act, Act::Record(entry) if of_the_past(entry));
        let follow = follow.then_some(self.moment.now);
        let also = self.again.get();
        [gate, pause, follow, also].into_iter().flatten().min()
    }

    /// Not later than at this time.
    pub(super) fn look_again_at(&self, at: Seconds) {
        let earlier = self.again.get().map_or(at, |other| other.min(at));
        self.again.set(Some(earlier));
    }

    /// When a pause is over that is ours to end.
    fn is_to_end(&self) -> Option<Seconds> {
        let namespace = &self.known.workload.key.namespace;
        let is_ours = !self.index.left_out(namespace) && self.owned_by_other().is_none();
        self.pause_ends().filter(|_| is_ours)
    }

    /// A pause that lies ahead tells that the clock was put back: it lasts for a
    /// period from now.
    fn pause_ends(&self) -> Option<Seconds> {
        let workload = &self.known.workload;
        let text = workload.annotations.get(PAUSED_AT)?;
        if !workload.paused {
            // Somebody has resumed it before. What is left of our pause must not end
            // one of theirs.
            return Some(self.moment.now);
        }
        let Ok(at) = text.parse::<jiff::Timestamp>() else {
            return Some(self.moment.now);
        };
        let period = self.known.policy.pause_period.unwrap_or(0);
        let period = Seconds::try_from(period).unwrap_or(Seconds::MAX);
        let at = at.as_second().min(self.moment.now);
        Some(at.saturating_add(period))
    }
}
