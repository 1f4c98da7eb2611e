//! Rollouts: the user's own, and ours.

use tidings_core::ladder::OwnRollout;

use super::{Happening, Life, Rollout};
use crate::cluster::SeenPod;

impl Life {
    pub(crate) fn begin_rollout(&mut self, number: Option<u64>) {
        self.generation += 1;
        let hangs = self.weather.rollouts && self.troubles > 0 && self.chance.once_in(3);
        self.rollout = Some(Rollout {
            generation: self.generation,
            hangs: hangs.then(|| self.now + 60_000),
            // One that is overtaken brings what is on the template too.
            number: number.or_else(|| self.rollout.and_then(|rollout| rollout.number)),
        });
        self.on_template = number.unwrap_or(self.on_template);
        self.say(format_args!("rollout {:?}", self.rollout));
        self.tell_conditions();
        self.at(500, Happening::RolloutGoesOn);
    }

    pub(super) fn rollout_goes_on(&mut self) {
        let Some(rollout) = self.rollout else {
            return;
        };
        if rollout.hangs.is_some() {
            self.tell_conditions();
            return self.at(30_000, Happening::RolloutGoesOn);
        }
        let old = |pod: &&SeenPod| pod.generation < rollout.generation;
        let old = self.cluster.staying().find(old);
        if let Some(uid) = old.map(|pod| pod.uid.clone()) {
            self.cluster.pods.remove(&uid);
            self.make_pod();
            return self.at(700, Happening::RolloutGoesOn);
        }
        self.rollout = None;
        self.say(format_args!("rollout through"));
        self.tell_conditions();
        self.rolled(rollout.number);
    }

    pub(crate) fn own_rollout(&self) -> OwnRollout {
        match self.rollout {
            None => OwnRollout::Through,
            Some(Rollout {
                hangs: Some(since), ..
            }) if self.now >= since => OwnRollout::Hangs,
            Some(_) => OwnRollout::Running,
        }
    }
}
