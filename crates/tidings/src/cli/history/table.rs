//! `tidings history` for eyes.
//!
//! Goes in: a [`HistoryReport`]. Comes out: text, without wrapping, so that it can be
//! searched and cut; off a terminal without colours, and with all words whole. What is no
//! row goes to stderr.

use std::fmt::Write;

use anyhow::Result;
use tidings_shared::plain::plain;

use super::report::{HistoryReport, HistoryRow};
use crate::cli::columns::{Cell, age, listing_on};
use crate::cli::exit::Printed;
use crate::cli::screen::{Screen, Tone};
use crate::cli::yaml;
use crate::settings::values::Output;

/// How it is to look.
#[derive(Clone, Copy, Debug)]
pub struct HistoryShape {
    /// Its form.
    pub output: Output,
    /// Whether only rows are wanted.
    pub bare: bool,
    /// What it is shown on.
    pub screen: Screen,
}

/// What to say.
pub fn said(report: &HistoryReport, shape: &HistoryShape) -> Result<Printed> {
    let (out, err) = match shape.output {
        Output::Json => (report.json()?, String::new()),
        Output::Yaml => (yaml::of(report)?, String::new()),
        Output::Table => (table(report, shape), beside(report, shape)),
    };
    let exit = report.exit();
    Ok(Printed { out, err, exit })
}

const HEADER: [&str; 8] = [
    "NUMBER", "REVISION", "WHEN", "HOW", "CLIENT", "END", "TOOK", "BECAUSE",
];

fn table(report: &HistoryReport, shape: &HistoryShape) -> String {
    if report.history.is_empty() {
        return String::new();
    }
    let header = (!shape.bare).then(|| HEADER.to_vec());
    let rows = report.history.iter().map(cells);
    listing_on(&shape.screen, header, rows) + "\n"
}

fn cells(row: &HistoryRow) -> [Cell; 8] {
    [
        number(row).into(),
        or(row.revision.map(|revision| revision.to_string()), "-").into(),
        or(row.at.map(|at| at.to_string()), "?").into(),
        row.how.to_owned().into(),
        or(row.client.as_deref().map(str::to_owned), "?").into(),
        Cell::new(row.ending(), tone(row.end)),
        or(row.took.map(age), "-").into(),
        row.cause().into(),
    ]
}

/// With what it counts in, where that is known.
fn number(row: &HistoryRow) -> String {
    let alone = row.roll.map(|n| n.to_string());
    or(row.number.clone().or(alone), "-")
}

fn or(text: Option<String>, otherwise: &str) -> String {
    text.unwrap_or_else(|| otherwise.to_owned())
}

fn tone(end: Option<&str>) -> Tone {
    match end {
        Some("done") => Tone::Good,
        Some("failed" | "reverted") => Tone::Bad,
        Some("rolling" | "waiting" | "pending") => Tone::Busy,
        _ => Tone::Plain,
    }
}

/// What the rows rest on, and what is not known.
fn beside(report: &HistoryReport, shape: &HistoryShape) -> String {
    let mut text = String::new();
    if !shape.bare {
        let line = nothing(report).or_else(|| rests_on(report));
        text.extend(line.map(|line| line + "\n"));
    }
    for needs in &report.unknown {
        let _ = writeln!(text, "unknown: needs {}", plain(needs));
    }
    text
}

fn nothing(report: &HistoryReport) -> Option<String> {
    let (kind, name) = (report.kind, &report.name);
    let nothing = format!("Nothing is known of the past of {kind}/{name}");
    let text = match report.record {
        Some(false) => format!("{nothing}: there is no record of it in {}.", home(report)),
        _ => format!("{nothing}."),
    };
    report.history.is_empty().then_some(text)
}

fn home(report: &HistoryReport) -> String {
    format!("the namespace {} (--own-namespace)", report.own_namespace)
}

/// What these rows are, where it is not the record that tells.
fn rests_on(report: &HistoryReport) -> Option<String> {
    let left = if report.keeps_revisions {
        "what its revisions and Events tell"
    } else {
        "what Events tell, for its kind keeps no revisions"
    };
    match report.record {
        Some(true) => None,
        Some(false) => Some(format!(
            "There is no record of it in {}: this is {left}.",
            home(report)
        )),
        None => Some(format!("Its record may not be read: this is {left}.")),
    }
}
