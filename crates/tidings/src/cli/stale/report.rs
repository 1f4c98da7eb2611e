//! What `tidings stale` says about pods, as values.
//!
//! They are also the JSON of `-o json`: their fields are a promise, listed in
//! [`FIELDS`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use tidings_core::refs::Name;
use tidings_core::stale::{Certainty, Reads, StaleUse};

use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, ways};

/// The answer to `tidings stale`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleReport {
    /// What is stale, in order of namespace, workload and source.
    pub stale: Vec<StaleRow>,
    /// How much that is, of how much.
    pub summary: StaleSummary,
    /// What could not be listed.
    pub unknown: Vec<String>,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleSummary {
    /// Pods that were looked at.
    pub pods: usize,
    /// Those that are stale, or may be.
    pub stale: usize,
    /// The workloads that these belong to.
    pub workloads: usize,
}

/// Pods of one workload that have older data of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StaleRow {
    /// Their namespace.
    pub namespace: Name,
    /// The word for the kind of their workload; `pod` for one without.
    pub kind: Name,
    /// Its name.
    pub name: Name,
    /// `kind/name`
    pub source: String,
    /// The ways in which they use it.
    pub via: Vec<&'static str>,
    /// The keys that differ, where that is known.
    pub keys: Vec<Name>,
    /// Whether it is certain: else it is only known that something of it was written.
    pub certain: bool,
    /// Whether they use files that have followed, so that they may have read them again.
    pub follows: bool,
    /// The newest write of its data, as far as is told.
    pub written: Option<Timestamp>,
    /// The client that wrote it.
    pub client: Option<Name>,
    /// Which pods.
    pub pods: Vec<StalePodRow>,
    /// How many pods the workload has.
    pub of: usize,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StalePodRow {
    /// Its name.
    pub name: Name,
    /// Its containers that were started before that write.
    pub containers: Vec<Name>,
    /// When the first of these was.
    pub started: Option<Timestamp>,
}

/// The fields of `summary`.
static SUMMARY: &[FieldRow] = &[
    field("pods", Form::Integer, "How many pods were looked at."),
    field(
        "stale",
        Form::Integer,
        "How many of these are stale, or may be.",
    ),
    field(
        "workloads",
        Form::Integer,
        "Of how many workloads these are.",
    ),
];

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field("summary", Form::Parts(SUMMARY), "How many."),
    field(
        "unknown[]",
        Form::Text,
        "What could not be listed, and the permission that is missing.",
    ),
    field(
        "stale[]",
        Form::Object,
        "One object for each workload, source, and value of `certain` and `follows`, in order.",
    ),
    field("stale[].namespace", Form::Text, "Its namespace."),
    field(
        "stale[].kind",
        Form::Text,
        "The kind of the workload, in lower case: `deployment`; `pod` for a pod without one.",
    ),
    field("stale[].name", Form::Text, "Its name."),
    field(
        "stale[].source",
        Form::Text,
        "`configmap/name` or `secret/name`.",
    ),
    field(
        "stale[].via[]",
        Form::Word(ways),
        "How it is used: `env`, `envFrom`, `subPath`, `volume`, `projected`.",
    ),
    field(
        "stale[].keys[]",
        Form::Text,
        "The keys that differ from what the containers have read; empty where that is not known.",
    ),
    field(
        "stale[].certain",
        Form::Truth,
        "`true` where data that they use was written after they had started; `false` where it may have been a label, another key, or the same again.",
    ),
    field(
        "stale[].follows",
        Form::Truth,
        "`true` for files that have followed the change within about 90 s: their process may have read them again.",
    ),
    field(
        "stale[].written",
        Form::OrNull(&Form::Time),
        "When its data was written last, as far as `managedFields` tell.",
    ),
    field(
        "stale[].client",
        Form::OrNull(&Form::Text),
        "The client that wrote it, as it calls itself; `null` where that is not told. Kubernetes keeps no user.",
    ),
    field(
        "stale[].of",
        Form::Integer,
        "How many pods the workload has, without those that have ended or are being deleted.",
    ),
    field("stale[].pods[]", Form::Object, "Which of them."),
    field("stale[].pods[].name", Form::Text, "Its name."),
    field(
        "stale[].pods[].containers[]",
        Form::Text,
        "Its containers that were started before.",
    ),
    field(
        "stale[].pods[].started",
        Form::OrNull(&Form::Time),
        "When the first of these was started.",
    ),
];

impl StaleReport {
    /// The report on these rows, of so many pods; and what could not be listed.
    pub fn new(rows: &[StaleUse], pods: usize, unknown: Vec<String>) -> Self {
        let workloads: BTreeSet<_> = rows.iter().map(|row| &row.group).collect();
        let stale: BTreeSet<_> = rows
            .iter()
            .flat_map(|row| row.pods.iter().map(|pod| (&row.group.namespace, &pod.name)))
            .collect();
        Self {
            summary: StaleSummary {
                pods,
                stale: stale.len(),
                workloads: workloads.len(),
            },
            stale: rows.iter().map(StaleRow::new).collect(),
            unknown,
        }
    }

    /// How the program ends with it.
    pub fn exit(&self) -> Exit {
        match () {
            () if !self.unknown.is_empty() => Exit::Error,
            () if !self.stale.is_empty() => Exit::Found,
            () => Exit::Done,
        }
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl StaleRow {
    fn new(row: &StaleUse) -> Self {
        let pods = row.pods.iter().map(|pod| StalePodRow {
            name: pod.name.clone(),
            containers: pod.containers.clone(),
            started: Timestamp::from_second(pod.started).ok(),
        });
        Self {
            namespace: row.group.namespace.clone(),
            kind: row.group.kind.clone(),
            name: row.group.name.clone(),
            source: row.source.to_string(),
            via: row.via.iter().map(|via| via.word()).collect(),
            keys: row.keys.iter().cloned().collect(),
            certain: row.certainty == Certainty::Surely,
            follows: row.reads == Reads::Again,
            written: Timestamp::from_second(row.written).ok(),
            client: row.by.clone(),
            pods: pods.collect(),
            of: row.of,
        }
    }

    /// How they stand, in a few words.
    pub fn state(&self) -> &'static str {
        match (self.certain, self.follows) {
            (true, false) => "stale",
            (false, false) => "perhaps",
            (true, true) => "unless read again",
            (false, true) => "perhaps, unless read again",
        }
    }
}
