//! Pods that are evicted, and those that come in their place.

use tidings_core::refs::Name;

use super::{Happening, Life};

impl Life {
    /// It was evicted, and ends when its process does.
    pub(crate) fn evicted(&mut self, uid: &Name) {
        let hangs = self.weather.hangs && self.chance.once_in(4);
        let lasts = if hangs {
            self.chance.of(&[20_000, 90_000, 400_000])
        } else {
            self.chance.between(50, 3_000)
        };
        self.at(lasts, Happening::IsGone(uid.clone()));
        if !self.ordered {
            self.at(20, Happening::Refills);
        }
    }

    /// The kubelet has ended it; where its node is gone nobody does.
    pub(super) fn is_gone(&mut self, uid: &Name) {
        let pod = self.cluster.pods.get(uid);
        if pod.is_some_and(|pod| !self.cluster.is_there(pod.node)) {
            return self.at(1_000, Happening::IsGone(uid.clone()));
        }
        self.cluster.pods.remove(uid);
        self.at(20, Happening::Refills);
    }

    pub(super) fn refill(&mut self) {
        while self.cluster.staying().count() < self.replicas {
            self.make_pod();
            let mut pods = self.cluster.pods.values_mut();
            if let Some(made) = pods.next_back() {
                made.down_by_us = true;
            }
        }
    }
}
