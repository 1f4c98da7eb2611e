//! Pods of earlier templates: what they have is kept in the record until none can
//! be left, since an edit may hang and be taken back.
//!
//! Goes in: the record and the template that is there now. Comes out: the record
//! to compare with. An edit that is taken back brings no new pods, so only what its
//! old ones have counts; what it was absorbed by does not any more.

use crate::index::Known;
use crate::state::{Entry, Older};

use super::Case;

/// What to compare with, for the template that is there now.
pub(super) struct Base {
    /// The record to compare with.
    pub(super) entry: Entry,
    /// Whether an earlier template is back that may still have its old pods.
    pub(super) back: bool,
}

/// The record for the present template, where it is another than was recorded.
pub(super) fn base(entry: &Entry, known: &Known) -> Option<Base> {
    let now = known.workload.whole;
    let was = entry.whole.filter(|was| *was != now)?;
    let mut entry = entry.clone();
    let edited = entry.template != known.workload.template;
    let back = entry.older(now).filter(|_| edited && known.old);
    let back = back.map(|older| older.seen.clone());
    entry.older.retain(|older| older.whole != now);
    let seen = match &back {
        Some(seen) => std::mem::replace(&mut entry.seen, seen.clone()),
        None => entry.seen.clone(),
    };
    entry.add_older(Older { whole: was, seen });
    let back = back.is_some();
    if back {
        entry.template = known.workload.template;
    }
    Some(Base { entry, back })
}

impl Case<'_> {
    /// What is recorded of pods that are older than the present template.
    pub(super) fn older(&self) -> Vec<Older> {
        if self.known.workload.progress.alone {
            return Vec::new();
        }
        self.entry
            .map_or_else(Vec::new, |entry| entry.older.clone())
    }

    /// The same, and besides what the pods have that a roll now would replace.
    pub(super) fn older_and_present(&self) -> Vec<Older> {
        let Some(entry) = self.entry else {
            return Vec::new();
        };
        let mut with = entry.clone();
        with.older = self.older();
        with.add_older(Older {
            whole: self.known.workload.whole,
            seen: entry.seen.clone(),
        });
        with.older
    }

    /// Whether no pod was made of a template since it is back: what its pods have
    /// is what they had.
    pub(super) fn none_made_since_it_is_back(&self) -> bool {
        let newest = self.needs.needs.iter();
        let newest = newest.filter_map(|need| Some(self.source(need).present()?.version));
        self.known.kept || (self.rules.one_etcd && newest.max() < self.known.turned)
    }
}
