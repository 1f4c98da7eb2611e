//! Jobs that are deleted to be made again.
//!
//! When their pods end is not ours to say, and a finalizer keeps one for ever. So nothing
//! is held meanwhile but a line on the desk: the watch tells that a Job is gone, and it is
//! looked at now and then in case. In a namespace only so many are on that way.

use std::time::Duration;

use tidings_core::reason::Reason;
use tidings_core::refs::WorkloadRef;

use super::ground::Ground;
use super::leading::Leading;
use super::{Effect, Patch};
use crate::api::ApiError;

/// So many Jobs of a namespace are made again at once: of each a manifest is kept in our
/// own namespace meanwhile.
pub(super) const REMAKES: usize = 64;
/// A Job that is deleted is looked at again after this, whatever the watch tells. One that
/// is still there then is said: its pods had longer than they get by default.
const LOOK: Duration = Duration::from_mins(1);
/// One that waits for others is looked at again after this, if not before.
const PUT_OFF: Duration = Duration::from_mins(10);

impl Leading {
    /// Those of the terms before go on.
    pub(super) fn take_up_all(&mut self, ground: &mut Ground) {
        for key in self.desks.leaving() {
            self.take_up(ground, &key);
        }
    }

    /// A Job is gone, or another is there in its place.
    pub(super) fn take_up(&mut self, ground: &mut Ground, key: &WorkloadRef) {
        if let Some(patch) = self.desks.take_up(key) {
            ground.effects.push(Effect::Remake(patch, ground.now));
        }
    }

    /// Those that were gone before a list could show them.
    pub(super) fn take_up_gone(&mut self, ground: &mut Ground) {
        for key in self.desks.leaving() {
            if ground.index.ready(&key) && ground.index.get(&key).is_none() {
                self.take_up(ground, &key);
            }
        }
    }

    /// It is deleted, and still there.
    pub(super) fn leaving(&mut self, ground: &mut Ground, patch: &Patch, why: &str) {
        let key = &patch.roll.key;
        let known = self.desks.leaves(patch);
        self.desks.of(key).announced.waits();
        if known {
            let text = format!("{}; {why}", patch.roll.because);
            self.say_failure(ground, key, (Reason::BeingRemade, text));
        }
        let is_there = |uid| uid == &patch.uid;
        let shown = ground.index.get(key).map(|known| &known.workload.uid);
        let gone = ground.index.ready(key) && !shown.is_some_and(is_there);
        self.again(ground, patch, if gone { Duration::ZERO } else { LOOK });
    }

    /// It is deleted, and what was to follow has failed.
    pub(super) fn unmade(&mut self, ground: &mut Ground, patch: &Patch, error: &ApiError) {
        let key = &patch.roll.key;
        let text = format!("making it again: {error}");
        if ground.index.get(key).is_some() {
            self.say_failure(ground, key, (Reason::Failed, text));
        } else if self.desks.of(key).announced.fail(&(Reason::Failed, text)) {
            tracing::warn!(job = %key, %error, "the Job is deleted to be made again, and that is not done yet");
        }
        self.again(ground, patch, error.retry_after().unwrap_or_default());
    }

    fn again(&mut self, ground: &mut Ground, patch: &Patch, least: Duration) {
        let desk = self.desks.of(&patch.roll.key);
        let at = desk.backoff.failed(ground.now, Some(least));
        ground
            .effects
            .push(Effect::Remake(Box::new(patch.clone()), at));
    }

    /// So many are on that way that it waits for one of them.
    pub(super) fn put_off(&mut self, ground: &mut Ground, key: &WorkloadRef) {
        self.desks.end(key);
        self.desks.put_off(key);
        self.desks.of(key).announced.waits();
        let text = format!(
            "it waits for one of {REMAKES} Jobs of its namespace that are being made again"
        );
        self.say_failure(ground, key, (Reason::BeingRemade, text));
        let again = self.desks.of(key).backoff.failed(ground.now, Some(PUT_OFF));
        self.queue.look(key, again);
    }

    /// One of a namespace is not on that way any more.
    pub(super) fn end_put_off(&mut self, ground: &Ground, key: &WorkloadRef) {
        if let Some(next) = self.desks.take_put_off(&key.namespace) {
            self.queue.look(&next, ground.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use tidings_core::index::{Fact, How, Stream, StreamOf};
    use tidings_core::kinds::{Kind, Renewal};
    use tidings_core::object::read_workload;
    use tidings_core::vocabulary::Vocabulary;

    use super::*;
    use crate::control::simulation::control;
    use crate::control::{Action, Answer, Control, Input, NewTerm, NoticeKind, Outcome, Roll};

    fn job(n: usize) -> WorkloadRef {
        let kind = Kind::of_renewal(Renewal::Recreate).unwrap();
        WorkloadRef::new(kind, "ns", format!("j{n}"))
    }

    fn patch(n: usize) -> Patch {
        let roll = Roll {
            key: job(n),
            n: 1,
            reason: Reason::Resumed,
            because: "configmap/app (key)".to_owned(),
            changes: Vec::new(),
            sources: Vec::new(),
        };
        Patch {
            roll: Arc::new(roll),
            on: job(n),
            uid: "former".into(),
            version: 1,
            generation: 0,
            action: Action::Recreate,
            traces: false,
        }
    }

    fn fact(n: usize, uid: &str) -> Fact {
        let object = json!({
            "metadata": {"namespace": "ns", "name": format!("j{n}"), "uid": uid,
                "resourceVersion": "1", "annotations": {"tidings.dev/reload": "auto"}},
            "spec": {"template": {"spec": {"containers": []}}},
        });
        let object = object.to_string();
        let read = read_workload(job(n).kind, object.as_bytes(), &Vocabulary::default());
        Fact::Workload(Box::new(read.unwrap()), How::Listed)
    }

    /// A term that begins with a Job on its way.
    fn led() -> Control {
        let mut control = control();
        let streams: Vec<_> = control.index().streams().map(|(s, _)| s.clone()).collect();
        let take = |control: &mut Control, fact| control.take(0, Input::Fact(fact));
        for stream in &streams {
            take(&mut control, Fact::ListBegan(stream.clone()));
        }
        take(&mut control, fact(0, "former"));
        for stream in streams {
            take(&mut control, Fact::ListEnded(stream, 1));
        }
        let new = NewTerm {
            number: 1,
            state: Vec::new(),
            remaking: vec![patch(0)],
            unled_since: None,
        };
        control.take(0, Input::Leading(new));
        control
    }

    fn answer(control: &mut Control, now: u64, outcome: Outcome) {
        let answer = Answer::Patched(Box::new(patch(0)), Ok(outcome));
        control.take(now, Input::Answer(1, answer));
    }

    /// When it is gone on with, and what is said.
    fn done(control: &mut Control, now: u64) -> Vec<String> {
        let effects = control.turn(now).into_iter();
        let shown = effects.filter_map(|effect| match effect {
            Effect::Remake(_, at) => Some(format!("at {at}")),
            Effect::Say(notice) => Some(match notice.kind {
                NoticeKind::Rolled(..) => "rolled".to_owned(),
                _ => format!("{}: {}", notice.reason, notice.text),
            }),
            _ => None,
        });
        shown.collect()
    }

    fn waits() -> Outcome {
        Outcome::Leaving("waits for its pods".to_owned())
    }

    #[test]
    fn a_job_that_stays_is_said_after_a_while_and_looked_at_now_and_then() {
        let mut control = led();
        assert_eq!(done(&mut control, 0), ["at 0"]);
        answer(&mut control, 10, waits());
        assert_eq!(done(&mut control, 10), ["at 60010"]);
        answer(&mut control, 60_020, waits());
        let said = "BeingRemade: configmap/app (key); waits for its pods";
        assert_eq!(done(&mut control, 60_020), [said, "at 120020"]);
        answer(&mut control, 120_030, waits());
        assert_eq!(done(&mut control, 120_030), ["at 180030"]);
        assert!(control.is_drained());
    }

    #[test]
    fn the_watch_tells_that_it_is_gone_and_what_comes_late_means_nothing() {
        let mut control = led();
        done(&mut control, 0);
        answer(&mut control, 10, waits());
        done(&mut control, 10);
        control.take(20, Input::Fact(Fact::WorkloadGone(job(0), 99)));
        assert_eq!(done(&mut control, 20), ["at 20"]);
        answer(&mut control, 30, Outcome::Unmade(ApiError::Expired));
        assert_eq!(done(&mut control, 30), ["at 130"]);
        answer(&mut control, 140, Outcome::Made("new".into()));
        assert_eq!(done(&mut control, 140), ["rolled"]);
        for late in [waits(), Outcome::Made("new".into())] {
            answer(&mut control, 150, late);
            assert_eq!(done(&mut control, 150), [""; 0]);
        }
    }

    /// As after a restart: it was gone before its kind was listed.
    #[test]
    fn one_that_no_list_shows_goes_on() {
        let mut control = led();
        done(&mut control, 0);
        answer(&mut control, 10, waits());
        done(&mut control, 10);
        let stream = Stream {
            of: StreamOf::Workloads(job(0).kind),
            namespace: None,
        };
        control.take(20, Input::Fact(Fact::ListBegan(stream.clone())));
        control.take(20, Input::Fact(Fact::ListEnded(stream, 2)));
        assert_eq!(done(&mut control, 20), ["at 20"]);
    }
}
