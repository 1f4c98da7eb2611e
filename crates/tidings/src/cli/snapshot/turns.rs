//! Who is rolled in turn with whom, as the records of a snapshot tell.
//!
//! Whether somebody is due only a decision about him finds out; here who is recorded as
//! waiting counts as due for all that he uses.

use std::num::NonZeroU32;

use tidings_core::decide::Verdict;
use tidings_core::object::Progress;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::Entry;
use tidings_core::train::{Boarding, RiderNews, Trains};

use super::Snapshot;

impl Snapshot {
    /// Works out the trains of a workload's namespace, once for these records, where it is
    /// rolled in turn with others.
    pub(super) fn assemble_trains(&mut self, key: &WorkloadRef) {
        let at_once = self.index.get(key).and_then(|known| known.policy.at_once);
        let namespace = &key.namespace;
        if let Some(at_once) = at_once.filter(|_| !self.trains.contains_key(namespace)) {
            let trains = self.trains_of(namespace, at_once);
            self.trains.insert(namespace.clone(), trains);
        }
    }

    /// Which one it is of those who wait for their turn with the source that it waits with,
    /// and how many these are; none where it waits for something else.
    pub(crate) fn place(
        &self,
        key: &WorkloadRef,
        verdict: Option<&Verdict>,
    ) -> Option<(usize, usize)> {
        let boarding = verdict?.boarding.as_ref()?;
        let (source, _) = boarding.waits.as_ref()?;
        self.trains.get(&key.namespace)?.place(source, key)
    }

    fn trains_of(&self, namespace: &Name, at_once: NonZeroU32) -> Trains {
        let mut trains = Trains::default();
        let records = self.records.get(namespace);
        let entries = records.and_then(|records| records.as_ref().ok());
        for (key, entry) in entries.into_iter().flatten() {
            note(&mut trains, key, entry, at_once);
        }
        trains
    }
}

fn note(trains: &mut Trains, key: &WorkloadRef, entry: &Entry, at_once: NonZeroU32) {
    let due = entry.waits.iter().flat_map(|_| entry.seen.keys());
    let boarding = Boarding {
        due: due.map(|seen| seen.source(&key.namespace)).collect(),
        ..Boarding::default()
    };
    trains.note(&RiderNews {
        key,
        wave: entry.wave(),
        at_once: Some(at_once),
        entry: Some(entry),
        boarding: Some(&boarding),
        // Since when it is well is not known here.
        progress: Progress::default(),
        now: 0,
    });
}
