//! The table of values in the chart's README; the text around it is written by hand.

use std::fmt::Write;

use super::values::{Does, ROWS, Row};

const START: &str = "<!-- The values: written by `make docs`. -->\n";
const END: &str = "<!-- End of the values. -->\n";

/// The page as it is, with the table as it should be.
pub(crate) fn page(now: &str) -> String {
    let parts = now.split_once(START).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.expect("chart/tidings/README.md has no place for the values");
    format!("{before}{START}\n{}\n{END}{after}", table())
}

fn table() -> String {
    let mut text = "| Value | Default | Option | Meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for Row {
        path,
        default,
        does,
        doc,
        ..
    } in ROWS
    {
        let option = match does {
            Does::Option(name) => format!("`--{name}`"),
            Does::Template | Does::Nothing(_) => String::new(),
        };
        let reason = match does {
            Does::Nothing(reason) => format!(" ({reason})"),
            Does::Template | Does::Option(_) => String::new(),
        };
        let doc = doc.trim_end_matches('.');
        let _ = writeln!(
            text,
            "| `{path}` | `{default}` | {option} | {doc}{reason}. |"
        );
    }
    text
}
