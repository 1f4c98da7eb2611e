//! The records of all workloads, in memory and on their way to the cluster.
//!
//! Goes in: entries from decisions, answers from the API server. Comes out:
//! [`Write`]s, one at a time for each object. No I/O here: [`crate::records::cluster`] does
//! that.
//!
//! Error policy: there is one way out of every failure. What was stored is read
//! again, and of each workload the later record counts: what could not be written is
//! written again, and a workload of which a later one is stored is decided anew. So a
//! write whose answer was lost, a stale version, another writer, a record that somebody
//! made unreadable and one that was put back from a copy are one case.
//!
//! One Secret `<instance>-state.<namespace>[.<k>]` holds the entries of a
//! namespace; a further one is begun before any grows beyond [`FULL`]. An entry
//! that outgrows its object is written to another one before it is taken out of
//! the first, and an object whose last entry went is deleted.
//!
//! What is refused (400, 413, 422) is for [`refusals`]: it stays in memory.

mod kept;
mod reading;
mod refusals;
mod room;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use tidings_core::bounds;
use tidings_core::few::Few;
use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::{Entry, FORM, entry_key};

use kept::Kept;
use refusals::{Refusals, Refused};
use room::Rooms;
use values::LARGEST;
pub use values::{NotKept, Shard, Stored, Versions, Write};

/// Bytes of entries above which an object takes no further ones. Every write of one
/// entry has the API server rewrite the whole object, and a roll waits for it: with
/// 1 KB that takes it 1.7 ms, with 50 KB 5.6, with 200 KB 17. Smaller still, a term that
/// begins would have many more of them to take over.
pub const FULL: usize = 16 * 1024;

/// Bytes of entries above which one that grows is given another object: far from what
/// each has grown to that was as full as it may be.
const OUTGROWN: usize = 4 * FULL;

/// Milliseconds after which lazy changes are written.
pub const LAZY: u64 = 2_000;

#[derive(Debug, Default)]
struct StateObject {
    version: Option<String>,
    /// Bytes by entry key, to know when it is full.
    sizes: Few<Box<str>, u32>,
    total: usize,
    urgent: BTreeSet<WorkloadRef>,
    lazy: BTreeSet<WorkloadRef>,
    /// In the write that is under way.
    writing: BTreeSet<WorkloadRef>,
    /// Their entries are taken out as soon as they are stored elsewhere.
    leaving: BTreeSet<WorkloadRef>,
    /// How many entries one write may have, less than all after a refusal.
    portion: Option<usize>,
    refusals: Refusals,
    /// Whether it stays though it is empty: it may not be deleted.
    stays: bool,
    /// When the oldest lazy change was made.
    lazy_since: u64,
    /// Under way: a write, or the reading after a failure.
    busy: bool,
}

/// The records of all workloads.
#[derive(Debug, Default)]
pub struct Store {
    kept: Kept,
    objects: BTreeMap<Shard, StateObject>,
    rooms: Rooms,
    refused: Refused,
    /// Whose first record was made here and is not stored yet.
    unstored: HashSet<WorkloadRef>,
    /// `--dry-run`: nothing is ever written.
    dry: bool,
    /// The kinds that there are records of.
    kinds: Kinds,
    /// The form that is written: all who share the records know it.
    form: u8,
    /// Which record is of a form that this version does not know, and why.
    newer: Option<String>,
}

impl Store {
    /// An empty store.
    pub fn new(dry: bool, kinds: Kinds) -> Self {
        Self {
            dry,
            kinds,
            form: FORM,
            ..Self::default()
        }
    }

    /// Writes in this form from now on, and anew what was written in another.
    pub fn write_in(&mut self, form: u8, now: u64) {
        if form == self.form {
            return;
        }
        self.form = form;
        let all: Vec<_> = self.kept.workloads().cloned().collect();
        for key in &all {
            self.mark_lazy(key, now);
        }
    }

    /// A record of a form that is newer than this version knows, if one was read.
    pub fn newer(&self) -> Option<&str> {
        self.newer.as_deref()
    }

    /// The record of a workload.
    pub fn get(&self, key: &WorkloadRef) -> Option<&Entry> {
        self.kept.entry(key)
    }

    /// All workloads that have a record.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadRef> {
        self.kept.workloads()
    }

    /// The objects that should exist.
    pub fn versions(&self) -> Versions {
        let known = self.objects.iter();
        known
            .filter_map(|(shard, o)| Some((shard.clone(), o.version.clone()?)))
            .collect()
    }

    /// Records at once in memory; written with the next [`Store::take_writes`].
    pub fn put(&mut self, key: &WorkloadRef, entry: Entry) -> Result<(), NotKept> {
        self.object_of(key, &entry)?.urgent.insert(key.clone());
        self.keep(key, entry);
        Ok(())
    }

    /// Records in memory; written with the next write, or after [`LAZY`].
    pub fn put_lazily(&mut self, key: &WorkloadRef, entry: Entry, now: u64) -> Result<(), NotKept> {
        self.object_of(key, &entry)?;
        self.keep(key, entry);
        self.mark_lazy(key, now);
        Ok(())
    }

    fn keep(&mut self, key: &WorkloadRef, entry: Entry) {
        if self.kept.put(key, entry) {
            self.unstored.insert(key.clone());
        }
    }

    /// Drops a record, lazily.
    pub fn remove(&mut self, key: &WorkloadRef, now: u64) {
        self.refused.remove(key);
        self.unstored.remove(key);
        if self.kept.drop_entry(key) {
            self.mark_lazy(key, now);
        }
    }

    /// The roll of this number has reached the workload.
    pub fn done(&mut self, key: &WorkloadRef, n: u64, now: u64) {
        let Some(entry) = self.kept.entry_mut(key).filter(|e| e.n == n) else {
            return;
        };
        entry.done = true;
        entry.because.clear();
        self.mark_lazy(key, now);
    }

    /// What waits to be written of a record is written at once.
    pub fn hurry(&mut self, key: &WorkloadRef) {
        let home = self.kept.home(key);
        let Some(object) = home.and_then(|shard| self.objects.get_mut(&shard)) else {
            return;
        };
        if object.lazy.remove(key) {
            object.urgent.insert(key.clone());
        }
    }

    /// The writes that are due. Each object has one write under way at a time.
    pub fn take_writes(&mut self, now: u64, all: bool) -> Vec<Write> {
        if self.dry {
            return Vec::new();
        }
        self.take_out_the_moved();
        let due = |(shard, object): &(&Shard, &StateObject)| {
            let left = object.version.is_some() && object.is_empty() && self.may_go(shard, object);
            let due = object.due(&self.refused, all);
            due.is_some_and(|due| due <= now) || (left && !object.busy)
        };
        let shards: Vec<_> = self
            .objects
            .iter()
            .filter(due)
            .map(|(s, _)| s.clone())
            .collect();
        shards
            .into_iter()
            .filter_map(|shard| self.take_write(shard, now))
            .collect()
    }

    /// When the next write is due that waits for its time.
    pub fn next_due(&self) -> Option<u64> {
        let objects = self.objects.values().filter(|_| !self.dry);
        objects.filter_map(|o| o.due(&self.refused, false)).min()
    }

    /// Whether nothing is under way and nothing waits to be written, but for what was
    /// refused.
    pub fn is_quiet(&self) -> bool {
        let quiet = |o: &StateObject| !o.busy && o.rests(&self.refused);
        self.dry || self.objects.values().all(quiet)
    }

    /// A write has been answered with the object's new version.
    pub fn written(&mut self, write: &Write, version: String) {
        let Some(object) = self.objects.get_mut(&write.shard) else {
            return;
        };
        object.version = (!write.deletes).then_some(version);
        object.busy = false;
        object.portion = object.portion.map(|portion| portion.saturating_mul(2));
        let written = std::mem::take(&mut object.writing);
        if write.deletes && object.urgent.is_empty() && object.lazy.is_empty() {
            self.take_out(&write.shard);
        }
        for key in &written {
            self.unstored.remove(key);
        }
        self.taken(&write.shard, &written);
    }

    /// An empty object may not be deleted: its entries are taken out, and it stays.
    pub fn stays(&mut self, shard: &Shard) {
        if let Some(object) = self.objects.get_mut(shard) {
            object.stays = true;
            object.write_again();
        }
    }

    /// Reserves an object that is to be read. `false`: it is in use.
    pub fn claim(&mut self, shard: &Shard) -> bool {
        !std::mem::replace(&mut self.object(shard).busy, true)
    }

    /// Whether something is on record of a workload, also for who leads next.
    pub fn is_on_record(&self, key: &WorkloadRef) -> bool {
        self.get(key).is_some() && !self.unstored.contains(key)
    }

    /// Whether a workload's record waits to be written.
    pub fn is_waiting(&self, key: &WorkloadRef) -> bool {
        let home = self.kept.home(key);
        let object = home.and_then(|shard| self.objects.get(&shard));
        object.is_some_and(|object| object.is_waiting(key))
    }

    fn mark_lazy(&mut self, key: &WorkloadRef, now: u64) {
        let home = self.kept.home(key);
        let Some(object) = home.and_then(|shard| self.objects.get_mut(&shard)) else {
            return;
        };
        if object.lazy.is_empty() {
            object.lazy_since = now;
        }
        object.lazy.insert(key.clone());
    }

    /// The object that holds a workload's entry, or the first with room for it.
    fn object_of(&mut self, key: &WorkloadRef, entry: &Entry) -> Result<&mut StateObject, NotKept> {
        let (name, bytes) = (entry_key(key), entry.write_for(key, self.form).len());
        if bytes > LARGEST {
            return Err(NotKept::TooLarge(bytes));
        }
        self.has_room(key, &name, bytes)?;
        self.move_out_if_outgrown(key, &name, bytes);
        let home = self.kept.home(key);
        let shard = home.unwrap_or_else(|| self.with_room_for(&key.namespace, name.len() + bytes));
        self.kept.move_to(key, &shard);
        self.resize(&shard, &name, bytes);
        let object = self.object(&shard);
        object.leaving.remove(key);
        Ok(object)
    }

    /// An object that takes so many further bytes, or else a new one, behind those that
    /// there are without a gap: who reads them stops at the first that is not there.
    fn with_room_for(&self, namespace: &Name, bytes: usize) -> Shard {
        let shard = |number| Shard {
            namespace: namespace.clone(),
            number,
        };
        let is_free = |number: &u32| !self.objects.contains_key(&shard(*number));
        let fits = self.rooms.fullest_for(namespace, bytes);
        shard(fits.unwrap_or_else(|| (0..=u32::MAX).find(is_free).unwrap_or(0)))
    }

    /// An object, as it is or empty.
    fn object(&mut self, shard: &Shard) -> &mut StateObject {
        self.objects.entry(shard.clone()).or_insert_with(|| {
            self.rooms.resized(shard, None, Some(0));
            StateObject::default()
        })
    }

    fn take_out(&mut self, shard: &Shard) -> Option<StateObject> {
        let object = self.objects.remove(shard)?;
        self.rooms.resized(shard, Some(object.total), None);
        Some(object)
    }

    /// An entry of an object has so many bytes from now on; with none it is not there.
    fn resize(&mut self, shard: &Shard, name: &str, bytes: usize) {
        let object = self.object(shard);
        let before = object.total;
        object.resize(name, bytes);
        let now = object.total;
        self.rooms.resized(shard, Some(before), Some(now));
    }

    /// Whether the records of a namespace may grow by this one.
    fn has_room(&self, key: &WorkloadRef, name: &str, bytes: usize) -> Result<(), NotKept> {
        let all = self.rooms.total(&key.namespace);
        let home = self.kept.home(key);
        let home = home.and_then(|home| self.objects.get(&home));
        let before = home.and_then(|object| object.size_of(name));
        let most = match before {
            None => bounds::RECORDS_BEGUN,
            Some(_) => bounds::RECORDS_GROWN,
        };
        let (before, now) = (before.unwrap_or_default(), name.len() + bytes);
        if now > before && all - before + now > most {
            return Err(NotKept::Full(all));
        }
        Ok(())
    }

    /// Takes its home from an entry that has become too large for it, unless it is
    /// alone there.
    fn move_out_if_outgrown(&mut self, key: &WorkloadRef, name: &str, bytes: usize) {
        let home = self.kept.home(key);
        let Some(object) = home.and_then(|shard| self.objects.get_mut(&shard)) else {
            return;
        };
        let others = object.total - object.size_of(name).unwrap_or(0);
        if others > 0 && others + name.len() + bytes > OUTGROWN {
            object.urgent.remove(key);
            object.lazy.remove(key);
            object.leaving.insert(key.clone());
            self.kept.leave(key);
        }
    }

    /// What has moved and is stored in its new home is taken out of the former one.
    fn take_out_the_moved(&mut self) {
        let moves = self.objects.iter().filter(|(_, o)| !o.leaving.is_empty());
        let shards: Vec<_> = moves.map(|(shard, _)| shard.clone()).collect();
        for shard in shards {
            let object = self.objects.get(&shard);
            let leaving = object.map(|o| o.leaving.clone()).unwrap_or_default();
            let moved: Vec<_> = leaving
                .into_iter()
                .filter(|key| !self.is_waiting(key))
                .collect();
            if let Some(object) = self.objects.get_mut(&shard) {
                object.leaving.retain(|key| !moved.contains(key));
                object.urgent.extend(moved);
            }
        }
    }

    /// Whether an object may be deleted when it is empty: who reads them stops at the
    /// first that is not there.
    fn may_go(&self, shard: &Shard, object: &StateObject) -> bool {
        let further = (Bound::Excluded(shard), Bound::Unbounded);
        let next = self.objects.range(further).next();
        let is_last = next.is_none_or(|(next, _)| next.namespace != shard.namespace);
        is_last && !object.stays
    }

    fn take_write(&mut self, shard: Shard, now: u64) -> Option<Write> {
        let may_go = self
            .objects
            .get(&shard)
            .is_some_and(|object| self.may_go(&shard, object));
        let object = self.objects.get_mut(&shard)?;
        let workloads = object.take_portion(&self.refused, now);
        let mut changes = BTreeMap::new();
        for workload in &workloads {
            let is_here = self.kept.is_at(workload, &shard);
            let entry = self.get(workload).filter(|_| is_here);
            let json = entry.map(|entry| entry.write_for(workload, self.form));
            let key = entry_key(workload);
            self.resize(&shard, &key, json.as_ref().map_or(0, String::len));
            if json.is_none() && is_here {
                self.kept.leave(workload);
            }
            changes.insert(key, json);
        }
        let object = self.objects.get_mut(&shard)?;
        let deletes = object.is_empty() && may_go;
        let version = object.version.clone();
        if object.is_empty() && version.is_none() {
            // It never was there.
            self.take_out(&shard);
            return None;
        }
        object.writing.clone_from(&workloads);
        object.busy = true;
        Some(Write {
            shard,
            version,
            changes,
            workloads: workloads.into_iter().collect(),
            deletes,
        })
    }
}

impl StateObject {
    fn is_waiting(&self, key: &WorkloadRef) -> bool {
        let sets = [&self.urgent, &self.lazy, &self.writing];
        sets.iter().any(|set| set.contains(key))
    }

    /// Whether no entry is left and none waits.
    fn is_empty(&self) -> bool {
        let waiting = [&self.urgent, &self.lazy, &self.leaving];
        self.total == 0 && waiting.iter().all(|keys| keys.is_empty())
    }

    /// What was in the write that failed waits again.
    fn write_again(&mut self) {
        self.busy = false;
        self.urgent.append(&mut self.writing);
    }

    /// Bytes of an entry, with its name.
    fn size_of(&self, name: &str) -> Option<usize> {
        self.sizes.get(name).map(|bytes| *bytes as usize)
    }

    fn resize(&mut self, name: &str, bytes: usize) {
        let before = self.size_of(name).unwrap_or(0);
        let now = if bytes == 0 { 0 } else { bytes + name.len() };
        if now == 0 {
            self.sizes.remove(name);
        } else {
            let now = u32::try_from(now).unwrap_or(u32::MAX);
            self.sizes.insert(name.into(), now);
        }
        self.total = self.total + now - before;
    }
}

#[cfg(test)]
mod tests;
