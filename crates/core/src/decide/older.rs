//! Pods of earlier templates: what they have is kept in the record until none can
//! be left, since an edit may hang and be taken back.
//!
//! Goes in: the record and the template that is there now. Comes out: the record
//! to compare with. An edit that is taken back brings no new pods, so only what its
//! old ones have counts; what it was absorbed by does not any more.

use crate::compare::{Change, What};
use crate::digest::Digest;
use crate::index::{Known, Present};
use crate::needs::Need;
use crate::state::{Entry, Older};

use super::Case;

/// What to compare with, for the template that is there now.
pub(super) struct Base {
    /// The record to compare with.
    pub(super) entry: Entry,
    /// Whether an earlier template is back that may still have its old pods.
    pub(super) back: bool,
    /// Whether it is not known what those have.
    pub(super) lost: bool,
}

/// The record for the present template, where it is another than was recorded. Until
/// a roll is noted as done it is not known which template it made.
pub(super) fn base(entry: &Entry, known: &Known) -> Option<Base> {
    let now = known.workload.whole;
    if entry.whole == Some(now) {
        return None;
    }
    let template = known.workload.template;
    let edited = entry.template != template && !entry.only_restarted(template);
    let older = entry.older(now).filter(|_| edited && known.pods.old);
    let older = older.cloned();
    let back = older.is_some();
    let lost = edited && !back && (known.pods.back || (entry.mixed && known.pods.old));
    if entry.whole.is_none() && !back && !lost {
        return None;
    }
    let mut entry = entry.clone();
    entry.older.retain(|older| older.whole != now);
    let was = (entry.doubt, entry.seen.clone());
    if let Some(older) = older {
        (entry.doubt, entry.seen) = (older.doubt, older.seen);
    } else if edited {
        entry.doubt = false;
    }
    if let Some(whole) = entry.whole {
        let (doubt, seen) = was;
        entry.add_older(Older { whole, doubt, seen });
    }
    if back {
        entry.template = template;
    }
    Some(Base { entry, back, lost })
}

impl Case<'_> {
    /// Where nobody knows what the pods have, everything may have changed for them.
    pub(super) fn all_that_may_differ(&self) -> Vec<Change> {
        let needs = self.needs.needs.iter().filter(|_| self.lost);
        let present = needs.filter_map(|need| Some((need, self.source(need).present()?)));
        let change = |(need, present): (&Need, &Present)| Change {
            source: need.source.clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: Some(present.version),
            dated: false,
            by: present.by.clone(),
        };
        present.map(change).collect()
    }

    /// Whether the last roll has reached the workload, as the answer to it said, and
    /// the watch does not show it yet: what is known is of before.
    pub(super) fn is_untold(&self) -> bool {
        self.entry.is_some_and(|entry| {
            let last = entry.older.last().map(|older| older.whole);
            let before = entry.done && entry.whole.is_none() && !self.reached(entry);
            before && last == Some(self.known.workload.whole)
        })
    }

    /// What is recorded of pods that are older than the present template.
    pub(super) fn older(&self) -> Vec<Older> {
        if self.known.workload.progress.alone && !self.is_untold() {
            return Vec::new();
        }
        self.entry
            .map_or_else(Vec::new, |entry| entry.older.clone())
    }

    /// The same, and besides what the pods have that a roll now would replace, where
    /// that is known. A roll that did not come about has brought them nothing.
    pub(super) fn older_and_present(&self) -> Vec<Older> {
        let older = self.older();
        if self.lost {
            return older;
        }
        let brought = |entry: &&Entry| !self.is_pending(entry) && !self.is_untold();
        let Some(entry) = self.entry.filter(brought) else {
            return self.entry.map_or(older, |entry| entry.older.clone());
        };
        let mut with = Entry {
            older,
            ..entry.clone()
        };
        with.add_older(Older {
            whole: self.known.workload.whole,
            doubt: entry.doubt,
            seen: entry.seen.clone(),
        });
        with.older
    }

    /// Whether there may be pods of which nothing is recorded.
    pub(super) fn is_mixed(&self) -> bool {
        let workload = &self.known.workload;
        let unrecorded = |whole: &Digest| {
            let recorded = self
                .entry
                .is_some_and(|entry| entry.older(*whole).is_some());
            !recorded && *whole != workload.whole
        };
        // Edits that nobody saw may have left out templates.
        let skipped = |entry: &Entry| entry.mixed || entry.whole != Some(workload.whole);
        let others = match &self.known.pods.others {
            Some(others) => others.iter().any(unrecorded),
            None => self.entry.is_none_or(skipped),
        };
        others && workload.progress.told && !workload.progress.alone
    }

    /// Whether no pod was made of a template since it is back: what its pods have
    /// is what they had.
    pub(super) fn none_made_since_it_is_back(&self) -> bool {
        let pods = &self.known.pods;
        pods.kept || (self.rules.one_etcd && self.newest_version() < pods.turned)
    }
}
