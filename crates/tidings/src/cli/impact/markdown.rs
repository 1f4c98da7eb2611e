//! `tidings impact` as a comment on a pull request.
//!
//! Goes in: an [`ImpactReport`]. Comes out: Markdown. What would be restarted is seen at
//! once, what would not is folded. Names are somebody else's: in code spans, so that none
//! is a link, a picture, or calls a person.

use std::fmt::Write;

use tidings_core::impact::Outcome;
use tidings_shared::plain::plain;

use super::report::{Change, ImpactReport, ImpactRow, word};
use super::table::{gaps, nothing, pods, staying, summary, why};
use super::turns;
use crate::cli::columns::few;

/// By which a job finds its own comment, to write it anew.
const MARK: &str = "<!-- tidings impact -->";
const HEAD: &str = "| Workload | Pods | Result | Source | Keys | How | Why |\n\
                    | --- | --- | --- | --- | --- | --- | --- |\n";

/// All of it.
pub(super) fn comment(report: &ImpactReport) -> String {
    let stays = |row: &&ImpactRow| row.outcome == Outcome::Stays;
    let (folded, seen): (Vec<_>, Vec<_>) = report.workloads.iter().partition(stays);
    let mut text = format!("{MARK}\n### Tidings: what this change restarts\n\n");
    let said = match report.workloads.as_slice() {
        [] => nothing(report),
        _ => summary(report),
    };
    let _ = writeln!(text, "{said}");
    for line in turns::rules(report) {
        let _ = writeln!(text, "\n{line}");
    }
    if !seen.is_empty() {
        let _ = write!(text, "\n{}", rows(&seen));
    }
    if !folded.is_empty() {
        fold(&mut text, &staying(folded.len()), &rows(&folded));
    }
    for source in report.sources_that(Change::Refused) {
        let name = code(&source.source);
        let _ = writeln!(text, "\n:warning: {name} is {}", code(&source.text));
    }
    for refused in &report.refused {
        let _ = writeln!(text, "\n:warning: {}", code(refused));
    }
    let gaps = not_known(report);
    if !gaps.is_empty() {
        fold(&mut text, "What is not known", &gaps);
    }
    text
}

fn fold(text: &mut String, title: &str, inside: &str) {
    let _ = write!(
        text,
        "\n<details>\n<summary>{title}</summary>\n\n{}\n\n</details>\n",
        inside.trim_end()
    );
}

fn rows(rows: &[&ImpactRow]) -> String {
    let lines = rows.iter().flat_map(|row| {
        let workload = code(&format!("{}/{}", row.namespace, row.workload()));
        row.uses.iter().map(move |used| {
            let keys = match used.keys.as_slice() {
                [] => "all".to_owned(),
                keys => code(&few(keys, "")),
            };
            format!(
                "| {workload} | {} | {} | {} | {keys} | {} | {} |\n",
                pods(row),
                word(row.outcome),
                code(&used.source),
                used.via.join(", "),
                span(&why(row, used)),
            )
        })
    });
    HEAD.to_owned() + &lines.collect::<String>()
}

fn span(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        code(text)
    }
}

fn not_known(report: &ImpactReport) -> String {
    let unread = report.unread.iter();
    let unread = unread.map(|unread| format!("{}:{}: {}", unread.file, unread.line, unread.text));
    let lines = unread.chain(gaps(report));
    let items: Vec<_> = lines.map(|line| format!("- {}", code(&line))).collect();
    items.join("\n")
}

/// A code span in a cell of a table: nothing in it means anything.
fn code(text: &str) -> String {
    let text = plain(text).replace('`', "'").replace('|', "\\|");
    format!("`{text}`")
}
