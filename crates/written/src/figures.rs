//! The figures, as `make bench` measured them: `bench/figures.json` as a table in
//! docs/figures.md, and the few that say most in the README. How they grow is
//! [`growth`]'s.

use std::fmt::Write;

use serde::Deserialize;

use crate::markdown::{cell, table};
use crate::marks::renewed;
use crate::{File, growth, read};

/// What `make bench` wrote.
const MEASURED: &str = "bench/figures.json";
const PAGE: &str = "docs/figures.md";
const README: &str = "README.md";

/// Above the cells of a line; the last says whether it is as it should be.
const HEADER: [&str; 8] = [
    "row",
    "what",
    "others",
    "floor of this run",
    "Tidings",
    "times the floor",
    "to reach",
    "",
];

/// What the README shows: how it says it, and the figure.
const SHORT: [(&str, &str); 6] = [
    (
        "one change, until 1,000 Deployments are patched",
        "one change → 1000 Deployments patched",
    ),
    (
        "a change of a ConfigMap, until its Deployment is patched",
        "change of a ConfigMap → patch, p50",
    ),
    (
        "memory beside 35,000 sources of 800 MB, 500 workloads opted in",
        "35,000 sources of 800 MB, 500 workloads opted in: memory, resting",
    ),
    (
        "memory in an empty cluster",
        "memory in an empty cluster, resting",
    ),
    ("the binary", "the binary"),
    (
        "of 20 workloads whose source changed while it was down, rolled at its start",
        "changed while down: caught at the next start",
    ),
];

#[derive(Deserialize)]
struct Measured {
    date: String,
    machine: String,
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    what: String,
    cells: Vec<String>,
    note: String,
}

/// The pages, their figures written anew.
pub(crate) fn files() -> Vec<File> {
    let measured: Measured = serde_json::from_str(&read(MEASURED)).unwrap();
    let part = |mark: &str| match mark {
        "figures" => Some(measured.whole()),
        "growth" => Some(growth::rows()),
        "figures in short" => Some(measured.short()),
        _ => None,
    };
    let renewed = |path| File::new(path, renewed(&read(path), part));
    [PAGE, README].map(renewed).into()
}

impl Measured {
    fn whole(&self) -> String {
        let mut text = format!("\n{}\n\n", self.origin());
        let cells = |figure: &Figure| {
            figure
                .cells
                .iter()
                .map(|text| cell(text))
                .collect::<Vec<_>>()
        };
        table(&mut text, HEADER, self.figures.iter().map(cells));
        text.push('\n');
        for Figure { what, note, .. } in self.figures.iter().filter(|f| !f.note.is_empty()) {
            let _ = writeln!(text, "- {what}: {note}.");
        }
        text + "\n"
    }

    fn short(&self) -> String {
        let mut text = String::from("\n");
        let rows = SHORT.iter().map(|(says, what)| {
            let mut found = self.figures.iter().filter(|f| f.what.starts_with(what));
            let cells = &found.next().unwrap().cells;
            let ratio = match cells[5].as_str() {
                "" => String::new(),
                ratio => format!("{ratio} × the floor, {}", cells[3]),
            };
            [*says, &cells[4], &ratio, &cells[2]].map(cell)
        });
        table(&mut text, ["", "Tidings", "", "others"], rows);
        let _ = writeln!(text, "\n{}\n", self.origin());
        text
    }

    fn origin(&self) -> String {
        let (date, machine) = (&self.date, &self.machine);
        format!("Measured on {date}: {machine}, shared with the control plane.")
    }
}
