//! `tidings status`, and `why` without a name, for eyes.
//!
//! Goes in: a [`StatusReport`] and the screen. Comes out: text without wrapping, so that it
//! can be searched and cut. What is neither a row nor a count goes to stderr.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::standing::Word;
use tidings_shared::plain::plain;

use super::report::{StatusReport, StatusRow};
use crate::cli::columns::{Cell, age, listing_on};
use crate::cli::exit::Printed;
use crate::cli::grants::grants;
use crate::cli::screen::{Screen, Tone};
use crate::cli::why::report::{OF_THE_RECORD, OlderReport};
use crate::cli::yaml;
use crate::settings::values::ListForm;

/// How it is to look.
#[derive(Clone, Copy, Debug)]
pub struct StatusShape {
    /// Its form.
    pub output: ListForm,
    /// Whether only rows are wanted.
    pub bare: bool,
    /// Whether they are of several namespaces.
    pub namespaces: bool,
    /// Which columns.
    pub asks: Asks,
    /// Now.
    pub now: Timestamp,
    /// What it is printed on.
    pub screen: Screen,
}

impl StatusShape {
    /// Whether there is room for reasons and all particulars.
    fn is_wordy(&self) -> bool {
        self.asks == Asks::Why || self.output == ListForm::Wide
    }
}

/// What is asked of the workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// How they stand, and how far they are.
    How,
    /// Why they stand so.
    Why,
}

/// What to say.
pub fn said(report: &StatusReport, shape: &StatusShape) -> Result<Printed> {
    let (out, err) = match shape.output {
        ListForm::Json => (report.json()?, String::new()),
        ListForm::Yaml => (yaml::of(report)?, String::new()),
        ListForm::Name => (
            rows(&report.workloads, shape, &mut Widths::default()),
            gaps(report),
        ),
        ListForm::Table | ListForm::Wide => (whole(report, shape), beside(report)),
    };
    Ok(Printed {
        out,
        err,
        exit: report.exit(),
    })
}

fn whole(report: &StatusReport, shape: &StatusShape) -> String {
    let table = rows(&report.workloads, shape, &mut Widths::default());
    if shape.bare {
        return table;
    }
    let apart = if table.is_empty() { "" } else { "\n" };
    format!("{table}{apart}{}", counts(report))
}

/// How wide columns have been: what follows a table is as wide.
#[derive(Debug, Default)]
pub struct Widths(Vec<usize>);

impl Widths {
    fn grow(&mut self, cells: &[String]) {
        self.0.resize(self.0.len().max(cells.len()), 0);
        for (width, cell) in self.0.iter_mut().zip(cells) {
            *width = (*width).max(plain(cell).chars().count());
        }
    }

    /// Nothing stands behind the last one.
    fn filled(&self, cells: Vec<String>) -> Vec<String> {
        let last = cells.len().saturating_sub(1);
        let cells = cells.into_iter().zip(&self.0).enumerate();
        let filled = cells.map(|(at, (cell, width))| {
            if at == last {
                cell
            } else {
                format!("{cell:width$}")
            }
        });
        filled.collect()
    }
}

/// These rows, below a header where nothing was shown before.
pub fn rows(of: &[StatusRow], shape: &StatusShape, widths: &mut Widths) -> String {
    if of.is_empty() {
        return String::new();
    }
    if shape.output == ListForm::Name {
        return of.iter().map(|row| name(row) + "\n").collect();
    }
    let shown: Vec<_> = COLUMNS
        .iter()
        .filter(|column| column.is_in(shape))
        .collect();
    let is_first = widths.0.is_empty();
    let header = (is_first && !shape.bare).then(|| shown.iter().map(|c| c.header).collect());
    let cells = |row| {
        shown
            .iter()
            .map(|column| (column.cell)(row, shape))
            .collect()
    };
    let cells: Vec<Vec<String>> = of.iter().map(cells).collect();
    if is_first {
        widths.grow(
            &shown
                .iter()
                .map(|c| c.header.to_owned())
                .collect::<Vec<_>>(),
        );
    }
    for cells in &cells {
        widths.grow(cells);
    }
    let toned = cells.into_iter().zip(of).map(|(cells, row)| {
        let cells = widths.filled(cells).into_iter().zip(&shown);
        cells
            .map(|(cell, column)| Cell::new(cell, column.tone(row)))
            .collect::<Vec<_>>()
    });
    listing_on(&shape.screen, header, toned) + "\n"
}

/// When a column is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ShownIn {
    Always,
    OfSeveral,
    How,
    /// Where the reason has no column of its own.
    Brief,
    /// For who asks why, and where there is room.
    Why,
}

struct StatusColumn {
    header: &'static str,
    shown: ShownIn,
    cell: fn(&StatusRow, &StatusShape) -> String,
}

impl StatusColumn {
    const fn new(
        header: &'static str,
        shown: ShownIn,
        cell: fn(&StatusRow, &StatusShape) -> String,
    ) -> Self {
        Self {
            header,
            shown,
            cell,
        }
    }

    fn tone(&self, row: &StatusRow) -> Tone {
        let word = row.standing.0.filter(|_| self.header == STANDING);
        word.map_or(Tone::Plain, Tone::from)
    }

    fn is_in(&self, shape: &StatusShape) -> bool {
        match self.shown {
            ShownIn::Always => true,
            ShownIn::OfSeveral => shape.namespaces,
            ShownIn::How => shape.asks == Asks::How,
            ShownIn::Brief => !shape.is_wordy(),
            ShownIn::Why => shape.is_wordy(),
        }
    }
}

/// The column that is coloured.
const STANDING: &str = "STANDING";

const COLUMNS: [StatusColumn; 11] = [
    StatusColumn::new("NAMESPACE", ShownIn::OfSeveral, |row, _| {
        row.namespace.to_string()
    }),
    StatusColumn::new("WORKLOAD", ShownIn::Always, |row, _| name(row)),
    StatusColumn::new(STANDING, ShownIn::Always, |row, _| standing(row)),
    StatusColumn::new("NUMBER", ShownIn::How, |row, _| or_none(number(row))),
    StatusColumn::new("PODS", ShownIn::How, |row, _| or_none(pods(row))),
    StatusColumn::new("ROLLED", ShownIn::How, |row, shape| {
        or_none(rolled(row, shape.now))
    }),
    StatusColumn::new("UNTIL", ShownIn::How, |row, shape| {
        or_none(until(row, shape.now))
    }),
    StatusColumn::new("BECAUSE", ShownIn::How, |row, _| or_none(because(row))),
    StatusColumn::new("WAITS FOR", ShownIn::Brief, |row, _| {
        or_none(row.waits_for())
    }),
    StatusColumn::new("REASON", ShownIn::Why, |row, _| {
        or_none(row.reason.map(str::to_owned))
    }),
    StatusColumn::new("PARTICULARS", ShownIn::Why, |row, _| particulars(row)),
];

fn or_none(cell: Option<String>) -> String {
    cell.unwrap_or_else(|| "-".to_owned())
}

/// As kubectl takes it, which cannot be told a namespace with it.
fn name(row: &StatusRow) -> String {
    format!("{}/{}", row.kind, row.name)
}

/// One that is not there any more, or not opted in, stands in no word.
fn standing(row: &StatusRow) -> String {
    let word = row.standing.0.map(|word| word.row().text);
    word.unwrap_or("gone").to_owned()
}

fn number(row: &StatusRow) -> Option<String> {
    row.number.clone().filter(|_| row.was_rolled())
}

fn pods(row: &StatusRow) -> Option<String> {
    let pods = row.pods?;
    Some(format!("{}/{}", pods.updated, pods.desired))
}

fn rolled(row: &StatusRow, now: Timestamp) -> Option<String> {
    let at = row.last.as_ref()?.at?;
    Some(age(now.duration_since(at).as_secs()))
}

fn until(row: &StatusRow, now: Timestamp) -> Option<String> {
    let left = row.until?.duration_since(now).as_secs();
    Some(age(left))
}

fn because(row: &StatusRow) -> Option<String> {
    let last = row.last.as_ref()?;
    let parts = Some(last.because.clone()).into_iter().chain(last.by());
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn particulars(row: &StatusRow) -> String {
    let text = Some(row.text.clone()).filter(|text| !text.is_empty());
    let problems = row.problems.iter().map(|problem| problem.reason.to_owned());
    let older = row.older.iter().map(OlderReport::text);
    let all = text.into_iter().chain(older);
    let all = all.chain(problems).chain(row.unknown.clone());
    all.collect::<Vec<_>>().join("; ")
}

/// Who leads, and last of all how many stand how.
fn counts(report: &StatusReport) -> String {
    let summary = &report.summary;
    let leads = match (&report.leader.problem, report.leader.line()) {
        (None, line) if !line.is_empty() => line + "\n",
        _ => String::new(),
    };
    format!(
        "{leads}{} in step, {} stale, {} waiting, {} rolling, {} failed, {} unknown; \
         {} not opted in\n",
        summary.in_step,
        summary.stale,
        summary.waiting,
        summary.rolling,
        summary.failed,
        summary.unknown,
        summary.not_opted_in,
    )
}

/// That there is nothing to show, or nothing to compare with, who does not lead, and what
/// is not known.
pub fn beside(report: &StatusReport) -> String {
    let known = none(report) + &without_records(report) + &report.leader.trouble();
    let known = known + &paused(report);
    known + &but(report) + &gaps(report) + &events(report)
}

fn paused(report: &StatusReport) -> String {
    let paused = report.paused.as_ref();
    paused.map_or_else(String::new, |paused| format!("{}\n", paused.text()))
}

/// Workloads that are in step, of whose containers that is not certain.
fn but(report: &StatusReport) -> String {
    let is_it = |row: &&StatusRow| row.standing.0 == Some(Word::InStep) && !row.older.is_empty();
    let of = |row: &StatusRow| {
        let older = row.older.iter().map(OlderReport::text);
        let (name, namespace, older) = (name(row), &row.namespace, older.collect::<Vec<_>>());
        let older = older.join("; ");
        format!("{name} in {namespace} is in step, but {}\n", plain(&older))
    };
    report.workloads.iter().filter(is_it).map(of).collect()
}

/// Where more is told to who may not see the records.
fn events(report: &StatusReport) -> String {
    let lacks = |row: &&StatusRow| row.unknown.iter().any(|u| u.starts_with(OF_THE_RECORD));
    let Some(row) = report.workloads.iter().find(lacks) else {
        return String::new();
    };
    let (name, namespace) = (name(row), &row.namespace);
    format!("Events tell what was decided, such as: kubectl describe {name} -n {namespace}\n")
}

fn none(report: &StatusReport) -> String {
    let summary = &report.summary;
    let opted_in = summary.opted_in();
    match (summary.not_opted_in, opted_in) {
        (0, 0) if report.unknown.is_empty() => "There are no workloads.\n".to_owned(),
        (1.., 0) => "No workload is opted in: that is what `tidings.dev/reload: auto` on a \
                     workload or its namespace does. `tidings stale` needs no opt-in.\n"
            .to_owned(),
        (_, 1..) if report.workloads.is_empty() => {
            format!("None of {opted_in} workloads stands so.\n")
        }
        _ => String::new(),
    }
}

fn without_records(report: &StatusReport) -> String {
    if report.records != Some(false) {
        return String::new();
    }
    format!(
        "no records: there are none in the namespace {} (--own-namespace), so each workload is \
         judged as at first sight.\n",
        report.own_namespace
    )
}

/// Each once, whatever many workloads lack it.
pub fn gaps(report: &StatusReport) -> String {
    let lists = report.unknown.iter().map(|needs| format!("needs {needs}"));
    let rows = report.workloads.iter().flat_map(|row| row.unknown.clone());
    let all: BTreeSet<_> = lists.chain(rows).collect();
    let mut text = String::new();
    for gap in all {
        let _ = writeln!(text, "unknown: {}", plain(&gap));
    }
    text + &grants(&report.rights)
}
