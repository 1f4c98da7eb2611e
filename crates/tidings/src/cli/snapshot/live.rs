//! A snapshot that is kept: what watches tell comes in by the index's one door, and says
//! which workloads may stand otherwise now.
//!
//! What tells of a workload counts as a list does, so that a snapshot that was kept says
//! what one that is taken now would.

use std::collections::BTreeSet;

use tidings_core::index::{Concerned, Fact, How};
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::Entry;

use super::Snapshot;
use crate::records::cluster;
use crate::records::memory::{Shard, Store};

impl Snapshot {
    /// Takes in what a watch tells. Returns whom it concerns, those that are gone too.
    pub fn hear(&mut self, fact: Fact) -> Vec<WorkloadRef> {
        let fact = match fact {
            Fact::Workload(workload, _) => Fact::Workload(workload, How::Listed),
            Fact::Namespace {
                name,
                annotations,
                left_out,
                ..
            } => {
                self.told.insert(name.clone());
                Fact::Namespace {
                    name,
                    annotations,
                    left_out,
                    since: None,
                }
            }
            fact => fact,
        };
        let concerned = self.index.apply(fact);
        self.concerned(concerned)
    }

    fn concerned(&mut self, by: Concerned) -> Vec<WorkloadRef> {
        let mut keys = by.look;
        for source in by.changed.iter().chain(&by.read) {
            keys.extend(self.index.pass_on(source));
        }
        for lender in &by.lent {
            keys.extend(self.index.borrowers(lender));
        }
        keys.extend(by.gone.into_iter().map(|gone| gone.key));
        keys
    }

    /// What could not be read is asked for again by the next decisions.
    pub fn try_again(&mut self) {
        self.refused.clear();
        self.rights.clear();
    }

    /// Reads what else tells of these workloads, as far as it is not known.
    pub async fn see(&mut self, keys: &[WorkloadRef]) {
        // Without a word of its namespace a workload stands as if that set nothing.
        let _ = self.beside(keys, "").await;
    }

    /// Some of a namespace's records are others, or are gone. Returns whose may be.
    pub async fn read_record_again(&mut self, shard: &Shard) -> BTreeSet<WorkloadRef> {
        let read = cluster::read(&self.api, &self.home(), shard).await;
        self.trains.remove(&shard.namespace);
        let known = self.records.get_mut(&shard.namespace);
        let (Some(Ok(known)), Ok(Some(stored))) = (known, read) else {
            return self.read_records_again(&shard.namespace).await;
        };
        let mut store = Store::new(true, self.installation.kinds.clone());
        store.read(shard, Some(stored));
        if store.newer().is_some() {
            return self.read_records_again(&shard.namespace).await;
        }
        let mut concerned = BTreeSet::new();
        for key in store.workloads() {
            let (was, Some(now)) = (known.get(key), store.get(key)) else {
                continue;
            };
            // Of two places the later counts; of a workload that was made again the new one.
            let is_old = |was: &Entry| was == now || (was.uid == now.uid && was.is_later_than(now));
            if !was.is_some_and(is_old) {
                known.insert(key.clone(), now.clone());
                concerned.insert(key.clone());
            }
        }
        concerned
    }

    /// Reads all records of a namespace again, if they were read.
    async fn read_records_again(&mut self, namespace: &Name) -> BTreeSet<WorkloadRef> {
        if self.records.remove(namespace).is_none() {
            return BTreeSet::new();
        }
        self.read_records(namespace).await;
        let all = self.index.workloads().map(|(key, _)| key);
        let all = all.filter(|key| key.namespace == *namespace);
        all.cloned().collect()
    }
}
