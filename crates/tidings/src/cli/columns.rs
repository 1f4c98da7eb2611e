//! Text in columns, for eyes.
//!
//! Goes in: rows. Comes out: lines, without colour and without wrapping, so that
//! they can be searched and cut. Names are somebody else's: none breaks a line, turns it,
//! or speaks to the terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use tidings_shared::plain::plain;

/// Rows below a header.
pub fn table<const N: usize>(
    header: [&'static str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    listing(Some(header.into()), rows)
}

/// Rows without a header.
pub fn rows<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    listing(None, rows)
}

/// Rows of as many cells as the header has, if there is one.
pub fn listing(
    header: Option<Vec<&'static str>>,
    rows: impl Iterator<Item = impl IntoIterator<Item = String>>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header);
    }
    for row in rows {
        table.add_row(row.into_iter().map(|cell| plain(&cell).into_owned()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_table_are_shown_in_one_line() {
        let strange = || [["a\n\u{1b}[2J".to_owned(), "b".to_owned()]].into_iter();
        assert_eq!(rows(strange()), r"a\n\u{1b}[2J  b");
        assert_eq!(table(["A", "B"], strange()).lines().count(), 2);
    }
}
