//! What is promised of a ladder, asserted when it acts, leaves a rung or ends.

use tidings_core::ladder::{Finish, OwnRollout};
use tidings_core::method::Method;
use tidings_core::refs::Name;

use crate::cluster::seconds;
use crate::life::Life;

impl Life {
    pub(super) fn check_asked_once(&mut self, uid: &Name) {
        let open = self.controller.open.entry(uid.clone()).or_default();
        *open += 1;
        assert_eq!(*open, 1, "{uid} is asked twice at once");
    }

    pub(super) fn check_act(&mut self, uid: &Name, method: Method) {
        let told = self.controller.told.unwrap();
        self.check_listed(method, told.allowed);
        assert_eq!(
            self.controller.record.rungs.first(),
            Some(method),
            "two rungs"
        );
        assert!(!self.controller.refused, "something after a refusal");
        let proven_once = self.controller.past.values().any(|past| past.proven);
        self.check_whom(uid, method, proven_once);
        let poke = method == Method::Poke;
        let in_place = method == Method::RestartInPlace;
        let evicts = method == Method::Evict;
        let past = self.controller.past.get_mut(uid).unwrap();
        if past.acts == 0 && past.reasons == 0 {
            assert!(!told.held, "{uid} is begun while it is held");
            let rungs = self.controller.record.rungs & told.allowed;
            let alone = told.rollout == OwnRollout::Hangs && !rungs.contains(Method::Rollout);
            assert!(
                told.rollout == OwnRollout::Through || alone,
                "{uid} is begun in a rollout"
            );
            assert!(
                !past.carried || poke || in_place || evicts,
                "{uid} carries the number, and is acted on"
            );
        }
        assert!(!past.proven, "{uid} has proved it, and is acted on again");
        // While the first one was out of reach another may have begun.
        if !proven_once && !poke && past.acts == 0 {
            let others = self.controller.open.keys().filter(|other| *other != uid);
            let mut beside =
                others.filter(|other| self.controller.past[*other].out_since.is_none());
            assert_eq!(beside.next(), None, "{uid} is not the first, nor alone");
        }
        let past = self.controller.past.get_mut(uid).unwrap();
        let second = u32::from(poke && past.acts > 0);
        assert!(
            past.acts <= past.reasons + second,
            "{uid} is acted on twice"
        );
        if past.acts > 0 {
            assert!(
                self.now >= past.at + 1_000,
                "{uid} is acted on again at once"
            );
        }
        let blind = past.acts == 0 && past.ready;
        (past.acts, past.at) = (past.acts + 1, self.now);
        *self.controller.open.entry(uid.clone()).or_default() += 1;
        assert_eq!(
            self.controller.open[uid], 1,
            "{uid} is acted on twice at once"
        );
        let restarts = self.restarts && proven_once && !poke;
        if blind && (restarts || in_place || evicts) {
            self.check_spared(uid);
        }
    }

    fn check_whom(&self, uid: &Name, method: Method, proven_once: bool) {
        if !proven_once {
            self.check_asked_again(uid);
        }
        if method == Method::Evict {
            self.check_evicted(uid);
        }
    }

    /// What one has refused is brought to that one, or to one that was made later, before
    /// anybody has proved it.
    fn check_asked_again(&self, uid: &Name) {
        let record = &self.controller.record;
        if let (Some(refuser), Some(pod)) = (&record.refuser, self.cluster.pods.get(uid)) {
            let is_new = seconds(pod.made) > record.since;
            assert!(
                is_new || *refuser.pod == *format!("web-{uid}"),
                "{uid} is tried after {refuser:?}"
            );
            assert!(is_new || !refuser.died, "{uid} has died of it");
        }
    }

    /// Whom no budget guards, or who has what is there, is left alone.
    fn check_evicted(&self, uid: &Name) {
        let Some(pod) = self.cluster.pods.get(uid) else {
            return;
        };
        assert!(pod.ran, "{uid} is pending, and evicted");
        let since = self.controller.record.since;
        assert!(seconds(pod.made) <= since + 5, "{uid} is newer than that");
        let first = self.controller.first.as_ref();
        let was_first = first.is_some_and(|first| first.contains(uid));
        assert!(was_first, "{uid} stands in another's place, and is evicted");
    }

    /// With us the last pod does not go down, as far as was told how many there should be.
    fn check_spared(&self, uid: &Name) {
        if self.controller.told.unwrap().desired != self.replicas {
            return;
        }
        let others = || self.cluster.staying().filter(|pod| pod.uid != *uid);
        let missing = self.replicas.saturating_sub(others().count() + 1);
        let past = &self.controller.past;
        let begun = |uid| {
            past.get(uid)
                .is_some_and(|past| past.acts > 0 && !past.proven)
        };
        let down = others().filter(|pod| pod.down_by_us || begun(&pod.uid));
        let named: Vec<_> = down.clone().map(|pod| (&pod.uid, pod.ready)).collect();
        let down = down.count() + missing;
        assert!(
            others().count() == 0 || down < others().count() + missing,
            "{uid} is acted on while all others are down by us"
        );
        assert!(
            down < self.conditions.unavailable,
            "more are down than may be: {named:?}"
        );
    }

    /// Whether every pod that runs on a node that is there takes the content in time: where
    /// a kubelet knew only the former content four times, it is its own sync that brings
    /// it.
    fn pods_are_well(&self) -> bool {
        let in_time = !self.weather.lost || self.timeout > 90_000;
        self.weather.pods_are_well() && in_time
    }

    pub(super) fn check_leaving(&self, why: &str) {
        let open = &self.controller.open;
        assert!(open.is_empty(), "left while {open:?} are under way");
        assert!(!self.controller.refused, "a later rung after a refusal");
        let refuser = &self.controller.record.refuser;
        assert_eq!(*refuser, None, "a later rung after a refusal");
        let told = self.controller.told.unwrap();
        assert!(!told.held, "climbed while it is held");
        assert!(
            !self.pods_are_well(),
            "{why}: but all that run on a node that is there take it"
        );
    }

    pub(super) fn check_end(&self, end: &Finish) {
        let record = &self.controller.record;
        let told = self.controller.told.unwrap();
        assert!(self.controller.open.is_empty() || !matches!(end, Finish::To(_)));
        match end {
            Finish::InStep { proven: true, .. } => {
                let last = self.controller.came >= self.controller.proof;
                assert!(last, "in step, but nobody looked for new pods");
                for pod in self.cluster.running() {
                    let evicts = record.rungs.first() == Some(Method::Evict);
                    if self.was_left_out(&pod.uid) || (pod.going && !evicts) {
                        continue;
                    }
                    let newer = pod.has.write > record.content.write;
                    assert!(
                        pod.has.value == record.content.value || newer,
                        "in step, but {pod:?}"
                    );
                }
            }
            Finish::To(method) => {
                self.check_listed(*method, told.allowed);
                assert!(!self.controller.refused, "{method} after a refusal");
                assert!(!told.held && told.rollout != OwnRollout::Running);
            }
            Finish::NotTaken { why } => {
                assert!(!self.pods_are_well(), "not taken: {why}");
            }
            Finish::InStep { proven: false, .. } => self.check_poked(),
            Finish::Rejected { .. } => assert!(self.weather.bad_contents),
            Finish::Died { .. } => assert!(self.weather.bad_contents || self.weather.crashes),
            Finish::Overtaken | Finish::Stands => {}
        }
    }

    /// Whether a pod had not run for so long that nobody waited for it.
    fn was_left_out(&self, uid: &Name) -> bool {
        let out_since = self
            .controller
            .past
            .get(uid)
            .and_then(|past| past.out_since);
        out_since.is_some_and(|since| self.now >= since + self.timeout)
    }

    /// Every pod that was there was poked, and once more.
    fn check_poked(&self) {
        for uid in self.cluster.pods.keys() {
            let past = self.controller.past.get(uid);
            assert!(
                past.is_none_or(|past| past.acts >= 2),
                "{uid} was not poked"
            );
        }
    }
}
