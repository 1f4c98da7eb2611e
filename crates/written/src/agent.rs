//! The agent's pages: its presets, and the tables of `docs/agent.md`.

use tidings_agent::reference::{Table, tables};
use tidings_shared::preset;

use crate::markdown::{cell, table};
use crate::marks::renewed;
use crate::{File, read};

const PAGE: &str = "docs/agent.md";

/// Both.
pub(crate) fn files() -> Vec<File> {
    vec![
        File::new(PAGE, renewed(&read(PAGE), part)),
        File::new("docs/presets.md", preset::reference()),
    ]
}

/// What belongs below a mark.
fn part(mark: &str) -> Option<String> {
    let mut all = tables().into_iter();
    all.find(|table| table.mark == mark).map(markdown)
}

fn markdown(of: Table) -> String {
    let mut text = String::from("\n");
    let cells = |row: Vec<String>| row.iter().map(|text| cell(text)).collect::<Vec<_>>();
    table(&mut text, of.header, of.rows.into_iter().map(cells));
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_a_place_for_each_table() {
        let page = read(PAGE);
        for Table { mark, .. } in tables() {
            assert!(page.contains(&format!("<!-- {mark} -->\n")), "{mark}");
        }
    }
}
