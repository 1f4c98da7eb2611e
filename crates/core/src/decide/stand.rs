//! How a workload stands: what was found out, put together for
//! [`crate::standing`].

use crate::object::{Seconds, Strategy};
use crate::reason::{LEFT_DUE, Reason};
use crate::standing::{Facts, Standing};
use crate::state::{Back, Entry, Ride};

use super::{Act, Case};

/// Why nobody is told how it stands.
const LEFT_ALONE: [Reason; 3] = [
    Reason::NotOptedIn,
    Reason::LeftToOwner,
    Reason::BeingDeleted,
];

impl Case<'_> {
    /// None where nothing asks for it, or it is another's concern, or nobody's any more.
    pub(super) fn standing(
        &self,
        act: &Act,
        reason: Reason,
        again: Option<Seconds>,
    ) -> Option<Standing> {
        if LEFT_ALONE.contains(&reason) {
            return None;
        }
        let progress = self.known.workload.progress;
        let behind = self.is_behind();
        let frozen = behind && self.is_frozen();
        let left = LEFT_DUE.contains(&reason);
        let refused = matches!(reason, Reason::Rejected | Reason::Died);
        let facts = Facts {
            unknown: self.is_unknown(act),
            due: self.is_due(act, reason, left),
            doubtful: self.is_doubtful(act, reason),
            held: frozen || self.is_held(act, left) || reason == Reason::BudgetHolds,
            under_way: (behind && !frozen) || refused || is_climbing(act, reason),
            failed: progress.failed || refused || self.has_failed(),
            pods: behind.then_some((progress.updated, progress.desired)),
            until: again,
        };
        Some(facts.standing())
    }

    /// Whether its last roll has failed, though its own controller knows no deadline.
    fn has_failed(&self) -> bool {
        let ride = self.entry.and_then(|entry| entry.ride.as_deref());
        ride.is_some_and(Ride::has_failed)
    }

    /// Whether something is to be brought that is not on its way.
    fn is_due(&self, act: &Act, reason: Reason, left: bool) -> bool {
        let written = matches!(act, Act::Record(_)) && !keeps_waiting(act);
        self.due.get() && !is_climbing(act, reason) && (left || !written)
    }

    fn is_unknown(&self, act: &Act) -> bool {
        let asks = matches!(act, Act::Read(_) | Act::Ask(_));
        let known = self.known;
        let unread = known.workload.unread || self.not_held().is_some() || self.needs.more;
        asks || unread || self.steps.are_spent() || self.owned_by_other().is_some()
    }

    /// Whether there was no telling what the pods have, or somebody took a roll back
    /// before it had replaced them all.
    fn is_doubtful(&self, act: &Act, reason: Reason) -> bool {
        let at_first_sight = matches!(reason, Reason::MaybeStale | Reason::Missed);
        let since = match act {
            Act::Record(entry) => entry.doubt,
            _ => self.entry.is_some_and(|entry| entry.doubt),
        };
        at_first_sight || since || self.back() == Some(Back::Partly)
    }

    /// Whether something makes wait what is due, or is kept from new pods because
    /// they could not start.
    fn is_held(&self, act: &Act, left: bool) -> bool {
        let waits = matches!(act, Act::Nothing | Act::Note(_)) || keeps_waiting(act);
        let gated = self.due.get() && !left && waits;
        gated || !self.missing().is_empty()
    }

    /// Whether there are pods of another template that have something else.
    pub(super) fn is_behind(&self) -> bool {
        let (workload, progress) = (&self.known.workload, self.known.workload.progress);
        let rolls_out = !workload.key.kind.ends() && workload.lender.is_none();
        let differs = |entry: &Entry| {
            let mut older = entry.older.iter();
            older.any(|older| !older.has_all_of(entry))
        };
        let others = self.entry.is_some_and(differs);
        let others = others || (self.is_mixed() && self.may_differ_from_pods());
        rolls_out && others && progress.told && !progress.alone
    }

    /// Whether its rollout waits for somebody.
    fn is_frozen(&self) -> bool {
        let workload = &self.known.workload;
        let keeps_some = workload.strategy != Strategy::Rolling;
        let is_as_far = workload.progress.updated >= workload.replaced_by_itself();
        workload.paused || (keeps_some && is_as_far)
    }
}

/// Whether pods are brought to it, one by one, and nothing outside of them holds that.
fn is_climbing(act: &Act, reason: Reason) -> bool {
    let is_held = reason == Reason::BudgetHolds;
    matches!(act, Act::Resume(entry) if entry.method().is_pod_wise()) && !is_held
}

/// Whether it is written down that something waits.
fn keeps_waiting(act: &Act) -> bool {
    matches!(act, Act::Record(entry) if entry.waits.is_some())
}
