//! Pods of earlier templates: what they have is kept in the record until none can
//! be left, since an edit may hang and be taken back.
//!
//! Goes in: the record and the template that is there now. Comes out: the record
//! to compare with. An edit that is taken back brings no new pods, so only what its
//! old ones have counts; what it was absorbed by does not any more.

use crate::compare::{Change, What};
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
    let older = entry.older(now).filter(|_| edited && known.old);
    let older = older.map(|older| older.seen.clone());
    let back = older.is_some();
    let lost = edited && !back && (known.back || (entry.mixed && known.old));
    if entry.whole.is_none() && !back && !lost {
        return None;
    }
    let mut entry = entry.clone();
    entry.older.retain(|older| older.whole != now);
    let seen = older.unwrap_or_else(|| entry.seen.clone());
    let seen = std::mem::replace(&mut entry.seen, seen);
    if let Some(whole) = entry.whole {
        entry.add_older(Older { whole, seen });
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

    /// What is recorded of pods that are older than the present template.
    pub(super) fn older(&self) -> Vec<Older> {
        if self.known.workload.progress.alone {
            return Vec::new();
        }
        self.entry
            .map_or_else(Vec::new, |entry| entry.older.clone())
    }

    /// The same, and besides what the pods have that a roll now would replace. A roll
    /// that did not come about has brought them nothing.
    pub(super) fn older_and_present(&self) -> Vec<Older> {
        let older = self.older();
        let Some(entry) = self.entry.filter(|entry| !self.is_pending(entry)) else {
            return self.entry.map_or(older, |entry| entry.older.clone());
        };
        let mut with = Entry {
            older,
            ..entry.clone()
        };
        with.add_older(Older {
            whole: self.known.workload.whole,
            seen: entry.seen.clone(),
        });
        with.older
    }

    /// Whether there may be pods of which nothing is recorded.
    pub(super) fn is_mixed(&self) -> bool {
        let progress = self.known.workload.progress;
        let at_first = self.entry.is_none_or(|entry| entry.mixed);
        at_first && progress.pods.is_some() && !progress.alone
    }

    /// Whether no pod was made of a template since it is back: what its pods have
    /// is what they had.
    pub(super) fn none_made_since_it_is_back(&self) -> bool {
        let newest = self.needs.needs.iter();
        let newest = newest.filter_map(|need| Some(self.source(need).present()?.version));
        self.known.kept || (self.rules.one_etcd && newest.max() < self.known.turned)
    }
}
