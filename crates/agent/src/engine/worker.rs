//! Who does what takes its time: one job after the other, on a thread of its own.
//!
//! In: [`Job`]s of the loop. Out: an event for each that has an answer. What cannot be
//! kept, for want of space, is tried again beside the jobs.

use crate::act::command::Context;
use crate::act::{Actor, Aim};
use crate::engine::first_look::FirstLook;
use crate::log::log;
use crate::memory::{Mark, Memory};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tidings_supervise::{Event, Grounds, Version};

/// What could not be kept is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// What the worker is asked to do.
pub(crate) enum Job {
    /// Find out what the process had when the agent started.
    FirstLook(FirstLook),
    Prepare(Mark, Context),
    Act(Aim, Context),
    /// Give what is rendered the permissions of its source.
    Modes,
    /// Watch whether the child that was just started lives and proves itself.
    Prove(Version, Context),
    /// Keep over the end of the agent what was taken.
    Keep(Mark, Grounds),
}

/// What the worker has.
pub(crate) struct Worker {
    actor: Actor,
    memory: Option<Arc<Memory>>,
    /// What was taken and could not be kept.
    unkept: Option<(Mark, Grounds)>,
    /// Acting means to end, and the next life must know by what.
    ends_us: bool,
}

impl Worker {
    /// `ends_us`: acting means to end.
    pub(crate) fn new(actor: Actor, memory: Option<Arc<Memory>>, ends_us: bool) -> Self {
        Self {
            actor,
            memory,
            unkept: None,
            ends_us,
        }
    }

    /// One job after the other, each answered by an event if there is one.
    /// As long as somebody takes it: `tell` says whether.
    pub(crate) fn work(mut self, jobs: &Receiver<Job>, tell: impl Fn(Event) -> bool) {
        loop {
            let job = match self.next(jobs) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.keep_again();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.actor.reaper.is_closed() && !matches!(job, Job::Keep(..)) {
                continue;
            }
            let event = self.job(job);
            if event.is_some_and(|event| !tell(event)) {
                return;
            }
        }
    }

    fn next(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        match self.unkept {
            Some(_) => jobs.recv_timeout(AGAIN),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn job(&mut self, job: Job) -> Option<Event> {
        match job {
            Job::FirstLook(look) => Some(look.event(&self.actor)),
            Job::Prepare(mark, context) => {
                let prepared = self.actor.prepare(&context).map(|_| ());
                if prepared.is_err() {
                    // What was put back has the permissions that it had. Why they cannot
                    // follow is why it cannot be rendered either.
                    let _ = self.actor.follow_modes();
                }
                let result = prepared.and_then(|()| self.reserve(&mark));
                Some(Event::Prepared(mark.version, result))
            }
            Job::Modes => {
                if let Err(why) = self.actor.follow_modes() {
                    log(&why);
                }
                None
            }
            Job::Act(aim, context) => {
                self.doubt(aim.version);
                let took = self.actor.act(aim, &context);
                Some(Event::Acted(aim.version, took))
            }
            Job::Prove(version, context) => {
                Some(Event::Acted(version, self.actor.prove_child(&context)))
            }
            Job::Keep(mark, grounds) => {
                self.unkept = Some((mark, grounds));
                self.keep_again();
                None
            }
        }
    }

    fn reserve(&self, mark: &Mark) -> Result<(), String> {
        let memory = self.memory.as_ref().filter(|_| self.ends_us);
        memory.map_or(Ok(()), |memory| memory.reserve(mark)).map_err(|error| {
            format!("the agent does not end by its exit code while nothing can be kept in the folder of --memory ({error}): its next life would end by the same change")
        })
    }

    fn doubt(&mut self, begun: Version) {
        // Whatever is not kept yet is doubtful too.
        self.unkept = None;
        if let Some(memory) = &self.memory {
            memory.say_if_not_kept(&memory.doubt(Some(begun)));
        }
    }

    /// What is to be kept, and could not be until now.
    fn keep_again(&mut self) {
        let (Some(memory), Some((mark, grounds))) = (&self.memory, &self.unkept) else {
            self.unkept = None;
            return;
        };
        let kept = memory.keep(mark, *grounds);
        memory.say_if_not_kept(&kept);
        if kept.is_ok() {
            memory.say_if_kept_again();
            self.unkept = None;
        }
    }
}
