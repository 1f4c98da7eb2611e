//! The agent's mind: what to do when configuration changes, a check answers,
//! a child ends, a signal arrives or time passes.
//!
//! In: an [`Event`] and the time since the agent started. Out: [`Effect`]s for
//! the shell to carry out, and [`State::deadline`], when to say
//! [`Event::Tick`] if nothing else happens. No clock, no processes, no files:
//! the same machine runs in the agent and, with virtual time, in the tests.
//!
//! What it promises, whatever the order of events (`tests/model.rs`):
//! - there are never two children, and never two jobs at once;
//! - the newest content stays *owed* until it is taken;
//! - paced, it is taken when it was released, and nothing else is;
//! - identical content does nothing;
//! - the child's own exit code is always passed on.

pub mod action;
mod pace;
mod policy;
mod step;

pub use pace::{Pace, Time};
pub use policy::{Backoff, FailedRestart, OnChange, Policy};

use action::{Outcome, Signal};

/// What the watched files contain, as one digest: equal content, equal version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u128);

/// Something that happened in the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The watched files now contain this.
    Changed(Version),
    /// The files changed more than once between two looks, and contain again
    /// what they did.
    Flickered,
    /// What runs may be older than the files: nobody saw it start after them.
    MayBeOld,
    /// What runs has this version, which the files contained at the start.
    IsCurrent(Version),
    /// What the files contain may be taken, if this is it ([`Policy::paced`]).
    Released(Version),
    /// Rendering and checking this version ended, with the reason if refused.
    Prepared(Version, Result<(), String>),
    /// An attempt to make the process take this version ended.
    Acted(Version, Took),
    /// The child ended with this exit code, 126 or 127 if it never began.
    ChildExited(u8),
    /// The agent itself got a signal.
    Signal(Signal),
    /// The deadline passed.
    Tick,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Took {
    /// Proved.
    Applied,
    /// Delivered, and no proof was asked for.
    Delivered,
    /// Nobody is there yet; not a failure, asked again soon.
    NotUp(String),
    /// The attempt before may still come to something; asked again soon.
    UnderWay(String),
    /// It was refused; tried again with growing pauses.
    Rejected(String),
    /// A proof was asked for and did not come; tried again with growing pauses.
    Unverified(String),
    /// The process died of the signal; whoever comes in its place is asked soon.
    Died(String),
}

/// Something the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Start the command; if that fails, say [`Event::ChildExited`].
    StartChild,
    /// Pass this signal to the child.
    SignalChild(Signal),
    /// Tell the child to end by this signal, and say [`Event::ChildExited`] only
    /// when nothing of its process group is left.
    StopChild(Signal),
    /// Watch whether the child that was started for this version lives and proves
    /// itself, then say [`Event::Acted`].
    Prove(Version),
    /// End the child by SIGKILL: its grace is over.
    KillChild,
    /// Render and check this version, then say [`Event::Prepared`].
    Prepare(Version),
    /// Make the process take this version, then say [`Event::Acted`].
    Act(Version),
    /// A newer version waits: end the proof that is still under way early.
    Interrupt,
    /// The process has this version, as far as this is known: keep that over the end of
    /// the agent.
    Keep(Version, Grounds),
    /// Tell people.
    Say(Note),
    /// End the agent with this code.
    Exit(u8),
    /// End the agent with this code, on which all that runs starts anew and takes
    /// this version: keep that first.
    Leave(u8, Version),
}

/// What is known, when the agent starts, about what the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It has what the files contain now.
    Current(Grounds),
    /// Not yet: [`Event::IsCurrent`] or [`Event::MayBeOld`] will tell.
    NotYet,
}

/// How it is known that the process has a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grounds {
    /// It showed that, or has started with it.
    Shown,
    /// It was told, and nothing was asked for that would show more.
    Told,
}

/// Whether the process has what the files contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It has.
    Taken(Grounds),
    /// The last attempt ended like this; another may be under way.
    Failed(Outcome),
    /// Nothing speaks against it, and it is not released.
    Held,
    /// None of these yet.
    Pending,
}

/// What people are told: a line in the log, a metric, a field of `/state.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// An attempt on this version is over.
    Ended {
        /// The content that was attempted.
        version: Version,
        /// How it ended.
        outcome: Outcome,
        /// Why, where there is more to say than the outcome.
        why: String,
        /// When it is tried again, if it is.
        again: Option<Time>,
    },
    /// The process is not there yet.
    Waiting(String),
}

impl Note {
    /// Whether the process has the content now, as far as can be known.
    pub fn is_taken(&self) -> bool {
        let is_refused = |outcome: &Outcome| *outcome == Outcome::Rejected;
        matches!(self, Self::Ended { again: None, outcome, .. } if !is_refused(outcome))
    }
}

/// Where the child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    /// There is none, and there never was.
    None,
    /// It runs.
    Running,
    /// It was told to end, and why.
    Stopping(Purpose),
    /// It was started again and ended before it had proved itself, with this code.
    Failed(u8),
}

/// Why a child was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be started again, on this version.
    Restart(Version),
    /// To let the agent end with this code, for this version.
    Exit(u8, Version),
}

/// The one job that may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Idle,
    Preparing(Version),
    Acting(Version),
}

/// Where the agent is in its own life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Serving,
    /// It was told to end: nothing new is begun.
    Ending,
    Over,
}

/// What happened during the present attempt.
#[derive(Debug, Clone, Copy, Default)]
struct Attempt {
    /// The files moved meanwhile: which of it was read is unknown.
    moved_meanwhile: bool,
    /// The shell was told that a newer version waits.
    interrupted: bool,
    /// The child was passed this signal meanwhile: if it ends, perhaps by that.
    passed: Option<Signal>,
}

/// Everything the agent remembers. Made by [`State::new`], moved by [`State::step`].
#[derive(Debug, Clone)]
pub struct State {
    policy: Policy,
    child: Child,
    /// What the files contain.
    seen: Version,
    /// What the process runs, if that is known, and how.
    taken: Option<(Version, Grounds)>,
    /// What may be taken, where that has to be said.
    released: Option<Version>,
    /// How the last attempt on what the files contain ended, if it failed.
    failed: Option<Outcome>,
    /// Nobody has said yet what the process had when the agent started.
    untold: bool,
    work: Work,
    /// What passed the check and waits only for its process to be there.
    prepared: Option<Version>,
    /// For which version the child was started again, until it has proved itself.
    unproved: Option<Version>,
    pace: Pace,
    /// Failed attempts in a row on the present content.
    tries: u32,
    retry_at: Option<Time>,
    kill_at: Option<Time>,
    /// Since when checks are under way with no action: bounds what churn can delay.
    preparing_since: Option<Time>,
    /// A process may have read the files since they were last looked at.
    read_since_look: bool,
    attempt: Attempt,
    life: Life,
}
