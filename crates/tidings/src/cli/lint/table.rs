//! `tidings lint` for eyes.
//!
//! Goes in: a [`LintReport`]. Comes out: text, rule by rule, without colour and
//! without wrapping, so that it can be searched and cut. `file:line` comes first
//! on its line, where editors and terminals find it.

use std::fmt::Write;

use tidings_shared::plain::plain;

use super::report::{Finding, LintReport, Meaning, Totals};
use crate::cli::columns;

/// The whole report.
pub fn report(report: &LintReport) -> String {
    let mut text = String::new();
    for meaning in &report.rules {
        rule(meaning, &report.findings, &mut text);
    }
    for unread in &report.unread {
        let place = place(&unread.file, unread.line);
        let what = format!("cannot read {place}: {}", unread.text);
        let _ = writeln!(text, "{}", plain(&what));
    }
    if !report.unread.is_empty() {
        text.push('\n');
    }
    text + &summary(&report.summary)
}

fn rule(meaning: &Meaning, findings: &[Finding], text: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}: {}", meaning.level.word(), meaning.id);
    let _ = writeln!(text, "  {}", meaning.meaning);
    if !meaning.advice.is_empty() {
        let _ = writeln!(text, "  → {}", meaning.advice);
    }
    let rows = findings.iter().filter(|found| found.rule == meaning.id);
    let rows = rows.map(|found| {
        let place = place(&found.file, found.line);
        [place, found.object.to_string(), found.text.clone()]
    });
    for line in columns::rows(rows).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push('\n');
}

fn place(file: &str, line: u64) -> String {
    match line {
        0 => file.to_owned(),
        line => format!("{file}:{line}"),
    }
}

fn summary(summary: &Totals) -> String {
    let Totals {
        files,
        objects,
        mistakes,
        differs,
        notes,
        skipped,
        ..
    } = summary;
    let counts = format!(
        "{}, {}: {}, {differs} that differ, {}\n",
        counted(*files, "file"),
        counted(*objects, "object"),
        counted(*mistakes, "mistake"),
        counted(*notes, "note"),
    );
    counts + &unchecked(*objects, *skipped)
}

/// What a reader might take for checked.
fn unchecked(objects: usize, skipped: usize) -> String {
    let documents = counted(skipped, "document");
    let without = match skipped {
        0 => String::new(),
        _ => format!(
            "Skipped {documents}: no object of Kubernetes (no apiVersion and kind). Of a Helm \
             chart, lint what `helm template` prints.\n"
        ),
    };
    let nothing = match objects {
        0 => "Nothing was checked: there was no object in what was read.\n",
        _ => "",
    };
    without + nothing
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
