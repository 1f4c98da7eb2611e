//! What is known when a life begins, and how the state machine learns the rest.
//!
//! In: what an earlier life kept, and the first look. Out: a [`Beginning`].

use crate::cli::low_args::AtStart;
use crate::cli::settings::Settings;
use crate::engine::Input;
use crate::engine::first_look::{self, FirstLook};
use crate::engine::worker::Job;
use crate::log::log;
use crate::memory::{Kept, Mark, Memory, Stamp};
use crate::watch::Watch;
use std::sync::mpsc::Sender;
use tidings_supervise::{Event, Grounds, Known, OnChange};

/// Acting means to end the agent.
pub(super) fn ends_us(settings: &Settings) -> bool {
    matches!(settings.policy.on_change, OnChange::Exit(_))
}

/// What is known when a life begins.
pub(super) struct Beginning {
    pub(super) known: Known,
    pub(super) kept: Kept,
    may_differ: bool,
    /// It may be taken without a word.
    is_released: bool,
    pub(super) now: Mark,
    question: Option<Question>,
}

/// How the state machine learns what is not known yet.
enum Question {
    /// It is told that it does not know.
    Act,
    /// The process is asked.
    Ask,
}

pub(super) fn begin(
    settings: &Settings,
    rendered_anew: bool,
    watch: &Watch,
    memory: Option<&Memory>,
) -> Beginning {
    let look = watch.look();
    let now = Mark {
        version: look.version,
        stamp: Stamp::of(&look),
    };
    let (kept, said) = memory.map_or((Kept::Nowhere, None), Memory::recall);
    if let Some(sentence) = said {
        log(&sentence);
    }
    let may_differ = first_look::may_differ(&kept, memory, now.stamp.changed_at);
    let is_released = first_look::is_released(&kept, &now, may_differ);
    let as_kept = first_look::known(&kept, &now);
    let is_as_kept = as_kept != Known::NotYet;
    // What runs goes on with what it read, if that was anything.
    let is_nothing = look
        .mounts
        .iter()
        .all(|mount| mount.watched_by == "missing");
    let question = question(
        settings,
        rendered_anew,
        is_as_kept || is_nothing,
        may_differ,
    );
    warn_of_blindness(settings);
    if let (Some(_), Kept::Nothing, Some(memory)) = (&question, &kept, memory) {
        // The next life shall not take itself for the first.
        let begun = is_released.then_some(now.version);
        memory.say_if_not_kept(&memory.doubt(begun));
    }
    Beginning {
        known: match (&question, as_kept) {
            (Some(_), _) => Known::NotYet,
            (None, Known::Current(grounds)) if !settings.policy.supervises => {
                Known::Current(grounds)
            }
            (None, _) => Known::Current(Grounds::Shown),
        },
        kept,
        may_differ,
        is_released,
        now,
        question,
    }
}

/// Acting at every start is what other ways do; by an exit code it would never end.
fn warn_of_blindness(settings: &Settings) {
    let ends_us = ends_us(settings);
    let asks = settings.memory.is_some() || settings.asked.is_some();
    if ends_us && !settings.policy.supervises && !asks {
        log(
            "a change that comes while the agent is down will not be seen; add --memory DIR, or --process NAME where processes are shared",
        );
    }
}

/// `None`: the process has what the files contain, or nothing is there to be had.
fn question(
    settings: &Settings,
    rendered_anew: bool,
    is_as_kept: bool,
    may_differ: bool,
) -> Option<Question> {
    let ends_us = ends_us(settings);
    if settings.policy.supervises {
        // The child starts with these files; what else the exit code is for may not have.
        return (ends_us && !is_as_kept && may_differ).then_some(Question::Act);
    }
    match settings.at_start {
        AtStart::Never => None,
        AtStart::Always if !ends_us => Some(Question::Act),
        _ if rendered_anew && !ends_us => Some(Question::Act),
        _ => (!is_as_kept).then_some(Question::Ask),
    }
}

impl Beginning {
    pub(super) fn ask(&self, jobs: &Sender<Job>, inputs: &Sender<Input>) {
        // Both ends are held by this thread or by threads to come.
        if self.is_released {
            let released = Event::Released(self.now.version);
            let _ = inputs.send(Input::Event(released));
        }
        match self.question {
            None => {}
            Some(Question::Act) => {
                let _ = inputs.send(Input::Event(Event::MayBeOld));
            }
            Some(Question::Ask) => {
                let _ = jobs.send(Job::FirstLook(FirstLook {
                    baseline: self.now.version,
                    changed_at: self.now.stamp.changed_at,
                    may_differ: self.may_differ,
                }));
            }
        }
    }
}
