//! Telling a process by a signal, and what becomes of it.
//!
//! In: whom, and for which version. Out: how it ended. A process that dies of the
//! signal has a successor, perhaps, that read the files when it started.

use super::command::Context;
use super::page::Seen;
use super::signal;
use super::under_way::Attempt;
use super::{Actor, Aim, Message, started_after};
use crate::proc::{self, Process};
use std::time::{Duration, Instant};
use tidings_supervise::action::Signal;
use tidings_supervise::{Took, Version};

/// A process that dies within this time of a signal died of it.
const DEATH_WATCH: Duration = Duration::from_secs(2);

/// A process ended of a signal for this version.
pub(crate) struct Death {
    version: Version,
    /// All that ran before.
    were_there: Vec<i32>,
}

impl Death {
    /// Whether this process surely started with what is aimed at. Clocks alone would
    /// not tell it from one that started a moment before the files came.
    fn is_followed_by(&self, next: &Process, aim: Aim) -> bool {
        let new = self.version == aim.version && !self.were_there.contains(&next.pid);
        new || started_after(next, aim.changed_at)
    }
}

impl Actor {
    /// Tells the process; one that came in the place of one that died of it has read
    /// the files when it started.
    pub(super) fn signal(
        &mut self,
        message: &Message,
        aim: Aim,
        last: Option<Attempt>,
        context: &Context,
    ) -> Took {
        let target = &message.target;
        let Some(process) = self.find(target) else {
            return target.absence().into();
        };
        if let Some(why) = target.doubts(&process) {
            return Took::Rejected(why);
        }
        if self
            .died
            .take()
            .is_some_and(|death| death.is_followed_by(&process, aim))
        {
            return Took::Applied;
        }
        let death = Death {
            version: aim.version,
            were_there: proc::pids().collect(),
        };
        let limit = (aim, self.proof_timeout);
        let attempt = self.before_first(last, limit, Some(process.pid), context);
        let sent = signal::may_send(&process, message.signal, message.vouched)
            .and_then(|()| signal::send(&process, message.signal));
        if let Err(took) = sent {
            return took;
        }
        match self.watch(&process, &attempt, context) {
            Some(_) if self.proof.is_none() => Took::Delivered,
            Some(seen) => self.judge(seen, attempt, context),
            None if target
                .find()
                .is_some_and(|next| death.is_followed_by(&next, aim)) =>
            {
                Took::Applied
            }
            None => {
                self.died = Some(death);
                died(&process, message.signal)
            }
        }
    }

    /// `None`: the process died of it.
    fn watch(&self, process: &Process, attempt: &Attempt, context: &Context) -> Option<Seen> {
        let alive = |pause| !process.ended_within(pause);
        match &self.proof {
            Some(proof) => proof.after(
                &attempt.before,
                attempt.pid,
                &self.proof_context(context),
                alive,
            ),
            None => self.survives(process).then_some(Seen::Yes),
        }
    }

    /// Watches for a while whether the process lives on.
    pub(super) fn survives(&self, process: &Process) -> bool {
        let until = Instant::now() + DEATH_WATCH;
        while Instant::now() < until && !self.interrupt.is_on() {
            if process.ended_within(Duration::from_millis(50)) {
                return false;
            }
        }
        true
    }
}

fn died(process: &Process, signal: Signal) -> Took {
    Took::Died(format!(
        "process {} ended when it got {signal}",
        process.pid
    ))
}
