//! What `tidings inject` says beside what it prints: of each workload what came of it, or
//! why nothing did, and what else to know.
//!
//! It goes to stderr: what is printed is for the API server. No value of a ConfigMap or
//! Secret is in it.

use std::fmt::Write;

use tidings_core::inject::{Cannot, CannotCause, InjectPlan};
use tidings_core::kinds::KINDS;
use tidings_shared::plain::plain;

use crate::cli::exit::{Exit, Printed};
use crate::cli::input::files::Reached;
use crate::cli::input::objects::{Object, Objects};

/// What was said so far.
pub(super) struct InjectSaid {
    err: String,
    exit: Exit,
    /// Whether one of the workloads was spoken of.
    pub(super) met: bool,
}

impl InjectSaid {
    /// What there is to say of what was read.
    pub(super) fn of(objects: &Objects) -> Self {
        let mut said = Self {
            err: String::new(),
            exit: Exit::Done,
            met: false,
        };
        for unread in &objects.unread {
            said.line(&format!("{}: {}", unread.place(), unread.text));
            said.ends_with(self::unread(unread.named));
        }
        let templates = objects.templates.len();
        if templates > 0 {
            said.line(&format!(
                "{templates} templates of charts are left out: render them, and pipe the result in with `-f -`"
            ));
        }
        said
    }

    /// A workload has what it needs now.
    pub(super) fn done(&mut self, object: &Object, plan: &InjectPlan) {
        self.met = true;
        let done = plan
            .done
            .as_deref()
            .unwrap_or("it has what it needs; its annotations are added");
        self.about(object, done);
        for note in &plan.notes {
            self.line(&format!("  {note}"));
        }
    }

    /// It has not; where that is its nature, and nobody asked for it, all is well.
    pub(super) fn cannot(&mut self, object: &Object, cannot: &Cannot, asked: bool) {
        self.met = true;
        match cannot.cause {
            CannotCause::Nature if !asked => {
                self.about(object, &format!("left as it is: {}", cannot.why));
            }
            CannotCause::Nature | CannotCause::Manifest => self.failed(object, &cannot.why),
            CannotCause::Unread => {
                self.about(object, &cannot.why);
                let is_named = asked || object.reached == Reached::ByName;
                self.ends_with(unread(is_named));
            }
        }
    }

    /// It could, and has not.
    pub(super) fn failed(&mut self, object: &Object, why: &str) {
        self.about(object, why);
        self.ends_with(Exit::Found);
    }

    fn about(&mut self, object: &Object, text: &str) {
        let kind = KINDS.iter().find(|kind| object.is(kind));
        let kind = kind.map_or_else(|| object.kind.to_lowercase(), |kind| kind.word.to_owned());
        let place = format!("{}:{}", object.file, object.line);
        self.line(&format!("{kind}/{} ({place}): {text}", object.name));
    }

    fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.err, "{}", plain(text));
    }

    fn ends_with(&mut self, exit: Exit) {
        self.exit = self.exit.max(exit);
    }

    pub(super) fn printed(self, out: String) -> Printed {
        Printed {
            out,
            err: self.err,
            exit: self.exit,
        }
    }
}

/// How it ends where something cannot be read: what was named is answered for.
fn unread(named: bool) -> Exit {
    if named { Exit::Error } else { Exit::Found }
}
