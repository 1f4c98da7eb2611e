//! Newer content is told at once, also while an attempt on older content may still
//! be under way: what that one brings about is no proof of the newer. Only a call that
//! is not answered is waited for, since the process would do both at once.
//!
//! In: what is seen, and how many older attempts may still show. Out: what is seen of
//! this one.

use super::command::Context;
use super::page::Seen;
use super::under_way::Attempt;
use super::{Actor, Aim, ReloadMethod};

/// What is said of content that is newer than a call that is not answered.
pub(super) const HELD_UP: &str =
    "a call for older content is not answered yet, and is not joined by another";

impl Actor {
    /// Whether a call for older content is to end first.
    pub(super) fn is_held_up(&mut self, older: &Attempt, aim: Aim) -> bool {
        let calling = self.calling.as_mut().filter(|_| older.aim != aim);
        calling.is_some_and(|calling| !calling.is_answered() && older.goes_on())
    }

    /// How many attempts may still be seen to end: this one on older content, and those
    /// before it. Only where refusals are seen too does silence mean that it goes on; a
    /// call that waits for its answer ends before the next one is answered.
    pub(super) fn may_still_show(&self, attempt: &Attempt, context: &Context) -> u32 {
        let waits = matches!(self.method, ReloadMethod::Await) || self.calling.is_some();
        let proof = self.proof.as_ref().filter(|proof| proof.shows_refusals());
        let Some(proof) = proof.filter(|_| !waits && attempt.goes_on()) else {
            return 0;
        };
        match proof.look(&attempt.before, attempt.pid, &self.proof_context(context)) {
            Seen::NotYet(_) => attempt.older.saturating_add(1),
            _ => attempt.older,
        }
    }

    /// What was seen may be the end of an older attempt: then another end must follow.
    /// Where none does it is told again, and whatever ends after that is proof.
    pub(super) fn of_this(&self, seen: Seen, attempt: &mut Attempt, context: &Context) -> Seen {
        let mut seen = seen;
        while seen.is_sure() && attempt.older > 0 {
            attempt.older -= 1;
            attempt.before = self.before(attempt.pid, &self.proof_context(context));
            seen = self.proved(&attempt.before, context).unwrap_or(seen);
            attempt.again = !seen.is_sure();
        }
        seen
    }
}
