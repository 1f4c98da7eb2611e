//! Afterwards: what differs from the record, and whether new pods are needed for
//! it.

use crate::compare::{Change, What, compare};
use crate::needs::Demand;
use crate::object::Strategy;
use crate::reason::Reason;
use crate::state::Entry;

use super::proof::Newer;
use super::{Act, Answer, Case, describe};
use crate::time::show;

impl Case<'_> {
    pub(super) fn compare_with(&self, entry: &Entry) -> Answer {
        if let Some(answer) = self.withdrawn(entry) {
            return answer;
        }
        let mut changes = self.changes();
        let is_refused = self.is_refused(entry, &changes);
        match self.changed_in_between(entry, &changes) {
            Ok(more) => changes.extend(more),
            Err(questions) => return Self::ask(questions),
        }
        let rolling: Vec<_> = changes.iter().filter(|c| self.rolls(c)).cloned().collect();
        let Some(first) = rolling.iter().map(|change| change.what).min() else {
            let catches_up = self.catching_up(entry);
            return catches_up.unwrap_or_else(|| self.record_or_rest(entry, &changes));
        };
        if is_refused {
            match self.pods_are_newer_than_refused(entry) {
                Newer::Ask(questions) => return Self::ask(questions),
                Newer::No => return self.record_or_rest(entry, &changes),
                Newer::Yes => {}
            }
        }
        match self.pods_are_newer(&rolling) {
            Newer::Ask(questions) => Self::ask(questions),
            Newer::Yes if self.is_pending(entry) => match self.pods_are_newest() {
                Newer::Ask(questions) => Self::ask(questions),
                Newer::Yes => self.absorb(entry, &changes, &rolling),
                Newer::No => self.roll(reason_of(first), &rolling),
            },
            Newer::Yes => self.absorb(entry, &changes, &rolling),
            Newer::No => self.roll(reason_of(first), &rolling),
        }
    }

    /// What differs from the record.
    pub(super) fn changes(&self) -> Vec<Change> {
        let needs = self.needs.needs.iter();
        let changes = needs.flat_map(|need| compare(need, self.seen(need), self.source(need)));
        changes.chain(self.all_that_may_differ()).collect()
    }

    /// Records without a roll what an edit of the template has brought.
    fn absorb(&self, entry: &Entry, changes: &[Change], rolling: &[Change]) -> Answer {
        let by_edit = rolling.iter().all(|change| change.what == What::New);
        let reason = if by_edit {
            Reason::Recorded
        } else {
            Reason::Absorbed
        };
        let act = self.with_older_pods(Act::Record(self.recorded(entry, changes)));
        (act, reason, describe(rolling))
    }

    /// Whether a roll is written down and not carried out.
    pub(super) fn is_pending(&self, entry: &Entry) -> bool {
        !entry.done && !self.reached(entry)
    }

    /// Whether a change is one that new pods are needed for.
    pub(super) fn rolls(&self, change: &Change) -> bool {
        match change.what {
            What::Changed => true,
            // Brought by an edit of the template, unless that is as it was:
            // then an annotation or a pattern brought it.
            What::New => {
                let edited = !self.same_template() && !self.known.workload.key.kind.ends();
                change.version.is_some() && edited
            }
            What::Appeared(demand) => demand == Demand::Optional && self.on_create(),
            What::Gone(_) => self.rules.on_delete,
        }
    }

    /// Whether what appears is to reach the pods that do without it.
    pub(super) fn on_create(&self) -> bool {
        let own = self.known.policy.own.on_create;
        own.unwrap_or(self.rules.on_create)
    }

    fn record_or_rest(&self, entry: &Entry, changes: &[Change]) -> Answer {
        if self.is_pending(entry) {
            // Somebody may have edited the template meanwhile: what the roll was for is
            // done then.
            return match self.pods_are_newest() {
                Newer::Ask(questions) => Self::ask(questions),
                Newer::No => self.go_on(entry, changes),
                Newer::Yes => {
                    let act = Act::Record(self.recorded(entry, changes));
                    let act = self.with_older_pods(act);
                    (act, Reason::Absorbed, entry.because.clone())
                }
            };
        }
        let recorded = self.recorded(entry, changes);
        let news = changes
            .iter()
            .filter(|c| matches!(c.what, What::New | What::Appeared(_)));
        let news: Vec<_> = news.cloned().collect();
        if !news.is_empty() {
            return (Act::Record(recorded), Reason::Recorded, describe(&news));
        }
        let (reason, text) = self.rest();
        let act = if Some(&recorded) == self.stored {
            Act::Nothing
        } else {
            Act::Note(recorded)
        };
        (act, reason, text)
    }

    /// In step, with what keeps it from being so entirely.
    pub(super) fn rest(&self) -> (Reason, String) {
        let missing = self.missing();
        if !missing.is_empty() {
            return (Reason::Missing, describe(&missing));
        }
        if self.needs.needs.is_empty() {
            return (Reason::UsesNothing, String::new());
        }
        if let Some(until) = self.pauses_until() {
            return (Reason::PausePeriod, format!("until {}", show(until)));
        }
        let progress = self.known.workload.progress;
        let ours = self.own_mark().is_some() || self.is_restarted();
        let rolled = ours && progress.updated < progress.desired && self.is_behind();
        let text = || format!("{} of {} pods updated", progress.updated, progress.desired);
        match self.known.workload.strategy {
            Strategy::OnDelete if rolled => (Reason::WaitsForDelete, text()),
            Strategy::Partition(p) if rolled => {
                (Reason::PartlyRolled, format!("{}, partition {p}", text()))
            }
            _ if self.entry.is_some_and(|entry| entry.doubt) => (Reason::InDoubt, String::new()),
            _ => (Reason::UpToDate, String::new()),
        }
    }
}

fn reason_of(what: What) -> Reason {
    match what {
        What::Appeared(_) => Reason::Created,
        What::Gone(_) => Reason::Deleted,
        What::Changed | What::New => Reason::Changed,
    }
}
