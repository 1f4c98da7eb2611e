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
    Signal(Message),
    /// Calls, all of which must be answered well.
    Http(Vec<Call>),
    /// A command.
    Exec(Vec<String>),
    /// Nothing here: the state machine restarts or exits by itself.
    Elsewhere,
}

/// A signal to somebody.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Which.
    pub(crate) signal: Signal,
    /// To whom.
    pub(crate) target: Target,
    /// Somebody who knows the program says that it reloads on it.
    pub(crate) known_to_be_handled: bool,
}

/// What an attempt is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) version: Version,
    /// When the files were put there (wall clock, since 1970).
    pub(crate) changed_at: (i64, i64),
}

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

/// How a signal was taken.
enum Sent {
    Ended(Took),
    /// The process ended when it got it.
    Died,
}

/// Whether the process has what the files contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    /// It may have read what was there before.
    No,
    /// There is no such process, or nobody listens.
    NobodyThere {
        /// It may run all the same, and have read the files.
        may_be_starting: bool,
    },
    /// It cannot be asked.
    Unknown {
        /// Acting means to end the agent, and all that runs with it.
        acting_ends_us: bool,
    },
}

/// Everything an attempt needs.
pub(crate) struct Actor {
    pub(crate) means: Means,
    /// Whose start tells what it has read, where `means` do not name it.
    pub(crate) asked: Option<Target>,
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
    /// The process of the last attempt ended of it.
    pub(crate) died: Option<Death>,
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

    /// Makes the process take a version.
    pub(crate) fn act(&mut self, aim: Aim, context: &Context) -> Took {
        self.hurry.reset();
        match self.means.clone() {
            Means::Signal(message) => self.signal(&message, aim, context),
            Means::Http(calls) => self.call_all(aim.version, &calls, context),
            Means::Exec(argv) => self.exec(&argv, context),
            Means::Elsewhere => Took::Delivered,
        }
    }

    /// Whether what runs has the files that were put there at `changed_at`.
    pub(crate) fn holds(&self, changed_at: (i64, i64)) -> Holds {
        let proof = self.proof.as_ref();
        if proof.is_some_and(|proof| proof.took_since(changed_at, &self.hurry)) {
            return Holds::Yes;
        }
        match (&self.means, &self.asked) {
            (Means::Signal(Message { target, .. }), _) | (_, Some(target)) => {
                self.process_holds(target, changed_at)
            }
            (Means::Http(calls), None) if !calls.iter().any(Call::is_up) => Holds::NobodyThere {
                may_be_starting: true,
            },
            (means, None) => Holds::Unknown {
                acting_ends_us: matches!(means, Means::Elsewhere),
            },
        }
    }

    fn process_holds(&self, target: &Target, changed_at: (i64, i64)) -> Holds {
        let Some(process) = target.find() else {
            return Holds::NobodyThere {
                may_be_starting: false,
            };
        };
        let workers = || {
            let newer =
                |age: Option<Duration>| age.is_some_and(|age| !proc::may_be_older(age, changed_at));
            let mut ages = proc::children_of(process.pid)
                .into_iter()
                .map(proc::age)
                .peekable();
            ages.peek().is_some() && ages.all(newer)
        };
        let by_workers = matches!(self.proof, Some(Proof::Children));
        if started_after(&process, changed_at) || (by_workers && workers()) {
            Holds::Yes
        } else {
            Holds::No
        }
    }

    /// Tells the process; one that came in the place of one that died of it has read
    /// the files when it started.
    fn signal(&mut self, message: &Message, aim: Aim, context: &Context) -> Took {
        let target = &message.target;
        let Some(process) = target.find() else {
            return Took::NotUp(format!("{} is not there yet", target.shown()));
        };
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
        match self.send(message, &process, context) {
            Sent::Ended(took) => took,
            Sent::Died
                if target
                    .find()
                    .is_some_and(|next| death.is_followed_by(&next, aim)) =>
            {
                Took::Applied
            }
            Sent::Died => {
                self.died = Some(death);
                died(&process, message.signal)
            }
        }
    }

    fn send(&self, message: &Message, process: &Process, context: &Context) -> Sent {
        let signal = message.signal;
        let eyes = self.eyes(context);
        let pid = Some(process.pid);
        let before = self.before(pid, &eyes);
        if let Err(took) = signal::may_send(process, signal, message.known_to_be_handled) {
            return Sent::Ended(took);
        }
        if let Err(took) = signal::send(process, signal) {
            return Sent::Ended(took);
        }
        let alive = |pause| !process.ended_within(pause);
        let seen = match &self.proof {
            Some(proof) => proof.after(&before, pid, &eyes, alive).map(took),
            None => self.survives(process).then_some(Took::Delivered),
        };
        seen.map_or(Sent::Died, Sent::Ended)
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
        "process {} ended when it got {signal}",
        process.pid
    ))
}

/// Whether it surely read the files as they are since then.
fn started_after(process: &Process, changed_at: (i64, i64)) -> bool {
    let newer = |age| !proc::may_be_older(age, changed_at);
    process.age().is_some_and(newer)
}
