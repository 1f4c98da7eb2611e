//! Rolling: whether it may be now, and the intent of it.

use crate::compare::{Change, What};
use crate::index::Presence;
use crate::method::Method;
use crate::needs::{Demand, Need};
use crate::object::Strategy;
use crate::reason::Reason;
use crate::refs::Name;
use crate::state::{Back, End, Entry, KeyDigest, Roll, SeenKeys, cause_of};

use super::climb::{Means, must_be_read};
use super::{Act, Answer, Case, describe};

/// What is due, and why.
pub(super) struct Cause<'a> {
    pub(super) reason: Reason,
    pub(super) changes: &'a [Change],
    /// What people are told of it.
    pub(super) text: &'a str,
}

impl Case<'_> {
    pub(super) fn roll(&self, reason: Reason, changes: &[Change]) -> Answer {
        self.roll_for(&Cause {
            reason,
            changes,
            text: &describe(&self.brought(changes)),
        })
    }

    /// The same, whatever is told of it.
    pub(super) fn roll_for(&self, cause: &Cause<'_>) -> Answer {
        self.due.set(true);
        self.is_due_for(cause.changes);
        if let Some(answer) = self.paused(cause.text) {
            return answer;
        }
        let wants_it_gone = (cause.changes.iter()).any(|c| matches!(c.what, What::Gone(_)));
        let missing = self.missing();
        if !wants_it_gone && !missing.is_empty() {
            return (Act::Nothing, Reason::Missing, describe(&missing));
        }
        if let Some(answer) = self.without_a_run(cause.text) {
            return answer;
        }
        let ticket = self.ticket(cause.text);
        if let Some(answer) = self.left_to_people(&ticket, cause.changes) {
            return answer;
        }
        let Some(means) = self.means(cause.changes) else {
            return must_be_read();
        };
        let kept_back = self.kept_back(&ticket, cause, &means);
        kept_back.unwrap_or_else(|| self.begin(ticket.n, cause, &means))
    }

    /// The intent of the next roll, as things are now.
    pub(super) fn next_entry(
        &self,
        n: u64,
        changes: &[Change],
        because: &str,
        means: &Means,
    ) -> Entry {
        let now = self.moment.now;
        let entry = self.entry_now(n, false, because.to_owned());
        let roll = Roll {
            n: entry.n,
            method: means.method(),
            at: now,
            end: End::Open,
            took: None,
            cause: cause_of(because),
        };
        // One that never came about restarted nothing; one that went pod by pod may have.
        let void = self.entry.filter(|last| self.is_pending(last));
        let void = void.filter(|last| !(last.restarting && last.method() == Method::Hot));
        let restarts = entry.restarts.without(void.and_then(|last| last.at));
        Entry {
            at: Some(now),
            restart: means
                .rungs
                .contains(Method::Rollout)
                .then(|| self.next_restart())
                .flatten(),
            back: None,
            climb: means.climb(&entry),
            doubt: false,
            restarts: if means.restarts() {
                restarts.with(now)
            } else {
                restarts
            },
            restless: if means.restarts() {
                self.restless_after(changes)
            } else {
                self.still_restless()
            },
            older: self.older_and_present(),
            ride: self.next_ride(changes, means),
            rolls: entry.rolls.with(roll, self.end_of_last()),
            ..entry
        }
    }

    /// How the roll ended that is the last one until now.
    fn end_of_last(&self) -> End {
        let progress = self.known.workload.progress;
        match self.entry {
            Some(_) if self.back() == Some(Back::Partly) => End::Reverted,
            Some(_) if self.back() == Some(Back::Whole) => End::Done,
            Some(entry) if entry.refused().is_some() => End::Failed,
            Some(entry) if entry.done && last_method(entry) != Some(Method::Rollout) => End::Done,
            Some(entry) if !self.reached(entry) => End::Overtaken,
            Some(_) if progress.failed && self.same_template() => End::Failed,
            _ if progress.updated < progress.desired => End::Overtaken,
            _ => End::Done,
        }
    }

    /// Carries out a roll that was written down. What it was written down
    /// without is not waited for. Where things have moved on since, a new roll
    /// takes its place, or its record would be of pods that were never made.
    pub(super) fn resume(&self, entry: &Entry) -> Answer {
        self.due.set(true);
        let because = entry.because.clone();
        if let Some(answer) = self.paused(&because) {
            return answer;
        }
        if let Some(answer) = self.without_a_run(&because) {
            return answer;
        }
        let mut missing = self.missing();
        missing.retain(|change| !self.was_missing(change));
        if !missing.is_empty() {
            return (Act::Nothing, Reason::Missing, describe(&missing));
        }
        let now = Entry {
            older: entry.older.clone(),
            ..self.entry_now(entry.n, false, because.clone())
        };
        if self.allowed().contains(entry.method()) && now.brings_the_same(entry) {
            let (reason, text) = self.on_its_way(entry, because);
            return (Act::Resume(entry.clone()), reason, text);
        }
        match self.means(&[]) {
            Some(means) => self.begin_anew(entry, &means),
            None => must_be_read(),
        }
    }

    /// What is said of a roll that is carried out.
    fn on_its_way(&self, entry: &Entry, because: String) -> (Reason, String) {
        let climb = entry.climb.as_deref();
        let held = climb.map_or("", |climb| &*climb.held);
        match entry.method() {
            method if !method.is_pod_wise() => (Reason::Resumed, because),
            _ if !held.is_empty() => (Reason::BudgetHolds, format!("{because}: {held}")),
            _ => (
                Reason::UnderWay,
                format!("{because}{}", self.beside_its_rollout()),
            ),
        }
    }

    /// That no pod is begun while the workload replaces them itself.
    fn beside_its_rollout(&self) -> &'static str {
        let progress = self.known.workload.progress;
        let rolls = self.known.workload.strategy == Strategy::Rolling && progress.told;
        if rolls && !progress.alone && !progress.failed {
            "; waits for the workload's own rollout"
        } else {
            ""
        }
    }

    /// The number of the last roll.
    pub(super) fn number(&self) -> u64 {
        let recorded = self.last().map_or(0, |entry| entry.n);
        recorded.max(self.own_mark().unwrap_or(0))
    }

    /// Whether a roll is, or was, on the template. One that was taken back at
    /// once is not carried out again: that would be a fight.
    pub(super) fn reached(&self, entry: &Entry) -> bool {
        if entry.method() != Method::Rollout {
            return false;
        }
        if let Some(restart) = &entry.restart {
            return self.has_restarted(restart);
        }
        let back = self.known.reverted.as_ref();
        let back = back.filter(|mark| mark.instance == self.rules.instance);
        let newest = self.own_mark().max(back.map(|mark| mark.n));
        newest.is_some_and(|n| n >= entry.n) || self.was_told_to_restart(entry)
    }

    /// What new pods could not start for want of.
    pub(super) fn missing(&self) -> Vec<Change> {
        self.needs
            .needs
            .iter()
            .filter_map(|need| self.misses(need))
            .collect()
    }

    pub(super) fn misses(&self, need: &Need) -> Option<Change> {
        let source = self.source(need);
        let keys = match source.presence {
            Presence::Absent if need.demand == Demand::Required => Vec::new(),
            Presence::Present(_) => self.missing_keys(need)?,
            _ => return None,
        };
        Some(Change {
            source: need.source.clone(),
            what: What::Gone(Demand::Required),
            keys,
            version: source.present().map(|p| p.version),
            dated: false,
            by: None,
        })
    }

    fn missing_keys(&self, need: &Need) -> Option<Vec<Name>> {
        let content = self.source(need).current();
        let absent = |key: &Name| match content {
            Some(content) => need.lacks(key, content),
            None => self.was_absent(need, key),
        };
        let required = need
            .keys
            .iter()
            .filter(|(_, used)| used.demand == Demand::Required);
        let keys: Vec<_> = required
            .map(|(key, _)| key)
            .filter(|key| absent(key))
            .cloned()
            .collect();
        (!keys.is_empty()).then_some(keys)
    }

    fn was_absent(&self, need: &Need, key: &Name) -> bool {
        match self.seen(need).map(|seen| &seen.keys) {
            Some(SeenKeys::Apart(keys)) => keys.get(key) == Some(&KeyDigest(None)),
            _ => false,
        }
    }

    fn was_missing(&self, change: &Change) -> bool {
        let mut needs = self.needs.needs.iter();
        let Some(need) = needs.find(|need| need.source == change.source) else {
            return false;
        };
        let gone = self.seen(need).is_some_and(|seen| seen.rv == 0);
        let mut keys = change.keys.iter();
        gone || (!change.keys.is_empty() && keys.all(|key| self.was_absent(need, key)))
    }
}

/// By what the last roll was done.
fn last_method(entry: &Entry) -> Option<Method> {
    let last = entry.rolls.iter().next();
    last.map(|roll| roll.method)
}
