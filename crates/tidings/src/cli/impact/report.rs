//! What `tidings impact` says, as values.
//!
//! They are also the JSON of `-o json`: their fields are a promise, listed in
//! [`FIELDS`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tidings_core::annotations::{IGNORE, RELOAD};
use tidings_core::impact::{Impact, Outcome, Touch};
use tidings_core::index::Known;
use tidings_core::kinds::Renewal;
use tidings_core::method::Method;
use tidings_core::reason::Reason;
use tidings_core::refs::Name;
use tidings_core::vocabulary::Vocabulary;

use super::turns::{TURN, TurnRow};
use crate::api::Refusal;
use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, methods, reasons, ways, words};
use crate::cli::input::{UNREAD, Unread};

/// The answer to `tidings impact`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpactReport {
    /// The workloads that use what would be another, in order.
    pub workloads: Vec<ImpactRow>,
    /// The sources, in order.
    pub sources: Vec<SourceRow>,
    /// How many workloads.
    pub summary: ImpactSummary,
    /// What could not be read.
    pub unknown: Vec<String>,
    /// What of the files could not be read.
    pub unread: Vec<Unread>,
    /// What the API server would refuse to do to workloads.
    pub refused: Vec<String>,
    /// What reading Tidings' records needs, where they may not be read.
    pub notes: Vec<String>,
    /// Whether it is not known if only so many go at once.
    pub turns_unknown: bool,
    /// The rights that were lacking.
    #[serde(skip)]
    pub rights: Vec<Refusal>,
    /// How many objects of each kind were in the files.
    #[serde(skip)]
    pub kinds: BTreeMap<String, usize>,
}

/// How many workloads, by what would become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpactSummary {
    /// They would be rolled.
    pub rolls: usize,
    /// With so many pods that would be replaced.
    pub pods: u32,
    /// They would be due, and wait.
    pub waits: usize,
    /// What is applied to themselves restarts them.
    pub restarts: usize,
    /// They would not be rolled.
    pub stays: usize,
    /// It cannot be told.
    pub unknown: usize,
}

/// A workload that uses what would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImpactRow {
    /// Its namespace.
    pub namespace: Name,
    /// The word for its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// What would become of it.
    #[serde(serialize_with = "by_word")]
    pub outcome: Outcome,
    /// Why, in a word; none where it is not known, or it is opted in for other sources.
    #[serde(serialize_with = "by_name")]
    pub reason: Option<Reason>,
    /// The particulars.
    pub text: String,
    /// Until when it would wait at least, where that is known.
    pub until: Option<Timestamp>,
    /// By which method it would be brought; none where it would not.
    pub method: Option<&'static str>,
    /// How many pods it should have; none where its runs end.
    pub pods: Option<u32>,
    /// How many of them would be replaced now; none likewise.
    pub replaced: Option<u32>,
    /// Whether a roll of it is due already, whatever is applied.
    pub already: bool,
    /// How it is rolled in turn with others; none where all go at once, or it would not be.
    pub train: Option<TurnRow>,
    /// The value of `tidings.dev/reload` on the workload that would have it rolled.
    pub opt_in: Option<String>,
    /// What it uses of what would be another.
    pub uses: Vec<TouchRow>,
}

/// A source that a workload uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TouchRow {
    /// `kind/name`
    pub source: String,
    /// The keys that would differ; none: it as a whole.
    pub keys: Vec<Name>,
    /// The ways in which it uses them.
    pub via: Vec<&'static str>,
    /// Whether its owners want it to be rolled for them.
    pub counts: bool,
    /// Whether the source is marked to roll nothing.
    pub ignored: bool,
    /// Whether the workload goes first with it, alone, and others follow.
    pub first: bool,
    /// The annotations that mark a source so.
    #[serde(skip)]
    pub ignored_by: String,
}

/// A source that was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceRow {
    /// Its namespace.
    pub namespace: Name,
    /// `kind/name`
    pub source: String,
    /// What would become of it.
    pub change: Change,
    /// The particulars. May be empty.
    pub text: String,
}

/// What would become of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It would hold something else.
    Changed,
    /// It is not there yet.
    Made,
    /// It holds that already.
    Unchanged,
    /// The API server would refuse it.
    Refused,
    /// An installation with these options does not look at it.
    NotWatched,
    /// It may not be read.
    Unknown,
}

impl Change {
    const ALL: [Self; 6] = [
        Self::Changed,
        Self::Made,
        Self::Unchanged,
        Self::Refused,
        Self::NotWatched,
        Self::Unknown,
    ];

    /// The word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Made => "made",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::NotWatched => "notWatched",
            Self::Unknown => "unknown",
        }
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// The fields of `summary`.
static SUMMARY: &[FieldRow] = &[
    field("rolls", Form::Integer, "They would be rolled."),
    field(
        "pods",
        Form::Integer,
        "The pods of these that would be replaced.",
    ),
    field("waits", Form::Integer, "They would be due, and wait."),
    field(
        "restarts",
        Form::Integer,
        "What is applied to themselves restarts them.",
    ),
    field("stays", Form::Integer, "They would not be rolled."),
    field("unknown", Form::Integer, "It cannot be told."),
];

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field(
        "summary",
        Form::Parts(SUMMARY),
        "How many workloads, by what would become of them.",
    ),
    field(
        "unknown[]",
        Form::Text,
        "What could not be listed, and the permission that is missing.",
    ),
    field(
        "unread[]",
        Form::Parts(UNREAD),
        "What of the files could not be read.",
    ),
    field(
        "refused[]",
        Form::Text,
        "What of workloads in the files the API server would refuse, such as another selector: they are taken to stay as they are.",
    ),
    field(
        "notes[]",
        Form::Text,
        "The permission that is missing to read Tidings' records: whether the fuse or an interval holds a roll is not known then, nor who is under way.",
    ),
    field(
        "turnsUnknown",
        Form::Truth,
        "`true` where something would be rolled, and the options of the installation cannot be read: whether only so many go at once (`--at-once`) is not known then.",
    ),
    field(
        "sources[]",
        Form::Object,
        "One object for each ConfigMap and Secret that was asked about, in order.",
    ),
    field("sources[].namespace", Form::Text, "Its namespace."),
    field(
        "sources[].source",
        Form::Text,
        "`configmap/name` or `secret/name`.",
    ),
    field(
        "sources[].change",
        Form::Word(changes),
        "`changed`, `made` (not there yet), `unchanged`, `refused` (the API server would not take it: immutable, another `type`, a key that it cannot have, …), `notWatched`, `unknown`.",
    ),
    field("sources[].text", Form::Text, "The particulars."),
    field(
        "workloads[]",
        Form::Object,
        "One object for each workload that uses a key that would differ, in order.",
    ),
    field("workloads[].namespace", Form::Text, "Its namespace."),
    field(
        "workloads[].kind",
        Form::Text,
        "Its kind in lower case, such as `deployment`.",
    ),
    field("workloads[].name", Form::Text, "Its name."),
    field(
        "workloads[].outcome",
        Form::Word(outcomes),
        "`rolls`, `waits`, `restarts` (by what is applied to itself), `stays` (uses it, and is not rolled), `unknown`.",
    ),
    field(
        "workloads[].reason",
        Form::OrNull(&Form::Word(reasons)),
        "The [reason](reasons.md) in a word; `null` where it is opted in, but not for this, or that is not known.",
    ),
    field("workloads[].text", Form::Text, "The particulars."),
    field(
        "workloads[].until",
        Form::OrNull(&Form::Time),
        "Until when it would wait at least, where that is known.",
    ),
    field(
        "workloads[].method",
        Form::OrNull(&Form::Word(methods)),
        "By which [method](annotations.md) it would be brought: `hot`, `poke`, `rollout`; `null` where it would not be rolled.",
    ),
    field(
        "workloads[].pods",
        Form::OrNull(&Form::Integer),
        "How many pods it should have; `null` for what runs to its end.",
    ),
    field(
        "workloads[].replaced",
        Form::OrNull(&Form::Integer),
        "How many of them would be replaced by that, as far as nobody has to do anything: of a StatefulSet those above its partition; 0 where it waits or stays; `null` for what runs to its end.",
    ),
    field(
        "workloads[].already",
        Form::Truth,
        "`true` where a roll is due already, whatever is applied.",
    ),
    field(
        "workloads[].train",
        Form::OrNull(&Form::Parts(TURN)),
        "How it is rolled in turn with others ([trains](train.md)); `null` where all go at once, and where it would neither be rolled nor wait.",
    ),
    field(
        "workloads[].optIn",
        Form::OrNull(&Form::Text),
        "The value of the annotation `tidings.dev/reload` on the workload that would have it rolled; `null` where none would, or it needs none.",
    ),
    field(
        "workloads[].uses[]",
        Form::Object,
        "What it uses of what would be another.",
    ),
    field(
        "workloads[].uses[].source",
        Form::Text,
        "`configmap/name` or `secret/name`.",
    ),
    field(
        "workloads[].uses[].keys[]",
        Form::Text,
        "The keys that would differ; empty where it is the source as a whole.",
    ),
    field(
        "workloads[].uses[].via[]",
        Form::Word(ways),
        "How it uses them: `env`, `envFrom`, `subPath`, `volume`, `projected`, `named`.",
    ),
    field(
        "workloads[].uses[].counts",
        Form::Truth,
        "Whether annotations ask for it to be rolled for them.",
    ),
    field(
        "workloads[].uses[].ignored",
        Form::Truth,
        "`true` where the source is marked to roll nothing (`tidings.dev/ignore`), whatever the workload asks for.",
    ),
    field(
        "workloads[].uses[].first",
        Form::Truth,
        "`true` where it would go first with that, alone, and others follow. Nobody does where that is not known: the first wave waits for something else.",
    ),
];

impl ImpactReport {
    /// The report on these workloads and sources.
    pub fn new(workloads: Vec<ImpactRow>, sources: Vec<SourceRow>) -> Self {
        let mut summary = ImpactSummary::default();
        for row in &workloads {
            summary.count(row);
        }
        Self {
            workloads,
            sources,
            summary,
            unknown: Vec::new(),
            unread: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
            turns_unknown: false,
            rights: Vec::new(),
            kinds: BTreeMap::new(),
        }
    }

    /// The sources of which this is to be said.
    pub fn sources_that(&self, change: Change) -> impl Iterator<Item = &SourceRow> {
        self.sources.iter().filter(move |row| row.change == change)
    }

    /// How the program ends with it.
    pub fn exit(&self) -> Exit {
        let unknown = self.sources_that(Change::Unknown).next().is_some();
        let refused = self.sources_that(Change::Refused).next().is_some();
        let refused = refused || !self.refused.is_empty();
        let gaps = !(self.unknown.is_empty() && self.unread.is_empty());
        match () {
            () if unknown || gaps || self.summary.unknown > 0 => Exit::Error,
            () if refused || !self.workloads.is_empty() => Exit::Touches,
            () => Exit::Done,
        }
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl ImpactSummary {
    fn count(&mut self, row: &ImpactRow) {
        let count = match row.outcome {
            Outcome::Rolls => &mut self.rolls,
            Outcome::Waits => &mut self.waits,
            Outcome::Restarts => &mut self.restarts,
            Outcome::Stays => &mut self.stays,
            Outcome::Unknown => &mut self.unknown,
        };
        *count += 1;
        if row.outcome == Outcome::Rolls {
            self.pods += row.replaced.unwrap_or(0);
        }
    }
}

impl ImpactRow {
    /// What this found says of a workload that is touched so.
    pub fn new(known: &Known, touched: &[Touch], judged: &Impact) -> Self {
        let workload = &known.workload;
        let ends = workload.key.kind.ends();
        Self {
            namespace: workload.key.namespace.clone(),
            kind: workload.key.kind.word,
            name: workload.key.name.clone(),
            outcome: judged.outcome,
            reason: judged.reason,
            text: judged.text.clone(),
            until: judged.until.and_then(|at| Timestamp::from_second(at).ok()),
            method: judged.method.map(Method::word),
            pods: (!ends).then_some(workload.progress.desired),
            replaced: judged.replaced,
            already: false,
            train: None,
            opt_in: None,
            uses: touched.iter().map(TouchRow::new).collect(),
        }
    }

    /// `deployment/web`
    pub fn workload(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Names the annotations that mark a source to roll nothing, of those that are read.
    pub fn say_what_ignores(&mut self, vocabulary: &Vocabulary) {
        let written = IGNORE.iter().map(|key| vocabulary.written(key));
        let read: Vec<_> = written.filter(|key| vocabulary.reads(key)).collect();
        for used in &mut self.uses {
            used.ignored_by = read.join(" or ");
        }
    }

    /// The line that would opt it in, where one would.
    pub fn line(&self) -> Option<String> {
        let value = self.opt_in.as_ref()?;
        Some(format!(
            "{RELOAD}: {}",
            serde_json::Value::from(value.as_str())
        ))
    }

    /// Why, in a few words.
    pub fn why(&self) -> String {
        let mut parts = vec![self.cause()];
        parts.extend(self.line());
        if self.already {
            parts.push("due already".to_owned());
        }
        parts.retain(|part| !part.is_empty());
        parts.join("; ")
    }

    fn cause(&self) -> String {
        let until = self.until.map(|until| until.to_string());
        let until = until.unwrap_or_else(|| "later".to_owned());
        match (self.outcome, self.reason) {
            (Outcome::Rolls, Some(Reason::PartlyRolled)) => format!("only above its {}", self.text),
            (Outcome::Rolls, _) if !self.text.is_empty() => self.text.clone(),
            (Outcome::Rolls, _) => self.of_its_kind().to_owned(),
            (Outcome::Stays, Some(reason @ (Reason::Notified | Reason::NotTaken))) => {
                format!("{reason}: by {}", self.text)
            }
            (Outcome::Restarts, _) => "by its own manifest, once".to_owned(),
            (Outcome::Unknown, _) => "it cannot be told".to_owned(),
            (_, Some(Reason::Paused)) => "paused: until it is resumed".to_owned(),
            (_, Some(Reason::PartlyRolled)) => format!("{}: until it is less", self.text),
            (_, Some(Reason::WaitsForDelete)) => "OnDelete: until its pods are deleted".to_owned(),
            (_, Some(Reason::Fused)) => format!("the fuse: not before {until}"),
            (_, Some(Reason::TooSoon)) => format!("min-interval: not before {until}"),
            (_, Some(Reason::Running)) => "until its run has ended".to_owned(),
            (_, Some(Reason::Missing)) => format!("it cannot start without {}", self.text),
            (_, Some(Reason::NotOptedIn)) => "not opted in".to_owned(),
            (_, Some(reason)) => format!("{reason}: {}", sentence(reason.row().doc)),
            (_, None) => "opted in, but not for this".to_owned(),
        }
    }

    fn of_its_kind(&self) -> &'static str {
        let kind = tidings_core::kinds::Kind::parse(self.kind);
        match kind.map(|kind| kind.renewal) {
            Some(Renewal::Run) => "one more Job is made",
            Some(Renewal::Recreate) => "it is made again",
            _ => "",
        }
    }
}

impl TouchRow {
    fn new(touch: &Touch) -> Self {
        Self {
            source: touch.source.to_string(),
            keys: touch.keys.clone(),
            via: touch.via.iter().map(|via| via.word()).collect(),
            counts: touch.counts,
            ignored: touch.ignored,
            first: false,
            ignored_by: String::new(),
        }
    }
}

impl SourceRow {
    /// In what order they are.
    pub fn name(&self) -> (&str, &str) {
        (&self.namespace, &self.source)
    }
}

/// The first one, without its end.
fn sentence(text: &str) -> &str {
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

fn outcomes() -> Vec<String> {
    words(Outcome::ALL, word)
}

fn changes() -> Vec<String> {
    words(Change::ALL, Change::word)
}

/// The word for what would become of a workload.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rolls => "rolls",
        Outcome::Waits => "waits",
        Outcome::Restarts => "restarts",
        Outcome::Stays => "stays",
        Outcome::Unknown => "unknown",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn by_word<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word(*outcome))
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it so"
)]
fn by_name<S: Serializer>(reason: &Option<Reason>, to: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::word).serialize(to)
}
