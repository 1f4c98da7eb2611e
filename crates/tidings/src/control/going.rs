//! Workloads that are gone, or that a list did not show: what becomes of their records.
//!
//! A record is needed as long as pods of a workload may be there; whoever is made again
//! around them has it for its own ([`super::coming_back`]).

use tidings_core::index::{Fact, Going, How};
use tidings_core::object::Workload;
use tidings_core::refs::{Name, WorkloadRef};

use super::Effect;
use super::departed::KEPT_FOR_PODS;
use super::desk::Desk;
use super::ground::Ground;
use super::leading::Leading;
use crate::api::ApiError;

impl Leading {
    /// What its pods have is remembered where they may stay.
    pub(super) fn gone(&mut self, ground: &mut Ground, key: &WorkloadRef, how: Going) {
        if self.is_recreating(key) {
            return self.take_up(ground, key);
        }
        self.queue.forget(key);
        self.trains.forget(key);
        self.desks.clear(key);
        if self.store.get(key).is_none() {
            return;
        }
        match how {
            Going::Deleted => self.store.remove(key, ground.now),
            Going::Orphaning => self.departed.gone(key.clone(), ground.now),
            Going::Unseen => self.not_listed(ground, key.clone()),
        }
    }

    /// A Job of this uid that is deleted to be made again, and is not there again.
    pub(super) fn is_remaking(&self, key: &WorkloadRef, uid: &Name) -> bool {
        let desk = self.desks.get(key);
        desk.is_some_and(|desk| desk.is_remaking(uid))
    }

    /// A Job that is deleted to be made again, by us.
    pub(super) fn is_recreating(&self, key: &WorkloadRef) -> bool {
        let desk = self.desks.get(key);
        desk.is_some_and(Desk::is_recreating)
    }

    /// Workloads that were deleted while nobody looked: nobody knows whether their pods
    /// are gone too, unless their namespace is.
    pub(super) fn note_departed(&mut self, ground: &mut Ground) {
        self.take_up_gone(ground);
        let index = &ground.index;
        let is_gone = |key: &WorkloadRef| index.is_complete_for(key) && index.get(key).is_none();
        self.desks.forget_remade(is_gone);
        let departed: Vec<_> = self
            .store
            .workloads()
            .filter(|key| (ground.covers)(&key.namespace) && is_gone(key))
            .filter(|key| !self.is_recreating(key))
            .cloned()
            .collect();
        for key in departed {
            self.not_listed(ground, key);
        }
    }

    /// With a namespace that is gone its pods are, too.
    fn not_listed(&mut self, ground: &Ground, key: WorkloadRef) {
        let pods_may_stay = !ground.index.is_gone(&key.namespace);
        let until = ground.now + if pods_may_stay { KEPT_FOR_PODS } else { 0 };
        self.departed.not_listed(key, until);
    }

    /// Looks for those that a list did not show.
    pub(super) fn look_for_departed(&mut self, ground: &mut Ground) {
        let asked = self.departed.ask().into_iter();
        let effects = asked.map(|(key, at)| Effect::LookFor(key, at));
        ground.effects.extend(effects);
    }

    /// One was looked for.
    pub(super) fn looked_for(
        &mut self,
        ground: &mut Ground,
        key: WorkloadRef,
        result: Result<Option<Box<Workload>>, ApiError>,
    ) {
        match result {
            Ok(None) => self.departed.not_found(&key),
            Ok(Some(workload)) if self.departed.found(&key) => {
                tracing::warn!(%key, "a list did not show it, and it is there");
                let concerned = ground.take_in(Fact::Workload(workload, How::Event));
                self.heed(ground, &concerned);
            }
            Ok(Some(_)) => {}
            Err(error) => {
                tracing::debug!(%key, %error, "nobody knows whether it is gone");
                self.departed.not_answered(key, ground.now, &error);
            }
        }
    }

    /// Where there is no room for more records, those of workloads that are there come
    /// first.
    pub(super) fn make_room(&mut self, ground: &Ground, namespace: &Name) {
        let departed = self.departed.take_of(namespace);
        self.forget(ground, &departed);
    }

    pub(super) fn forget(&mut self, ground: &Ground, departed: &[WorkloadRef]) {
        for key in departed
            .iter()
            .filter(|key| ground.index.get(key).is_none())
        {
            self.store.remove(key, ground.now);
        }
    }
}
