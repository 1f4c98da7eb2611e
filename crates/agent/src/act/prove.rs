//! Proof that a process took its new configuration.
//!
//! In: what to look at, before the action and after it. Out: yes, no, or
//! nothing seen in time. Watching stops early when a newer version waits.

use super::command::{self, Context};
use super::http::Call;
use crate::nursery::Nursery;
use crate::proc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How often to look.
const STEP: Duration = Duration::from_millis(20);
/// How often to ask over HTTP or by a command.
const ASK: Duration = Duration::from_millis(250);

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
        /// The metric or path that says whether the last reload succeeded.
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

/// What a page says about the last reload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marks {
    stamp: String,
    good: Option<bool>,
}

/// What a look after the action says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It took.
    Yes,
    /// It certainly did not.
    No(String),
    /// Not yet.
    NotYet(String),
}

/// A newer version waits: ends what still looks for proof of the older one.
#[derive(Default)]
pub(crate) struct Hurry {
    state: Mutex<(bool, Option<ureq::Agent>)>,
}

/// What looking needs.
pub(crate) struct Eyes<'a> {
    pub(crate) nursery: &'a Nursery,
    pub(crate) context: &'a Context,
    pub(crate) timeout: Duration,
    pub(crate) hurry: &'a Hurry,
}

impl Hurry {
    /// A new attempt begins.
    pub(crate) fn reset(&self) {
        *self.lock() = (false, None);
    }

    /// Ends the present attempt early.
    pub(crate) fn now(&self) {
        let mut state = self.lock();
        state.0 = true;
        if let Some(agent) = state.1.take() {
            agent.shutdown();
        }
    }

    /// Whether somebody waits.
    pub(crate) fn is_on(&self) -> bool {
        self.lock().0
    }

    /// A call is under way that can be broken off.
    pub(crate) fn calling(&self, agent: ureq::Agent) {
        let mut state = self.lock();
        if state.0 {
            agent.shutdown();
        } else {
            state.1 = Some(agent);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (bool, Option<ureq::Agent>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proof {
    /// Looks before the action. `pid` is the process that will be told, if it is known.
    pub(crate) fn before(&self, pid: Option<i32>, eyes: &Eyes<'_>) -> Before {
        match self {
            Self::Children => Before::Children(pid.map(proc::children_of).unwrap_or_default()),
            Self::Moves { page, stamp, good } => {
                Before::Page(marks(page, stamp, good.as_deref(), eyes))
            }
            Self::PrintsAnew(argv) => Before::Text(printed(argv, eyes)),
            Self::Answers(_) | Self::Succeeds(_) => Before::Nothing,
        }
    }

    /// Looks until there is proof, or none is to be expected any more. `alive`
    /// says whether the process still runs; it is asked often.
    pub(crate) fn after(
        &self,
        before: &Before,
        pid: Option<i32>,
        eyes: &Eyes<'_>,
        mut alive: impl FnMut(Duration) -> bool,
    ) -> Option<Seen> {
        let deadline = Instant::now() + eyes.timeout;
        loop {
            let seen = self.look(before, pid, eyes);
            let over = Instant::now() >= deadline || eyes.hurry.is_on();
            match seen {
                Seen::NotYet(why) if over => return Some(self.verdict(why)),
                Seen::NotYet(_) => {}
                sure => return Some(sure),
            }
            if !self.pause(eyes.hurry, &mut alive) {
                return None;
            }
        }
    }

    /// A master that keeps its children refused; elsewhere silence says nothing.
    fn verdict(&self, why: String) -> Seen {
        match self {
            Self::Children | Self::Succeeds(_) => Seen::No(why),
            _ => Seen::NotYet(why),
        }
    }

    /// False: the process ended.
    fn pause(&self, hurry: &Hurry, alive: &mut impl FnMut(Duration) -> bool) -> bool {
        let pause = if matches!(self, Self::Children) {
            STEP
        } else {
            ASK
        };
        let mut left = pause;
        while !left.is_zero() && !hurry.is_on() {
            if !alive(STEP) {
                return false;
            }
            left = left.saturating_sub(STEP);
        }
        true
    }

    fn look(&self, before: &Before, pid: Option<i32>, eyes: &Eyes<'_>) -> Seen {
        match (self, before) {
            (Self::Children, Before::Children(old)) => {
                let now = pid.map(proc::children_of).unwrap_or_default();
                let new = now.iter().any(|child| !old.contains(child));
                yes_or(
                    new,
                    "no new child process: the old configuration is still in use",
                )
            }
            (Self::Answers(call), _) => answers(call, eyes),
            (Self::Moves { page, stamp, good }, Before::Page(old)) => {
                compare(old.as_ref(), marks(page, stamp, good.as_deref(), eyes))
            }
            (Self::Succeeds(argv), _) => succeeds(argv, eyes),
            (Self::PrintsAnew(argv), Before::Text(old)) => {
                let now = printed(argv, eyes);
                yes_or(
                    now.is_some() && now != *old,
                    "the proving command prints what it did before",
                )
            }
            _ => Seen::NotYet("nothing was looked at before".into()),
        }
    }
}

fn yes_or(yes: bool, why_not: &str) -> Seen {
    if yes {
        Seen::Yes
    } else {
        Seen::NotYet(why_not.into())
    }
}

fn answers(call: &Call, eyes: &Eyes<'_>) -> Seen {
    match call.make(|agent| eyes.hurry.calling(agent)) {
        Ok(answer) if call.accepts(answer.status()) => Seen::Yes,
        Ok(answer) => Seen::NotYet(format!("{} answers {}", call.shown(), answer.status())),
        Err(error) => Seen::NotYet(error.sentence()),
    }
}

fn succeeds(argv: &[String], eyes: &Eyes<'_>) -> Seen {
    match command::run(argv, eyes.context, eyes.timeout, eyes.nursery) {
        Ok(ran) if ran.succeeded() => Seen::Yes,
        Ok(ran) => Seen::NotYet(ran.why("the proving command", eyes.timeout)),
        Err(why) => Seen::NotYet(why),
    }
}

fn printed(argv: &[String], eyes: &Eyes<'_>) -> Option<String> {
    let ran = command::run(argv, eyes.context, eyes.timeout, eyes.nursery).ok()?;
    ran.succeeded().then_some(ran.output)
}

fn marks(page: &Call, stamp: &str, good: Option<&str>, eyes: &Eyes<'_>) -> Option<Marks> {
    let text = page.make(|agent| eyes.hurry.calling(agent)).ok()?.text()?;
    let good = good.and_then(|name| value(&text, name));
    Some(Marks {
        stamp: value(&text, stamp)?,
        good: good.map(|good| good == "1" || good == "true"),
    })
}

/// A reload that failed leaves the stamp as it was and turns `good` off; where
/// `good` was off before, that says nothing.
fn compare(before: Option<&Marks>, now: Option<Marks>) -> Seen {
    let Some(now) = now else {
        return Seen::NotYet("the page that would prove it cannot be read".into());
    };
    let failed = now.good == Some(false);
    let moved = before.is_some_and(|before| before.stamp != now.stamp);
    let was_good = before.is_none_or(|before| before.good != Some(false));
    if failed && was_good {
        Seen::No("the process says that its last reload failed".into())
    } else {
        yes_or(
            moved && !failed,
            "the process does not say that it reloaded",
        )
    }
}

/// The value of a metric line, or of a dotted path in a JSON document.
fn value(text: &str, name: &str) -> Option<String> {
    if text.trim_start().starts_with('{') {
        let document: serde_json::Value = serde_json::from_str(text).ok()?;
        let found = name.split('.').try_fold(&document, |at, key| at.get(key))?;
        return Some(
            found
                .as_str()
                .map_or_else(|| found.to_string(), str::to_owned),
        );
    }
    let is_it = |line: &&str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    };
    let line = text.lines().find(is_it)?;
    line.rsplit(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_json_are_read() {
        let metrics = "# HELP x y\nxy 3\nx{a=\"b\"} 1\nz 2";
        assert_eq!(value(metrics, "x").as_deref(), Some("1"));
        assert_eq!(value(metrics, "z").as_deref(), Some("2"));
        assert_eq!(value(metrics, "missing"), None);
        let json = r#"{"data":{"ok":true,"at":"12:00"}}"#;
        assert_eq!(value(json, "data.ok").as_deref(), Some("true"));
        assert_eq!(value(json, "data.at").as_deref(), Some("12:00"));
        assert_eq!(value(json, "data.no"), None);
        assert_eq!(value("{broken", "data"), None);
    }

    #[test]
    fn a_failure_that_was_there_before_proves_nothing() {
        let marks = |stamp: &str, good| Marks {
            stamp: stamp.into(),
            good: Some(good),
        };
        let fine = marks("1", true);
        assert_eq!(compare(Some(&fine), Some(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(Some(&fine), Some(marks("1", false))),
            Seen::No(_)
        ));
        assert!(matches!(
            compare(Some(&fine), Some(marks("1", true))),
            Seen::NotYet(_)
        ));
        let failed = marks("1", false);
        assert!(matches!(
            compare(Some(&failed), Some(marks("1", false))),
            Seen::NotYet(_)
        ));
        assert_eq!(compare(Some(&failed), Some(marks("2", true))), Seen::Yes);
        assert!(matches!(
            compare(None, Some(marks("1", true))),
            Seen::NotYet(_)
        ));
    }

    #[test]
    fn hurry_lasts_until_the_next_attempt() {
        let hurry = Hurry::default();
        assert!(!hurry.is_on());
        hurry.now();
        assert!(hurry.is_on());
        hurry.reset();
        assert!(!hurry.is_on());
    }
}
