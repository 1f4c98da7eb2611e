//! Kinds whose runs end, and workloads that others care for.
//!
//! What is not running needs no roll: its next run reads what is there then. So a
//! Job that has ended is not run again, nor is a CronJob that is suspended,
//! unless `--compat=strict` asks for it as Reloader does it.

use crate::kinds::Renewal;
use crate::method::Method;
use crate::object::{Overlap, Runs};
use crate::reason::Reason;
use crate::state::Entry;

use super::{Act, Answer, Case};

impl Case<'_> {
    /// Why it is another one's to care for.
    pub(super) fn left_to_another(&self) -> Option<Reason> {
        let workload = &self.known.workload;
        let runs = workload.runs.as_ref();
        let controlled = runs.is_some_and(|runs| runs.controller.is_some());
        if controlled && !self.rules.strict {
            return Some(Reason::LeftToOwner);
        }
        let lent = workload.lent.as_ref().is_some_and(|lent| lent.opted_in);
        lent.then_some(Reason::LeftToOwner)
    }

    /// What is being deleted is left alone; a Job of which a roll is written down is made
    /// again when it is gone.
    pub(super) fn going(&self) -> Answer {
        let runs = self.known.workload.runs.as_deref();
        let held_by = runs.and_then(|runs| runs.held_by.as_deref());
        let recreated = self.known.workload.key.kind.renewal == Renewal::Recreate;
        let rolls = |entry: &&Entry| !entry.done && entry.method() == Method::Rollout;
        let begun = self.entry.filter(rolls).filter(|_| recreated);
        match begun.zip(held_by) {
            Some((entry, held_by)) if !self.reached(entry) => {
                self.due.set(true);
                let text = format!("{}; {held_by}", entry.because);
                (Act::Nothing, Reason::BeingRemade, text)
            }
            _ => (Act::Nothing, Reason::BeingDeleted, String::new()),
        }
    }

    /// The answer where a roll is due, or was begun, that needs no run or must wait
    /// for one.
    pub(super) fn without_a_run(&self, because: &str) -> Option<Answer> {
        let runs = self.known.workload.runs.as_deref()?;
        if runs.overlap == Overlap::Forbid && self.is_running() && !self.rules.strict {
            return Some((Act::Nothing, Reason::Running, because.to_owned()));
        }
        let reason = self.needs_no_run(runs)?;
        let entry = self.entry_now(self.number(), true, String::new());
        Some((Act::Record(entry), reason, because.to_owned()))
    }

    fn is_running(&self) -> bool {
        !self.index.active_runs(self.known).is_empty()
    }

    fn needs_no_run(&self, runs: &Runs) -> Option<Reason> {
        match () {
            () if self.rules.strict => None,
            () if runs.ended => Some(Reason::Ended),
            () if runs.suspended => Some(Reason::Suspended),
            () => None,
        }
    }

    /// Whether the Rollout carries the time of this roll.
    pub(super) fn was_told_to_restart(&self, entry: &Entry) -> bool {
        let workload = &self.known.workload;
        let by_time = workload.key.kind.renewal == Renewal::TemplateOrRestartAt
            && self.known.policy.restart_at;
        by_time && entry.at.is_some() && workload.restart_at >= entry.at
    }
}
