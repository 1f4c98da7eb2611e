//! What `tidings history` says about a workload, as values.
//!
//! They are also the JSON of `-o json`: their fields are a promise, listed in
//! [`FIELDS`].

use jiff::Timestamp;
use serde::Serialize;
use tidings_core::history::{Manner, PastStep, RollEnd};
use tidings_core::kinds::Revision;
use tidings_core::refs::{Name, WorkloadRef};

use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, words};

/// The answer to `tidings history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryReport {
    /// The namespace of the workload.
    pub namespace: Name,
    /// The word for its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// Whether there is a record of it; none where that may not be read.
    pub record: Option<bool>,
    /// What has become of it, the oldest first.
    pub history: Vec<HistoryRow>,
    /// What could not be read.
    pub unknown: Vec<String>,
    /// The namespace in which the record would be.
    #[serde(skip)]
    pub own_namespace: String,
    /// Whether its kind keeps revisions of its pod template.
    #[serde(skip)]
    pub keeps_revisions: bool,
}

/// Whether there is a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HasRecord {
    /// There is.
    There,
    /// There is none.
    None,
    /// It may not be read.
    Unknown,
}

impl HasRecord {
    /// There is one, or none.
    pub fn of(is_there: bool) -> Self {
        if is_there { Self::There } else { Self::None }
    }

    fn known(self) -> Option<bool> {
        match self {
            Self::There => Some(true),
            Self::None => Some(false),
            Self::Unknown => None,
        }
    }
}

/// One roll, or another change of the pod template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRow {
    /// The number of the roll, where it is one of this installation.
    pub roll: Option<u64>,
    /// That number as people are told it.
    pub number: Option<String>,
    /// The revision of the pod template that it made, as it is numbered now.
    pub revision: Option<u64>,
    /// When it was decided, or done.
    pub at: Option<Timestamp>,
    /// The method of a roll, or what else happened.
    pub how: &'static str,
    /// The client that wrote it.
    pub client: Option<Name>,
    /// How it ended.
    pub end: Option<&'static str>,
    /// Whether somebody went back behind it after that.
    pub reverted_later: bool,
    /// What the pods wait for that are not replaced.
    pub waits_for: Option<String>,
    /// How many seconds that took.
    pub took: Option<i64>,
    /// The sources and keys that a roll was for.
    pub because: Option<String>,
    /// The time that a restart wrote on the template.
    pub restarted_at: Option<Name>,
    /// What somebody wrote as the cause of a change.
    pub change_cause: Option<Name>,
}

fn manners() -> Vec<String> {
    words(Manner::ALL, Manner::word)
}

fn ends() -> Vec<String> {
    words(RollEnd::ALL, RollEnd::word)
}

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field("namespace", Form::Text, "The namespace of the workload."),
    field("kind", Form::Text, "Its kind, in lower case: `deployment`."),
    field("name", Form::Text, "Its name."),
    field(
        "record",
        Form::OrNull(&Form::Truth),
        "Whether there is a record of it; `null` where that may not be read.",
    ),
    field(
        "unknown[]",
        Form::Text,
        "What could not be read, and the permission that is missing.",
    ),
    field(
        "history[]",
        Form::Object,
        "One object for each roll, and for each other change of which a revision is left, the oldest first.",
    ),
    field(
        "history[].roll",
        Form::OrNull(&Form::Integer),
        "The number of the roll; `null` for what was none of this installation.",
    ),
    field(
        "history[].number",
        Form::OrNull(&Form::Text),
        "That number as people are told it, with what it counts in: `4-k7f2`; `null` where the record does not tell.",
    ),
    field(
        "history[].revision",
        Form::OrNull(&Form::Integer),
        "The revision of the pod template that it made, as `kubectl rollout history` numbers it; `null` where that is not known, or it is there no more.",
    ),
    field(
        "history[].at",
        Form::OrNull(&Form::Time),
        "When the roll was decided, or the revision made; `null` where that is not told.",
    ),
    field(
        "history[].how",
        Form::Word(manners),
        "`rollout` for a roll; else `created`, `restart`, `undo` or `edit`.",
    ),
    field(
        "history[].client",
        Form::OrNull(&Form::Text),
        "The client that wrote it, as it calls itself; `null` where that is not told. Kubernetes keeps no user.",
    ),
    field(
        "history[].end",
        Form::OrNull(&Form::Word(ends)),
        "`done`, `failed`, `reverted`, `overtaken`, `rolling`, `waiting` or `pending`; `null` where it is not known.",
    ),
    field(
        "history[].revertedLater",
        Form::Truth,
        "`true` for a roll that was `done`, and that somebody went back behind later.",
    ),
    field(
        "history[].waitsFor",
        Form::OrNull(&Form::Text),
        "What the pods wait for that are not replaced, where the end is `waiting`; else `null`.",
    ),
    field(
        "history[].took",
        Form::OrNull(&Form::Integer),
        "How many seconds passed from `at` to that end; `null` where it is not known.",
    ),
    field(
        "history[].because",
        Form::OrNull(&Form::Text),
        "The sources and keys that a roll was for; `null` for anything else.",
    ),
    field(
        "history[].restartedAt",
        Form::OrNull(&Form::Text),
        "The time that a restart wrote on the template; `null` for anything else.",
    ),
    field(
        "history[].changeCause",
        Form::OrNull(&Form::Text),
        "The annotation `kubernetes.io/change-cause` of that revision; `null` where it has none.",
    ),
];

impl HistoryReport {
    /// The report on these steps of a workload, whose record would be in this namespace,
    /// and on what could not be read.
    pub fn new(
        key: &WorkloadRef,
        steps: &[PastStep],
        records: HasRecord,
        own_namespace: String,
        unknown: Vec<String>,
    ) -> Self {
        Self {
            namespace: key.namespace.clone(),
            kind: key.kind.word,
            name: key.name.clone(),
            record: records.known(),
            history: steps.iter().map(HistoryRow::new).collect(),
            unknown,
            own_namespace,
            keeps_revisions: key.kind.revision != Revision::Untold,
        }
    }

    /// How the program ends with it.
    pub fn exit(&self) -> Exit {
        if self.unknown.is_empty() {
            Exit::Done
        } else {
            Exit::Error
        }
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl HistoryRow {
    fn new(step: &PastStep) -> Self {
        let because = Some(step.because.clone()).filter(|because| !because.is_empty());
        Self {
            roll: step.roll,
            number: step.number.map(|number| number.to_string()),
            revision: step.revision,
            at: step.at.and_then(|at| Timestamp::from_second(at).ok()),
            how: step.how.word(),
            client: step.client.clone(),
            end: step.outcome.map(RollEnd::word),
            reverted_later: step.undone,
            waits_for: step.waits_for.clone(),
            took: step.took,
            because,
            restarted_at: step.restarted.clone(),
            change_cause: step.change_cause.clone(),
        }
    }

    /// How it ended, in the words of a table.
    pub fn ending(&self) -> String {
        let end = self.end.unwrap_or("?");
        match &self.waits_for {
            Some(what) => format!("{end}: {what}"),
            None if self.reverted_later => format!("{end}, reverted later"),
            None => end.to_owned(),
        }
    }

    /// What it was for, in the words of a table.
    pub fn cause(&self) -> String {
        let restarted = self.restarted_at.as_ref();
        let restarted = restarted.map(|at| format!("restarted at {at}"));
        let told = [
            self.because.clone(),
            self.change_cause.as_deref().map(str::to_owned),
            restarted,
        ];
        let told: Vec<_> = told.into_iter().flatten().collect();
        if told.is_empty() {
            "-".to_owned()
        } else {
            told.join("; ")
        }
    }
}
