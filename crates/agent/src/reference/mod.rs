//! The tables of `docs/agent.md`, each from the one in the code.
//!
//! In: nothing. Out: [`tables`], whose cells are Markdown; the crate `written` puts
//! them into the page.

mod limits;

use crate::cli::{needs, options};
use crate::ending::exits;

/// A table of the page.
#[derive(Debug)]
pub struct Table {
    /// What the page calls it, where it stands.
    pub mark: &'static str,
    /// The heads of its columns.
    pub header: &'static [&'static str],
    /// Its rows, of as many cells as there are heads.
    pub rows: Vec<Vec<String>>,
}

/// All of them.
pub fn tables() -> Vec<Table> {
    vec![
        Table {
            mark: "limits",
            header: &["what", "limit", "what passes it"],
            rows: limits::rows(),
        },
        Table {
            mark: "exit codes",
            header: &["command", "code", "when"],
            rows: exits::rows(),
        },
        Table {
            mark: "needs",
            header: &["option", "needs"],
            rows: needs::rows(),
        },
        Table {
            mark: "options",
            header: &["option", "for", ""],
            rows: options::rows(),
        },
    ]
}
