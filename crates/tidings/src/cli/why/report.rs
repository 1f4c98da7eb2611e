//! What `tidings why` says about workloads, as values.
//!
//! [`super::explain`] fills them in. They are also the JSON of `-o json`: their
//! fields are a promise, listed in [`FIELDS`].

use serde::{Serialize, Serializer};
use tidings_core::compare::{KeyRow, KeyState};
use tidings_core::method::Method;
use tidings_core::reason::{LEFT_DUE, Reason};
use tidings_core::refs::Name;
use tidings_core::stale::{Certainty, Reads, StaleUse};
use tidings_core::standing::{WORDS, Word};

use super::leader::{LEADER, LeaderReport};
use super::waits::{WAITS, WaitsReport};
use crate::cli::columns::few;
use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, methods, reasons, ways, words};

/// How a workload stands that nothing asks Tidings to care for.
const NOT_OPTED_IN: &str = "notOptedIn";

/// How it begins where the record could not be read.
pub const OF_THE_RECORD: &str = "the record: needs ";

/// The answer to `tidings why`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyReport {
    /// The workloads, in order.
    pub workloads: Vec<WorkloadReport>,
    /// How many of them stand how.
    pub summary: Summary,
    /// Who leads.
    pub leader: LeaderReport,
    /// What could not be listed.
    pub unknown: Vec<String>,
}

/// How many workloads stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// In step.
    pub in_step: usize,
    /// Stale.
    pub stale: usize,
    /// Waiting.
    pub waiting: usize,
    /// Rolling.
    pub rolling: usize,
    /// Failed.
    pub failed: usize,
    /// Not known.
    pub unknown: usize,
    /// Not opted in.
    pub not_opted_in: usize,
}

impl Summary {
    /// How many are opted in.
    pub fn opted_in(&self) -> usize {
        let done = self.in_step + self.stale + self.waiting;
        done + self.rolling + self.failed + self.unknown
    }

    /// Of these.
    pub fn of(workloads: &[WorkloadReport]) -> Self {
        let mut summary = Self::default();
        for workload in workloads {
            summary.count(workload.standing);
        }
        summary
    }

    /// And one more.
    pub fn count(&mut self, standing: Standing) {
        let count = match standing.0 {
            Some(Word::InStep) => &mut self.in_step,
            Some(Word::Stale) => &mut self.stale,
            Some(Word::Waiting) => &mut self.waiting,
            Some(Word::Rolling) => &mut self.rolling,
            Some(Word::Failed) => &mut self.failed,
            Some(Word::Unknown) => &mut self.unknown,
            None => &mut self.not_opted_in,
        };
        *count += 1;
    }
}

/// How a workload stands; none where nothing asks Tidings to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing(pub Option<Word>);

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.map_or(NOT_OPTED_IN, |word| word.row().json))
    }
}

/// How many pods have what is newest, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// Those that are made from the newest template.
    pub updated: u32,
    /// Those that there should be.
    pub desired: u32,
}

/// One workload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReport {
    /// Its namespace.
    pub namespace: Name,
    /// The word for its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// How it stands.
    pub standing: Standing,
    /// Whether a roll is due that is not on the template yet.
    #[serde(skip)]
    pub due: bool,
    /// How far a rollout is that is not through.
    pub pods: Option<Pods>,
    /// How many pods have what is newest where it is in step, as far as that is told.
    #[serde(skip)]
    pub in_step: Option<Pods>,
    /// Until when it waits at least, where that is known.
    pub until: Option<jiff::Timestamp>,
    /// The number of the last roll; none where it is not known.
    pub roll: Option<u64>,
    /// That number as people are told it.
    pub number: Option<String>,
    /// That roll, as the record tells of it.
    pub last: Option<LastRoll>,
    /// Whether that is written down and has not reached the workload.
    pub pending: bool,
    /// Whether it came by `kubectl.kubernetes.io/restartedAt`, which operators leave.
    pub by_restart: bool,
    /// Why, in a word; none where no decision could be made.
    pub reason: Option<&'static str>,
    /// What the word means.
    pub meaning: Option<&'static str>,
    /// The particulars.
    pub text: String,
    /// What waits under a number that people may have a word about.
    pub waits: Option<WaitsReport>,
    /// What some of its pods have that is older than what is recorded of all.
    pub older: Vec<OlderReport>,
    /// What it uses.
    pub uses: Vec<UseReport>,
    /// What a person should mend.
    pub problems: Vec<ProblemReport>,
    /// What could not be read.
    pub unknown: Vec<String>,
}

impl WorkloadReport {
    /// Whether what is due is only told, and brought no further before there is something
    /// else.
    pub fn is_left(&self) -> bool {
        let mut left = LEFT_DUE.iter();
        left.any(|left| self.reason == Some(left.word()))
    }

    /// Whether something is due that is brought, or will be: nobody need do anything.
    pub fn is_coming(&self) -> bool {
        self.due && !self.is_left()
    }

    /// How it stands, or why that is nobody's concern, in the words of tables.
    pub fn standing_text(&self) -> &'static str {
        const ALONE: [(Reason, &str); 2] = [
            (Reason::LeftToOwner, "left to its owner"),
            (Reason::BeingDeleted, "being deleted"),
        ];
        let is_why = |(reason, _): &&(Reason, _)| self.reason == Some(reason.word());
        let alone = ALONE.iter().find(is_why).map(|(_, text)| *text);
        let word = self.standing.0.map(|word| word.row().text);
        word.or(alone).unwrap_or("not opted in")
    }
}

/// Pods of a workload that have, or may have, something else of one source than is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OlderReport {
    /// `kind/name`
    pub source: String,
    /// The keys that differ, where that is known.
    pub keys: Vec<Name>,
    /// Whether it is certain.
    pub certain: bool,
    /// Whether they use files that have followed, so that they may have read them again.
    pub follows: bool,
    /// Which pods.
    pub pods: Vec<Name>,
    /// How many pods the workload has.
    pub of: usize,
}

impl OlderReport {
    /// What `stale` says of them, in short.
    pub fn new(row: &StaleUse) -> Self {
        Self {
            source: row.source.to_string(),
            keys: row.keys.iter().cloned().collect(),
            certain: row.certainty == Certainty::Surely,
            follows: row.reads == Reads::Again,
            pods: row.pods.iter().map(|pod| pod.name.clone()).collect(),
            of: row.of,
        }
    }

    /// In words.
    pub fn text(&self) -> String {
        let (some, of) = (self.pods.len(), self.of);
        let may = if self.certain { "" } else { "may have " };
        let keys = match few(&self.keys, "") {
            keys if keys.is_empty() => keys,
            keys => format!(" ({keys})"),
        };
        let again = if self.follows {
            ", unless they have read it again"
        } else {
            ""
        };
        let pods = few(&self.pods, "?");
        format!(
            "{some} of {of} pods {may}started with another {}{keys}{again}: {pods}",
            self.source
        )
    }
}

/// The last roll of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRoll {
    /// When it was decided.
    pub at: Option<jiff::Timestamp>,
    /// By which method it was brought, or is being.
    pub method: &'static str,
    /// The sources and keys that it was for.
    pub because: String,
}

impl LastRoll {
    /// By which method it was, in words, where that is no rollout: this is what people take a
    /// roll for. What they were only told of was brought by nothing.
    pub fn by(&self) -> Option<String> {
        match Method::parse(self.method) {
            Some(Method::Rollout) => None,
            Some(Method::Notify) => Some("told only".to_owned()),
            _ => Some(format!("by {}", self.method)),
        }
    }
}

/// One source that a workload uses or names.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UseReport {
    /// `kind/name`
    pub source: String,
    /// The ways in which it is used.
    pub via: Vec<&'static str>,
    /// Whether containers start without it.
    pub optional: bool,
    /// Whether it may not be changed, only made anew; false where that is not known.
    pub immutable: bool,
    /// Whether a change of it rolls the workload.
    pub counts: bool,
    /// Why it does not count, where it does not.
    pub note: Option<&'static str>,
    /// Its keys that count.
    pub keys: Vec<KeyRow>,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemReport {
    /// In a word.
    pub reason: &'static str,
    /// In a sentence.
    pub text: String,
}

/// The fields of a [`Summary`].
pub(in crate::cli) static SUMMARY: &[FieldRow] = &[
    field("inStep", Form::Integer, "Their pods have what is there."),
    field(
        "stale",
        Form::Integer,
        "Their pods have older content, or may have.",
    ),
    field(
        "waiting",
        Form::Integer,
        "Their pods do, and something makes the roll wait.",
    ),
    field(
        "rolling",
        Form::Integer,
        "The newest content is being brought.",
    ),
    field(
        "failed",
        Form::Integer,
        "A rollout has missed its deadline, or a pod has refused the content.",
    ),
    field(
        "unknown",
        Form::Integer,
        "Something that it takes to know could not be read.",
    ),
    field(
        "notOptedIn",
        Form::Integer,
        "Nothing asks for them, or they are left to their owner.",
    ),
];

/// The fields of [`Pods`].
pub(in crate::cli) static PODS: &[FieldRow] = &[
    field(
        "updated",
        Form::Integer,
        "Pods of the newest template; while a method goes pod by pod those that it has acted on, of which at most ten have yet to prove that they have it.",
    ),
    field("desired", Form::Integer, "Pods that there should be."),
];

/// The fields of a [`LastRoll`].
pub(in crate::cli) static LAST_ROLL: &[FieldRow] = &[
    field(
        "at",
        Form::OrNull(&Form::Time),
        "When it was decided; `null` where that is not told.",
    ),
    field(
        "method",
        Form::Word(methods),
        "By which [method](methods.md) it was brought, or is being: `hot`, `poke`, `rollout` or `notify`.",
    ),
    field(
        "because",
        Form::Text,
        "The sources and keys that it was for.",
    ),
];

/// The fields of an [`OlderReport`].
pub(in crate::cli) static OLDER: &[FieldRow] = &[
    field("source", Form::Text, "`configmap/name` or `secret/name`."),
    field(
        "keys[]",
        Form::Text,
        "The keys that differ; empty where that is not known.",
    ),
    field(
        "certain",
        Form::Truth,
        "`false` where they may have read what is there now.",
    ),
    field(
        "follows",
        Form::Truth,
        "`true` for files that have followed: their process may have read them again.",
    ),
    field("pods[]", Form::Text, "Which pods."),
    field("of", Form::Integer, "How many pods the workload has."),
];

/// The fields of a [`ProblemReport`].
pub(in crate::cli) static PROBLEM: &[FieldRow] = &[
    field("reason", Form::Word(reasons), "The [reason](reasons.md)."),
    field("text", Form::Text, "Its particulars."),
];

/// The words for how a workload stands that is opted in.
pub(in crate::cli) fn standings() -> Vec<String> {
    words(WORDS, |row| row.json)
}

fn standings_or_none() -> Vec<String> {
    let none = Some(NOT_OPTED_IN.to_owned());
    standings().into_iter().chain(none).collect()
}

fn key_states() -> Vec<String> {
    words(KeyState::ALL, KeyState::json)
}

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field(
        "summary",
        Form::Parts(SUMMARY),
        "How many workloads stand how.",
    ),
    field("leader", Form::Parts(LEADER), "Who leads, and so rolls."),
    field(
        "unknown[]",
        Form::Text,
        "What could not be listed, and the permission that is missing.",
    ),
    field(
        "workloads[]",
        Form::Object,
        "One object for each workload, in order of namespace, kind and name.",
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
        Form::Word(standings_or_none),
        "`inStep`; `stale`: the pods have older content, or may have; `waiting`: they do, and something makes the roll wait; `rolling`: it is being brought; `failed`: a rollout has missed its deadline, or a pod has refused it; `unknown`; or `notOptedIn`: nothing asks for it, or it is left to its owner, or is being deleted, as the reason says.",
    ),
    field(
        "workloads[].pods",
        Form::OrNull(&Form::Parts(PODS)),
        "How far a rollout is that is not through; `null` where none is under way.",
    ),
    field(
        "workloads[].until",
        Form::OrNull(&Form::Time),
        "Until when a roll waits at least; `null` where nothing waits or that is not known.",
    ),
    field(
        "workloads[].roll",
        Form::OrNull(&Form::Integer),
        "The number of the last roll; `null` where there is no record or it cannot be read.",
    ),
    field(
        "workloads[].number",
        Form::OrNull(&Form::Text),
        "That number as people are told it, with what it counts in: `4-k7f2`; `null` likewise.",
    ),
    field(
        "workloads[].last",
        Form::OrNull(&Form::Parts(LAST_ROLL)),
        "That roll; `null` where there was none.",
    ),
    field(
        "workloads[].pending",
        Form::Truth,
        "`true` where that roll is written down and has not reached the workload: it is under way, or refused.",
    ),
    field(
        "workloads[].byRestart",
        Form::Truth,
        "`true` where that roll came by the time of a restart, since somebody else keeps the rest of the pod template.",
    ),
    field(
        "workloads[].reason",
        Form::OrNull(&Form::Word(reasons)),
        "The reason of the decision; `null` where none could be made.",
    ),
    field(
        "workloads[].meaning",
        Form::OrNull(&Form::Text),
        "What the reason means.",
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
    field(
        "workloads[].uses[]",
        Form::Object,
        "What it uses or names, one object for each source.",
    ),
    field(
        "workloads[].uses[].source",
        Form::Text,
        "`configmap/name` or `secret/name`.",
    ),
    field(
        "workloads[].uses[].via[]",
        Form::Word(ways),
        "How it is used: `env`, `envFrom`, `volume`, `projected`, `subPath`, `imagePullSecret`, `named`.",
    ),
    field(
        "workloads[].uses[].optional",
        Form::Truth,
        "Whether containers start without it.",
    ),
    field(
        "workloads[].uses[].immutable",
        Form::Truth,
        "Whether it may not be changed, only made anew; `false` where that is not known.",
    ),
    field(
        "workloads[].uses[].counts",
        Form::Truth,
        "Whether a change of it rolls the workload.",
    ),
    field(
        "workloads[].uses[].note",
        Form::OrNull(&Form::Text),
        "Why it does not; `null` where it does.",
    ),
    field(
        "workloads[].uses[].keys[]",
        Form::Object,
        "Its keys, one object each.",
    ),
    field(
        "workloads[].uses[].keys[].key",
        Form::OrNull(&Form::Text),
        "The key; `null` where one digest stands for all keys that count.",
    ),
    field(
        "workloads[].uses[].keys[].recorded",
        Form::OrNull(&Form::Text),
        "The digest that the workload was last brought to, `-` for a key that was not there, `null` where nothing is recorded or known.",
    ),
    field(
        "workloads[].uses[].keys[].present",
        Form::OrNull(&Form::Text),
        "The digest now, `-` for a key that is not there, `null` where it is not known.",
    ),
    field(
        "workloads[].uses[].keys[].state",
        Form::Word(key_states),
        "`inStep`, `changed`, `new`, `appeared`, `gone`, `absent`, `overridden` (another variable takes its place), `notWatched` or `unknown`.",
    ),
];

impl WorkloadReport {
    /// Whether its record could not be read: tenants may not see the others'.
    pub fn lacks_record(&self) -> bool {
        self.unknown.iter().any(|u| u.starts_with(OF_THE_RECORD))
    }
}

impl WhyReport {
    /// The report on these workloads; and what could not be listed.
    pub fn new(workloads: Vec<WorkloadReport>, leader: LeaderReport, unknown: Vec<String>) -> Self {
        Self {
            summary: Summary::of(&workloads),
            workloads,
            leader,
            unknown,
        }
    }

    /// How the program ends with it: the gravest standing decides.
    pub fn exit(&self) -> Exit {
        exit(self.workloads.iter().map(|w| w.standing), &self.unknown)
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// How the program ends where workloads stand so, and this could not be listed.
pub fn exit(standings: impl Iterator<Item = Standing>, unknown: &[String]) -> Exit {
    let words: Vec<_> = standings.filter_map(|standing| standing.0).collect();
    match () {
        () if !unknown.is_empty() || words.contains(&Word::Unknown) => Exit::Error,
        () if words.iter().any(|word| *word != Word::InStep) => Exit::NotInStep,
        () => Exit::Done,
    }
}
