//! What a word is about, and what became of it, for eyes. Pure.

use std::fmt::Write;

use tidings_core::number::Number;
use tidings_core::word::Say;
use tidings_shared::plain::plain;

use super::report::{EVERYTHING, NAMESPACE, PauseReport, Then, WordReport};
use crate::cli::why::report::{Pods, WorkloadReport};

/// What a word is about.
pub(super) struct WordSheet<'a> {
    /// The workload.
    pub(super) why: &'a WorkloadReport,
    /// What is to be said.
    pub(super) word: Say,
    /// About which number.
    pub(super) number: Number,
    /// What follows from it.
    pub(super) then: &'a Then,
    /// Who wrote what changed.
    pub(super) writers: &'a [String],
}

impl WordSheet<'_> {
    /// The sources and keys that it is for.
    pub(super) fn because(&self) -> String {
        let waits = self.why.waits.as_ref();
        waits.map(|waits| waits.because.clone()).unwrap_or_default()
    }

    /// All of it.
    pub(super) fn text(&self) -> String {
        let (why, number) = (self.why, self.number);
        let standing = why.standing_text();
        let mut text = format!(
            "{}/{} in {}: {standing}\n",
            why.kind, why.name, why.namespace
        );
        let since = why.waits.as_ref().and_then(|waits| waits.since);
        let since = since.map(|at| format!(", since {at}")).unwrap_or_default();
        let _ = writeln!(text, "  {number} waits{since}");
        let mut row = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = writeln!(text, "  {name:<8} {}", plain(value));
            }
        };
        row("brings", &self.because());
        row("written", &self.writers.join(", "));
        row("to", &self.pods());
        row("then", &then(self.then));
        text
    }

    fn pods(&self) -> String {
        let pods = self.why.pods.or(self.why.in_step);
        let counted = |Pods { desired, .. }| match desired {
            1 => "1 pod".to_owned(),
            many => format!("{many} pods"),
        };
        pods.map(counted).unwrap_or_default()
    }

    /// What is asked.
    pub(super) fn question(&self) -> String {
        let at_once = matches!(self.word, Say::Approve { at_once: true });
        let at_once = if at_once {
            ", to be brought at once"
        } else {
            ""
        };
        format!("{} {}{at_once}?", capital(self.word.verb()), self.number)
    }
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

/// `it is brought, by rollout`, `it waits: WindowClosed: …`
fn then(then: &Then) -> String {
    match (then.method, then.reason) {
        (Some(method), _) => format!("it is brought, by {method}"),
        (None, Some(reason)) if then.text.is_empty() => reason.to_owned(),
        (None, Some(reason)) => format!("{reason}: {}", then.text),
        (None, None) => String::new(),
    }
}

/// A word that was said.
pub(super) fn said(report: &WordReport) -> String {
    let WordReport {
        namespace,
        kind,
        name,
        number,
        ..
    } = report;
    let by = report.by.as_ref().map(|by| format!(", by {}", plain(by)));
    let by = by.unwrap_or_default();
    let done = match report.word {
        "approve" => "is approved",
        "reject" => "is rejected",
        _ => "is to go on",
    };
    format!("{kind}/{name} in {namespace}: {number} {done}{by}\n")
}

/// What a pause is about: `deployment/web in stage`, `namespace/stage`, `everything`.
pub(super) fn what(report: &PauseReport) -> String {
    match (report.scope, report.kind, &report.name) {
        (EVERYTHING, ..) => {
            format!("everything that Tidings in {} rolls", report.namespace)
        }
        (NAMESPACE, ..) => format!("namespace/{}", report.namespace),
        (_, Some(kind), Some(name)) => format!("{kind}/{name} in {}", report.namespace),
        _ => report.namespace.to_string(),
    }
}

/// A pause that was begun or ended.
pub(super) fn paused(report: &PauseReport) -> String {
    let what = what(report);
    match (report.paused, report.until) {
        (false, _) => format!("{what}: not paused\n"),
        (true, None) => format!("{what}: paused, until `tidings unpause`\n"),
        (true, Some(until)) => format!("{what}: paused, until {until}\n"),
    }
}

/// What is asked before that.
pub(super) fn pause_question(report: &PauseReport) -> String {
    let what = what(report);
    match (report.paused, report.until) {
        (false, _) => format!("End the pause of {what}, so that what waited is rolled?"),
        (true, None) => format!("Pause {what}, until somebody ends it?"),
        (true, Some(until)) => format!("Pause {what}, until {until}?"),
    }
}
