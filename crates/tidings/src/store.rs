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
//! namespace; a further one is begun before it grows beyond [`FULL`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::{Entry, FORM, Unread, entry_key, workload_of};

/// Bytes of entries above which an object takes no further ones. Kubernetes
/// refuses Secrets above 1 MiB (`validation.ValidateSecret`); every write rewrites
/// the whole object, and takes several times its size in memory for a moment.
pub const FULL: usize = 128 * 1024;

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
    pub fn put(&mut self, key: &WorkloadRef, entry: Entry) {
        self.object_of(key, &entry).urgent.insert(key.clone());
        self.entries.insert(key.clone(), entry);
    }

    /// Records in memory; written with the next write, or after [`LAZY`].
    pub fn put_lazily(&mut self, key: &WorkloadRef, entry: Entry, now: u64) {
        self.object_of(key, &entry);
        self.entries.insert(key.clone(), entry);
        self.mark_lazy(key, now);
    }

    /// Drops a record, lazily.
    pub fn remove(&mut self, key: &WorkloadRef, now: u64) {
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
        let due = |object: &Object| {
            let lazy = !object.lazy.is_empty() && (all || object.lazy_since + LAZY <= now);
            !object.busy && (lazy || !object.urgent.is_empty())
        };
        let shards: Vec<_> = self
            .objects
            .iter()
            .filter(|(_, o)| due(o))
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
    pub fn written(&mut self, shard: &Shard, version: String) {
        if let Some(object) = self.objects.get_mut(shard) {
            object.version = Some(version);
            object.busy = false;
            object.writing.clear();
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
            match read_entry(&self.kinds, shard, &key, &json) {
                Ok((workload, entry)) => {
                    self.entries.insert(workload.clone(), entry);
                    self.homes.insert(workload.clone(), shard.clone());
                    concerned.insert(workload);
                }
                Err(Problem::Newer(what)) => self.newer = Some(what),
                Err(Problem::Broken(what)) => problems.push(what),
            }
        }
        self.objects.insert(shard.clone(), object);
        (concerned.into_iter().collect(), problems)
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
    fn object_of(&mut self, key: &WorkloadRef, entry: &Entry) -> &mut Object {
        let objects = &mut self.objects;
        let (name, bytes) = (entry_key(key), entry.write(self.form).len());
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
        object.resize(&name, bytes);
        object
    }

    fn take_write(&mut self, shard: Shard) -> Option<Write> {
        let object = self.objects.get_mut(&shard)?;
        let mut workloads = std::mem::take(&mut object.urgent);
        workloads.append(&mut object.lazy);
        object.writing.clone_from(&workloads);
        let mut changes = BTreeMap::new();
        for workload in &workloads {
            let key = entry_key(workload);
            let json = self
                .entries
                .get(workload)
                .map(|entry| entry.write(self.form));
            object.resize(&key, json.as_ref().map_or(0, String::len));
            if json.is_none() {
                self.homes.remove(workload);
            }
            changes.insert(key, json);
        }
        object.busy = true;
        let version = object.version.clone();
        Some(Write {
            shard,
            version,
            changes,
            workloads: workloads.into_iter().collect(),
        })
    }
}

/// Why an entry was not read.
enum Problem {
    Newer(String),
    Broken(String),
}

fn read_entry(
    kinds: &Kinds,
    shard: &Shard,
    key: &str,
    json: &[u8],
) -> Result<(WorkloadRef, Entry), Problem> {
    let what = format!("{key} in {}", shard.namespace);
    let entry = Entry::read(json).map_err(|unread| match unread {
        Unread::Newer(_) => Problem::Newer(format!("{what}: {unread}")),
        Unread::Broken(_) => Problem::Broken(format!("{what}: {unread}")),
    })?;
    let unknown = || Problem::Broken(format!("{what}: not a workload that this version knows"));
    let workload = workload_of(kinds, &shard.namespace, key).ok_or_else(unknown)?;
    Ok((workload, entry))
}

impl Object {
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
    use tidings_core::digest::Digest;
    use tidings_core::kinds::{KINDS, Kinds};
    use tidings_core::refs::WorkloadRef;
    use tidings_core::state::{Entry, Epoch, FORM};

    use super::{FULL, Shard, Store, Stored};

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
            store.put_lazily(&key, entry(bytes), 0);
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

    #[test]
    fn another_form_is_written_for_all() {
        let mut store = Store::new(false, Kinds::default());
        let key = WorkloadRef::new(&KINDS[0], "stage", "web");
        store.put(&key, entry(1));
        let written = |store: &mut Store, now| {
            let mut writes = store.take_writes(now, true);
            let write = writes.pop().unwrap();
            store.written(&write.shard, "1".to_owned());
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
