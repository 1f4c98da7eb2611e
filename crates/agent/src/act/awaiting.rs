//! Waiting for a program that looks at its files by itself.
//!
//! In: which version. Out: what the proof says. Nothing is done, so nothing is done
//! twice: a later try looks on, against what was there before the first.

use super::command::Context;
use super::page::Seen;
use super::under_way::Attempt;
use super::{Actor, Aim, ReloadMethod};
use tidings_supervise::Took;

impl Actor {
    pub(super) fn wait_for(&mut self, aim: Aim, last: Option<Attempt>, context: &Context) -> Took {
        let limit = (aim, self.proof_timeout);
        let attempt = self.before_first(last, limit, None, context);
        match self.proved(&attempt.before, context) {
            None => Took::Delivered,
            Some(Seen::No(why)) => {
                self.under_way = Some(attempt);
                Took::Rejected(why)
            }
            Some(seen) => self.judge(seen, attempt, context),
        }
    }

    /// Whether this stays what is seen: the program does not try the same files again.
    pub(super) fn stands(&self, took: &Took) -> bool {
        matches!(
            (&self.method, took),
            (ReloadMethod::Await, Took::Rejected(_))
        )
    }
}
