//! The records of all workloads, in memory and on their way to the cluster.
//!
//! Goes in: entries from decisions, answers from the API server. Comes out:
//! [`Write`]s, one at a time for each object. No I/O here: [`crate::state`] does
//! that.
//!
//! Error policy: there is one way out of every failure. What was stored is read
//! again, memory takes its shape, and the workloads concerned are decided anew.
//! So a write whose answer was lost, a stale version and another writer are one
//! case.
//!
//! One Secret `<instance>-state.<namespace>[.<k>]` holds the entries of a
//! namespace; a further one is begun before it grows beyond [`FULL`]. An entry
//! that outgrows its object is written to another one before it is taken out of
//! the first, and an object whose last entry went is deleted.
//!
//! An object that is refused (422, 413) is written in smaller and smaller parts,
//! until it is known whose entry is at fault: that one is written by itself from
//! then on, and nobody else's waits for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::{Entry, FORM, Unread, entry_key, read_stored};

/// Bytes of entries above which an object takes no further ones. Kubernetes
/// refuses Secrets above 1 MiB (`validation.ValidateSecret`); every write rewrites
/// the whole object, and takes several times its size in memory for a moment.
pub const FULL: usize = 128 * 1024;

/// Bytes of entries above which one that grows is given another object, well below
/// what Kubernetes refuses.
const OUTGROWN: usize = 4 * FULL;

/// Bytes that one entry may have: as many as Kubernetes takes in a Secret.
const LARGEST: usize = 1_048_576;

/// Milliseconds after which lazy changes are written.
pub const LAZY: u64 = 2_000;

/// One object of the state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The namespace whose workloads it records.
    pub namespace: Name,
    /// 0 for the first.
    pub number: u32,
}

impl Shard {
    /// `tidings-state.stage`, `tidings-state.stage.1`
    pub fn object_name(&self, instance: &str) -> String {
        match self.number {
            0 => format!("{instance}-state.{}", self.namespace),
            number => format!("{instance}-state.{}.{number}", self.namespace),
        }
    }

    /// Reads what [`Shard::object_name`] wrote. Names of namespaces have no dot.
    pub fn of_object(instance: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(instance)?.strip_prefix("-state.")?;
        let (namespace, number) = match rest.split_once('.') {
            Some((namespace, number)) => (namespace, number.parse().ok()?),
            None => (rest, 0),
        };
        Some(Self {
            namespace: namespace.into(),
            number,
        })
    }
}

/// An object of the state as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Its resourceVersion.
    pub version: String,
    /// Its data: JSON by entry key.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl Stored {
    /// Whether an entry is of a form that this version does not know.
    pub fn is_newer(&self) -> bool {
        let mut entries = self.data.values();
        entries.any(|json| matches!(Entry::read(json), Err(Unread::Newer(_))))
    }
}

/// A write to one object of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which object.
    pub shard: Shard,
    /// The version that it must have; `None`: it must not exist.
    pub version: Option<String>,
    /// JSON by entry key; `None` takes the entry away.
    pub changes: BTreeMap<String, Option<String>>,
    /// Whose entries they are.
    pub workloads: Vec<WorkloadRef>,
    /// Whether none is left: then the object goes.
    pub deletes: bool,
}

/// An entry that no Secret can hold: its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge(pub usize);

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "it would take {} bytes, and Kubernetes takes {LARGEST}: use fewer sources or keys, \
             or name fewer by patterns",
            self.0
        )
    }
}

/// The resourceVersions of objects.
pub type Versions = BTreeMap<Shard, String>;

#[derive(Debug, Default)]
struct Object {
    version: Option<String>,
    /// Bytes by entry key, to know when it is full.
    sizes: HashMap<String, usize>,
    total: usize,
    urgent: BTreeSet<WorkloadRef>,
    lazy: BTreeSet<WorkloadRef>,
    /// In the write that is under way.
    writing: BTreeSet<WorkloadRef>,
    /// Their entries are taken out as soon as they are stored elsewhere.
    leaving: BTreeSet<WorkloadRef>,
    /// How many entries one write may have, less than all after a refusal.
    portion: Option<usize>,
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
    entries: HashMap<WorkloadRef, Entry>,
    homes: HashMap<WorkloadRef, Shard>,
    objects: BTreeMap<Shard, Object>,
    /// Whose records were refused by themselves.
    refused: BTreeSet<WorkloadRef>,
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

    /// The form that is written.
    pub fn form(&self) -> u8 {
        self.form
    }

    /// Writes in this form from now on, and anew what was written in another.
    pub fn write_in(&mut self, form: u8, now: u64) {
        if form == self.form {
            return;
        }
        self.form = form;
        let all: Vec<_> = self.entries.keys().cloned().collect();
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
        self.entries.get(key)
    }

    /// All workloads that have a record.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadRef> {
        self.entries.keys()
    }

    /// The objects that should exist.
    pub fn versions(&self) -> Versions {
        let known = self.objects.iter();
        known
            .filter_map(|(shard, o)| Some((shard.clone(), o.version.clone()?)))
            .collect()
    }

    /// Records at once in memory; written with the next [`Store::take_writes`].
    pub fn put(&mut self, key: &WorkloadRef, entry: Entry) -> Result<(), TooLarge> {
        self.object_of(key, &entry)?.urgent.insert(key.clone());
        self.entries.insert(key.clone(), entry);
        Ok(())
    }

    /// Records in memory; written with the next write, or after [`LAZY`].
    pub fn put_lazily(
        &mut self,
        key: &WorkloadRef,
        entry: Entry,
        now: u64,
    ) -> Result<(), TooLarge> {
        self.object_of(key, &entry)?;
        self.entries.insert(key.clone(), entry);
        self.mark_lazy(key, now);
        Ok(())
    }

    /// Drops a record, lazily.
    pub fn remove(&mut self, key: &WorkloadRef, now: u64) {
        self.refused.remove(key);
        if self.entries.remove(key).is_some() {
            self.mark_lazy(key, now);
        }
    }

    /// The roll of this number has reached the workload.
    pub fn done(&mut self, key: &WorkloadRef, n: u64, now: u64) {
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.n == n) else {
            return;
        };
        entry.done = true;
        entry.because.clear();
        self.mark_lazy(key, now);
    }

    /// What waits to be written of a record is written at once.
    pub fn hurry(&mut self, key: &WorkloadRef) {
        let home = self.homes.get(key);
        let Some(object) = home.and_then(|shard| self.objects.get_mut(shard)) else {
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
        let due = |(shard, object): &(&Shard, &Object)| {
            let lazy = !object.lazy.is_empty() && (all || object.lazy_since + LAZY <= now);
            let left = object.version.is_some() && object.is_empty() && self.may_go(shard, object);
            !object.busy && (lazy || !object.urgent.is_empty() || left)
        };
        let shards: Vec<_> = self
            .objects
            .iter()
            .filter(due)
            .map(|(s, _)| s.clone())
            .collect();
        shards
            .into_iter()
            .filter_map(|shard| self.take_write(shard))
            .collect()
    }

    /// When the next lazy write is due.
    pub fn next_due(&self) -> Option<u64> {
        let lazy = self
            .objects
            .values()
            .filter(|o| !self.dry && !o.busy && !o.lazy.is_empty());
        lazy.map(|object| object.lazy_since + LAZY).min()
    }

    /// Whether nothing waits to be written and nothing is under way.
    pub fn is_quiet(&self) -> bool {
        let quiet = |o: &Object| !o.busy && o.urgent.is_empty() && o.lazy.is_empty();
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
        for workload in std::mem::take(&mut object.writing) {
            self.refused.remove(&workload);
        }
        if write.deletes && object.urgent.is_empty() && object.lazy.is_empty() {
            self.objects.remove(&write.shard);
        }
    }

    /// A write was refused for what is in it, so nothing of it has happened. Parts
    /// of it are tried, until one entry alone is refused: whose that is. What is
    /// known of that object is to be read then.
    pub fn refused(&mut self, write: &Write) -> Option<WorkloadRef> {
        if let [workload] = &*write.workloads {
            self.refused.insert(workload.clone());
            // An object that is not there would be written from memory.
            self.entries.remove(workload);
            self.homes.remove(workload);
            return Some(workload.clone());
        }
        let object = self.objects.get_mut(&write.shard)?;
        object.portion = Some(write.workloads.len().div_ceil(2));
        object.write_again();
        None
    }

    /// An empty object may not be deleted: its entries are taken out, and it stays.
    pub fn stays(&mut self, shard: &Shard) {
        if let Some(object) = self.objects.get_mut(shard) {
            object.stays = true;
            object.write_again();
        }
    }

    /// An object was read: memory takes its shape. `None`: it is not there, and
    /// memory is written to it again. Returns the workloads to decide anew, and
    /// what could not be read.
    pub fn read(
        &mut self,
        shard: &Shard,
        stored: Option<Stored>,
    ) -> (Vec<WorkloadRef>, Vec<String>) {
        let held: Vec<_> = self
            .homes
            .iter()
            .filter(|(_, s)| *s == shard)
            .map(|(w, _)| w.clone())
            .collect();
        // Also those whose record was to be taken away, and that have no home.
        let writing = self.objects.get(shard).map(|object| object.writing.clone());
        let mut concerned: BTreeSet<_> = writing.into_iter().flatten().collect();
        concerned.extend(held.iter().cloned());
        let Some(stored) = stored else {
            self.vanished(shard, &held);
            return (concerned.into_iter().collect(), Vec::new());
        };
        for workload in &held {
            self.entries.remove(workload);
            self.homes.remove(workload);
        }
        let mut object = Object {
            version: Some(stored.version),
            ..Object::default()
        };
        let mut problems = Vec::new();
        for (key, json) in stored.data {
            object.resize(&key, json.len());
            match read_stored(&self.kinds, &shard.namespace, &key, &json) {
                Ok((workload, entry)) => {
                    concerned.insert(workload.clone());
                    if !self.settle_at(shard, &workload, entry) {
                        object.leaving.insert(workload);
                    }
                }
                Err(unread) => {
                    let what = format!("{key} in {}: {unread}", shard.namespace);
                    match unread {
                        Unread::Newer(_) => self.newer = Some(what),
                        Unread::Broken(_) => problems.push(what),
                    }
                }
            }
        }
        self.objects.insert(shard.clone(), object);
        (concerned.into_iter().collect(), problems)
    }

    /// An entry was read here. `false`: a later one is elsewhere, for a move was
    /// interrupted.
    fn settle_at(&mut self, shard: &Shard, workload: &WorkloadRef, entry: Entry) -> bool {
        if let Some(other) = self.entries.get(workload)
            && !entry.is_later_than(other)
        {
            return false;
        }
        self.entries.insert(workload.clone(), entry);
        if let Some(former) = self.homes.insert(workload.clone(), shard.clone())
            && let Some(object) = self.objects.get_mut(&former)
        {
            object.leaving.insert(workload.clone());
        }
        true
    }

    /// An object is not there, though it should be: it is written from memory.
    fn vanished(&mut self, shard: &Shard, held: &[WorkloadRef]) {
        let object = self.objects.entry(shard.clone()).or_default();
        *object = Object {
            urgent: held.iter().cloned().collect(),
            ..Object::default()
        };
    }

    /// Reserves an object that is to be read. `false`: it is in use.
    pub fn claim(&mut self, shard: &Shard) -> bool {
        let object = self.objects.entry(shard.clone()).or_default();
        !std::mem::replace(&mut object.busy, true)
    }

    /// Whether a workload's record waits to be written.
    pub fn is_waiting(&self, key: &WorkloadRef) -> bool {
        let object = self
            .homes
            .get(key)
            .and_then(|shard| self.objects.get(shard));
        let waits = |o: &Object| {
            [&o.urgent, &o.lazy, &o.writing]
                .iter()
                .any(|set| set.contains(key))
        };
        object.is_some_and(waits)
    }

    fn mark_lazy(&mut self, key: &WorkloadRef, now: u64) {
        let Some(object) = self
            .homes
            .get(key)
            .and_then(|shard| self.objects.get_mut(shard))
        else {
            return;
        };
        if object.lazy.is_empty() {
            object.lazy_since = now;
        }
        object.lazy.insert(key.clone());
    }

    /// The object that holds a workload's entry, or the first with room for it.
    fn object_of(&mut self, key: &WorkloadRef, entry: &Entry) -> Result<&mut Object, TooLarge> {
        let (name, bytes) = (entry_key(key), entry.write_for(key, self.form).len());
        if bytes > LARGEST {
            return Err(TooLarge(bytes));
        }
        self.move_out_if_outgrown(key, &name, bytes);
        let objects = &mut self.objects;
        let shard = self.homes.entry(key.clone()).or_insert_with(|| {
            let with_room = |number: &u32| {
                let shard = Shard {
                    namespace: key.namespace.clone(),
                    number: *number,
                };
                objects
                    .get(&shard)
                    .is_none_or(|o| o.total == 0 || o.total + name.len() + bytes <= FULL)
            };
            let number = (0..=u32::MAX).find(with_room).unwrap_or(0);
            Shard {
                namespace: key.namespace.clone(),
                number,
            }
        });
        let object = objects.entry(shard.clone()).or_default();
        object.leaving.remove(key);
        object.resize(&name, bytes);
        Ok(object)
    }

    /// Takes its home from an entry that has become too large for it, unless it is
    /// alone there.
    fn move_out_if_outgrown(&mut self, key: &WorkloadRef, name: &str, bytes: usize) {
        let home = self.homes.get(key);
        let Some(object) = home.and_then(|shard| self.objects.get_mut(shard)) else {
            return;
        };
        let others = object.total - object.sizes.get(name).unwrap_or(&0);
        if others > 0 && others + name.len() + bytes > OUTGROWN {
            object.urgent.remove(key);
            object.lazy.remove(key);
            object.leaving.insert(key.clone());
            self.homes.remove(key);
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
    fn may_go(&self, shard: &Shard, object: &Object) -> bool {
        let further = (Bound::Excluded(shard), Bound::Unbounded);
        let next = self.objects.range(further).next();
        let is_last = next.is_none_or(|(next, _)| next.namespace != shard.namespace);
        is_last && !object.stays
    }

    fn take_write(&mut self, shard: Shard) -> Option<Write> {
        let may_go = self
            .objects
            .get(&shard)
            .is_some_and(|object| self.may_go(&shard, object));
        let object = self.objects.get_mut(&shard)?;
        let workloads = object.take_portion(&self.refused);
        let mut changes = BTreeMap::new();
        for workload in &workloads {
            let is_here = self.homes.get(workload) == Some(&shard);
            let entry = self.entries.get(workload).filter(|_| is_here);
            let json = entry.map(|entry| entry.write_for(workload, self.form));
            let key = entry_key(workload);
            object.resize(&key, json.as_ref().map_or(0, String::len));
            if json.is_none() && is_here {
                self.homes.remove(workload);
            }
            changes.insert(key, json);
        }
        let deletes = object.is_empty() && may_go;
        let version = object.version.clone();
        if object.is_empty() && version.is_none() {
            // It never was there.
            self.objects.remove(&shard);
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

impl Object {
    /// Whether no entry is left and none waits.
    fn is_empty(&self) -> bool {
        self.total == 0 && self.urgent.is_empty() && self.leaving.is_empty()
    }

    /// What the next write brings. Entries that were refused come after all others,
    /// one at a time.
    fn take_portion(&mut self, refused: &BTreeSet<WorkloadRef>) -> BTreeSet<WorkloadRef> {
        let mut all = std::mem::take(&mut self.urgent);
        all.append(&mut self.lazy);
        let (bad, good): (Vec<_>, Vec<_>) = all.into_iter().partition(|key| refused.contains(key));
        let most = if good.is_empty() {
            1
        } else {
            self.portion.unwrap_or(usize::MAX).min(good.len())
        };
        let mut in_order = good.into_iter().chain(bad);
        let portion = in_order.by_ref().take(most).collect();
        self.urgent = in_order.collect();
        portion
    }

    /// What was in the write that failed waits again.
    fn write_again(&mut self) {
        self.busy = false;
        self.urgent.append(&mut self.writing);
    }

    fn resize(&mut self, key: &str, bytes: usize) {
        let before = match bytes {
            0 => self.sizes.remove(key).unwrap_or(0),
            _ => self
                .sizes
                .insert(key.to_owned(), bytes + key.len())
                .unwrap_or(0),
        };
        self.total = self.total + if bytes == 0 { 0 } else { bytes + key.len() } - before;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidings_core::digest::Digest;
    use tidings_core::kinds::{KINDS, Kinds};
    use tidings_core::refs::WorkloadRef;
    use tidings_core::state::{Entry, Epoch, FORM, entry_key};

    use super::{FULL, Shard, Store, Stored, Write};

    fn entry(bytes: usize) -> Entry {
        let epoch = Epoch::draw(7, "1");
        Entry {
            because: "x".repeat(bytes),
            ..Entry::new("1".into(), epoch, Digest::of_parts(&[]))
        }
    }

    /// All of them before the first write, as when a namespace is seen first.
    fn sizes_of_writes(count: usize, bytes: usize) -> Vec<usize> {
        let mut store = Store::new(false, Kinds::default());
        for n in 0..count {
            let key = WorkloadRef::new(&KINDS[0], "stage", format!("web-{n}"));
            store.put_lazily(&key, entry(bytes), 0).unwrap();
        }
        let writes = store.take_writes(0, true);
        let size = |json: &Option<String>| json.as_ref().map_or(0, String::len);
        writes
            .iter()
            .map(|write| write.changes.values().map(size).sum())
            .collect()
    }

    #[test]
    fn no_object_outgrows_what_kubernetes_takes() {
        let sizes = sizes_of_writes(1_000, 3_000);
        assert!(sizes.iter().all(|size| *size <= FULL));
        assert!(sizes.iter().sum::<usize>() > 3_000_000);
    }

    #[test]
    fn an_entry_above_all_bounds_has_an_object_of_its_own() {
        assert_eq!(sizes_of_writes(3, 2 * FULL).len(), 3);
    }

    fn web(n: usize) -> WorkloadRef {
        WorkloadRef::new(&KINDS[0], "stage", format!("web-{n:04}"))
    }

    /// An API server that takes what a Secret may be, and refuses these workloads'
    /// entries.
    #[derive(Default)]
    struct Server {
        version: u64,
        objects: BTreeMap<Shard, BTreeMap<String, Vec<u8>>>,
        refuses: Vec<WorkloadRef>,
        writes: usize,
        /// The most workloads in a write that it refused.
        refused: usize,
    }

    impl Server {
        fn takes(&self, write: &Write) -> bool {
            let refused = write.workloads.iter().any(|w| self.refuses.contains(w));
            let keys = write.changes.keys().all(|key| key.len() <= 253);
            !refused && keys
        }

        /// Carries out all that is due; returns whose entries were refused.
        fn serve(&mut self, store: &mut Store) -> Vec<WorkloadRef> {
            let mut refused = Vec::new();
            loop {
                let writes = store.take_writes(0, true);
                if writes.is_empty() {
                    return refused;
                }
                for write in writes {
                    self.writes += 1;
                    if self.takes(&write) {
                        let version = self.carry_out(&write);
                        store.written(&write, version);
                        continue;
                    }
                    self.refused = self.refused.max(write.workloads.len());
                    if let Some(workload) = store.refused(&write) {
                        let stored = self.read(&write.shard);
                        let (concerned, _) = store.read(&write.shard, stored);
                        // As they are decided anew; the one at fault later.
                        for key in concerned.iter().filter(|key| **key != workload) {
                            store.put(key, entry(100)).unwrap();
                        }
                        refused.push(workload);
                    }
                }
            }
        }

        fn carry_out(&mut self, write: &Write) -> String {
            self.version += 1;
            let there = self.objects.contains_key(&write.shard);
            assert_eq!(there, write.version.is_some(), "{write:?}");
            let object = self.objects.entry(write.shard.clone()).or_default();
            for (key, json) in &write.changes {
                match json {
                    Some(json) => object.insert(key.clone(), json.clone().into_bytes()),
                    None => object.remove(key),
                };
            }
            assert!(object.values().map(Vec::len).sum::<usize>() <= 1_048_576);
            assert!(!write.deletes || object.is_empty(), "{write:?}");
            if write.deletes {
                self.objects.remove(&write.shard);
            }
            self.version.to_string()
        }

        fn read(&self, shard: &Shard) -> Option<Stored> {
            Some(Stored {
                version: self.version.to_string(),
                data: self.objects.get(shard)?.clone(),
            })
        }

        fn entries(&self) -> usize {
            self.objects.values().map(BTreeMap::len).sum()
        }
    }

    #[test]
    fn an_entry_that_is_refused_stops_no_other() {
        let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
        let bad = [web(3), web(57)];
        server.refuses = bad.to_vec();
        for n in 0..100 {
            store.put(&web(n), entry(100)).unwrap();
        }
        let refused = server.serve(&mut store);
        assert_eq!(refused, bad);
        assert_eq!(server.entries(), 98);
        assert!(server.writes < 40, "{} writes", server.writes);

        server.refused = 0;
        for n in 0..100 {
            store.put(&web(n), entry(101)).unwrap();
        }
        server.serve(&mut store);
        assert_eq!(server.refused, 1, "what was refused is tried by itself");
    }

    #[test]
    fn a_record_that_is_taken_again_is_one_among_others() {
        let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
        server.refuses = vec![web(0)];
        store.put(&web(0), entry(1)).unwrap();
        server.serve(&mut store);
        server.refuses.clear();
        store.put(&web(0), entry(1)).unwrap();
        server.serve(&mut store);
        server.writes = 0;
        for n in 0..2 {
            store.put(&web(n), entry(2)).unwrap();
        }
        server.serve(&mut store);
        assert_eq!((server.writes, server.entries()), (1, 2));
    }

    #[test]
    fn entries_that_grow_find_room() {
        let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
        for size in [100, 60_000, 300_000, 100] {
            for n in 0..20 {
                store.put(&web(n), entry(size)).unwrap();
                server.serve(&mut store);
            }
            assert_eq!(server.entries(), 20, "{size}");
        }
    }

    #[test]
    fn an_object_goes_with_its_last_entry() {
        let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
        for round in 0..2 {
            for n in 0..3 {
                store.put(&web(n), entry(round)).unwrap();
            }
            server.serve(&mut store);
            assert_eq!(server.entries(), 3);
            for n in 0..3 {
                store.remove(&web(n), 0);
            }
            server.serve(&mut store);
            assert!(server.objects.is_empty() && store.versions().is_empty());
        }
        store.put(&web(0), entry(0)).unwrap();
        store.remove(&web(0), 0);
        assert_eq!(store.take_writes(0, true), [], "it never was there");
    }

    /// Who reads them asks for one after the other.
    #[test]
    fn objects_go_from_the_last_on() {
        let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
        for n in 0..3 {
            store.put(&web(n), entry(2 * FULL)).unwrap();
        }
        server.serve(&mut store);
        for n in [0, 2, 1] {
            store.remove(&web(n), 0);
            server.serve(&mut store);
            let numbers: Vec<_> = server.objects.keys().map(|shard| shard.number).collect();
            let left = u32::try_from(numbers.len()).unwrap();
            assert_eq!(numbers, (0..left).collect::<Vec<_>>());
        }
        assert!(server.objects.is_empty());
    }

    #[test]
    fn what_no_object_can_hold_is_not_recorded() {
        let mut store = Store::new(false, Kinds::default());
        store.put(&web(0), entry(900_000)).unwrap();
        let refused = store.put(&web(0), entry(1_048_577));
        assert!(refused.unwrap_err().0 > 1_048_576);
        assert_eq!(store.get(&web(0)), Some(&entry(900_000)));
        let refused = store.put_lazily(&web(1), entry(1_048_577), 0);
        assert!(refused.unwrap_err().to_string().contains("patterns"));
        assert_eq!(store.take_writes(0, true).len(), 1);
    }

    #[test]
    fn what_was_left_empty_goes_unless_it_may_not() {
        let shard = Shard {
            namespace: "gone".into(),
            number: 0,
        };
        let mut store = Store::new(false, Kinds::default());
        let stored = Stored {
            version: "7".to_owned(),
            data: BTreeMap::new(),
        };
        store.read(&shard, Some(stored.clone()));
        let writes = store.take_writes(0, false);
        let [write] = &*writes else {
            unreachable!("{writes:?}")
        };
        assert!(write.deletes && write.version.as_deref() == Some("7"));
        store.stays(&shard);
        assert_eq!(store.take_writes(0, true), []);
    }

    #[test]
    fn a_move_that_was_interrupted_is_brought_to_its_end() {
        let key = entry_key(&web(0));
        let stored = |n: u64| {
            let json = Entry { n, ..entry(1) }.write(FORM).into_bytes();
            Stored {
                version: "7".to_owned(),
                data: BTreeMap::from([(key.clone(), json)]),
            }
        };
        for copies in [[1, 2], [2, 1]] {
            let mut store = Store::new(false, Kinds::default());
            for (number, n) in (0..).zip(copies) {
                let shard = Shard {
                    namespace: "stage".into(),
                    number,
                };
                store.read(&shard, Some(stored(n)));
            }
            assert_eq!(store.get(&web(0)).map(|entry| entry.n), Some(2));
            let writes = store.take_writes(0, true);
            let [write] = &*writes else {
                unreachable!("{writes:?}")
            };
            let number = write.shard.number;
            assert_eq!(copies[number as usize], 1, "the older one is taken out");
            assert_eq!(write.changes.get(&key), Some(&None));
            assert_eq!(write.deletes, number == 1);
        }
    }

    #[test]
    fn another_form_is_written_for_all() {
        let mut store = Store::new(false, Kinds::default());
        let key = WorkloadRef::new(&KINDS[0], "stage", "web");
        store.put(&key, entry(1)).unwrap();
        let written = |store: &mut Store, now| {
            let mut writes = store.take_writes(now, true);
            let write = writes.pop().unwrap();
            store.written(&write, "1".to_owned());
            write.changes.into_values().next().unwrap().unwrap()
        };
        assert!(written(&mut store, 0).contains(r#""f":2"#));
        store.write_in(FORM, 1);
        assert!(store.is_quiet());
        store.write_in(1, 2);
        assert!(!written(&mut store, 3).contains(r#""f":"#));
    }

    #[test]
    fn what_is_newer_is_told_apart_from_what_is_broken() {
        let stored = |json: String| Stored {
            version: "1".to_owned(),
            data: [("deployments.apps_web".to_owned(), json.into_bytes())].into(),
        };
        let shard = Shard {
            namespace: "stage".into(),
            number: 0,
        };
        let known = entry(1).write(FORM);
        let mut store = Store::new(false, Kinds::default());
        let (_, problems) = store.read(&shard, Some(stored("{}".to_owned())));
        assert_eq!((problems.len(), store.newer()), (1, None));
        let newer = stored(known.replace(r#""f":2"#, r#""f":3"#));
        assert!(newer.is_newer() && !stored(known).is_newer());
        store.read(&shard, Some(newer));
        assert!(store.newer().unwrap().contains("form 3 is newer"));
    }
}
