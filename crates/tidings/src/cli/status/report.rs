//! What `tidings status` says about workloads, as values.
//!
//! They are also the JSON of `-o json`: their fields are a promise, listed in
//! [`FIELDS`].

use jiff::Timestamp;
use serde::Serialize;
use tidings_core::index::Index;
use tidings_core::reason::Reason;
use tidings_core::refs::Name;
use tidings_core::standing::Word;

use super::look::Overview;
use crate::api::Refusal;
use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, reasons};
use crate::cli::why::leader::{LEADER, LeaderReport};
use crate::cli::why::report::{
    LAST_ROLL, LastRoll, OLDER, OlderReport, PODS, PROBLEM, Pods, ProblemReport, SUMMARY, Standing,
    Summary, WorkloadReport, exit, standings,
};
use crate::cli::why::waits::{WAITS, WaitsReport};

/// The answer to `tidings status`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// The workloads that are opted in and stand as was asked for, in order.
    pub workloads: Vec<StatusRow>,
    /// How many stand how, of all.
    pub summary: Summary,
    /// Who leads.
    pub leader: LeaderReport,
    /// Whether there are records of any workload; none where that may not be asked.
    pub records: Option<bool>,
    /// Whether somebody wants nothing at all to be rolled.
    pub paused: Option<PausedReport>,
    /// What could not be listed.
    pub unknown: Vec<String>,
    /// The namespace in which records would be.
    #[serde(skip)]
    pub own_namespace: String,
    /// The rights that were lacking.
    #[serde(skip)]
    pub rights: Vec<Refusal>,
}

/// Somebody's word that nothing at all is to be rolled, while it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PausedReport {
    /// Until when; none: until it is ended.
    pub until: Option<Timestamp>,
}

impl PausedReport {
    /// What Tidings' own namespace says, as far as it is known.
    pub fn of(index: &Index, now: Timestamp) -> Option<Self> {
        let pause = index.everything_paused()?;
        let until = pause.until().and_then(|at| Timestamp::from_second(at).ok());
        pause.holds(now.as_second()).then_some(Self { until })
    }

    /// In words.
    pub fn text(&self) -> String {
        let until = self.until.map(|at| format!(" until {at}"));
        let until = until.unwrap_or_default();
        format!("everything is paused{until}: nothing is rolled (`tidings unpause --all` ends it)")
    }
}

static PAUSED: &[FieldRow] = &[field(
    "until",
    Form::OrNull(&Form::Time),
    "Until when; `null`: until somebody ends it.",
)];

/// One workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusRow {
    /// Its namespace.
    pub namespace: Name,
    /// The word for its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// How it stands.
    pub standing: Standing,
    /// The number of its last roll.
    pub number: Option<String>,
    /// How many of its pods have what is newest; none where that is not known.
    pub pods: Option<Pods>,
    /// Until when it waits at least, where that is known.
    pub until: Option<Timestamp>,
    /// Its last roll.
    pub last: Option<LastRoll>,
    /// Why it stands so, in a word.
    pub reason: Option<&'static str>,
    /// The particulars.
    pub text: String,
    /// What waits under a number that people may have a word about.
    pub waits: Option<WaitsReport>,
    /// What some of its pods have that is older than what is recorded of all.
    pub older: Vec<OlderReport>,
    /// What a person should mend.
    pub problems: Vec<ProblemReport>,
    /// What could not be read.
    pub unknown: Vec<String>,
}

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field(
        "summary",
        Form::Parts(SUMMARY),
        "How many workloads stand how, whatever `--standing` shows.",
    ),
    field("leader", Form::Parts(LEADER), "Who leads, and so rolls."),
    field(
        "records",
        Form::OrNull(&Form::Truth),
        "Whether there are records of any workload: `false` where Tidings is not installed, or not there; `null` where that may not be asked.",
    ),
    field(
        "paused",
        Form::OrNull(&Form::Parts(PAUSED)),
        "Somebody's word that nothing at all is to be rolled (`tidings pause --all`); `null` where there is none, or it may not be read.",
    ),
    field(
        "unknown[]",
        Form::Text,
        "What could not be listed, and the permission that is missing.",
    ),
    field(
        "workloads[]",
        Form::Object,
        "One object for each workload that is opted in, in order of namespace, kind and name.",
    ),
    field("workloads[].namespace", Form::Text, "Its namespace."),
    field(
        "workloads[].kind",
        Form::Text,
        "Its kind, in lower case: `deployment`.",
    ),
    field("workloads[].name", Form::Text, "Its name."),
    field(
        "workloads[].standing",
        Form::Word(standings),
        "`inStep`, `stale`, `waiting`, `rolling`, `failed` or `unknown`.",
    ),
    field(
        "workloads[].number",
        Form::OrNull(&Form::Text),
        "The number of its last roll, `4-k7f2`, where that is 0: none yet; `null` where there is no record or it cannot be read.",
    ),
    field(
        "workloads[].pods",
        Form::OrNull(&Form::Parts(PODS)),
        "How many pods have what is newest, of all; `null` where that is not known.",
    ),
    field(
        "workloads[].until",
        Form::OrNull(&Form::Time),
        "Until when a roll waits at least; `null` where nothing waits or that is not known.",
    ),
    field(
        "workloads[].last",
        Form::OrNull(&Form::Parts(LAST_ROLL)),
        "Its last roll; `null` where there was none, or it is not known.",
    ),
    field(
        "workloads[].reason",
        Form::OrNull(&Form::Word(reasons)),
        "The reason of the decision; `null` where none could be made.",
    ),
    field(
        "workloads[].text",
        Form::Text,
        "Its particulars. May be empty.",
    ),
    field(
        "workloads[].waits",
        Form::OrNull(&Form::Parts(WAITS)),
        "What waits under a number that people may have a word about; `null` where nothing does.",
    ),
    field(
        "workloads[].older[]",
        Form::Parts(OLDER),
        "Pods with a container that was started again while a source was another than it is and is recorded, one object for each source and value of `certain` and `follows`.",
    ),
    field(
        "workloads[].problems[]",
        Form::Parts(PROBLEM),
        "What a person should mend.",
    ),
    field(
        "workloads[].unknown[]",
        Form::Text,
        "What could not be read, and the permission that is missing.",
    ),
];

impl StatusReport {
    /// The report on what was seen, of those that stand in one of these words; of all
    /// where there is none.
    pub fn new(seen: Overview, standings: &[Word]) -> Self {
        let summary = Summary::of(&seen.workloads);
        let rows = seen.workloads.into_iter().filter(|workload| {
            let word = workload.standing.0;
            word.is_some_and(|word| standings.is_empty() || standings.contains(&word))
        });
        Self {
            summary,
            workloads: rows.map(StatusRow::new).collect(),
            leader: seen.leader,
            records: seen.records,
            paused: seen.paused,
            unknown: seen.gaps,
            own_namespace: seen.own_namespace,
            rights: seen.rights,
        }
    }

    /// How the program ends with it: the gravest standing that is shown decides.
    pub fn exit(&self) -> Exit {
        exit(self.workloads.iter().map(|w| w.standing), &self.unknown)
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The same in one line.
    pub fn json_line(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Whether it says the same as another one, whatever the time.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let leads = |report: &Self| (report.leader.name.clone(), report.leader.problem.clone());
        self.workloads == other.workloads
            && self.summary == other.summary
            && self.unknown == other.unknown
            && self.records == other.records
            && self.paused == other.paused
            && leads(self) == leads(other)
    }
}

impl StatusRow {
    /// The row of a workload.
    pub fn new(of: WorkloadReport) -> Self {
        Self {
            pods: pods(&of),
            namespace: of.namespace,
            kind: of.kind,
            name: of.name,
            standing: of.standing,
            number: of.number,
            until: of.until,
            last: of.last,
            reason: of.reason,
            text: of.text,
            waits: of.waits,
            older: of.older,
            problems: of.problems,
            unknown: of.unknown,
        }
    }

    /// What it is called, among all.
    pub fn key(&self) -> (Name, &'static str, Name) {
        (self.namespace.clone(), self.kind, self.name.clone())
    }

    /// What is to come before its pods have what is there: also that a pod refuses it.
    pub fn waits_for(&self) -> Option<String> {
        // Who may not read something is told that beside the table.
        let is_held = match self.standing.0? {
            Word::Waiting | Word::Stale => true,
            Word::Unknown => self.unknown.is_empty(),
            Word::Failed => self.is_refused(),
            Word::Rolling | Word::InStep => false,
        };
        if !is_held {
            return None;
        }
        let reason = self.reason?;
        let older = self.older.iter().map(OlderReport::text);
        let text = Some(self.text.clone()).filter(|text| !text.is_empty());
        let text: Vec<_> = text.into_iter().chain(older).collect();
        Some(match text.as_slice() {
            [] => reason.to_owned(),
            text => format!("{reason}: {}", text.join("; ")),
        })
    }

    /// Whether it is a pod that refuses what is there, and no rollout that is late.
    fn is_refused(&self) -> bool {
        let refuses = [Reason::Rejected, Reason::Died].map(|reason| Some(reason.word()));
        refuses.contains(&self.reason)
    }

    /// Whether it has been rolled.
    pub fn was_rolled(&self) -> bool {
        self.last.is_some()
    }
}

/// A rollout tells how far it is; who is in step has it in all pods.
fn pods(of: &WorkloadReport) -> Option<Pods> {
    let all = of.in_step.filter(|_| of.standing.0 == Some(Word::InStep));
    of.pods.or(all)
}
