//! Records that are refused, for what is in them or for what their object is.
//!
//! An object that is refused (400, 413, 422) is written in smaller and smaller parts, until
//! one entry alone is refused: whose that is. It stays in memory, and is tried again by
//! itself, later and later. Whether the entry is at fault or the object (an immutable
//! Secret, a webhook that takes none) nobody says. So entries that were not refused yet are
//! still tried, at most [`OTHERS`] apart, and one at a time until one is taken; and when one
//! that was refused is taken, all others are tried again at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidings_core::pauses::Pauses;
use tidings_core::refs::WorkloadRef;

use super::{LAZY, Shard, StateObject, Store, Write};

/// Between two attempts at what was refused.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(50), Duration::from_mins(1));

/// The longest pause before an entry is tried that was not refused yet, in milliseconds.
const OTHERS: u64 = 1_000;

/// Whose entries were refused by themselves, and when they were last tried.
pub(super) type Refused = BTreeMap<WorkloadRef, u64>;

/// How often entries of an object were refused by themselves, since one of these was
/// taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    last: u64,
}

impl Refusals {
    fn add(&mut self, now: u64) {
        (self.count, self.last) = (self.count.saturating_add(1), now);
    }

    /// When an entry may be tried: one that was refused, or another one.
    fn over(self, was_refused: bool) -> u64 {
        let Some(before) = self.count.checked_sub(1) else {
            return 0;
        };
        let pause = PAUSES.after(before).as_millis();
        let pause = u64::try_from(pause).unwrap_or(u64::MAX);
        let pause = if was_refused {
            pause
        } else {
            pause.min(OTHERS)
        };
        self.last.saturating_add(pause)
    }
}

impl Store {
    /// A write was refused for what is in it, so nothing of it has happened. Parts
    /// of it are tried, until one entry alone is refused: whose that is.
    pub fn refused(&mut self, write: &Write, now: u64) -> Option<WorkloadRef> {
        let object = self.objects.get_mut(&write.shard)?;
        object.write_again();
        let [workload] = &*write.workloads else {
            object.portion = Some(write.workloads.len().div_ceil(2));
            return None;
        };
        object.refusals.add(now);
        self.refused.insert(workload.clone(), now);
        Some(workload.clone())
    }

    /// Whether a record was refused by itself, and not taken since.
    pub fn is_refused(&self, key: &WorkloadRef) -> bool {
        self.refused.contains_key(key)
    }

    /// These were taken. With one that was refused before, what stood against the others
    /// of its object may be gone.
    pub(super) fn taken(&mut self, shard: &Shard, written: &BTreeSet<WorkloadRef>) {
        let before = self.refused.len();
        self.refused.retain(|key, _| !written.contains(key));
        let is_mended = self.refused.len() < before;
        let Some(object) = self.objects.get_mut(shard) else {
            return;
        };
        if is_mended {
            self.refused.retain(|key, _| !object.is_waiting(key));
        }
        if !self.refused.keys().any(|key| object.is_waiting(key)) {
            object.refusals = Refusals::default();
        }
    }
}

impl StateObject {
    /// From when on the next of its changes may be written, lazy ones at once if `all`.
    pub(super) fn due(&self, refused: &Refused, all: bool) -> Option<u64> {
        let lazy = if all { 0 } else { self.lazy_since + LAZY };
        let changes = [(&self.urgent, 0), (&self.lazy, lazy)].into_iter();
        let due = changes.filter_map(|(keys, at)| Some(at.max(self.over_for(keys, refused)?)));
        due.min().filter(|_| !self.busy)
    }

    /// When the first of these may be tried.
    fn over_for(&self, keys: &BTreeSet<WorkloadRef>, refused: &Refused) -> Option<u64> {
        if self.refusals.count == 0 {
            return (!keys.is_empty()).then_some(0);
        }
        let over = |key| self.refusals.over(refused.contains_key(key));
        keys.iter().map(over).min()
    }

    /// Whether nothing waits to be written but what was refused.
    pub(super) fn rests(&self, refused: &Refused) -> bool {
        let mut waiting = self.urgent.union(&self.lazy);
        waiting.all(|key| refused.contains_key(key))
    }

    /// What the next write brings. Entries that were refused come after all others, one
    /// at a time, and in turn.
    pub(super) fn take_portion(&mut self, refused: &Refused, now: u64) -> BTreeSet<WorkloadRef> {
        let mut all = std::mem::take(&mut self.urgent);
        all.append(&mut self.lazy);
        let (mut bad, good): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|key| refused.contains_key(key));
        bad.sort_by_key(|key| refused.get(key));
        let most = match self.refusals.over(good.is_empty()) <= now {
            false => 0,
            true if good.is_empty() => 1,
            true => self.portion.unwrap_or(usize::MAX).min(good.len()),
        };
        let mut in_order = good.into_iter().chain(bad);
        let portion = in_order.by_ref().take(most).collect();
        self.urgent = in_order.collect();
        portion
    }
}
