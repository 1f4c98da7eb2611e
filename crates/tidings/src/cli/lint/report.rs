//! What `tidings lint` says, as values.
//!
//! They are also the JSON of `-o json`: their fields are a promise, listed in
//! [`FIELDS`]. No value of a ConfigMap or Secret is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use tidings_core::refs::Name;

use crate::cli::exit::Exit;
use crate::cli::fields::{FieldRow, Form, field, words};
use crate::cli::input::objects::Object;
use crate::cli::input::{UNREAD, Unread};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not do what it seems to.
    Mistake,
    /// It does something else under Tidings.
    Differs,
    /// It is good to know.
    Note,
}

impl Level {
    const ALL: [Self; 3] = [Self::Mistake, Self::Differs, Self::Note];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mistake => "mistake",
            Self::Differs => "differs",
            Self::Note => "note",
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// What a kind of finding means, the same for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meaning {
    /// Its word.
    pub id: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What it means.
    pub meaning: &'static str,
    /// What to do about it. May be empty.
    pub advice: &'static str,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The word of its [`Meaning`].
    pub rule: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Its file.
    pub file: Arc<str>,
    /// Its line.
    pub line: u64,
    /// The object.
    pub object: ObjectName,
    /// The particulars.
    pub text: String,
}

/// An object's name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// Its kind, as the manifest has it.
    pub kind: String,
    /// Its namespace, or the one that is assumed.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
}

impl ObjectName {
    /// An object's.
    pub fn of(object: &Object) -> Self {
        Self {
            kind: object.kind.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind, self.name)
    }
}

/// How much was read and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Files.
    pub files: usize,
    /// Objects.
    pub objects: usize,
    /// Documents that are no objects.
    pub skipped: usize,
    /// Templates, which are not linted.
    pub templates: usize,
    /// Annotations where nothing reads them before something is rendered.
    pub unseen: usize,
    /// Mistakes.
    pub mistakes: usize,
    /// What differs.
    pub differs: usize,
    /// Notes.
    pub notes: usize,
}

/// The answer to `tidings lint`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    /// The findings: by rule, the gravest first, then by place.
    pub findings: Vec<Finding>,
    /// What the rules that found something mean.
    pub rules: Vec<Meaning>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Files that are templates, and were not linted.
    pub templates: Vec<Arc<str>>,
    /// How much there was.
    pub summary: Totals,
}

/// The fields of [`Totals`].
static SUMMARY: &[FieldRow] = &[
    field("files", Form::Integer, "Files that were read."),
    field("objects", Form::Integer, "Objects in them."),
    field("skipped", Form::Integer, "Documents that are no objects."),
    field(
        "templates",
        Form::Integer,
        "Templates, which are not linted.",
    ),
    field(
        "unseen",
        Form::Integer,
        "Annotations in values, patches and templates, where nothing reads them before they are rendered.",
    ),
    field("mistakes", Form::Integer, "Mistakes that were found."),
    field("differs", Form::Integer, "What was found that differs."),
    field("notes", Form::Integer, "Notes."),
];

fn levels() -> Vec<String> {
    words(Level::ALL, Level::word)
}

/// The fields of `-o json`, as the reference page lists them.
pub static FIELDS: &[FieldRow] = &[
    field(
        "findings[]",
        Form::Object,
        "One object for each finding: by rule, the gravest first, then by place.",
    ),
    field(
        "findings[].rule",
        Form::Text,
        "The word of the rule; what it means is in `rules[]`.",
    ),
    field(
        "findings[].level",
        Form::Word(levels),
        "`mistake`: it does not do what it seems to; `differs`: it does something else under Tidings; `note`: good to know.",
    ),
    field(
        "findings[].file",
        Form::Text,
        "The file, `<stdin>` for standard input.",
    ),
    field("findings[].line", Form::Integer, "The line, from 1."),
    field(
        "findings[].object",
        Form::Object,
        "The object that it is about.",
    ),
    field("findings[].object.kind", Form::Text, "The object's `kind`."),
    field(
        "findings[].object.namespace",
        Form::Text,
        "Its namespace, or the one that `--namespace` assumes.",
    ),
    field("findings[].object.name", Form::Text, "Its name."),
    field("findings[].text", Form::Text, "The particulars."),
    field(
        "rules[]",
        Form::Object,
        "One object for each rule that found something.",
    ),
    field("rules[].id", Form::Text, "Its word."),
    field("rules[].level", Form::Word(levels), "As above."),
    field("rules[].meaning", Form::Text, "What it means."),
    field("rules[].advice", Form::Text, "What to do. May be empty."),
    field("unread[]", Form::Parts(UNREAD), "What could not be read."),
    field(
        "templates[]",
        Form::Text,
        "Files below directories that are templates of a chart, or look like them, and were not linted.",
    ),
    field(
        "summary",
        Form::Parts(SUMMARY),
        "How much was read and found.",
    ),
];

impl LintReport {
    /// The report on these findings.
    pub fn new(found: Vec<(Meaning, Finding)>, unread: Vec<Unread>, read: Totals) -> Self {
        let mut by_rule: BTreeMap<(Level, &'static str), (Meaning, Vec<Finding>)> = BTreeMap::new();
        for (meaning, finding) in found {
            let entry = by_rule.entry((finding.level, finding.rule));
            entry.or_insert((meaning, Vec::new())).1.push(finding);
        }
        let mut report = Self {
            findings: Vec::new(),
            rules: Vec::new(),
            unread,
            templates: Vec::new(),
            summary: read,
        };
        for (meaning, mut findings) in by_rule.into_values() {
            findings.sort_by(|a, b| (&a.file, a.line, &a.text).cmp(&(&b.file, b.line, &b.text)));
            report.summary.count(meaning.level, findings.len());
            report.rules.push(meaning);
            report.findings.append(&mut findings);
        }
        report
    }

    /// How the program ends with it. What was named is answered for; what lies there and
    /// cannot be read is something to mend.
    pub fn exit(&self) -> Exit {
        let found = self.summary.mistakes + self.summary.differs + self.unread.len();
        let only_templates = self.summary.objects == 0 && self.summary.templates > 0;
        match () {
            () if only_templates || self.unread.iter().any(|unread| unread.named) => Exit::Error,
            () if found > 0 => Exit::Found,
            () => Exit::Done,
        }
    }

    /// The JSON of `-o json`.
    pub fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Totals {
    fn count(&mut self, level: Level, n: usize) {
        match level {
            Level::Mistake => self.mistakes += n,
            Level::Differs => self.differs += n,
            Level::Note => self.notes += n,
        }
    }
}
