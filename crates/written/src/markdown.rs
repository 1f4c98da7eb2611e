//! Markdown: headings and tables.

use std::fmt::Write;

/// A table below a heading.
pub(crate) fn section<const N: usize>(
    text: &mut String,
    title: &str,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let _ = writeln!(text, "## {title}\n");
    table(text, header, rows);
    text.push('\n');
}

/// A table.
pub(crate) fn table<const N: usize>(
    text: &mut String,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let _ = writeln!(text, "| {} |", header.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

/// Text within a cell.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A word of code.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}
