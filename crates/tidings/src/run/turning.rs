//! The loop of the running controller.
//!
//! Goes in: facts, answers and elections, and the time. Comes out: effects, each
//! handed on to be carried out. One task owns the [`Control`] and never waits for the
//! API server: whatever asks it is a task of its own, whose answer comes back here.
//!
//! Error policy: none of its own; what fails is an answer like others.

use std::time::{Duration, Instant};

use tidings_core::index::Stream;
use tidings_core::object::Version;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};

use crate::control::{Control, Input};
use crate::lease::Election;
use crate::run::effects::Effects;
use crate::run::ending::DRAIN;
use crate::watch::News;

/// Inputs taken in before effects are handed out, so that a flood of facts is
/// one turn and not a thousand.
const BATCH: usize = 512;
/// How often the state's objects are looked after.
const STATE_ROUND: Duration = Duration::from_secs(10);
/// The loop turns at least this often, which shows that it lives.
const ALIVE: Duration = Duration::from_secs(5);

/// The loop: inputs in, effects out, until `stop`; then what is under way is
/// finished.
pub(crate) struct Loop {
    pub(crate) control: Control,
    pub(crate) effects: Effects,
    /// Answers to effects.
    pub(crate) inbox: mpsc::Receiver<Input>,
    /// From the watches.
    pub(crate) facts: mpsc::Receiver<News>,
    pub(crate) elections: mpsc::Receiver<Election>,
    pub(crate) started: Instant,
    /// When gauges that were not shown yet are to be shown.
    pub(crate) show_again: Option<Instant>,
    /// The form of the records that all replicas know, where that was told.
    pub(crate) form: Option<u8>,
    /// What was told is of another time.
    pub(crate) put_back: bool,
}

/// Why the loop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was told to.
    Stopped,
    /// All that it knows is of another time.
    PutBack,
}

impl Loop {
    /// Runs until `stop` and then until nothing is under way, at most [`DRAIN`].
    pub(crate) async fn run(&mut self, stop: impl Future<Output = ()>) -> Ended {
        tokio::pin!(stop);
        let mut round = interval(STATE_ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = self.next_turn();
            tokio::select! {
                Some(input) = self.inbox.recv() => self.take(input),
                Some(fact) = self.facts.recv() => self.take_facts(fact),
                Some(election) = self.elections.recv() => self.elected(election),
                () = sleep_until(next.into()) => {}
                _ = round.tick() => self.look_after_state(),
                () = &mut stop => break,
            }
            if self.put_back {
                return Ended::PutBack;
            }
            self.turn();
        }
        self.drain().await;
        Ended::Stopped
    }

    /// Goes on with a controller that knows nothing yet, and what it is told.
    pub(crate) fn begin_anew(
        &mut self,
        control: Control,
        (inbox, facts): (mpsc::Receiver<Input>, mpsc::Receiver<News>),
        answers: mpsc::Sender<Input>,
    ) {
        (self.control, self.inbox, self.facts) = (control, inbox, facts);
        (self.started, self.show_again, self.put_back) = (Instant::now(), None, false);
        if let Some(form) = self.form {
            self.control.take(self.now(), Input::Form(form));
        }
        self.effects.begin_anew(answers);
    }

    async fn drain(&mut self) {
        self.control.drain();
        self.turn();
        let limit = sleep(DRAIN);
        tokio::pin!(limit);
        while !self.control.is_drained() {
            tokio::select! {
                Some(input) = self.inbox.recv() => self.take(input),
                () = &mut limit => {
                    tracing::warn!("stopping with writes under way; the next start finishes them");
                    return;
                }
            }
            self.turn();
        }
    }

    /// Before they are taken over nobody would know what to look for, and that they can be
    /// listed says nothing of what stands against that.
    fn look_after_state(&self) {
        if let Some(versions) = self.control.state_versions() {
            self.effects.look_after_state(versions);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn next_turn(&self) -> Instant {
        let alive = Instant::now() + ALIVE;
        let due = self
            .control
            .next()
            .map(|at| self.started + Duration::from_millis(at));
        [due, self.show_again, Some(alive)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(alive)
    }

    fn take(&mut self, first: Input) {
        let now = self.now();
        for input in batch(first, &mut self.inbox) {
            if self.is_current(&input) {
                self.control.take(now, input);
            }
        }
    }

    /// A term that has ended while its state was read must not begin.
    fn is_current(&self, input: &Input) -> bool {
        match input {
            Input::Leading(new) => self.effects.is_in_term(new.number),
            _ => true,
        }
    }

    fn take_facts(&mut self, first: News) {
        let now = self.now();
        for news in batch(first, &mut self.facts) {
            self.effects.heard(&news);
            match news {
                News::Fact(fact) => self.control.take(now, Input::Fact(fact)),
                News::PutBack(stream, then, now) => self.was_put_back(&stream, then, now),
                _ => {}
            }
        }
    }

    fn was_put_back(&mut self, stream: &Stream, then: Version, now: Version) {
        if !self.put_back {
            tracing::warn!(
                %stream,
                then,
                now,
                "versions have gone back: etcd was put back to an older copy, it seems; all is listed anew and looked at again"
            );
            self.put_back = true;
        }
    }

    fn elected(&mut self, election: Election) {
        match election {
            Election::Won(term) => {
                self.effects.begin_term(term);
                self.effects.tell_what_runs();
            }
            Election::Lost => {
                self.effects.end_term();
                self.control.take(self.now(), Input::Following);
            }
            Election::Form(form) => {
                self.form = Some(form);
                self.control.take(self.now(), Input::Form(form));
            }
        }
    }

    fn turn(&mut self) {
        let began = Instant::now();
        let effects = self.control.turn(self.now());
        if let Some(since) = self.control.unrecorded_since() {
            self.effects.leave_unrecorded(since);
        }
        let decided = self.control.take_decided();
        self.effects.decided(&decided, began.elapsed());
        for effect in effects {
            self.effects.carry_out(effect, self.started);
        }
        self.show_again = self.effects.show(&self.control);
    }
}

/// The first, and what has come since, up to so much. The rest waits where it is.
fn batch<T>(first: T, from: &mut mpsc::Receiver<T>) -> Vec<T> {
    let further = std::iter::from_fn(|| from.try_recv().ok());
    std::iter::once(first).chain(further).take(BATCH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_into_a_batch_is_in_the_next() {
        let all = 2 * BATCH + 1;
        let (tell, mut from) = mpsc::channel(all);
        for n in 0..all {
            tell.send(n).await.unwrap();
        }
        let mut seen = Vec::new();
        while let Ok(first) = from.try_recv() {
            seen.extend(batch(first, &mut from));
        }
        assert!(seen.into_iter().eq(0..all));
    }
}
