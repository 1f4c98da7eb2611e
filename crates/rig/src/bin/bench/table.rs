//! The figures as a table. Pure.

use std::fmt::Write;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};

use super::figure::{Bar, Figure, Spread, Unit};

const HEADER: [&str; 8] = [
    "row",
    "what",
    "peers (documented)",
    "floor (this run)",
    "tidings (this run)",
    "ratio",
    "bar",
    "",
];

/// The table, in Markdown, and the notes below it.
pub(crate) fn render(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(HEADER)
        .add_rows(figures.iter().map(row));
    let mut text = format!("{table}\n\n");
    for figure in figures.iter().filter(|figure| !figure.note.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "row {}, {}: {}", figure.row, figure.what, figure.note);
    }
    text
}

/// One line of it.
pub(crate) fn row(figure: &Figure) -> [String; 8] {
    let shown = |spread: &Spread| spread_text(spread, figure.unit);
    [
        figure.row.to_string(),
        figure.what.clone(),
        figure.peer.to_owned(),
        figure.floor.as_ref().map_or_else(String::new, shown),
        shown(&figure.tidings),
        figure
            .ratio()
            .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        figure
            .bar
            .map_or_else(String::new, |bar| bar_text(bar, figure.unit)),
        figure.verdict(),
    ]
}

fn spread_text(spread: &Spread, unit: Unit) -> String {
    let median = value(spread.median, unit);
    if spread.samples == 1 {
        return median;
    }
    let number = |x: f64| {
        value(x, unit)
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    format!("{median} ({}–{})", number(spread.low), number(spread.high))
}

fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Milliseconds => format!("{value:.1} ms"),
        Unit::Megabytes => format!("{value:.1} MB"),
        Unit::Count => format!("{value}"),
    }
}

fn bar_text(bar: Bar, unit: Unit) -> String {
    match bar {
        Bar::TimesFloor(times) => format!("≤ {times} × floor"),
        Bar::AtMost(most) => format!("≤ {}", value(most, unit)),
        Bar::Exactly(exactly) => value(exactly, unit),
    }
}
