//! In which order they would go, where only so many do at once.
//!
//! Goes in: what [`tidings_core::impact::turn`] found of each workload. Comes out: parts of
//! the report, and the words for them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tidings_core::impact::{TrainTurn, firsts};
use tidings_core::refs::{Name, WorkloadRef};

use super::report::{ImpactReport, ImpactRow, TouchRow};
use crate::cli::columns::few;
use crate::cli::fields::{FieldRow, Form, field};

/// How a workload is rolled in turn with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnRow {
    /// Its wave: lower goes first.
    pub wave: i32,
    /// So many go at once.
    pub at_once: u32,
}

/// The fields of a [`TurnRow`].
pub(super) static TURN: &[FieldRow] = &[
    field(
        "wave",
        Form::Integer,
        "Its wave: lower goes first, and the next one when all of that are well.",
    ),
    field(
        "atOnce",
        Form::Integer,
        "So many of its namespace may be under way with one source at once.",
    ),
];

/// Said where the options of an installation cannot be read.
pub(super) const UNKNOWN: &str = "whether only so many would go at once (--at-once) is not known: \
                                  the options of the installation cannot be read";

impl TurnRow {
    pub(super) fn new(turn: &TrainTurn) -> Self {
        Self {
            wave: turn.wave,
            at_once: turn.at_once.get(),
        }
    }
}

/// Marks those that would go first, alone.
pub(super) fn mark_firsts(rows: &mut [ImpactRow], turns: &BTreeMap<WorkloadRef, TrainTurn>) {
    let firsts: BTreeSet<_> = firsts(turns)
        .into_iter()
        .map(|(source, first)| (first.to_string(), source.to_string()))
        .collect();
    for row in rows {
        let workload = format!("{}/{}", row.namespace, row.workload());
        for used in row.uses.iter_mut().filter(|used| used.counts) {
            used.first = firsts.contains(&(workload.clone(), used.source.clone()));
        }
    }
}

/// When it is its turn, in a few words.
pub(super) fn place(row: &ImpactRow, used: &TouchRow) -> String {
    match &row.train {
        Some(turn) if used.first => format!("wave {}, first and alone", turn.wave),
        Some(turn) => format!("wave {}", turn.wave),
        None => String::new(),
    }
}

/// How many go at once, in which namespaces: a sentence for each number.
pub(crate) fn rules(report: &ImpactReport) -> Vec<String> {
    let mut by_number: BTreeMap<u32, Vec<Name>> = BTreeMap::new();
    for row in &report.workloads {
        if let Some(turn) = row.train {
            let places = by_number.entry(turn.at_once).or_default();
            places.push(row.namespace.clone());
            places.dedup();
        }
    }
    let rule = |(number, places): (u32, Vec<Name>)| {
        let places = few(&places, "");
        format!(
            "In {places} at most {number} go at once for one source: the first alone, a lower wave \
             before a higher one, and none any more when one fails."
        )
    };
    by_number.into_iter().map(rule).collect()
}
