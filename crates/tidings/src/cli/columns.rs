//! Text in columns, for eyes.
//!
//! Goes in: rows. Comes out: lines, without colour and without wrapping, so that
//! they can be searched and cut.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// Rows below a header.
pub fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = bare();
    table.set_header(header).add_rows(rows);
    drawn(table)
}

/// Rows without a header.
pub fn rows<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = bare();
    table.add_rows(rows);
    drawn(table)
}

fn bare() -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn drawn(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
