//! Carries out what the state machine wants done to the process.
//!
//! In: a version to prepare or to act on, and what changed. Out: how it ended,
//! as a value; nothing here decides what comes next. One job at a time, on a
//! thread of its own, so that a slow target never holds up watching.

pub(crate) mod address;
pub(crate) mod command;
mod credentials;
pub(crate) mod http;
mod page;
pub(crate) mod prove;
mod resolver;
pub(crate) mod signal;
mod unix;

use crate::journal::Journal;
use crate::nursery::Nursery;
use crate::proc::{self, Process};
use crate::render::Render;
use command::Context;
use http::{Call, NoAnswer};
use prove::{Before, Eyes, Hurry, Proof, Seen};
use signal::Target;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidings_core::action::Signal;
use tidings_core::supervise::{Took, Version};

/// A process that dies within this time of a signal died of it.
const DEATH_WATCH: Duration = Duration::from_secs(2);

/// What makes the process take a change.
#[derive(Debug, Clone)]
pub(crate) enum Means {
    /// A signal.
    Signal {
        /// Which.
        signal: Signal,
        /// To whom.
        target: Target,
        /// Somebody who knows the program says that it reloads on it.
        known_to_be_handled: bool,
    },
    /// Calls, all of which must be answered well.
    Http(Vec<Call>),
    /// A command.
    Exec(Vec<String>),
    /// Nothing here: the state machine restarts or exits by itself.
    Elsewhere,
}

/// Everything an attempt needs.
pub(crate) struct Actor {
    pub(crate) means: Means,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) proof: Option<Proof>,
    pub(crate) renders: Vec<Render>,
    /// For checks and `--exec`.
    pub(crate) command_timeout: Duration,
    pub(crate) proof_timeout: Duration,
    pub(crate) nursery: Arc<Nursery>,
    pub(crate) hurry: Arc<Hurry>,
    pub(crate) journal: Arc<Journal>,
    /// Which calls have succeeded for which version: a retry makes only the rest.
    pub(crate) called: Option<(Version, Vec<usize>)>,
}

impl Actor {
    /// Renders and checks. On failure everything is as it was. True: a rendered
    /// file is another one than before.
    pub(crate) fn prepare(&self, context: &Context) -> Result<bool, String> {
        let mut rendered = Vec::new();
        for render in &self.renders {
            let done = render.run()?;
            self.journal.unset_variables(&render.output, &done.unset);
            rendered.push(done);
        }
        self.check(context)?;
        let changed = rendered.iter().any(|done| done.changed);
        rendered.into_iter().for_each(crate::render::Rendered::keep);
        Ok(changed)
    }

    fn check(&self, context: &Context) -> Result<(), String> {
        let Some(argv) = &self.check else {
            return Ok(());
        };
        let ran = command::run(argv, context, self.command_timeout, &self.nursery)?;
        if ran.succeeded() {
            Ok(())
        } else {
            Err(ran.why("the check", self.command_timeout))
        }
    }

    /// Makes the process take `version`.
    pub(crate) fn act(&mut self, version: Version, context: &Context) -> Took {
        self.hurry.reset();
        match self.means.clone() {
            Means::Signal {
                signal,
                target,
                known_to_be_handled,
            } => self.signal(signal, &target, known_to_be_handled, context),
            Means::Http(calls) => self.call_all(version, &calls, context),
            Means::Exec(argv) => self.exec(&argv, context),
            Means::Elsewhere => Took::Delivered,
        }
    }

    /// Whether what runs now may have started before the files were as they are.
    pub(crate) fn may_be_old(&self, changed_at: (i64, i64)) -> bool {
        match &self.means {
            Means::Signal { target, .. } => target
                .find()
                .and_then(|process| process.age())
                .is_some_and(|age| proc::may_be_older(age, changed_at)),
            Means::Http(calls) => calls.iter().any(Call::is_up),
            Means::Exec(_) => true,
            Means::Elsewhere => false,
        }
    }

    fn signal(&self, signal: Signal, target: &Target, known: bool, context: &Context) -> Took {
        let Some(process) = target.find() else {
            return Took::NotUp(format!("{} is not there yet", target.shown()));
        };
        let eyes = self.eyes(context);
        let pid = Some(process.pid);
        let before = self.before(pid, &eyes);
        if let Err(took) = signal::may_send(&process, signal, known) {
            return took;
        }
        if let Err(took) = signal::send(&process, signal) {
            return took;
        }
        let alive = |pause| !process.ended_within(pause);
        match &self.proof {
            Some(proof) => match proof.after(&before, pid, &eyes, alive) {
                None => died(&process, signal),
                Some(seen) => took(seen),
            },
            None if self.survives(&process) => Took::Delivered,
            None => died(&process, signal),
        }
    }

    /// Watches for a while whether the process lives on.
    fn survives(&self, process: &Process) -> bool {
        let until = Instant::now() + DEATH_WATCH;
        while Instant::now() < until && !self.hurry.is_on() {
            if process.ended_within(Duration::from_millis(50)) {
                return false;
            }
        }
        true
    }

    fn call_all(&mut self, version: Version, calls: &[Call], context: &Context) -> Took {
        let before = self.before(None, &self.eyes(context));
        let mut done = match self.called.take() {
            Some((of, done)) if of == version => done,
            _ => Vec::new(),
        };
        for (index, call) in calls.iter().enumerate() {
            if done.contains(&index) {
                continue;
            }
            if let Err(took) = self.call(call) {
                self.called = Some((version, done));
                return took;
            }
            done.push(index);
        }
        // An answer with the status that was asked for is proof in itself.
        self.proved(&before, context).unwrap_or(Took::Applied)
    }

    fn call(&self, call: &Call) -> Result<(), Took> {
        let began = Instant::now();
        let result = call.make(|agent| self.hurry.calling(agent));
        let status = result.as_ref().ok().map(http::Answer::status);
        let accepted = status.is_some_and(|status| call.accepts(status));
        let shown = call.shown();
        self.journal
            .called(&shown, status, accepted, began.elapsed());
        match result {
            Ok(_) if accepted => Ok(()),
            Ok(answer) => {
                let first = format!("{shown} answered {}", answer.status());
                Err(Took::Rejected(
                    format!("{first}\n{}", answer.quote()).trim_end().into(),
                ))
            }
            Err(NoAnswer::NotUp(why)) => Err(Took::NotUp(why)),
            Err(NoAnswer::Failed(why)) => Err(Took::Unverified(why)),
        }
    }

    fn exec(&self, argv: &[String], context: &Context) -> Took {
        let before = self.before(None, &self.eyes(context));
        match command::run(argv, context, self.command_timeout, &self.nursery) {
            Ok(ran) if ran.succeeded() => self.proved(&before, context).unwrap_or(Took::Delivered),
            Ok(ran) => Took::Rejected(ran.why("the command", self.command_timeout)),
            Err(why) => Took::Rejected(why),
        }
    }

    fn before(&self, pid: Option<i32>, eyes: &Eyes<'_>) -> Before {
        let proof = self.proof.as_ref();
        proof.map_or(Before::Nothing, |proof| proof.before(pid, eyes))
    }

    /// `None`: no proof is asked for.
    fn proved(&self, before: &Before, context: &Context) -> Option<Took> {
        let proof = self.proof.as_ref()?;
        let eyes = self.eyes(context);
        let alive = |pause| {
            std::thread::sleep(pause);
            true
        };
        proof.after(before, None, &eyes, alive).map(took)
    }

    fn eyes<'a>(&'a self, context: &'a Context) -> Eyes<'a> {
        Eyes {
            nursery: &self.nursery,
            context,
            timeout: self.proof_timeout,
            hurry: &self.hurry,
        }
    }
}

impl NoAnswer {
    /// Either way, the sentence.
    pub(crate) fn sentence(self) -> String {
        match self {
            Self::NotUp(why) | Self::Failed(why) => why,
        }
    }
}

fn took(seen: Seen) -> Took {
    match seen {
        Seen::Yes => Took::Applied,
        Seen::No(why) => Took::Rejected(why),
        Seen::NotYet(why) => Took::Unverified(why),
    }
}

fn died(process: &Process, signal: Signal) -> Took {
    Took::Died(format!(
        "process {} ended when it got {signal}; it is sent no more signals",
        process.pid
    ))
}
