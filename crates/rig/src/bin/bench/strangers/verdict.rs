//! What was measured of an input, as a row of the table. Pure.

use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};

use super::inputs::Input;
use super::watched::Seen;

/// A change may take this much longer than without the tenant.
const LATER: f64 = 1.0;
/// Megabytes of anonymous memory, at most.
const MEMORY: f64 = 60.0;

const HEADER: [&str; 9] = [
    "input",
    "Reloader (documented)",
    "without: p50 / max",
    "beside: p50 / max",
    "ratio of p50",
    "memory: anonymous / RSS",
    "requests",
    "log lines",
    "/livez in 1 s",
];

/// One input.
pub(crate) struct Row {
    pub(crate) input: &'static Input,
    /// The floor: the neighbour's changes without the tenant.
    pub(crate) alone: Late,
    pub(crate) beside: Late,
    pub(crate) seen: Seen,
}

/// How late changes were rolled, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Late {
    p50: f64,
    max: f64,
    /// Changes that were not rolled while it was watched.
    lost: usize,
}

impl Late {
    /// Of each change how long it took, and whether it was rolled by then.
    pub(crate) fn of(changes: &[(Duration, bool)]) -> Self {
        let mut times: Vec<_> = changes.iter().map(|(time, _)| time.as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let at = |index: usize| times.get(index).copied().unwrap_or(f64::NAN);
        Self {
            p50: at(times.len() / 2),
            max: at(times.len().saturating_sub(1)),
            lost: changes.iter().filter(|(_, rolled)| !rolled).count(),
        }
    }

    fn text(self) -> String {
        let lost = match self.lost {
            0 => String::new(),
            lost => format!(" ({lost} not at all)"),
        };
        format!("{:.2} / {:.2} s{lost}", self.p50, self.max)
    }
}

impl Row {
    /// What misses its bar.
    fn missed(&self) -> Vec<&'static str> {
        let (alone, beside, seen) = (self.alone, self.beside, self.seen);
        let bars = [
            ("late", beside.max > alone.max + LATER || beside.lost > 0),
            ("memory", seen.anonymous > MEMORY),
            ("livez", seen.dead > 0),
        ];
        let missed = bars.into_iter().filter(|(_, missed)| *missed);
        missed.map(|(word, _)| word).collect()
    }

    /// It in a line.
    pub(crate) fn text(&self) -> String {
        format!("{} → {}", self.alone.text(), self.beside.text())
    }

    fn cells(&self) -> Vec<String> {
        let seen = self.seen;
        let mut cells = vec![
            self.input.word.to_owned(),
            self.input.peer.to_owned(),
            self.alone.text(),
            self.beside.text(),
            format!("{:.1}", self.beside.p50 / self.alone.p50),
            format!("{:.0} / {:.0} MB", seen.anonymous, seen.resident),
            seen.requests.to_string(),
            seen.lines.to_string(),
            format!("{} of {}", seen.asked - seen.dead, seen.asked),
        ];
        cells.push(match &self.missed()[..] {
            [] => "reached".to_owned(),
            missed => format!("missed: {}", missed.join(", ")),
        });
        cells
    }
}

/// The table, in Markdown, and what the inputs are below it.
pub(crate) fn render(rows: &[Row]) -> String {
    let bar = format!("≤ {LATER} s later, ≤ {MEMORY} MB, alive");
    let header = HEADER.map(str::to_owned).into_iter().chain([bar]);
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header)
        .add_rows(rows.iter().map(Row::cells));
    let inputs = rows.iter().map(|row| row.input);
    let inputs: Vec<_> = inputs.map(|i| format!("{}: {}", i.word, i.what)).collect();
    format!("{table}\n\n{}\n", inputs.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_rolled_is_late() {
        let secs = Duration::from_secs;
        let late = Late::of(&[(secs(3), true), (secs(1), true), (secs(9), false)]);
        assert_eq!(late.text(), "3.00 / 9.00 s (1 not at all)");
    }
}
