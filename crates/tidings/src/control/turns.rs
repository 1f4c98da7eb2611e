//! Trains, as the leader has them: who is told of a source that changed, what is noted of
//! each decision, and who is looked at again.
//!
//! They are worked out from the records and from what each decision finds: a term begins
//! with the rides that are on record, and until everybody has been decided nobody of a
//! later wave begins.

use tidings_core::index::Concerned;
use tidings_core::refs::{SourceRef, WorkloadRef};
use tidings_core::train::{Boarding, RiderNews};

use super::ground::Ground;
use super::leading::Leading;

impl Leading {
    /// What is on record of rides; of whom it is not known whether they are due is looked at.
    pub(super) fn resume_trains(&mut self, ground: &Ground) {
        let now = ground.seconds();
        for key in self.store.workloads() {
            let entry = self.store.get(key);
            if let Some(entry) = entry.filter(|entry| entry.ride.is_some()) {
                self.trains.resume(key, entry, now);
            }
        }
        for source in ground.index.all_in_turn() {
            let users = ground.index.users(source);
            self.trains.expect(source, ground.index.in_turn(&users));
        }
    }

    /// Until it is the turn of those who use what changed to be told, nobody begins.
    pub(super) fn stir_trains(&mut self, ground: &Ground, concerned: &Concerned) {
        let changed = concerned.changed.iter();
        for source in changed.filter(|source| ground.index.takes_turns(source)) {
            self.trains.stir(source);
        }
    }

    /// They are told that a source changed, and are about to be decided.
    pub(super) fn expect_trains(
        &mut self,
        ground: &Ground,
        source: &SourceRef,
        users: &[WorkloadRef],
    ) {
        if ground.index.takes_turns(source) || self.trains.is_stirred(source) {
            self.trains.expect(source, ground.index.in_turn(users));
        }
    }

    /// What was decided is on record.
    pub(super) fn note_train(
        &mut self,
        ground: &Ground,
        key: &WorkloadRef,
        boarding: Option<&Boarding>,
    ) {
        let Some(known) = ground.index.get(key) else {
            return;
        };
        self.trains.note(&RiderNews {
            key,
            wave: known.policy.wave(),
            at_once: known.policy.at_once,
            entry: self.store.get(key),
            boarding,
            progress: known.workload.progress,
            now: ground.seconds(),
        });
    }

    /// Whose turn it may be now is looked at.
    pub(super) fn rouse_trains(&mut self, ground: &Ground) {
        for key in self.trains.rouse() {
            self.queue.look(&key, ground.now);
        }
    }
}
