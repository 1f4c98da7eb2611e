//! Markdown: headings and tables.

use std::fmt::Write;

/// A table below a heading.
pub(crate) fn section<'a>(
    text: &mut String,
    title: &str,
    header: impl AsRef<[&'a str]>,
    rows: impl Iterator<Item = impl AsRef<[String]>>,
) {
    let _ = writeln!(text, "## {title}\n");
    table(text, header, rows);
    text.push('\n');
}

/// A table.
pub(crate) fn table<'a>(
    text: &mut String,
    header: impl AsRef<[&'a str]>,
    rows: impl Iterator<Item = impl AsRef<[String]>>,
) {
    let header = header.as_ref();
    let _ = writeln!(text, "| {} |", header.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(header.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.as_ref().join(" | "));
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
