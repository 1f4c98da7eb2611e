//! `_options.tpl`: the values that are options of the controller, and those that
//! are accepted and do nothing.

use serde_json::Value;

use super::origin;
use super::values::{Does, ROWS, Row};
use crate::option;

pub(crate) fn template() -> String {
    let options = ROWS.iter().filter_map(|row| match row.does {
        Does::Option(name) => Some(format!(
            "{{{{- include \"tidings.option\" (list . \"{name}\" \"{}\" \"{}\") }}}}\n",
            row.path,
            unsaid(name, row)
        )),
        Does::Template | Does::Nothing(_) => None,
    });
    let ignored = ROWS.iter().filter_map(|row| match row.does {
        Does::Nothing(reason) => Some(format!(
            "{{{{- include \"tidings.set\" (list . \"{}\" \"{}\" \"{reason}\") }}}}\n",
            row.path,
            plain(row)
        )),
        Does::Template | Does::Option(_) => None,
    });
    let about = "The options that differ from the controller's defaults, one a line.";
    let options = define("options", about, options);
    let about = "What was set and does nothing, one a line.";
    origin() + &options + &define("ignored", about, ignored)
}

fn define(name: &str, about: &str, lines: impl Iterator<Item = String>) -> String {
    let mut text = format!("\n{{{{/* {about} */}}}}\n{{{{- define \"tidings.{name}\" -}}}}\n");
    text.extend(lines);
    text + "{{- end -}}\n"
}

/// What need not be said: the controller's own default, or, where that depends on
/// other options, the chart's.
fn unsaid(name: &str, row: &Row) -> String {
    let default = option(name).and_then(|arg| arg.get_default_values().first().cloned());
    default.map_or_else(|| plain(row), |value| value.to_string_lossy().into_owned())
}

/// The chart's default, as templates see it.
fn plain(row: &Row) -> String {
    match row.default() {
        Value::String(text) => text,
        Value::Array(words) => {
            let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
            words.join(",")
        }
        other => other.to_string(),
    }
}
