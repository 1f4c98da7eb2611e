//! `tidings impact` for eyes.
//!
//! Goes in: an [`ImpactReport`]. Comes out: text, without colour and without wrapping, so
//! that it can be searched and cut; on a terminal no wider than that. What is not known
//! goes to stderr.

use std::fmt::Write;

use anyhow::Result;
use tidings_core::impact::Outcome;
use tidings_shared::plain::plain;

use super::markdown;
use super::report::{Change, ImpactReport, ImpactRow, TouchRow, word};
use super::turns;
use crate::cli::columns::{Cell, few, listing_on};
use crate::cli::exit::Printed;
use crate::cli::grants::grants;
use crate::cli::screen::Screen;
use crate::cli::yaml;
use crate::settings::values::ImpactForm;

/// What to say.
pub fn said(report: &ImpactReport, form: ImpactForm, screen: &Screen) -> Result<Printed> {
    let (out, err) = match form {
        ImpactForm::Json => (report.json()?, String::new()),
        ImpactForm::Yaml => (yaml::of(report)?, String::new()),
        ImpactForm::Markdown => (markdown::comment(report), beside(report)),
        ImpactForm::Table => (table(report, screen), beside(report)),
    };
    let exit = report.exit();
    Ok(Printed { out, err, exit })
}

const HEADER: [&str; 8] = [
    "NAMESPACE",
    "WORKLOAD",
    "PODS",
    "RESULT",
    "SOURCE",
    "KEYS",
    "HOW",
    "WHY",
];

fn table(report: &ImpactReport, screen: &Screen) -> String {
    let mut text = String::new();
    if let Some(first) = report.workloads.first() {
        // The namespace is of interest where there are several.
        let mut rows = report.workloads.iter();
        let from = usize::from(rows.all(|row| row.namespace == first.namespace));
        let header = HEADER[from..].to_vec();
        let rows = report.workloads.iter().flat_map(cells);
        let rows = rows.map(|cells| cells.into_iter().skip(from).map(Cell::from));
        let _ = write!(
            text,
            "{}\n\n{}\n",
            listing_on(screen, Some(header), rows),
            summary(report)
        );
        for line in turns::rules(report) {
            let _ = writeln!(text, "{line}");
        }
    }
    for source in report.sources_that(Change::Refused) {
        let (name, why) = (plain(&source.source), plain(&source.text));
        let _ = writeln!(text, "{name} in {} is {why}.", source.namespace);
    }
    for refused in &report.refused {
        let _ = writeln!(text, "{}.", plain(refused));
    }
    text
}

/// One row for each source that it uses.
fn cells(row: &ImpactRow) -> impl Iterator<Item = [String; 8]> {
    row.uses.iter().map(|used| {
        [
            row.namespace.to_string(),
            row.workload(),
            pods(row),
            word(row.outcome).to_owned(),
            used.source.clone(),
            few(&used.keys, "all"),
            used.via.join(", "),
            why(row, used),
        ]
    })
}

/// Whatever the workload asks for.
fn ignored(by: &str) -> String {
    format!("the source is marked to roll nothing ({by})")
}

/// Where some sources of a workload count and others do not, that is said of the others.
pub(crate) fn why(row: &ImpactRow, used: &TouchRow) -> String {
    if used.ignored && !used.counts {
        return ignored(&used.ignored_by);
    }
    let some = row.uses.iter().any(|used| used.counts);
    if some && !used.counts {
        return "not for this source".to_owned();
    }
    let parts = [turns::place(row, used), row.why()];
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
}

/// How many pods, as a cell; of what is rolled, how many of them are replaced now.
pub(crate) fn pods(row: &ImpactRow) -> String {
    let is_brought = matches!(row.outcome, Outcome::Rolls | Outcome::Restarts);
    match (row.pods, row.replaced) {
        (Some(pods), Some(replaced)) if is_brought && replaced < pods => {
            format!("{replaced} of {pods}")
        }
        (Some(pods), _) => pods.to_string(),
        (None, _) => "-".to_owned(),
    }
}

/// Of one workload, and of many.
const STAYS: (&str, &str) = (
    "uses it and would not be rolled",
    "use it and would not be rolled",
);

/// How many workloads use what changes and are not rolled.
pub(super) fn staying(count: usize) -> String {
    let verb = if count == 1 { STAYS.0 } else { STAYS.1 };
    format!("{} {verb}", counted(count, "workload"))
}

/// How many workloads, in a sentence.
pub(crate) fn summary(report: &ImpactReport) -> String {
    let summary = &report.summary;
    let rolls = format!(
        "{} would be rolled ({})",
        counted(summary.rolls, "workload"),
        counted(summary.pods as usize, "pod"),
    );
    let more = [
        (summary.waits, "would wait", "would wait"),
        (
            summary.restarts,
            "restarts by its own manifest",
            "restart by their own manifests",
        ),
        (summary.stays, STAYS.0, STAYS.1),
        (summary.unknown, "cannot be told", "cannot be told"),
    ];
    let more = more.into_iter().filter(|(count, ..)| *count > 0);
    let more =
        more.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many }));
    let all: Vec<_> = [rolls].into_iter().chain(more).collect();
    all.join(", ") + "."
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// That nothing follows, and what is not known.
fn beside(report: &ImpactReport) -> String {
    let mut text = String::new();
    if report.workloads.is_empty() {
        let _ = writeln!(text, "{}", nothing(report));
    }
    for unread in &report.unread {
        let _ = writeln!(text, "{}: {}", unread.place(), plain(&unread.text));
    }
    for gap in gaps(report) {
        let _ = writeln!(text, "{gap}");
    }
    text + &grants(&report.rights)
}

/// That nothing follows, as far as that is known.
pub(crate) fn nothing(report: &ImpactReport) -> String {
    let differ = report.sources.iter();
    let mut differ = differ.filter(|row| matches!(row.change, Change::Changed | Change::Made));
    let refused = report.sources_that(Change::Refused).next().is_some();
    let text = match report.sources.as_slice() {
        [] if !report.refused.is_empty() => "Nothing else would be another than it is.",
        [] => return without_sources(report),
        _ if differ.next().is_some() => "No workload uses what would be another.",
        _ if refused => "Nothing else would be another than it is.",
        _ => "Nothing that is known would be another than it is.",
    };
    text.to_owned()
}

/// What is there instead: a workload's own edit is for Kubernetes to roll out.
fn without_sources(report: &ImpactReport) -> String {
    let kinds = report.kinds.iter();
    let kinds: Vec<_> = kinds
        .map(|(kind, count)| counted(*count, &plain(kind)))
        .collect();
    match kinds.as_slice() {
        [] => "What could be read has no ConfigMap or Secret in it.".to_owned(),
        kinds => format!(
            "No ConfigMap or Secret with a name is in it, only {}: Tidings has nothing to roll for \
             that. What a manifest changes of a workload itself Kubernetes rolls out.",
            kinds.join(", ")
        ),
    }
}

/// What is not known, one line each.
pub(crate) fn gaps(report: &ImpactReport) -> Vec<String> {
    let refused = report.sources_that(Change::Unknown);
    let refused = refused.map(|row| format!("unknown: {}", row.text));
    let unknown = report
        .unknown
        .iter()
        .map(|needs| format!("unknown: needs {needs}"));
    let ignored = report.sources_that(Change::NotWatched);
    let ignored = ignored.map(|row| format!("{} in {}: {}", row.source, row.namespace, row.text));
    let notes = report.notes.iter().map(|needs| {
        format!("whether the fuse or an interval would hold a roll is not known: needs {needs}")
    });
    let turns = report.turns_unknown.then(|| turns::UNKNOWN.to_owned());
    let all = refused
        .chain(unknown)
        .chain(ignored)
        .chain(notes)
        .chain(turns);
    all.map(|line| plain(&line).into_owned()).collect()
}
