//! What was said, as values: the JSON of `-o json`, whose fields are a promise, listed in
//! [`WORD_FIELDS`] and [`PAUSE_FIELDS`].

use jiff::Timestamp;
use serde::Serialize;
use tidings_core::decide::{Act, Verdict};
use tidings_core::refs::Name;

use crate::cli::fields::{FieldRow, Form, field, methods, reasons};
use crate::cli::yaml;
use crate::settings::values::Output;

/// A word that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WordReport {
    /// The namespace of the workload.
    pub namespace: Name,
    /// The word for its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// The word.
    pub word: &'static str,
    /// About which number.
    pub number: String,
    /// The sources and keys that this is for.
    pub because: String,
    /// By whom, where the API server tells.
    pub by: Option<String>,
    /// What follows from it.
    pub then: Then,
}

/// What follows from a word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Then {
    /// By which method it is brought, where nothing else holds it.
    pub method: Option<&'static str>,
    /// What holds it still.
    pub reason: Option<&'static str>,
    /// The particulars of that.
    pub text: String,
    /// Until when at least.
    pub until: Option<Timestamp>,
}

/// A pause that was begun or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PauseReport {
    /// What it holds.
    pub scope: &'static str,
    /// The namespace; Tidings' own where it is everything.
    pub namespace: Name,
    /// The word for the kind of the workload, where it is one.
    pub kind: Option<&'static str>,
    /// Its name.
    pub name: Option<Name>,
    /// Whether it is paused now.
    pub paused: bool,
    /// Until when, where that is said.
    pub until: Option<Timestamp>,
}

/// One workload.
pub const WORKLOAD: &str = "workload";
/// All of a namespace.
pub const NAMESPACE: &str = "namespace";
/// All that an installation rolls.
pub const EVERYTHING: &str = "everything";

/// A report as it was asked for: by its sheet for eyes, or for programs.
pub(super) fn printed<T: Serialize>(
    report: &T,
    output: Output,
    sheet: impl FnOnce(&T) -> String,
) -> serde_json::Result<String> {
    match output {
        Output::Json => Ok(serde_json::to_string_pretty(report)? + "\n"),
        Output::Yaml => yaml::of(report),
        Output::Table => Ok(sheet(report)),
    }
}

fn scopes() -> Vec<String> {
    [WORKLOAD, NAMESPACE, EVERYTHING].map(str::to_owned).into()
}

fn verbs() -> Vec<String> {
    ["approve", "reject", "resume"].map(str::to_owned).into()
}

static THEN: &[FieldRow] = &[
    field(
        "method",
        Form::OrNull(&Form::Word(methods)),
        "By which [method](methods.md) it is brought, where nothing else holds it; `null` otherwise, and where that is not known.",
    ),
    field(
        "reason",
        Form::OrNull(&Form::Word(reasons)),
        "The [reason](reasons.md) for which it goes on waiting; `null` where nothing holds it, or that is not known.",
    ),
    field("text", Form::Text, "Its particulars. May be empty."),
    field(
        "until",
        Form::OrNull(&Form::Time),
        "Until when at least; `null` where that is not known.",
    ),
];

/// The fields of what `approve`, `reject` and `resume` print.
pub static WORD_FIELDS: &[FieldRow] = &[
    field("namespace", Form::Text, "The namespace of the workload."),
    field("kind", Form::Text, "Its kind, in lower case: `deployment`."),
    field("name", Form::Text, "Its name."),
    field("word", Form::Word(verbs), "What was said."),
    field("number", Form::Text, "About which number: `4-k7f2`."),
    field(
        "because",
        Form::Text,
        "The sources and keys that this is for.",
    ),
    field(
        "by",
        Form::OrNull(&Form::Text),
        "By whom, as the API server knows them; `null` where it does not tell.",
    ),
    field(
        "then",
        Form::Parts(THEN),
        "What follows from it, as far as it can be told now.",
    ),
];

/// The fields of what `pause` and `unpause` print.
pub static PAUSE_FIELDS: &[FieldRow] = &[
    field(
        "scope",
        Form::Word(scopes),
        "What it holds: a `workload`, all of a `namespace`, or `everything`.",
    ),
    field(
        "namespace",
        Form::Text,
        "The namespace; Tidings' own where it is everything.",
    ),
    field(
        "kind",
        Form::OrNull(&Form::Text),
        "The kind of the workload, in lower case; `null` where it is none.",
    ),
    field(
        "name",
        Form::OrNull(&Form::Text),
        "Its name; `null` where it is none.",
    ),
    field("paused", Form::Truth, "Whether it is paused now."),
    field(
        "until",
        Form::OrNull(&Form::Time),
        "Until when; `null` where that is not said.",
    ),
];

impl Then {
    /// What is decided once it is said.
    pub fn of(verdict: &Verdict) -> Self {
        let brought = match &verdict.act {
            Act::Roll(entry, _) | Act::Resume(entry) => Some(entry.method().word()),
            _ => None,
        };
        let until = verdict.standing.as_ref().and_then(|it| it.until);
        Self {
            method: brought,
            reason: brought.is_none().then(|| verdict.reason.word()),
            text: verdict.text.clone(),
            until: until.and_then(|at| Timestamp::from_second(at).ok()),
        }
    }
}
