//! What was read of the records, beside what is in memory: of each workload the later
//! record counts.

use std::collections::BTreeSet;

use tidings_core::refs::WorkloadRef;
use tidings_core::state::{Entry, Unread, read_stored};

use super::{Refusals, Shard, StateObject, Store, Stored};

/// Which of two records counts.
enum Counts {
    Ours,
    Stored,
    Both,
}

impl Store {
    /// An object was read; `None`: it is not there. Of each workload the later record
    /// counts, ours or what is stored; ours is written again where it is not what is
    /// stored. Returns the workloads to decide anew, and what could not be read.
    pub fn read(
        &mut self,
        shard: &Shard,
        stored: Option<Stored>,
    ) -> (Vec<WorkloadRef>, Vec<String>) {
        // Where it is new, as all are at the beginning of a term, nothing is held in it.
        let former = self.take_out(shard);
        let held = former.as_ref().map(|former| self.unwritten(shard, former));
        let mut unwritten = held.unwrap_or_default();
        let former = former.unwrap_or_default();
        let mut concerned = BTreeSet::new();
        let mut object = StateObject {
            version: stored.as_ref().map(|stored| stored.version.clone()),
            portion: former.portion,
            refusals: former.refusals,
            ..StateObject::default()
        };
        if former.version.is_some() && stored.is_none() {
            // The next one is another, of which nothing is known.
            (object.portion, object.refusals) = (None, Refusals::default());
            self.refused.retain(|key, _| !unwritten.contains(key));
        }
        let mut problems = Vec::new();
        for (key, json) in stored.map(|stored| stored.data).unwrap_or_default() {
            object.resize(&key, json.len());
            let read = read_stored(&self.kinds, &shard.namespace, &key, &json);
            let Some((workload, entry)) = self.readable(shard, &key, read, &mut problems) else {
                continue;
            };
            let is_waiting = former.is_waiting(&workload);
            match self.which_counts(shard, &workload, &entry, is_waiting) {
                Counts::Ours => {
                    self.hand_over(shard, &workload, entry);
                    unwritten.insert(workload);
                }
                Counts::Both => {
                    unwritten.remove(&workload);
                    self.is_stored(&workload);
                    concerned.extend(former.writing.get(&workload).cloned());
                }
                Counts::Stored => {
                    unwritten.remove(&workload);
                    concerned.insert(workload.clone());
                    if !self.settle_at(shard, &workload, entry) {
                        object.leaving.insert(workload);
                    }
                }
            }
        }
        if object.version.is_none() {
            // Nothing has to be taken out of it.
            concerned.extend(unwritten.extract_if(.., |key| self.get(key).is_none()));
        }
        object.urgent = unwritten;
        self.rooms.resized(shard, None, Some(object.total));
        self.objects.insert(shard.clone(), object);
        (concerned.into_iter().collect(), problems)
    }

    /// All of whom we may know more than is stored there.
    fn unwritten(&self, shard: &Shard, object: &StateObject) -> BTreeSet<WorkloadRef> {
        let held = self.kept.at(shard);
        // Also those whose record was to be taken away, and that have no home.
        let waiting = [&object.urgent, &object.lazy, &object.writing];
        waiting.into_iter().flatten().chain(held).cloned().collect()
    }

    /// What cannot be read is said, and counts as not there.
    fn readable(
        &mut self,
        shard: &Shard,
        key: &str,
        read: Result<(WorkloadRef, Entry), Unread>,
        problems: &mut Vec<String>,
    ) -> Option<(WorkloadRef, Entry)> {
        let what = |unread| format!("{key} in {}: {unread}", shard.namespace);
        match read {
            Ok(read) => return Some(read),
            Err(unread @ Unread::Newer(_)) => self.newer = Some(what(unread)),
            Err(unread @ Unread::Broken(_)) => problems.push(what(unread)),
        }
        None
    }

    /// Which record of a workload counts, ours, which may wait to be written or taken out,
    /// or this one that is stored.
    fn which_counts(
        &self,
        shard: &Shard,
        workload: &WorkloadRef,
        stored: &Entry,
        is_waiting: bool,
    ) -> Counts {
        let is_here = self.kept.is_at(workload, shard);
        match self.get(workload).filter(|_| is_here) {
            Some(ours) if ours == stored => Counts::Both,
            Some(ours) if self.is_behind(workload, ours, stored) => Counts::Stored,
            Some(ours) if stored.is_later_than(ours) => Counts::Stored,
            Some(ours) if ours.is_later_than(stored) => Counts::Ours,
            _ if is_waiting => Counts::Ours,
            _ => Counts::Stored,
        }
    }

    /// Whether ours was made only because nobody knew of this one, as where the list at the
    /// start of a term lacked its object: then it says nothing of what the workload was
    /// brought to.
    fn is_behind(&self, workload: &WorkloadRef, ours: &Entry, stored: &Entry) -> bool {
        self.unstored.contains(workload) && ours.epoch != stored.epoch
    }

    /// What is in memory of it is what is stored.
    fn is_stored(&mut self, workload: &WorkloadRef) {
        self.unstored.remove(workload);
        self.refused.remove(workload);
    }

    /// `tidings take-over` writes on what is stored.
    fn hand_over(&mut self, shard: &Shard, workload: &WorkloadRef, stored: Entry) {
        let is_here = self.kept.is_at(workload, shard);
        if let Some(ours) = self.kept.entry_mut(workload).filter(|_| is_here) {
            ours.over = stored.over;
        }
    }

    /// An entry was read here. `false`: a later one is elsewhere, for a move was
    /// interrupted.
    fn settle_at(&mut self, shard: &Shard, workload: &WorkloadRef, entry: Entry) -> bool {
        let home = self.kept.home(workload);
        let is_elsewhere = home.as_ref().is_some_and(|home| home != shard);
        if let Some(other) = self.get(workload).filter(|_| is_elsewhere)
            && !entry.is_later_than(other)
            && !self.is_behind(workload, other, &entry)
        {
            return false;
        }
        self.is_stored(workload);
        self.kept.put(workload, entry);
        self.kept.move_to(workload, shard);
        if let Some(former) = home
            && let Some(object) = self.objects.get_mut(&former)
        {
            object.leaving.insert(workload.clone());
        }
        true
    }
}
