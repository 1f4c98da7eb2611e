//! Taking back an intent that did not come about and is not needed any more: the
//! roll was refused, and meanwhile the content that the pods have is there again.
//!
//! Goes in: a record whose roll has not reached the workload. Comes out: the record
//! of before, once it is proven that the pods have nothing else. The patch may be
//! under way still, so the workload is asked for as it was when the sources were
//! written last: a roll that reaches it after that brings what is there.

use crate::kinds::Renewal;
use crate::reason::Reason;
use crate::state::{Entry, cause_of};

use super::past::Template;
use super::{Act, Answer, Case};
use crate::needs::needs_within;

impl<'a> Case<'a> {
    /// The answer where the roll that is written down is not needed any more.
    pub(super) fn withdrawn(&self, entry: &Entry) -> Option<Answer> {
        let before = self.before(entry)?;
        let case = self.with_record(&before);
        if let Some(unread) = case.unread() {
            return Some((Act::Read(unread), Reason::NotRead, String::new()));
        }
        let changes = case.changes();
        let more = match case.changed_in_between(&before, &changes) {
            Ok(more) => more,
            Err(questions) => return Some(Self::ask(questions)),
        };
        if changes.iter().chain(&more).any(|change| case.rolls(change)) {
            return None;
        }
        match case.was_not_reached() {
            Template::Ask(question) => Some(Self::ask(vec![question])),
            Template::Same => {
                if before.is_on_its_way() {
                    self.look_again_at(self.moment.now);
                }
                let record = Act::Record(case.recorded(&before, &changes));
                let text = format!("{} is as it was", cause_of(&entry.because));
                Some((record, Reason::Withdrawn, text))
            }
            _ => None,
        }
    }

    /// The record as it was before the roll, where that can be taken back.
    fn before(&self, entry: &Entry) -> Option<Entry> {
        let workload = &self.known.workload;
        let by_template = match workload.key.kind.renewal {
            Renewal::Template | Renewal::Run => true,
            Renewal::TemplateOrRestartAt => !self.known.policy.restart_at,
            // It may be deleted already.
            Renewal::Recreate => false,
        };
        // Pods may have had what was to be brought.
        let begun = entry.climb.as_ref().is_some_and(|climb| climb.begun);
        let open = self.is_pending(entry) && by_template && self.rules.writes && !begun;
        let had = entry
            .unreached(workload.whole)
            .filter(|_| open && self.same_template())?;
        let rolls = entry.rolls.without(entry.n);
        let at = rolls.iter().next().map(|roll| roll.at);
        Some(Entry {
            done: true,
            whole: Some(workload.whole),
            older: entry
                .older
                .iter()
                .filter(|older| *older != had)
                .cloned()
                .collect(),
            doubt: had.doubt,
            seen: had.seen.clone(),
            at,
            restarts: entry.restarts.without(entry.at),
            rolls,
            because: String::new(),
            restart: None,
            climb: None,
            ride: self.ride_of_before(entry),
            ..entry.clone()
        })
    }

    /// The same case with another record.
    pub(super) fn with_record<'b>(&self, entry: &'b Entry) -> Case<'b>
    where
        'a: 'b,
    {
        let mut case = Case::new(self.index, self.known, self.moment, self.rules);
        case.take_record(entry, None);
        case.adopted = self.adopted;
        case.needs = needs_within(self.known, self.index, Some(entry), &self.steps);
        case
    }

    /// The template when the sources were written last. What only runs from time to
    /// time reads what is there then.
    fn was_not_reached(&self) -> Template<'_> {
        match self.newest_version() {
            _ if self.known.workload.key.kind.renewal == Renewal::Run => Template::Same,
            Some(newest) if self.rules.one_etcd => self.template_at(newest),
            _ => Template::Forgotten,
        }
    }
}
