//! Records among replicas that write at any time, and objects that are refused.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::digest::Digest;
use tidings_core::kinds::{KINDS, Kinds};
use tidings_core::refs::WorkloadRef;
use tidings_core::state::{Entry, Epoch, FORM, entry_key};

use super::{FULL, NotKept, OUTGROWN, Shard, Store, Stored, Write};

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
    /// Takes no write of an object that is there.
    is_immutable: bool,
    writes: usize,
    now: u64,
    /// The most workloads in a write that it refused.
    refused: usize,
}

impl Server {
    fn takes(&self, write: &Write) -> bool {
        let mut refused = write.workloads.iter().any(|w| self.refuses.contains(w));
        refused |= self.is_immutable && write.version.is_some();
        let keys = write.changes.keys().all(|key| key.len() <= 253);
        !refused && keys
    }

    /// Carries out all that is due within some seconds; returns whose entries were refused,
    /// once for each time.
    fn serve(&mut self, store: &mut Store) -> Vec<WorkloadRef> {
        self.serve_for(store, 5_000)
    }

    fn serve_for(&mut self, store: &mut Store, millis: u64) -> Vec<WorkloadRef> {
        let (mut refused, end) = (Vec::new(), self.now + millis);
        loop {
            let writes = store.take_writes(self.now, true);
            let waits = writes.is_empty();
            for write in writes {
                self.writes += 1;
                if self.takes(&write) {
                    let version = self.carry_out(&write);
                    store.written(&write, version);
                } else {
                    self.refused = self.refused.max(write.workloads.len());
                    refused.extend(store.refused(&write, self.now));
                }
            }
            match store.next_due() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ if waits => break,
                _ => {}
            }
        }
        self.now = end;
        refused
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
    let refused: BTreeSet<_> = server.serve(&mut store).into_iter().collect();
    assert_eq!(refused, BTreeSet::from(bad));
    assert_eq!(server.entries(), 98);
    assert!(server.writes < 50, "{} writes", server.writes);

    server.refused = 0;
    for n in 0..100 {
        store.put(&web(n), entry(101)).unwrap();
    }
    server.serve(&mut store);
    assert_eq!(server.refused, 1, "what was refused is tried by itself");
    assert!(store.is_quiet());
}

/// What is known of it is not forgotten.
#[test]
fn a_record_that_is_refused_is_tried_again_later_and_later() {
    let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
    server.refuses = vec![web(0)];
    store.put(&web(0), entry(1)).unwrap();
    let minutes: Vec<_> = (0..4)
        .map(|_| server.serve_for(&mut store, 60_000).len())
        .collect();
    assert!(minutes[0] <= 12 && minutes[1..] == [1; 3], "{minutes:?}");
    store.put(&web(0), entry(2)).unwrap();
    server.refuses.clear();
    server.serve_for(&mut store, 60_000);
    assert_eq!(store.get(&web(0)), Some(&entry(2)));
    assert_eq!((server.entries(), store.next_due()), (1, None));
    server.writes = 0;
    for n in 0..2 {
        store.put(&web(n), entry(3)).unwrap();
    }
    server.serve(&mut store);
    assert_eq!((server.writes, server.entries()), (1, 2), "like all others");
}

/// Each entry of it seems to be at fault.
#[test]
fn an_object_that_is_refused_is_tried_again_later_and_later() {
    let mut store = Store::new(false, Kinds::default());
    let mut server = Server::default();
    (0..30).for_each(|n| store.put(&web(n), entry(1)).unwrap());
    server.serve(&mut store);
    (server.is_immutable, server.writes) = (true, 0);
    (0..30).for_each(|n| store.put(&web(n), entry(2)).unwrap());
    server.serve_for(&mut store, 60_000);
    assert!(server.writes < 45, "{} writes in a minute", server.writes);
    server.writes = 0;
    server.serve_for(&mut store, 60_000);
    assert!(server.writes <= 2, "{} in the next one", server.writes);

    // It is deleted.
    let (shard, _) = server.objects.pop_first().unwrap();
    store.read(&shard, None);
    server.writes = 0;
    server.serve_for(&mut store, 0);
    assert_eq!((server.writes, server.entries()), (1, 30));
    assert!((0..30).all(|n| store.get(&web(n)) == Some(&entry(2))));
}

/// As a webhook does that takes none for a while.
#[test]
fn what_was_refused_is_written_soon_after_one_of_it_is_taken() {
    let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
    server.refuses = (0..30).map(web).collect();
    (0..30).for_each(|n| store.put(&web(n), entry(1)).unwrap());
    server.serve_for(&mut store, 600_000);
    server.refuses.clear();
    server.writes = 0;
    server.serve_for(&mut store, 60_000);
    assert_eq!(server.entries(), 30);
    assert!(server.writes < 10, "{} writes", server.writes);
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

/// Another version may have filled them further.
#[test]
fn larger_objects_shrink_as_their_entries_change() {
    let (mut store, mut server) = (Store::new(false, Kinds::default()), Server::default());
    let json = |n| (entry_key(&web(n)), entry(1_000).write(FORM).into_bytes());
    let shard = Shard {
        namespace: "stage".into(),
        number: 0,
    };
    let all: BTreeMap<_, _> = (0..100).map(json).collect();
    let stored = Stored {
        version: server.version.to_string(),
        data: all.clone(),
    };
    server.objects.insert(shard.clone(), all);
    store.read(&shard, Some(stored));
    for n in 0..100 {
        store.put(&web(n), entry(1_001)).unwrap();
    }
    server.serve(&mut store);
    assert_eq!(server.entries(), 100);
    let size = |data: &BTreeMap<String, Vec<u8>>| data.values().map(Vec::len).sum::<usize>();
    assert!(server.objects.values().all(|data| size(data) <= OUTGROWN));
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
    assert!(matches!(refused, Err(NotKept::TooLarge(bytes)) if bytes > 1_048_576));
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
    let later = FORM + 1;
    let newer = stored(known.replace(r#""f":2"#, &format!(r#""f":{later}"#)));
    assert!(newer.is_newer() && !stored(known).is_newer());
    store.read(&shard, Some(newer));
    let said = format!("form {later} is newer");
    assert!(store.newer().unwrap().contains(&said));
}

/// What one namespace has on record has a bound, and nobody else is concerned.
#[test]
fn the_records_of_a_namespace_have_a_bound() {
    let mut store = Store::new(false, Kinds::default());
    let kept = (0..1_000).take_while(|n| store.put(&web(*n), entry(100_000)).is_ok());
    let kept = kept.count();
    assert!((100..140).contains(&kept), "{kept}");
    let refused = store.put(&web(kept), entry(100_000));
    assert!(matches!(refused, Err(NotKept::Full(_))));
    let elsewhere = WorkloadRef::new(&KINDS[0], "other", "web");
    store.put(&elsewhere, entry(100_000)).unwrap();
    // Those that are on record may still be rolled.
    let grown = (0..kept).take_while(|n| store.put(&web(*n), entry(200_000)).is_ok());
    assert!(grown.count() > 50);
    store.put(&web(0), entry(1_000)).unwrap();
    (1..60).for_each(|n| store.remove(&web(n), 0));
    store.take_writes(0, true);
    store.put(&web(kept), entry(100_000)).unwrap();
}

fn one(n: u64) -> Entry {
    Entry { n, ..entry(10) }
}

fn object_of(entries: &[(usize, Vec<u8>)]) -> Stored {
    let data = entries.iter();
    Stored {
        version: "9".to_owned(),
        data: data
            .map(|(of, json)| (entry_key(&web(*of)), json.clone()))
            .collect(),
    }
}

/// What could not be written is written again; what somebody put back, took out or made
/// unreadable is as we know it; and only what is later is taken over.
#[test]
fn the_later_record_counts() {
    let mut store = Store::new(false, Kinds::default());
    let json = |n| one(n).write_for(&web(0), FORM).into_bytes();
    (0..4).for_each(|n| store.put(&web(n), one(5)).unwrap());
    let write = store.take_writes(0, true).remove(0);
    store.written(&write, "1".to_owned());
    store.put(&web(4), one(0)).unwrap();
    store.remove(&web(3), 0);
    let write = store.take_writes(0, true).remove(0);
    assert_eq!(write.workloads, [web(3), web(4)]);

    let entries = [
        (0, json(4)),
        (1, b"not JSON".to_vec()),
        (2, json(7)),
        (3, json(5)),
    ];
    let (concerned, problems) = store.read(&write.shard, Some(object_of(&entries)));
    assert_eq!((concerned, problems.len()), (vec![web(2)], 1));
    let numbers: Vec<_> = (0..5).map(|n| store.get(&web(n)).map(|e| e.n)).collect();
    assert_eq!(numbers, [Some(5), Some(5), Some(7), None, Some(0)]);
    let again = store.take_writes(0, true).remove(0);
    assert_eq!(again.workloads, [web(0), web(1), web(3), web(4)]);
    assert_eq!(again.changes[&entry_key(&web(3))], None);
}

/// Its answer was lost.
#[test]
fn a_write_that_has_happened_is_looked_at_again() {
    let mut store = Store::new(false, Kinds::default());
    store.put(&web(0), one(1)).unwrap();
    let write = store.take_writes(0, true).remove(0);
    let stored = [(0, one(1).write_for(&web(0), FORM).into_bytes())];
    let (concerned, _) = store.read(&write.shard, Some(object_of(&stored)));
    assert_eq!(concerned, [web(0)]);
    assert!(store.take_writes(0, true).is_empty());
}

/// `tidings take-over` writes on a record, which is no later by that.
#[test]
fn who_is_to_be_taken_over_from_is_taken_from_what_is_stored() {
    let mut store = Store::new(false, Kinds::default());
    (0..2).for_each(|n| store.put(&web(n), one(5)).unwrap());
    let write = store.take_writes(0, true).remove(0);
    store.written(&write, "1".to_owned());
    store.put(&web(1), one(6)).unwrap();
    let over = Some("other/7".into());
    let taken = Entry {
        over: over.clone(),
        ..one(5)
    };
    let json = |n| taken.write_for(&web(n), FORM).into_bytes();
    let stored = object_of(&[(0, json(0)), (1, json(1))]);
    let (concerned, _) = store.read(&write.shard, Some(stored));
    assert_eq!(concerned, [web(0)]);
    let is = |n: usize| {
        store
            .get(&web(n))
            .map(|entry| (entry.n, entry.over.clone()))
    };
    assert_eq!((is(0), is(1)), (Some((5, over.clone())), Some((6, over))));
}

/// As where the list at the start of a term lacked its object: the create is refused.
#[test]
fn a_first_record_counts_less_than_one_that_is_there() {
    let first = |n| Entry {
        epoch: Epoch::draw(8, "1"),
        ..one(n)
    };
    for ours in [0, 5, 6] {
        let mut store = Store::new(false, Kinds::default());
        store.put(&web(0), first(ours)).unwrap();
        store.put(&web(1), first(0)).unwrap();
        let write = store.take_writes(0, true).remove(0);
        let json = one(5).write_for(&web(0), FORM).into_bytes();
        let stored = object_of(&[(0, json)]);
        let (concerned, _) = store.read(&write.shard, Some(stored.clone()));
        assert_eq!(concerned, [web(0)]);
        assert_eq!(store.get(&web(0)), Some(&one(5)));
        let again = store.take_writes(0, true).remove(0);
        assert_eq!(again.workloads, [web(1)]);
        // From then on the later counts, as ever.
        store.written(&again, "10".to_owned());
        store.put(&web(0), one(6)).unwrap();
        store.read(&write.shard, Some(stored));
        assert_eq!(store.get(&web(0)), Some(&one(6)));
    }
}
