//! Proof that a process took its new configuration.
//!
//! In: what to look at, before the action and after it. Out: yes, no, or
//! nothing seen in time. Watching stops early when a newer version waits.

use super::command::{self, Context, Rest};
use super::http::{Call, NoAnswer};
use super::page::{self, Marks, Seen, compare};
use crate::log::log;
use crate::proc;
use crate::reaper::Reaper;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often to look.
const STEP: Duration = Duration::from_millis(20);
/// How often to ask over HTTP or by a command.
const ASK: Duration = Duration::from_millis(250);
/// A master has its first children by then.
const GROWN: Duration = Duration::from_secs(1);

/// What shows that the configuration was taken.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// The process has a child that it did not have before.
    Children,
    /// This address answers as it should.
    Answers(Call),
    /// Something at this address is another one than before.
    Moves {
        /// A page of metrics, or a JSON document.
        page: Call,
        /// The metric, or the path in the document, that must change.
        stamp: String,
        /// The metric or path that says whether the last reload succeeded; after `!`
        /// one that counts failures.
        good: Option<String>,
    },
    /// This command succeeds.
    Succeeds(Vec<String>),
    /// What this command prints is another text than before.
    PrintsAnew(Vec<String>),
}

/// What was seen before the action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Before {
    Nothing,
    Children(Vec<i32>),
    Text(Option<String>),
    Page(Option<Marks>),
}

/// A newer version waits: ends what still looks for proof of the older one.
#[derive(Default)]
pub(crate) struct Interrupt {
    state: Mutex<InterruptState>,
}

#[derive(Default)]
struct InterruptState {
    is_on: bool,
    /// No attempt follows.
    for_good: bool,
    /// A look, which is worth nothing any more when somebody waits.
    looking: Option<ureq::Agent>,
    /// The call that makes the process take something: broken off it would go on
    /// there, and be joined by the next.
    telling: Option<ureq::Agent>,
}

/// What looking needs.
pub(crate) struct ProofContext<'a> {
    pub(crate) reaper: &'a Reaper,
    pub(crate) context: &'a Context,
    pub(crate) timeout: Duration,
    pub(crate) interrupt: &'a Interrupt,
}

impl Interrupt {
    /// A new attempt begins.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.is_on = state.for_good;
        state.looking = None;
    }

    /// Ends the present attempt early.
    pub(crate) fn now(&self) {
        let mut state = self.lock();
        state.is_on = true;
        if let Some(agent) = state.looking.take() {
            agent.shutdown();
        }
    }

    /// Ends it, and whatever would follow: the agent ends.
    pub(crate) fn for_good(&self) {
        let telling = {
            let mut state = self.lock();
            state.for_good = true;
            state.telling.take()
        };
        if let Some(agent) = telling {
            agent.shutdown();
        }
        self.now();
    }

    /// Whether somebody waits.
    pub(crate) fn is_on(&self) -> bool {
        self.lock().is_on
    }

    /// A look is under way that can be broken off.
    pub(crate) fn looking(&self, agent: ureq::Agent) {
        let mut state = self.lock();
        if state.is_on {
            agent.shutdown();
        } else {
            state.looking = Some(agent);
        }
    }

    /// A call is under way that nothing but the agent's own end breaks off.
    pub(crate) fn telling(&self, agent: ureq::Agent) {
        let mut state = self.lock();
        if state.for_good {
            agent.shutdown();
        } else {
            state.telling = Some(agent);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, InterruptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Whether another look would say the same.
    pub(super) fn is_sure(&self) -> bool {
        matches!(self, Self::Yes | Self::No(_))
    }

    /// Yes, or not yet for this reason.
    pub(super) fn yes_or(yes: bool, why_not: &str) -> Self {
        if yes {
            Self::Yes
        } else {
            Self::NotYet(why_not.into())
        }
    }
}

impl Proof {
    /// Looks before the action. `pid` is the process that will be told, if it is known.
    pub(crate) fn before(&self, pid: Option<i32>, with: &ProofContext<'_>) -> Before {
        match self {
            Self::Children => {
                if let Some(pid) = pid {
                    wait_until_grown(pid, with.interrupt);
                }
                Before::Children(pid.map(proc::children_of).unwrap_or_default())
            }
            Self::Moves { page, stamp, good } => {
                let marks = marks(page, stamp, good.as_deref(), with.interrupt).ok();
                wait_until_it_can_move(marks.as_ref());
                Before::Page(marks)
            }
            Self::PrintsAnew(argv) => Before::Text(printed(argv, with)),
            Self::Answers(_) | Self::Succeeds(_) => Before::Nothing,
        }
    }

    /// Whether the process says that it took its configuration after this time.
    pub(crate) fn took_since(&self, changed_at: (i64, i64), interrupt: &Interrupt) -> bool {
        let Self::Moves { page, stamp, good } = self else {
            return false;
        };
        let Ok(text) = text_of(page, interrupt) else {
            return false;
        };
        let marks = Marks::read(&text, stamp, good.as_deref());
        marks
            .inspect_err(|why| {
                log(&format!(
                    "{}: {why}; no change is proved like this",
                    page.shown()
                ));
            })
            .is_ok_and(|marks| marks.says_after(changed_at))
    }

    /// What there was before a process that has just been started: nothing.
    pub(crate) fn of_a_new_process(&self) -> Before {
        match self {
            Self::Children => Before::Children(Vec::new()),
            Self::Moves { .. } => Before::Page(Some(Marks::of_nobody())),
            Self::PrintsAnew(_) => Before::Text(None),
            Self::Answers(_) | Self::Succeeds(_) => Before::Nothing,
        }
    }

    /// Looks until there is proof, or none is to be expected any more. `alive`
    /// says whether the process still runs; it is asked often.
    pub(crate) fn after(
        &self,
        before: &Before,
        pid: Option<i32>,
        with: &ProofContext<'_>,
        mut alive: impl FnMut(Duration) -> bool,
    ) -> Option<Seen> {
        let deadline = Instant::now() + with.timeout;
        loop {
            let seen = self.look(before, pid, with);
            let over = Instant::now() >= deadline || with.interrupt.is_on();
            if over || seen.is_sure() {
                return Some(seen);
            }
            if !self.pause(with.interrupt, &mut alive) {
                return None;
            }
        }
    }

    /// A master that keeps its children refused; elsewhere silence says nothing.
    pub(super) fn verdict(&self, seen: Seen) -> Seen {
        match (self, seen) {
            (Self::Children | Self::Succeeds(_), Seen::NotYet(why)) | (_, Seen::StillNot(why)) => {
                Seen::No(why)
            }
            (_, seen) => seen,
        }
    }

    /// Whether it tells a refusal from silence.
    pub(super) fn shows_refusals(&self) -> bool {
        matches!(self, Self::Moves { good: Some(_), .. })
    }

    /// Whether somebody listens where it is to be seen.
    pub(super) fn is_up(&self) -> bool {
        match self {
            Self::Moves { page, .. } | Self::Answers(page) => page.is_up(),
            _ => true,
        }
    }

    /// False: the process ended.
    fn pause(&self, interrupt: &Interrupt, alive: &mut impl FnMut(Duration) -> bool) -> bool {
        let pause = if matches!(self, Self::Children) {
            STEP
        } else {
            ASK
        };
        let mut left = pause;
        while !left.is_zero() && !interrupt.is_on() {
            if !alive(STEP) {
                return false;
            }
            left = left.saturating_sub(STEP);
        }
        true
    }

    /// One look.
    pub(super) fn look(&self, before: &Before, pid: Option<i32>, with: &ProofContext<'_>) -> Seen {
        match (self, before) {
            (Self::Children, Before::Children(old)) => {
                let now = pid.map(proc::children_of).unwrap_or_default();
                let new = now.iter().any(|child| !old.contains(child));
                Seen::yes_or(
                    new,
                    "no new child process: the old configuration is still in use",
                )
            }
            (Self::Answers(call), _) => answers(call, with),
            (Self::Moves { page, stamp, good }, Before::Page(old)) => {
                let good = good.as_deref();
                let look = || compare(old.as_ref(), marks(page, stamp, good, with.interrupt));
                match look() {
                    // A failure is counted a moment after the stamp moves.
                    Seen::Yes if good.is_some_and(page::counts_failures) => {
                        std::thread::sleep(STEP);
                        look()
                    }
                    seen => seen,
                }
            }
            (Self::Succeeds(argv), _) => succeeds(argv, with),
            (Self::PrintsAnew(argv), Before::Text(old)) => {
                let now = printed(argv, with);
                Seen::yes_or(
                    now.is_some() && now != *old,
                    "the proving command prints what it did before",
                )
            }
            _ => Seen::NotYet("nothing was looked at before".into()),
        }
    }
}

/// A master that was just started still makes its first children, which would be
/// taken for new ones; and some lose a signal meanwhile.
fn wait_until_grown(pid: i32, interrupt: &Interrupt) {
    while !interrupt.is_on() && proc::age(pid).is_some_and(|age| age < GROWN) {
        std::thread::sleep(STEP);
    }
}

/// At most a second, and only where the last reload was in the same.
fn wait_until_it_can_move(marks: Option<&Marks>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    if let (Some(marks), Ok(now)) = (marks, now) {
        std::thread::sleep(marks.stands_for(now));
    }
}

fn answers(call: &Call, with: &ProofContext<'_>) -> Seen {
    match call.make(|agent| with.interrupt.looking(agent)) {
        Ok(answer) if call.accepts(answer.status()) => Seen::Yes,
        Ok(answer) => Seen::NotYet(format!("{} answers {}", call.shown(), answer.status())),
        Err(error) => Seen::NotYet(error.sentence()),
    }
}

fn succeeds(argv: &[String], with: &ProofContext<'_>) -> Seen {
    match command::run(argv, with.context, (with.timeout, Rest::Ends), with.reaper) {
        Ok(ran) if ran.succeeded() => Seen::Yes,
        Ok(ran) => Seen::NotYet(ran.why("the proving command", with.timeout)),
        Err(why) => Seen::NotYet(why),
    }
}

fn printed(argv: &[String], with: &ProofContext<'_>) -> Option<String> {
    let ran = command::run(argv, with.context, (with.timeout, Rest::Ends), with.reaper).ok()?;
    ran.succeeded().then_some(ran.output)
}

fn marks(
    page: &Call,
    stamp: &str,
    good: Option<&str>,
    interrupt: &Interrupt,
) -> Result<Marks, String> {
    Marks::read(&text_of(page, interrupt)?, stamp, good)
}

/// What an error page says is not what the process says.
fn text_of(page: &Call, interrupt: &Interrupt) -> Result<String, String> {
    let answer = page.make(|agent| interrupt.looking(agent));
    let answer = answer.map_err(NoAnswer::sentence)?;
    let (shown, status) = (page.shown(), answer.status());
    if !page.accepts(status) {
        return Err(format!("{shown} answers {status}"));
    }
    let unread = || format!("{shown} cannot be read, or is larger than 1 MiB");
    answer.text().ok_or_else(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hurry_lasts_until_the_next_attempt() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.is_on());
        interrupt.now();
        assert!(interrupt.is_on());
        interrupt.reset();
        assert!(!interrupt.is_on());
        interrupt.for_good();
        interrupt.reset();
        assert!(interrupt.is_on());
    }
}
