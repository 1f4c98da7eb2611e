//! What goes into the controller and what comes out of it: inputs, the answers
//! among them, effects, and what these carry. Values only; nothing is decided here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidings_core::compare::Change;
use tidings_core::evidence::{Finding, Question};
use tidings_core::index::{Fact, Fetched};
use tidings_core::ladder::Finish;
use tidings_core::method::Method;
use tidings_core::object::{Overlap, Seconds, SourceMeta, Workload};
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::standing::Word;

use super::pods::{Climber, PodAnswer, PodErrand};
use crate::api::ApiError;
use crate::fetch::Asked;
use crate::records::memory::{Shard, Stored, Versions, Write};

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// From the watches.
    Fact(Fact),
    /// A source was read; the number is that of the question.
    Fetched(SourceRef, u32, Result<Fetched, ApiError>),
    /// Sources were read together: those that the list has not shown.
    FetchedTogether(Together),
    /// It was looked up which of these sources are there: the names of those.
    LookedUp(Lookup, Result<BTreeSet<Name>, ApiError>),
    /// The sources of a namespace were listed.
    Listed(SourceKind, Name, Result<Vec<SourceMeta>, ApiError>),
    /// A workload was read for which there is room now, if it is there.
    Returned(WorkloadRef, Result<Option<Box<Workload>>, ApiError>),
    /// Our term has begun.
    Leading(NewTerm),
    /// Our term has ended.
    Following,
    /// This is the newest form of the records that all replicas know.
    Form(u8),
    /// Only in this term: see [`Answer`].
    Answer(u64, Answer),
}

/// A term that begins, with what earlier ones left.
#[derive(Debug)]
pub struct NewTerm {
    /// Its number.
    pub number: u64,
    /// The records.
    pub state: Vec<(Shard, Stored)>,
    /// Jobs that are still to be made again.
    pub remaking: Vec<Patch>,
    /// Before it nobody led since this time, where somebody did before that.
    pub unled_since: Option<Seconds>,
}

/// Answers to what only the leader does.
#[derive(Debug)]
pub enum Answer {
    /// A write of the state: the new version.
    Wrote(Write, Result<String, ApiError>),
    /// An object of the state was read.
    StateRead(Shard, Result<Option<Stored>, ApiError>),
    /// The versions of the state's objects: as we knew them when we asked, and as
    /// they are.
    StateListed(Versions, Versions),
    /// A workload was looked for that a list did not show.
    LookedFor(WorkloadRef, Result<Option<Box<Workload>>, ApiError>),
    /// Something about a workload was found out.
    Found(WorkloadRef, Result<Vec<(Question, Finding)>, ApiError>),
    /// A workload was brought to its record, or not.
    Patched(Box<Patch>, Result<Outcome, RollError>),
    /// The pause of a workload was ended, or not.
    Unpaused(WorkloadRef, Result<(), ApiError>),
    /// What became of an errand of a ladder.
    Pods(Climber, PodAnswer),
}

/// Why a workload was not brought to its record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollError {
    /// What the API server answered.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The webhook that rolls in our place did not take it.
    #[error("the webhook did not take it: {message}; see --webhook-url")]
    Webhook {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// What went wrong.
        message: String,
    },
}

impl RollError {
    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after(),
            Self::Webhook { retry_after, .. } => *retry_after,
        }
    }
}

/// What is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Read a source, if so also as Reloader hashes it; the number goes into the
    /// answer.
    Fetch(SourceRef, u32, bool),
    /// Read sources by a list. Each that it shows is an answer as to [`Effect::Fetch`].
    FetchTogether(Together),
    /// Look up which of these sources are there.
    LookUp(Lookup),
    /// List the sources of a namespace.
    List(SourceKind, Name),
    /// Read a workload for which there is room now, not before this time.
    Return(WorkloadRef, Millis),
    /// Look for a workload that a list did not show, not before this time.
    LookFor(WorkloadRef, Millis),
    /// Find something out about a workload.
    Ask(WorkloadRef, Vec<Question>),
    /// Write the state.
    Write(Write),
    /// Read an object of the state, not before this time.
    ReadState(Shard, Millis),
    /// Bring a workload to its record.
    Patch(Box<Patch>),
    /// Go on with a Job that is deleted to be made again, not before this time.
    Remake(Box<Patch>, Millis),
    /// End the pause that a roll began.
    Unpause(Box<Unpause>),
    /// Do something about the pods of a workload.
    Pods(Box<PodErrand>),
    /// Leave it to another replica: there is a record of a newer form.
    StandBy,
    /// Say something about a workload: in the log, in metrics, as an Event.
    Say(Box<Notice>),
}

/// Sources of which is to be found out, all at once, whether they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Their kind.
    pub kind: SourceKind,
    /// Their namespace.
    pub namespace: Name,
    /// Their names, each with the number of the question.
    pub asked: Vec<(Name, u32)>,
}

/// Sources that are read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Together {
    /// Their kind.
    pub kind: SourceKind,
    /// Their namespace.
    pub namespace: Name,
    /// Their names, each with its question.
    pub asked: Asked,
}

/// A roll: decided once. What the workload is told, what is said of it, and what is
/// sent to others, is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roll {
    /// Which workload.
    pub key: WorkloadRef,
    /// Its number.
    pub n: u64,
    /// Why, in a word.
    pub reason: Reason,
    /// What changed, in a sentence's worth of particulars.
    pub because: String,
    /// The same, one by one. Empty where the roll was written down before an
    /// interruption, and only `because` is left.
    pub changes: Vec<Change>,
    /// All sources that count.
    pub sources: Vec<SourceRef>,
}

impl Roll {
    /// The changed sources, or all where it is not known any more which those
    /// were.
    pub fn changed(&self) -> Vec<SourceRef> {
        let mut changed: Vec<_> = self.changes.iter().map(|c| c.source.clone()).collect();
        if changed.is_empty() {
            changed.clone_from(&self.sources);
        }
        changed.dedup();
        changed
    }
}

/// How a roll reaches its workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What for.
    pub roll: Arc<Roll>,
    /// The object that is written: the workload, or the one whose pod template it
    /// borrows.
    pub on: WorkloadRef,
    /// The uid of that object.
    pub uid: Name,
    /// The version that it must have.
    pub version: u64,
    /// Its generation before.
    pub generation: i64,
    /// What is done.
    pub action: Action,
    /// Whether its template carries what is of Reloader's form.
    pub traces: bool,
}

/// The end of a pause, as the workload is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpause {
    /// Which workload.
    pub key: WorkloadRef,
    /// Its uid.
    pub uid: Name,
    /// The version that it must have.
    pub version: u64,
}

/// What brings a workload to its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Its pod template is marked, or as `kubectl rollout restart` does it. With a
    /// time it is paused since then, in the same write.
    Template {
        /// The time of the restart, if it is one.
        restart: Option<Name>,
        /// When the pause begins, if it is paused.
        paused_at: Option<Seconds>,
    },
    /// It is told to replace the pods that are older than this (Argo Rollouts).
    RestartAt(Seconds),
    /// A Job is made from it, named by the number of the roll.
    Run {
        /// What becomes of runs that are active.
        overlap: Overlap,
        /// Name and uid of those that are deleted first.
        replaces: Vec<(Name, Name)>,
    },
    /// It is deleted and made again.
    Recreate,
}

/// What came of a roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has reached the workload.
    Done,
    /// It has, and the workload is another object since: its uid.
    Made(Name),
    /// The API server took it, and the workload is as it was.
    NoEffect,
    /// A Job is deleted to be made again, and still there: what it waits for.
    Leaving(String),
    /// A Job is deleted, or made again, and the rest of it has failed.
    Unmade(ApiError),
}

/// Something to be said about a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which workload.
    pub key: WorkloadRef,
    /// Its uid.
    pub uid: Name,
    /// The word.
    pub reason: Reason,
    /// The particulars.
    pub text: String,
    /// What kind of thing it is.
    pub kind: NoticeKind,
    /// How the workload stands; none where that is another's concern, or is about to
    /// change.
    pub standing: Option<Word>,
    /// Tells apart what is said in the same words: of the content of a number that; of
    /// what happens anew each time that it is said, when. 0 where it goes on, and is
    /// nothing new when it is said again by a later leader.
    pub n: u64,
}

/// What kind of thing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A decision other than the last one.
    Decision,
    /// A roll has reached the workload, so many milliseconds after the change was
    /// seen.
    Rolled(Arc<Roll>, Option<Millis>),
    /// A method that goes pod by pod has ended so, so many milliseconds after the change
    /// was seen.
    Climbed(Arc<Roll>, Method, ClimbResult, Option<Millis>),
    /// Something that a person should mend.
    Problem,
}

/// How a method that goes pod by pod has ended on a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClimbResult {
    /// All pods have it, and it is proven.
    Proven,
    /// All pods have it, which nothing proves.
    Unproven,
    /// A pod refuses it.
    Rejected,
    /// A container ended when it had come.
    Died,
    /// It did not take, and why; what follows, if something does.
    NotTaken(Box<str>, Option<Method>),
}

impl ClimbResult {
    /// Of the end of a ladder; none where that is no end of a method that goes pod by pod.
    pub(super) fn of(end: &Finish) -> Option<Self> {
        match end {
            Finish::InStep { proven: true, .. } => Some(Self::Proven),
            Finish::InStep { .. } => Some(Self::Unproven),
            Finish::Rejected { .. } => Some(Self::Rejected),
            Finish::Died { .. } => Some(Self::Died),
            Finish::NotTaken { why } => Some(Self::NotTaken(why.as_str().into(), None)),
            Finish::To(_) | Finish::Overtaken | Finish::Stands => None,
        }
    }

    /// Its word, in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Unproven => "unproven",
            Self::Rejected => "rejected",
            Self::Died => "died",
            Self::NotTaken(..) => "not_taken",
        }
    }
}

/// Numbers for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Workloads that wait to be decided.
    pub queue: usize,
    /// How often one has begun to.
    pub begun: u64,
    /// Workloads with a write or a question under way.
    pub busy: usize,
    /// Sources that are held.
    pub sources: usize,
    /// Whether we lead.
    pub leading: bool,
    /// Whether nothing at all is rolled, as somebody wants it.
    pub paused: bool,
}
