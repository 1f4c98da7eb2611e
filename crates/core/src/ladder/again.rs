//! Whether a refusal still stands, when nothing that is known has changed.
//!
//! A check that refused may have been mended by hand in its pod, or the pod is gone, and
//! whoever is made in its place starts with that content. So who refused is asked again
//! from time to time, or, where it is gone, one that was made when the content was there
//! and runs well; with such a proof the rung goes on. Only that rung, and however else it
//! ends, what was refused is refused. Where a program died of it nobody is tried while its
//! pod is there.

use std::time::Duration;

use crate::pauses::Pauses;
use crate::refs::Name;

use super::messages::Plan;
use super::visit::{Rung, Visit};

/// How long it is from a refusal until it is looked whether it stands, and from each such
/// look to the next one.
pub const STANDS: Pauses = Pauses::new(Duration::from_secs(15), Duration::from_mins(5));

/// Who has refused the content of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuser {
    /// The name of its pod.
    pub pod: Name,
    /// Whether its program died of it.
    pub died: bool,
}

/// Whether somebody has refused it, and nobody may be asked.
pub(super) fn stands<'a>(
    plan: &Plan,
    rung: Option<&Rung>,
    mut visits: impl Iterator<Item = &'a Visit> + Clone,
) -> bool {
    let (Some(refuser), Some(rung)) = (&plan.refuser, rung) else {
        return false;
    };
    let there = visits.clone().find(|visit| refuser.is(visit, plan, rung));
    match there {
        Some(visit) => refuser.died || !(rung.reaches)(&visit.pod),
        None => !visits.any(|visit| refuser.lets(visit)),
    }
}

/// Whether a pod is asked before all others.
pub(super) fn is_asked_first(plan: &Plan, rung: &Rung, visit: &Visit) -> bool {
    let refuser = plan.refuser.as_ref();
    refuser.is_some_and(|refuser| refuser.is(visit, plan, rung) || refuser.lets(visit))
}

impl Refuser {
    /// Whether this is the one. A pod of a StatefulSet that was made anew has the name of
    /// the one before, and does not carry the number.
    fn is(&self, visit: &Visit, plan: &Plan, rung: &Rung) -> bool {
        visit.pod.name == self.pod && visit.carries(rung, plan.number)
    }

    /// Whether this one was made when the content was there, and runs well.
    fn lets(&self, visit: &Visit) -> bool {
        let is_well = visit.pod.ready && !(self.died && visit.pod.deaths > 0);
        visit.is_new && is_well
    }
}
