//! What waits under a number that people may have a word about, as values.
//!
//! Goes in: what the decision tells of it. Comes out: a part of the reports, and the lines
//! by which it is answered. Pure.

use jiff::Timestamp;
use serde::Serialize;
use tidings_core::state::{Pending, RULINGS, Ruling};

use super::report::WorkloadReport;
use crate::cli::fields::{FieldRow, Form, field, words};

/// What waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitsReport {
    /// Its number, as people are told it.
    pub number: String,
    /// The sources and keys that it is for.
    pub because: String,
    /// Since when something waits.
    pub since: Option<Timestamp>,
    /// What was said about it.
    pub ruling: Option<Ruling>,
    /// By whom, as they say.
    pub by: Option<String>,
    /// Which one it is of those who wait for their turn.
    pub place: Option<PlaceReport>,
}

/// A place in a train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlaceReport {
    /// Counted from 1.
    pub nth: usize,
    /// Of so many who wait.
    pub of: usize,
}

/// The fields of a [`PlaceReport`].
static PLACE: &[FieldRow] = &[
    field(
        "nth",
        Form::Integer,
        "Counted from 1, in the order in which they go.",
    ),
    field("of", Form::Integer, "How many wait."),
];

/// The fields of a [`WaitsReport`].
pub(in crate::cli) static WAITS: &[FieldRow] = &[
    field(
        "number",
        Form::Text,
        "Its number, for `tidings.dev/approve` and `tidings.dev/reject`. It stays the same as long as the content does.",
    ),
    field(
        "because",
        Form::Text,
        "The sources and keys that it is for.",
    ),
    field(
        "since",
        Form::OrNull(&Form::Time),
        "Since when something waits, whatever its number was then; `null` where that is not told.",
    ),
    field(
        "ruling",
        Form::OrNull(&Form::Word(rulings)),
        "What was said about it: `approved`; `now`: approved, and it waits for no gate after that; `rejected`; `null`: nothing yet.",
    ),
    field(
        "by",
        Form::OrNull(&Form::Text),
        "By whom, as they say; `null` where nothing was said, or nobody is named.",
    ),
    field(
        "place",
        Form::OrNull(&Form::Parts(PLACE)),
        "Which one it is of those who are due for the source with which it waits for its turn ([trains](train.md)), and are not under way; `null` where it waits for something else.",
    ),
];

fn rulings() -> Vec<String> {
    words(RULINGS, Ruling::word)
}

impl WaitsReport {
    /// What is told of it, under this number.
    pub(super) fn new(pending: &Pending, number: String, place: Option<(usize, usize)>) -> Self {
        Self {
            number,
            because: pending.because.to_string(),
            since: Timestamp::from_second(pending.since).ok(),
            ruling: pending.ruling,
            by: pending.by.as_ref().map(ToString::to_string),
            place: place.map(|(nth, of)| PlaceReport { nth, of }),
        }
    }

    /// What can be said about it now: what that does, and the line to be copied. What is
    /// rejected stays so.
    pub fn answers(&self, of: &WorkloadReport) -> Vec<(&'static str, String)> {
        let number = &self.number;
        let line = |verb, option| line(of, verb, number, option);
        let approve = ("bring it", line("approve", ""));
        let now = ("bring it at once", line("approve", " --now"));
        let reject = ("do not bring it", line("reject", ""));
        match self.ruling {
            None => vec![approve, now, reject],
            Some(Ruling::Approved) => vec![now, reject],
            _ => Vec::new(),
        }
    }
}

fn line(of: &WorkloadReport, verb: &str, number: &str, option: &str) -> String {
    let (namespace, kind, name) = (&of.namespace, of.kind, &of.name);
    format!("tidings {verb} {kind}/{name} {number}{option} -n {namespace}")
}
