//! What `tidings status -w` shows, one look after the other.
//!
//! Goes in: a report of each look. Comes out: what to write. On a terminal each is drawn
//! over the one before; else only what has changed is written, below what was.

use std::collections::BTreeMap;

use anyhow::Result;
use tidings_core::refs::Name;

use super::report::{StatusReport, StatusRow};
use super::table::{self, StatusShape, Widths};
use crate::cli::exit::Printed;
use crate::cli::why::report::Standing;
use crate::cli::yaml;
use crate::settings::values::ListForm;

/// To the screen that full-screen programs have, where lines that are too long are cut
/// and no cursor is shown.
pub const ENTER: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l";
/// And back.
pub const LEAVE: &str = "\x1b[?25h\x1b[?7h\x1b[?1049l";

/// So many lines above the rows may say what is not known.
const BESIDE: usize = 6;

/// What has been shown.
#[derive(Debug, Default)]
pub struct Frames {
    last: Option<StatusReport>,
    beside: String,
    widths: Widths,
}

impl Frames {
    /// What a look adds, on stdout and stderr, for who does not see it drawn.
    pub fn next(&mut self, report: StatusReport, shape: &StatusShape) -> Result<Printed> {
        let exit = report.exit();
        let out = match (shape.output, &self.last) {
            (form, Some(last)) if form.is_data() && last.says_the_same(&report) => String::new(),
            (ListForm::Json, _) => report.json_line()?,
            (ListForm::Yaml, _) => format!("---\n{}", yaml::of(&report)?),
            (_, None) => table::rows(&report.workloads, shape, &mut self.widths),
            (_, Some(last)) => table::rows(&changed(last, &report), shape, &mut self.widths),
        };
        let err = self.news(&report, shape);
        self.last = Some(report);
        Ok(Printed { out, err, exit })
    }

    /// What is said beside the rows, where it is not what was said before.
    fn news(&mut self, report: &StatusReport, shape: &StatusShape) -> String {
        let beside = match shape.output {
            ListForm::Json | ListForm::Yaml => String::new(),
            ListForm::Name => table::gaps(report),
            ListForm::Table | ListForm::Wide => table::beside(report),
        };
        if beside == self.beside {
            return String::new();
        }
        self.beside.clone_from(&beside);
        beside
    }
}

/// The rows that are not as they were, and those that are gone.
fn changed(before: &StatusReport, now: &StatusReport) -> Vec<StatusRow> {
    let key = |row: &StatusRow| row.key();
    let was: BTreeMap<Key, _> = before.workloads.iter().map(|row| (key(row), row)).collect();
    let is: BTreeMap<Key, _> = now.workloads.iter().map(|row| (key(row), row)).collect();
    let other = is.iter().filter(|(key, row)| was.get(*key) != Some(row));
    let gone = was.iter().filter(|(key, _)| !is.contains_key(*key));
    let other = other.map(|(_, row)| (*row).clone());
    other.chain(gone.map(|(_, row)| gone_from(row))).collect()
}

type Key = (Name, &'static str, Name);

/// That a workload is not among those that are shown any more.
fn gone_from(row: &StatusRow) -> StatusRow {
    StatusRow {
        standing: Standing(None),
        pods: None,
        until: None,
        ..row.clone()
    }
}

/// A look, to be drawn over the one before in a window of so many lines.
pub fn drawn(said: &Printed, lines: usize) -> String {
    let beside: Vec<_> = said.err.lines().collect();
    let beside = fit(&beside, BESIDE);
    let text = beside.iter().map(String::as_str).chain(said.out.lines());
    let text: Vec<_> = text.collect();
    let drawn = fit(&text, lines).join("\x1b[K\r\n");
    format!("\x1b[H{drawn}\x1b[K\x1b[J")
}

/// The last line is the one that counts, and is kept.
fn fit(text: &[&str], lines: usize) -> Vec<String> {
    let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let (Some(last), true) = (text.last(), text.len() > lines && lines > 2) else {
        return owned(text);
    };
    let kept = lines - 2;
    let mut fitting: Vec<_> = owned(&text[..kept]);
    fitting.push(format!("… and {} lines more", text.len() - kept - 1));
    fitting.push((*last).to_owned());
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_the_last_line_stays() {
        let text = ["a", "b", "c", "d", "e"];
        assert_eq!(fit(&text, 5), text);
        assert_eq!(fit(&text, 4), ["a", "b", "… and 2 lines more", "e"]);
        assert_eq!(fit(&[], 4), [""; 0]);
    }
}
