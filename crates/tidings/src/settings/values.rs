//! The values that options take.
//!
//! Goes in: one word of the command line. Comes out: its meaning, or a sentence
//! on what was expected. A word that names a file is read with it.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use tidings_core::approval;
use tidings_core::inject::Placement;
use tidings_core::kinds::{KINDS, Kind};
use tidings_core::method::Methods;
use tidings_core::refs::SourceKind;
use tidings_core::reloader::rewrite::Words;
use tidings_core::standing::{WORDS, Word, WordRow};

use crate::notify::sinks::{SINKS, Sink};

/// Shells with a completion script.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

/// Methods, the gentlest first. What is wrong with a list is not passed over, as it is in an
/// annotation: whoever gives it is there to mend it.
pub fn methods(text: &str) -> Result<Methods, String> {
    let (methods, problems) = Methods::read(text);
    if problems.is_empty() {
        Ok(methods)
    } else {
        Err(problems.join("; "))
    }
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For eyes.
    Table,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Output {
    /// Whether it is for programs.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// The form of a list, as kubectl calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListForm {
    /// For eyes.
    Table,
    /// For eyes, with more columns.
    Wide,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// One `kind/name` a line.
    Name,
}

impl ListForm {
    /// Whether it is for programs.
    pub fn is_data(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// What `tidings wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitFor {
    /// The pods have what is there.
    InStep,
}

/// The form of what `impact` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImpactForm {
    /// For eyes.
    Table,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// For a comment on a pull request.
    Markdown,
}

/// What `inject` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InjectForm {
    /// The manifests.
    Yaml,
    /// A patch with what is added, for kustomize.
    Kustomize,
}

/// How an agent comes to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WayWord {
    /// In a container beside it.
    Sidecar,
    /// In its container, which it starts.
    Supervisor,
}

impl From<WayWord> for Placement {
    fn from(word: WayWord) -> Self {
        match word {
            WayWord::Sidecar => Self::Sidecar,
            WayWord::Supervisor => Self::Supervisor,
        }
    }
}

/// What a roll writes on a pod template besides our own two annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReloadStrategy {
    /// Nothing.
    Default,
    /// Reloader's variable for each source.
    EnvVars,
    /// Reloader's annotation for the last source.
    Annotations,
}

impl ReloadStrategy {
    /// What it makes a roll write.
    pub fn words(self) -> Words {
        match self {
            Self::Default => Words::None,
            Self::EnvVars => Words::Variables,
            Self::Annotations => Words::Annotation,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::EnvVars => "env-vars",
            Self::Annotations => "annotations",
        }
    }
}

/// What to do where Reloader's way is dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// What is safe.
    Safe,
    /// As Reloader does.
    Strict,
}

/// Kinds of workload that a file names.
#[derive(Clone, Debug)]
pub struct KindRows(pub Vec<&'static Kind>);

/// Where the admin port listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
}

pub(super) fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    let wrong = |_| "expected address:port, such as 127.0.0.1:9090, or off".to_owned();
    text.parse().map(Listen::At).map_err(wrong)
}

/// A yes or no in any of the words that Go's flags take.
pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Ok(true),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

pub(super) fn time(text: &str) -> Result<Duration, String> {
    tidings_core::annotations::millis(text).map(Duration::from_millis)
}

/// A number that people are told.
pub(super) fn number(text: &str) -> Result<String, String> {
    approval::number(text).map(|number| number.to_string())
}

/// In seconds since 1970.
pub(super) fn point_in_time(text: &str) -> Result<i64, String> {
    let read = text.parse::<jiff::Timestamp>();
    let wrong = |_| "expected a time such as 2026-12-01T08:00+01:00".to_owned();
    read.map(jiff::Timestamp::as_second).map_err(wrong)
}

/// As kubectl reads it: a number alone is seconds.
pub(super) fn time_or_seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => time(text),
    }
}

/// How a workload stands, as people write it in one word: `in-step`.
pub(super) fn standing(text: &str) -> Result<Word, String> {
    let written = |row: &WordRow| row.text.replace(' ', "-");
    let row = WORDS
        .iter()
        .find(|row| [&*written(row), row.text, row.json].contains(&text));
    row.map(|row| row.word).ok_or_else(|| {
        let words: Vec<_> = WORDS.iter().map(written).collect();
        format!("expected some of {}", words.join(","))
    })
}

pub(super) fn sink(text: &str) -> Result<&'static Sink, String> {
    let words = || SINKS.iter().map(|sink| sink.word).collect::<Vec<_>>();
    Sink::parse(text).ok_or_else(|| format!("expected one of {}", words().join(", ")))
}

pub(super) fn built_in_kind(text: &str) -> Result<&'static Kind, String> {
    let names = || KINDS.iter().map(|kind| kind.plural).collect::<Vec<_>>();
    Kind::parse(text).ok_or_else(|| format!("expected one of {}", names().join(", ")))
}

pub(super) fn kinds_of_file(file: &str) -> Result<KindRows, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("it cannot be read: {e}"))?;
    let rows = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let rows = rows.map(str::trim).filter(|row| !row.is_empty());
    rows.map(Kind::read).collect::<Result<_, _>>().map(KindRows)
}

pub(super) fn source_kind(text: &str) -> Result<SourceKind, String> {
    SourceKind::parse(text)
        .filter(|kind| *kind != SourceKind::SecretProviderClass)
        .ok_or_else(|| "expected configmaps or secrets".to_owned())
}

/// Whether there is such a kind is told when it is known which there are.
pub(super) fn workload(text: &str) -> Result<String, String> {
    let is_one = text
        .split_once('/')
        .is_some_and(|(_, name)| !name.is_empty());
    let wrong = "it is not a workload such as deploy/web, sts/db or ds/agent";
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| wrong.to_owned())
}

pub(super) fn dns_label(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    if (1..=63).contains(&text.len()) && text.chars().all(allowed) && edges {
        return Ok(text.to_owned());
    }
    Err(
        "expected a DNS label: at most 63 of a-z, 0-9 and -, with no - at either end; \
         several are separated by commas without spaces"
            .to_owned(),
    )
}

/// One namespace, as kubectl's `-n` takes it.
pub(super) fn one_namespace(text: &str) -> Result<String, String> {
    let wrong = if text.contains(',') {
        "one namespace is taken: ask for each by itself, or for all, where -A is taken"
    } else {
        "expected the name of a namespace: at most 63 of a-z, 0-9 and -, with no - at either end"
    };
    dns_label(text).map_err(|_| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_checked() {
        assert!(dns_label("kube-system").is_ok());
        for wrong in ["", "-a", "a-", "A", "a b", "a.b", &"x".repeat(64)] {
            assert!(dns_label(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time_or_seconds("7"), Ok(Duration::from_secs(7)));
        assert_eq!(time_or_seconds("1m"), Ok(Duration::from_mins(1)));
        assert!(time_or_seconds("soon").is_err());
        assert_eq!(listen("off"), Ok(Listen::Off));
        assert!(listen("9090").is_err());
        assert!(listen("[::]:9090").is_ok());
    }

    #[test]
    fn how_a_workload_stands_is_one_word() {
        for text in ["in-step", "in step", "inStep"] {
            assert_eq!(standing(text), Ok(Word::InStep));
        }
        assert_eq!(standing("failed"), Ok(Word::Failed));
        let wrong = standing("broken").unwrap_err();
        assert!(wrong.contains("rolling,waiting,stale,in-step"), "{wrong}");
    }
}
