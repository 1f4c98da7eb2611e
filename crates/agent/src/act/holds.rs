//! Whether what runs has what the files contain, without doing anything to it.
//!
//! In: when the files were put there. Out: yes, no, or why that is not known.

use super::http::Call;
use super::prove::Proof;
use super::signal::{Absence, Target};
use super::{Actor, Message, ReloadMethod, started_after};
use crate::log::log;
use crate::proc;
use std::time::Duration;

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

impl Actor {
    /// Whether what runs has the files that were put there at `changed_at`.
    pub(crate) fn holds(&self, changed_at: (i64, i64)) -> Holds {
        let proof = self.proof.as_ref();
        if proof.is_some_and(|proof| proof.took_since(changed_at, &self.interrupt)) {
            return Holds::Yes;
        }
        match (&self.method, &self.asked) {
            (ReloadMethod::Signal(Message { target, .. }), _) | (_, Some(target)) => {
                self.process_holds(target, changed_at)
            }
            (ReloadMethod::Http(calls), None) if !calls.iter().any(Call::is_up) => {
                Holds::NobodyThere {
                    may_be_starting: true,
                }
            }
            (ReloadMethod::Await, None) if !proof.is_none_or(Proof::is_up) => Holds::NobodyThere {
                may_be_starting: true,
            },
            (method, None) => Holds::Unknown {
                acting_ends_us: matches!(method, ReloadMethod::Elsewhere),
            },
        }
    }

    /// Whoever sends it a signal says so then.
    fn say_unless_acted_on(&self, why: &str) {
        if !matches!(self.method, ReloadMethod::Signal(_)) {
            log(why);
        }
    }

    fn process_holds(&self, target: &Target, changed_at: (i64, i64)) -> Holds {
        let unknown = Holds::Unknown {
            acting_ends_us: matches!(self.method, ReloadMethod::Elsewhere),
        };
        let Some(process) = self.find(target) else {
            return match target.absence() {
                Absence::Nobody(_) => Holds::NobodyThere {
                    may_be_starting: false,
                },
                Absence::Empty(_) => unknown,
                Absence::Unclear(why) => {
                    self.say_unless_acted_on(&why);
                    unknown
                }
            };
        };
        if target.doubts(&process).is_some() {
            return unknown;
        }
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
}
