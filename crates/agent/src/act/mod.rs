//! Carries out what the state machine wants done to the process.
//!
//! In: a version to prepare or to act on, and what changed. Out: how it ended,
//! as a value; nothing here decides what comes next. One job at a time, on a
//! thread of its own, so that a slow target never holds up watching.

pub(crate) mod address;
mod awaiting;
mod calls;
pub(crate) mod command;
mod credentials;
mod exposition;
mod holds;
pub(crate) mod http;
mod overlap;
mod page;
pub(crate) mod prove;
mod resolver;
mod sent;
pub(crate) mod signal;
mod telling;
pub(crate) mod under_way;
mod unix;
mod value;

use crate::proc::{self, Process};
use crate::reaper::Reaper;
use crate::render::{Rendered, Rendering, in_order};
use crate::report::journal::Journal;
use command::{Context, Rest};
pub(crate) use holds::Holds;
use http::Call;
use overlap::HELD_UP;
use page::Seen;
use prove::{Before, Interrupt, Proof, ProofContext};
use signal::Target;
pub(crate) use signal::Vouched;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telling::Death;
use tidings_supervise::action::Signal;
use tidings_supervise::{Took, Version};
use under_way::{Attempt, Calling};

/// What is said of an attempt that may still come to something.
const STILL: &str = "the last attempt may still be under way, and is not joined by another";

/// How the process is made to take a change.
#[derive(Debug, Clone)]
pub(crate) enum ReloadMethod {
    /// A signal.
    Signal(Message),
    /// Calls, all of which must be answered well.
    Http(Vec<Call>),
    /// A command.
    Exec(Vec<String>),
    /// Nobody: the program looks by itself.
    Await,
    /// The child is started again, by the state machine; here it is watched.
    Restart(Target),
    /// Nothing here: the state machine exits by itself.
    Elsewhere,
}

/// A signal to somebody.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Which.
    pub(crate) signal: Signal,
    /// To whom.
    pub(crate) target: Target,
    /// Who says that the program reloads on it.
    pub(crate) vouched: Vouched,
}

/// What an attempt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aim {
    pub(crate) version: Version,
    /// When the files were put there (wall clock, since 1970).
    pub(crate) changed_at: (i64, i64),
}

/// Everything an attempt needs.
pub(crate) struct Actor {
    pub(crate) method: ReloadMethod,
    /// Whose start tells what it has read, where `method` does not name it.
    pub(crate) asked: Option<Target>,
    pub(crate) check: Option<Vec<String>>,
    pub(crate) proof: Option<Proof>,
    pub(crate) renders: Vec<Rendering>,
    /// For checks and `--exec`.
    pub(crate) command_timeout: Duration,
    pub(crate) proof_timeout: Duration,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) interrupt: Arc<Interrupt>,
    pub(crate) journal: Arc<Journal>,
    /// Which calls have succeeded for which aim: a retry makes only the rest.
    pub(crate) called: Option<(Aim, Vec<usize>)>,
    /// The last attempt, which did not end in its time.
    pub(crate) under_way: Option<Attempt>,
    /// How many attempts on older content may still come to something.
    pub(crate) older: u32,
    /// Its call that is not answered yet.
    pub(crate) calling: Option<Calling>,
    /// The process of the last attempt ended of it.
    pub(crate) died: Option<Death>,
}

impl Actor {
    /// Renders and checks. On failure everything is as it was. True: a rendered
    /// file is another one than before.
    pub(crate) fn prepare(&self, context: &Context) -> Result<bool, String> {
        // Links may have been set since the start.
        let renders: Vec<_> = self.renders.iter().map(|r| r.render().clone()).collect();
        in_order(&renders)?;
        let mut rendered = Vec::new();
        for render in &self.renders {
            let done = render.run()?;
            self.journal.unset_variables(render.output(), &done.unset);
            rendered.push(done);
        }
        self.check(context)?;
        // It may have left while the check ran.
        self.renders
            .iter()
            .try_for_each(Rendering::is_at_its_place)?;
        let changed = rendered.iter().any(Rendered::changed);
        rendered.into_iter().for_each(Rendered::keep);
        Ok(changed)
    }

    /// Gives what is rendered the permissions of its source, as far as that goes.
    pub(crate) fn follow_modes(&self) -> Result<(), String> {
        let done: Vec<_> = self.renders.iter().map(Rendering::follow_mode).collect();
        done.into_iter().collect()
    }

    fn check(&self, context: &Context) -> Result<(), String> {
        let Some(argv) = &self.check else {
            return Ok(());
        };
        let ran = command::run(
            argv,
            context,
            (self.command_timeout, Rest::Ends),
            &self.reaper,
        )?;
        if ran.succeeded() {
            Ok(())
        } else {
            Err(ran.why("the check", self.command_timeout))
        }
    }

    /// Makes the process take a version; or looks what became of the last attempt
    /// on it, which may have succeeded meanwhile.
    pub(crate) fn act(&mut self, aim: Aim, context: &Context) -> Took {
        self.interrupt.reset();
        let last = self.under_way.take();
        if last.as_ref().is_some_and(|last| self.is_held_up(last, aim)) {
            self.under_way = last;
            return Took::UnderWay(HELD_UP.into());
        }
        self.older = match &last {
            Some(last) if last.aim == aim => last.older,
            Some(older) => self.may_still_show(older, context),
            None => 0,
        };
        let last = last.filter(|last| last.aim == aim);
        if last.is_none() {
            self.calling = None;
        }
        if let Some(took) = last
            .as_ref()
            .and_then(|last| self.look_again(last, context))
        {
            if matches!(took, Took::UnderWay(_)) || self.stands(&took) {
                self.under_way = last;
            }
            return took;
        }
        self.attempt(aim, last, context)
    }

    fn attempt(&mut self, aim: Aim, last: Option<Attempt>, context: &Context) -> Took {
        match self.method.clone() {
            ReloadMethod::Signal(message) => self.signal(&message, aim, last, context),
            ReloadMethod::Http(calls) => self.call_all(aim, last, &calls, context),
            ReloadMethod::Exec(argv) => self.exec(&argv, aim, last, context),
            ReloadMethod::Await => self.wait_for(aim, last, context),
            ReloadMethod::Restart(_) | ReloadMethod::Elsewhere => Took::Delivered,
        }
    }

    /// Whether the child that was just started lives, and proves itself where that is
    /// asked for. What it prints or shows counts as it is: there was nothing before.
    pub(crate) fn prove_child(&self, context: &Context) -> Took {
        self.interrupt.reset();
        let ended = || Took::Died("the new process ended".into());
        let ReloadMethod::Restart(target) = &self.method else {
            return Took::Delivered;
        };
        let Some(process) = self.find(target) else {
            return ended();
        };
        let Some(proof) = &self.proof else {
            return match (self.survives(&process), self.interrupt.is_on()) {
                (false, _) => ended(),
                (true, true) => Took::Delivered,
                (true, false) => Took::Applied,
            };
        };
        let alive = |pause| !process.ended_within(pause);
        let with = self.proof_context(context);
        match proof.after(&proof.of_a_new_process(), Some(process.pid), &with, alive) {
            None => ended(),
            Some(seen) => took(proof.verdict(seen)),
        }
    }

    /// The process, if it runs; people are told which.
    fn find(&self, target: &Target) -> Option<Process> {
        let found = target.find();
        let pid = found.as_ref().map(|process| process.pid);
        let describe = || found.as_ref().map(|process| target.chosen(process));
        self.journal.chose(pid, describe);
        found
    }

    /// `None`: another attempt is to be made, or the rest of the last one.
    fn look_again(&mut self, last: &Attempt, context: &Context) -> Option<Took> {
        if self.is_gone(last) || last.again {
            return None;
        }
        if let Some(calling) = &mut self.calling {
            if calling.is_answered() {
                // The rest, and the proof, are made as if it had just been called.
                return None;
            }
            if last.goes_on() {
                return Some(Took::UnderWay(STILL.into()));
            }
            self.calling = None;
            return None;
        }
        let proof = self.proof.clone()?;
        match proof.look(&last.before, last.pid, &self.proof_context(context)) {
            Seen::Yes if last.older > 0 => None,
            sure @ (Seen::Yes | Seen::No(_)) => Some(took(sure)),
            _ if last.goes_on() => Some(Took::UnderWay(STILL.into())),
            _ => None,
        }
    }

    /// Another process is there than the one that was told.
    fn is_gone(&self, last: &Attempt) -> bool {
        let ReloadMethod::Signal(message) = &self.method else {
            return false;
        };
        message.target.find().map(|process| process.pid) != last.pid
    }

    /// What was seen before the first attempt on this aim.
    fn before_first(
        &self,
        last: Option<Attempt>,
        (aim, limit): (Aim, Duration),
        pid: Option<i32>,
        context: &Context,
    ) -> Attempt {
        let count = last.as_ref().map_or(1, |last| last.count.saturating_add(1));
        let same = last.filter(|last| last.pid == pid);
        let before = same.map_or_else(
            || self.before(pid, &self.proof_context(context)),
            |last| last.before,
        );
        Attempt {
            aim,
            before,
            pid,
            count,
            began: Instant::now(),
            limit,
            older: self.older,
            again: false,
        }
    }

    /// What is not seen may come later.
    fn judge(&mut self, seen: Seen, mut attempt: Attempt, context: &Context) -> Took {
        let seen = self.of_this(seen, &mut attempt, context);
        if seen.is_sure() {
            return took(seen);
        }
        self.under_way = Some(attempt);
        took(match &self.proof {
            Some(proof) => proof.verdict(seen),
            None => seen,
        })
    }

    fn exec(
        &mut self,
        argv: &[String],
        aim: Aim,
        last: Option<Attempt>,
        context: &Context,
    ) -> Took {
        let attempt = self.before_first(last, (aim, self.proof_timeout), None, context);
        match command::run(
            argv,
            context,
            (self.command_timeout, Rest::Stays),
            &self.reaper,
        ) {
            Ok(ran) if ran.succeeded() => match self.proved(&attempt.before, context) {
                Some(seen) => self.judge(seen, attempt, context),
                None => Took::Delivered,
            },
            Ok(ran) => Took::Rejected(ran.why("the command", self.command_timeout)),
            Err(why) => Took::Rejected(why),
        }
    }

    fn before(&self, pid: Option<i32>, with: &ProofContext<'_>) -> Before {
        let proof = self.proof.as_ref();
        proof.map_or(Before::Nothing, |proof| proof.before(pid, with))
    }

    /// `None`: no proof is asked for.
    fn proved(&self, before: &Before, context: &Context) -> Option<Seen> {
        let proof = self.proof.as_ref()?;
        let with = self.proof_context(context);
        let alive = |pause| {
            std::thread::sleep(pause);
            true
        };
        proof.after(before, None, &with, alive)
    }

    fn proof_context<'a>(&'a self, context: &'a Context) -> ProofContext<'a> {
        ProofContext {
            reaper: &self.reaper,
            context,
            timeout: self.proof_timeout,
            interrupt: &self.interrupt,
        }
    }
}

fn took(seen: Seen) -> Took {
    match seen {
        Seen::Yes => Took::Applied,
        Seen::No(why) | Seen::StillNot(why) => Took::Rejected(why),
        Seen::NotYet(why) => Took::Unverified(why),
    }
}

/// Whether it surely read the files as they are since then.
fn started_after(process: &Process, changed_at: (i64, i64)) -> bool {
    let newer = |age| !proc::may_be_older(age, changed_at);
    process.age().is_some_and(newer)
}
