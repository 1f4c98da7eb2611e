//! First sight: what is there now is recorded, and nothing is rolled.

use std::collections::BTreeSet;

use crate::compare::{Change, What};
use crate::object::Seconds;
use crate::reason::Reason;
use crate::refs::SourceRef;

use super::{Act, Answer, CLEARLY_LATER, Case, PodsSince, nothing};

impl Case<'_> {
    pub(super) fn first_sight(&self) -> Answer {
        if self.needs.needs.is_empty() {
            return nothing(Reason::UsesNothing);
        }
        let (adopt, reason, text) = self.adopt();
        if reason == Reason::StateLost && !self.rules.catch_up {
            return (adopt, reason, text);
        }
        if let Some(unread) = self.unread_sha1() {
            return (Act::Read(unread), Reason::NotRead, String::new());
        }
        let missed = self.missed();
        let Some(newer) = self.newer_than_pods() else {
            return Self::ask();
        };
        let why = if missed.is_empty() {
            Reason::MaybeStale
        } else {
            Reason::Missed
        };
        let stale: BTreeSet<_> = newer.into_iter().chain(missed).collect();
        let stale: Vec<_> = stale.into_iter().collect();
        match (stale.is_empty(), self.rules.catch_up) {
            (true, _) => (adopt, reason, text),
            (false, true) => self.catch_up(&stale),
            (false, false) => {
                let names: Vec<_> = stale.iter().map(ToString::to_string).collect();
                (adopt, why, names.join(", "))
            }
        }
    }

    /// The sources that were written after the pods were made, where Reloader has
    /// not recorded that the pods have them. `None`: the pods' age is to be asked
    /// for.
    fn newer_than_pods(&self) -> Option<Vec<&SourceRef>> {
        match self.moment.pods {
            PodsSince::At(since) => Some(self.written_after(since)),
            PodsSince::NotKnown => Some(Vec::new()),
            PodsSince::NotAsked if self.keeps_no_history() => Some(Vec::new()),
            PodsSince::NotAsked => {
                // Pods are no older than their workload, so often there is no
                // need to ask.
                let created = self.known.workload.created;
                let newer = self.written_after(created - CLEARLY_LATER);
                newer.is_empty().then_some(newer)
            }
        }
    }

    fn adopt(&self) -> Answer {
        let n = self.number();
        let entry = self.entry_now(n, true, String::new());
        if Some(&entry) == self.entry {
            let (reason, text) = self.rest();
            return (Act::Nothing, reason, text);
        }
        let (reason, text) = match &self.known.workload.mark {
            Some(mark) if self.lost() => {
                (Reason::StateLost, format!("its template carries {mark}"))
            }
            _ => (Reason::Adopted, String::new()),
        };
        (Act::Record(entry), reason, text)
    }

    /// Whether there must have been a record: we rolled it. What was created with
    /// our mark is a copy of what we rolled.
    fn lost(&self) -> bool {
        let rolled = self.own_mark().is_some() && self.known.workload.generation > 1;
        rolled && self.entry.is_none() && self.former.is_none()
    }

    fn written_after(&self, time: Seconds) -> Vec<&SourceRef> {
        let needs = self.needs.needs.iter().map(|need| &need.source);
        needs
            .filter(|source| self.written(source).is_some_and(|at| at > time))
            .filter(|source| self.recorded_by_reloader(source) != Some(true))
            .collect()
    }

    fn catch_up(&self, newer: &[&SourceRef]) -> Answer {
        let change = |source: &&SourceRef| Change {
            source: (*source).clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: None,
            dated: true,
            by: self.writer(source),
        };
        let changes: Vec<_> = newer.iter().map(change).collect();
        self.roll(Reason::CaughtUp, &changes)
    }
}
