//! `tidings lint` for eyes.
//!
//! Goes in: a [`LintReport`] and the screen. Comes out: text, rule by rule, without
//! wrapping, so that it can be searched and cut; off a terminal without colours.
//! `file:line` comes first on its line, where editors and terminals find it.

use std::collections::BTreeMap;
use std::fmt::Write;

use tidings_shared::plain::plain;

use super::report::{Finding, Level, LintReport, Meaning, Totals};
use crate::cli::columns::{Cell, listing_on};
use crate::cli::screen::{Screen, Tone};

/// How to see what becomes of templates, values and patches.
const RENDER: &str = "pipe what `helm template`, `kustomize build`, `flux build kustomization` \
                      or `argocd app manifests` prints into `tidings lint -f -`";

/// The whole report.
pub fn report(report: &LintReport, screen: &Screen) -> String {
    let mut text = String::new();
    for meaning in &report.rules {
        rule(meaning, &report.findings, screen, &mut text);
    }
    for unread in &report.unread {
        let place = place(&unread.file, unread.line);
        let what = format!("cannot read {place}: {}", unread.text);
        let _ = writeln!(text, "{}", plain(&what));
    }
    if !report.unread.is_empty() {
        text.push('\n');
    }
    text + &templates(report) + &summary(&report.summary)
}

fn rule(meaning: &Meaning, findings: &[Finding], screen: &Screen, text: &mut String) {
    // Writing to a String cannot fail.
    let level = tone(meaning.level).shown(meaning.level.word(), screen);
    let _ = writeln!(text, "{level}: {}", meaning.id);
    let _ = writeln!(text, "  {}", meaning.meaning);
    if !meaning.advice.is_empty() {
        let _ = writeln!(text, "  → {}", meaning.advice);
    }
    let rows = findings.iter().filter(|found| found.rule == meaning.id);
    let rows = rows.map(|found| {
        let place = place(&found.file, found.line);
        [place, found.object.to_string(), found.text.clone()].map(Cell::from)
    });
    // What is wrong stands at the end of a line: it is not cut.
    let whole = Screen {
        width: None,
        ..*screen
    };
    for line in listing_on(&whole, None, rows).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push('\n');
}

fn tone(level: Level) -> Tone {
    match level {
        Level::Mistake => Tone::Bad,
        Level::Differs => Tone::Unsure,
        Level::Note => Tone::Plain,
    }
}

fn place(file: &str, line: u64) -> String {
    match line {
        0 => file.to_owned(),
        line => format!("{file}:{line}"),
    }
}

fn summary(summary: &Totals) -> String {
    let counts = format!(
        "{}, {}: {}, {} that differ, {}\n",
        counted(summary.files, "file"),
        counted(summary.objects, "object"),
        counted(summary.mistakes, "mistake"),
        summary.differs,
        counted(summary.notes, "note"),
    );
    counts + &unchecked(summary)
}

/// What a reader might take for checked.
fn unchecked(summary: &Totals) -> String {
    let mut text = String::new();
    if summary.skipped > 0 {
        let documents = counted(summary.skipped, "document");
        let _ = writeln!(
            text,
            "Skipped {documents}: no object of Kubernetes (no apiVersion and kind). Of a Helm \
             chart, lint what `helm template` prints."
        );
    }
    if summary.unseen > 0 {
        let (annotations, verb) = match summary.unseen {
            1 => ("1 annotation stands".to_owned(), "it is"),
            n => (format!("{n} annotations stand"), "they are"),
        };
        let _ = writeln!(
            text,
            "{annotations} in values, patches or templates, and cannot be seen before {verb} \
             rendered: {RENDER}."
        );
    }
    if summary.objects == 0 {
        text.push_str("Nothing was checked: there was no object in what was read.\n");
    }
    text
}

/// The templates by their directories.
fn templates(report: &LintReport) -> String {
    let mut by_directory: BTreeMap<&str, usize> = BTreeMap::new();
    for file in &report.templates {
        let directory = file
            .rsplit_once('/')
            .map_or(".", |(directory, _)| directory);
        *by_directory.entry(directory).or_default() += 1;
    }
    let lines = by_directory.into_iter().map(|(directory, n)| {
        let files = counted(n, "template");
        format!("not linted: {files} in {}\n", plain(directory))
    });
    let lines: String = lines.collect();
    if lines.is_empty() {
        return lines;
    }
    format!("{lines}  → Render them first: {RENDER}.\n\n")
}

fn counted(n: usize, word: &str) -> String {
    match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_speaks_to_the_terminal() {
        let name = "w\nf.yaml:1: mistake\u{1b}[31m\u{202e} é";
        assert_eq!(plain(name), "w\\nf.yaml:1: mistake\\u{1b}[31m\\u{202e} é");
    }
}
