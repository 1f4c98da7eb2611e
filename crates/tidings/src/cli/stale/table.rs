//! `tidings stale` for eyes.
//!
//! Goes in: a [`StaleReport`]. Comes out: text, without wrapping, so that it can be
//! searched and cut; off a terminal without colours, and with all words whole. What is no
//! row goes to stderr, but for the words below a table.

use std::fmt::Write;

use anyhow::Result;
use jiff::Timestamp;
use tidings_shared::plain::plain;

use super::report::{StaleReport, StaleRow};
use crate::cli::columns::{Cell, age, few, listing_on};
use crate::cli::exit::Printed;
use crate::cli::screen::{Screen, Tone};
use crate::cli::yaml;
use crate::settings::values::ListForm;

/// How it is to look.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its form.
    pub output: ListForm,
    /// Whether only rows are wanted.
    pub bare: bool,
    /// Whether they are of several namespaces.
    pub namespaces: bool,
    /// Now.
    pub now: Timestamp,
    /// What it is shown on.
    pub screen: Screen,
}

/// What to say.
pub fn said(report: &StaleReport, shape: &Shape) -> Result<Printed> {
    let (out, err) = match shape.output {
        ListForm::Json => (report.json()?, String::new()),
        ListForm::Yaml => (yaml::of(report)?, String::new()),
        ListForm::Name => (names(report), gaps(report)),
        ListForm::Table | ListForm::Wide => (table(report, shape), beside(report)),
    };
    let exit = report.exit();
    Ok(Printed { out, err, exit })
}

/// Each workload once.
fn names(report: &StaleReport) -> String {
    let mut names: Vec<_> = report
        .stale
        .iter()
        .map(|row| (&row.namespace, workload(row)))
        .collect();
    names.dedup();
    names.into_iter().map(|(_, name)| name + "\n").collect()
}

fn workload(row: &StaleRow) -> String {
    format!("{}/{}", row.kind, row.name)
}

fn table(report: &StaleReport, shape: &Shape) -> String {
    if report.stale.is_empty() {
        return String::new();
    }
    let shown: Vec<_> = COLUMNS
        .iter()
        .filter(|column| column.is_shown(shape))
        .collect();
    let header = shown.iter().map(|column| column.header).collect();
    let header = (!shape.bare).then_some(header);
    let shown = &shown;
    let cells = |row| {
        let cells = shown.iter();
        cells.map(move |column| Cell::new((column.cell)(row, shape), (column.tone)(row)))
    };
    let rows = listing_on(&shape.screen, header, report.stale.iter().map(cells));
    let below = if shape.bare {
        String::new()
    } else {
        below(report)
    };
    format!("{rows}\n{below}")
}

/// When a column is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    OfSeveral,
    Wide,
}

struct Column {
    header: &'static str,
    shown: Shown,
    cell: fn(&StaleRow, &Shape) -> String,
    tone: fn(&StaleRow) -> Tone,
}

impl Column {
    const fn new(
        header: &'static str,
        shown: Shown,
        cell: fn(&StaleRow, &Shape) -> String,
    ) -> Self {
        Self {
            header,
            shown,
            cell,
            tone: |_| Tone::Plain,
        }
    }

    const fn toned(self, tone: fn(&StaleRow) -> Tone) -> Self {
        Self { tone, ..self }
    }

    fn is_shown(&self, shape: &Shape) -> bool {
        match self.shown {
            Shown::Always => true,
            Shown::OfSeveral => shape.namespaces,
            Shown::Wide => shape.output == ListForm::Wide,
        }
    }
}

const COLUMNS: [Column; 12] = [
    Column::new("NAMESPACE", Shown::OfSeveral, |row, _| {
        row.namespace.to_string()
    }),
    Column::new("WORKLOAD", Shown::Always, |row, _| workload(row)),
    Column::new("PODS", Shown::Always, |row, _| {
        format!("{}/{}", row.pods.len(), row.of)
    }),
    Column::new("SOURCE", Shown::Always, |row, _| row.source.clone()),
    Column::new("KEYS", Shown::Always, |row, _| few(&row.keys, "?")),
    Column::new("HOW", Shown::Always, |row, _| row.via.join(", ")),
    Column::new("SINCE", Shown::Always, since),
    Column::new("CLIENT", Shown::Always, |row, _| client(row)),
    Column::new("STATE", Shown::Always, |row, _| row.state().to_owned()).toned(tone),
    Column::new("WRITTEN", Shown::Wide, |row, _| time(row.written)),
    Column::new("STARTED", Shown::Wide, |row, _| {
        time(row.pods.iter().filter_map(|pod| pod.started).min())
    }),
    Column::new("CONTAINERS", Shown::Wide, |row, _| containers(row)),
];

fn tone(row: &StaleRow) -> Tone {
    if row.certain && !row.follows {
        Tone::Bad
    } else {
        Tone::Unsure
    }
}

fn client(row: &StaleRow) -> String {
    row.client.as_deref().unwrap_or("?").to_owned()
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "?".to_owned(), |time| time.to_string())
}

/// Each pod with its containers; those that have the same ones together.
fn containers(row: &StaleRow) -> String {
    let alike = row.pods.chunk_by(|a, b| a.containers == b.containers);
    let named = alike.map(|pods| {
        let names: Vec<_> = pods.iter().map(|pod| &*pod.name).collect();
        let containers = pods.first().map(|pod| pod.containers.join(", "));
        format!("{}: {}", names.join(", "), containers.unwrap_or_default())
    });
    named.collect::<Vec<_>>().join("; ")
}

fn since(row: &StaleRow, shape: &Shape) -> String {
    let written = row.written.map(|at| shape.now.duration_since(at).as_secs());
    written.map_or_else(|| "?".to_owned(), age)
}

/// What the words of the table mean, as far as they are in it.
pub(crate) const LEGEND: [(&str, &str); 2] = [
    (
        "read again",
        "unless read again: files have followed within about 90 s; whether the process has read \
         them since cannot be seen.",
    ),
    (
        "perhaps",
        "perhaps: only the time of a write is known, which a label moves too; or it may have been \
         another key, or the same data again.",
    ),
];

/// Who is named as the writer.
pub(crate) const WRITER: &str =
    "who wrote it, as that program calls itself; Kubernetes keeps no user.";

fn below(report: &StaleReport) -> String {
    let summary = &report.summary;
    let mut text = format!(
        "\n{} of {} pods, of {} workload{}, started before data that they use was written.\n",
        summary.stale,
        summary.pods,
        summary.workloads,
        if summary.workloads == 1 { "" } else { "s" }
    );
    for (word, meaning) in LEGEND {
        if report.stale.iter().any(|row| row.state().contains(word)) {
            let _ = writeln!(text, "{meaning}");
        }
    }
    let _ = writeln!(text, "CLIENT: {WRITER}");
    text
}

/// That nothing is stale, and what is not known.
fn beside(report: &StaleReport) -> String {
    let none = match report.summary.pods {
        _ if !report.stale.is_empty() => String::new(),
        0 if report.unknown.is_empty() => "There are no pods.\n".to_owned(),
        0 => String::new(),
        pods => format!("None of {pods} pods is stale.\n"),
    };
    none + &gaps(report)
}

fn gaps(report: &StaleReport) -> String {
    let mut text = String::new();
    for needs in &report.unknown {
        let _ = writeln!(text, "unknown: needs {}", plain(needs));
    }
    text
}
