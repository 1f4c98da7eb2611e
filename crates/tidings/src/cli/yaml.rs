//! Writes JSON values as YAML.
//!
//! Goes in: values of our own making. Comes out: block style, keys in order,
//! lists of plain words in one line, strings quoted wherever YAML could read
//! them as something else. Under the key [`NOTE`] a map may carry a comment.
//! It cannot fail. (JSON's string quoting is valid YAML; that and indentation
//! are all that is needed, so no library is.)

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Map, Value};
use tidings_shared::plain::is_odd;

/// The key under which a map carries a comment that is printed above it.
pub const NOTE: &str = "#";

/// A report that is for programs, as one document.
pub fn of(report: &impl Serialize) -> serde_json::Result<String> {
    let mut out = String::new();
    block(&serde_json::to_value(report)?, 0, &mut out);
    Ok(out)
}

/// One stream of documents.
pub fn documents(values: &[Value]) -> String {
    let mut out = String::new();
    for value in values {
        out.push_str("---\n");
        block(value, 0, &mut out);
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) => entries(map, indent, out),
        Value::Array(items) => items.iter().for_each(|item| list_item(item, indent, out)),
        scalar => line(indent, &inline(scalar), out),
    }
}

fn entries(map: &Map<String, Value>, indent: usize, out: &mut String) {
    for (key, value) in map.iter().filter(|(key, _)| *key != NOTE) {
        let key = word(key);
        if fits_in_line(value) {
            line(indent, &format!("{key}: {}", inline(value)), out);
        } else {
            line(indent, &format!("{key}:"), out);
            block(value, indent + 2, out);
        }
    }
}

/// `- ` takes the place of the first two columns of the item's indentation.
fn list_item(item: &Value, indent: usize, out: &mut String) {
    if let Some(note) = item.get(NOTE).and_then(Value::as_str) {
        line(indent, &format!("# {note}"), out);
    }
    if fits_in_line(item) {
        return line(indent, &format!("- {}", inline(item)), out);
    }
    let mut inner = String::new();
    block(item, indent + 2, &mut inner);
    line(indent, &format!("- {}", inner.trim_start()), out);
    out.pop();
}

fn line(indent: usize, text: &str, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{:indent$}{text}", "");
}

/// Whether it is written behind its key or dash, and not below.
pub(in crate::cli) fn fits_in_line(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.iter().all(|item| !item.is_object() && !is_long(item)),
        _ => true,
    }
}

/// Lists of options are read one a line.
fn is_long(item: &Value) -> bool {
    item.is_array()
        || item
            .as_str()
            .is_some_and(|text| text.starts_with("--") || text.len() > 30)
}

/// A value in one line.
pub(in crate::cli) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// A string, quoted unless it is certainly read as the same string.
pub(in crate::cli) fn word(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(inner)
        && !MEANS_SOMETHING.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        return text.to_owned();
    }
    escaped(&Value::from(text).to_string())
}

/// JSON lets stand what breaks a line for YAML 1.1, and what a terminal would obey.
fn escaped(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        match u32::from(c) {
            // Writing to a String cannot fail.
            code @ ..=0xffff if is_odd(c) => drop(write!(text, "\\u{code:04x}")),
            code if is_odd(c) => drop(write!(text, "\\U{code:08x}")),
            _ => text.push(c),
        }
    }
    text
}

/// Words that YAML 1.1 or 1.2 reads as a boolean, as nothing, or as a number.
const MEANS_SOMETHING: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nested_values() {
        let value = json!({
            "a": {"b": 1, "c": null, "d": {}},
            "list": [{"#": "why", "x": "y", "z": [{"deep": true}]}, ["p"], "q"],
            "words": ["get", "list"],
            "args": ["controller", "--listen=off"],
        });
        insta::assert_snapshot!(documents(&[value, json!("text")]), @r#"
        ---
        a:
          b: 1
          c: null
          d: {}
        args:
          - controller
          - "--listen=off"
        list:
          # why
          - x: "y"
            z:
              - deep: true
          - [p]
          - q
        words: [get, list]
        ---
        text
        "#);
    }

    #[test]
    fn strings_stay_strings() {
        for plain in ["web", "apps/v1", "/livez", "a.b-c_d", "v1"] {
            assert_eq!(word(plain), plain);
        }
        for quoted in [
            "", "1", "1e3", "true", "No", "off", "~", "a: b", "#", "-x", "a b", "é", "\n", "*",
            ".5",
        ] {
            assert!(word(quoted).starts_with('"'), "{quoted}");
        }
        assert_eq!(word("a\"b\n"), r#""a\"b\n""#);
        let odd = "\u{9b}1m \u{202e} \u{2028} \u{85} \u{e0041}";
        assert_eq!(word(odd), r#""\u009b1m \u202e \u2028 \u0085 \U000e0041""#);
    }
}
