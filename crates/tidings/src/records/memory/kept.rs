//! What is in memory of each workload: its record, and in which object that is stored.
//!
//! Either may be without the other: a record that was taken away is still to be taken out
//! of its object, and one that has outgrown its object is on its way to the next.

use std::collections::HashMap;

use tidings_core::refs::WorkloadRef;
use tidings_core::state::Entry;

use super::Shard;

/// The records in memory, and where each is at home.
#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<WorkloadRef, Of>);

/// What is kept of one.
#[derive(Debug, Default)]
struct Of {
    /// In a box: the map may be half empty.
    entry: Option<Box<Entry>>,
    /// The number of the object, among those of its namespace.
    home: Option<u32>,
}

impl Kept {
    pub(super) fn entry(&self, key: &WorkloadRef) -> Option<&Entry> {
        self.0.get(key)?.entry.as_deref()
    }

    pub(super) fn entry_mut(&mut self, key: &WorkloadRef) -> Option<&mut Entry> {
        self.0.get_mut(key)?.entry.as_deref_mut()
    }

    /// All that have a record.
    pub(super) fn workloads(&self) -> impl Iterator<Item = &WorkloadRef> {
        let recorded = self.0.iter().filter(|(_, of)| of.entry.is_some());
        recorded.map(|(key, _)| key)
    }

    /// Whether it is the first record of this workload.
    pub(super) fn put(&mut self, key: &WorkloadRef, entry: Entry) -> bool {
        let of = self.0.entry(key.clone()).or_default();
        of.entry.replace(entry.into()).is_none()
    }

    /// Whether there was one.
    pub(super) fn drop_entry(&mut self, key: &WorkloadRef) -> bool {
        self.take(key, |of| of.entry.take().is_some())
    }

    /// The object that a record is stored in, or is to be.
    pub(super) fn home(&self, key: &WorkloadRef) -> Option<Shard> {
        let number = self.0.get(key)?.home?;
        let namespace = key.namespace.clone();
        Some(Shard { namespace, number })
    }

    pub(super) fn is_at(&self, key: &WorkloadRef, shard: &Shard) -> bool {
        self.home(key).as_ref() == Some(shard)
    }

    /// All that are at home in an object.
    pub(super) fn at(&self, shard: &Shard) -> impl Iterator<Item = &WorkloadRef> {
        let held = self.0.iter();
        let held = held
            .filter(|(key, of)| of.home == Some(shard.number) && key.namespace == shard.namespace);
        held.map(|(key, _)| key)
    }

    /// It is at home in this object, which is one of its namespace.
    pub(super) fn move_to(&mut self, key: &WorkloadRef, shard: &Shard) {
        self.0.entry(key.clone()).or_default().home = Some(shard.number);
    }

    /// It is at home nowhere.
    pub(super) fn leave(&mut self, key: &WorkloadRef) {
        self.take(key, |of| of.home = None);
    }

    /// Takes something away; where nothing is left, all of it.
    fn take<T: Default>(&mut self, key: &WorkloadRef, take: impl FnOnce(&mut Of) -> T) -> T {
        let Some(of) = self.0.get_mut(key) else {
            return T::default();
        };
        let taken = take(of);
        if of.entry.is_none() && of.home.is_none() {
            self.0.remove(key);
        }
        taken
    }
}
