//! Edits of an object, made in the text in which it is written.
//!
//! Goes in: a [`Sheet`] that begins with a document, and an edit of that. Comes out: the sheet
//! with it, in the style of what stands around. What is there keeps its bytes: comments,
//! order, quotes. An edit whose place cannot be found fails, and changes nothing.

use std::fmt::Write;

use serde_json::{Map, Value};
use tidings_core::inject::{TreeChange, TreeEdit};

use super::locate::{
    NodeShape, block_end, column, entry, find, flow_end, line_start, root, shape, value, word_end,
};
use super::sheet::Sheet;
use crate::cli::yaml::{fits_in_line, inline, word};

/// What comes first in what is written, as people write it.
const FIRST: [&str; 8] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "image",
    "restartPolicy",
    "command",
    "args",
];

/// Makes an edit of the document with which it begins.
pub(super) fn write(sheet: &mut Sheet, edit: &TreeEdit) -> Option<()> {
    let text = sheet.text();
    let at = find(text, root(text), &edit.at)?;
    match (&edit.change, shape(text, at)) {
        (TreeChange::Put(key, value), NodeShape::Map | NodeShape::FlowMap) => {
            put(sheet, at, key, value)?;
        }
        (TreeChange::Last(items), NodeShape::List) => {
            add_lines(sheet, block_end(text, at), at, &list(items));
        }
        (TreeChange::First(items), NodeShape::List) => {
            let start = line_start(text, at);
            let is_first = text[start..at].trim().is_empty();
            is_first.then_some(())?;
            add_lines(sheet, start, at, &list(items));
        }
        (TreeChange::Last(items), NodeShape::FlowList) => {
            let end = flow_end(text, at)? - 1;
            let before = text[..end].trim_end();
            let comma = if before.ends_with([',', '[']) {
                ""
            } else {
                ", "
            };
            let at = before.len();
            sheet.splice(at..at, &format!("{comma}{}", flow_items(items)));
        }
        (TreeChange::First(items), NodeShape::FlowList) => {
            sheet.splice(at + 1..at + 1, &format!("{}, ", flow_items(items)));
        }
        _ => return None,
    }
    Some(())
}

/// A document of its own.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::from("---\n");
    for line in block(value) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn put(sheet: &mut Sheet, at: usize, key: &str, new: &Value) -> Option<()> {
    let text = sheet.text();
    if let Some((_, after)) = entry(text, at, key) {
        return replace(sheet, at, after, new);
    }
    if shape(text, at) == NodeShape::Map {
        let entry = Map::from_iter([(key.to_owned(), new.clone())]);
        let lines = block(&Value::Object(entry));
        add_lines(sheet, block_end(text, at), at, &lines);
        return Some(());
    }
    let is_empty = text[at + 1..].trim_start().starts_with('}');
    let comma = if is_empty { "" } else { ", " };
    let entry = format!("{}: {}{comma}", Value::from(key), flow(new));
    sheet.splice(at + 1..at + 1, &entry);
    Some(())
}

/// Puts something where a key has nothing, or something empty.
fn replace(sheet: &mut Sheet, map: usize, after: usize, new: &Value) -> Option<()> {
    let text = sheet.text();
    let (begin, end) = match value(text, after, map) {
        None => (after, after),
        Some(at) => match shape(text, at) {
            NodeShape::FlowMap | NodeShape::FlowList => (at, flow_end(text, at)?),
            NodeShape::Word if ["null", "~"].contains(&&text[at..word_end(text, at)]) => {
                (at, word_end(text, at))
            }
            _ => return None,
        },
    };
    let rest = text[end..].lines().next().unwrap_or_default();
    if shape(text, map) == NodeShape::Map && rest.trim().is_empty() && !fits_in_line(new) {
        let indent = column(text, map) + 2;
        let lines = indented(&block(new), indent, sheet.line_end());
        sheet.splice(
            after..end,
            &format!("{}{}", sheet.line_end(), lines.trim_end()),
        );
    } else {
        let blank = if begin == after { " " } else { "" };
        sheet.splice(begin..end, &format!("{blank}{}", flow(new)));
    }
    Some(())
}

/// Adds lines in the column of what is at a place.
fn add_lines(sheet: &mut Sheet, before: usize, of: usize, lines: &[String]) {
    let text = sheet.text();
    let lines = indented(lines, column(text, of), sheet.line_end());
    if before == 0 || text[..before].ends_with('\n') {
        sheet.splice(before..before, &lines);
    } else {
        let lines = format!("{}{}", sheet.line_end(), lines.trim_end());
        sheet.splice(before..before, &lines);
    }
}

fn indented(lines: &[String], indent: usize, end: &str) -> String {
    lines.iter().fold(String::new(), |mut out, line| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{:indent$}{line}{end}", "");
        out
    })
}

/// Something in block style, line by line.
fn block(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => entries(map),
        Value::Array(items) => list(items),
        scalar => vec![inline(scalar)],
    }
}

fn entries(map: &Map<String, Value>) -> Vec<String> {
    let place = |key: &String| {
        FIRST
            .iter()
            .position(|first| first == key)
            .unwrap_or(FIRST.len())
    };
    let mut all: Vec<_> = map.iter().collect();
    all.sort_by_key(|(key, _)| place(key));
    let lines = all.into_iter().flat_map(|(key, value)| {
        let key = word(key);
        if fits_in_line(value) {
            return vec![format!("{key}: {}", inline(value))];
        }
        let below = block(value).into_iter().map(|line| format!("  {line}"));
        [format!("{key}:")].into_iter().chain(below).collect()
    });
    lines.collect()
}

fn list(items: &[Value]) -> Vec<String> {
    let lines = items.iter().flat_map(|item| {
        let lines = if fits_in_line(item) {
            vec![inline(item)]
        } else {
            block(item)
        };
        let lines = lines.into_iter().enumerate();
        lines.map(|(at, line)| format!("{}{line}", if at == 0 { "- " } else { "  " }))
    });
    lines.collect()
}

/// JSON is valid in flow style.
fn flow(value: &Value) -> String {
    value.to_string()
}

fn flow_items(items: &[Value]) -> String {
    let items: Vec<_> = items.iter().map(flow).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use tidings_core::inject::{PathStep, keys};

    use super::*;
    use crate::cli::input::tree::documents;

    fn edit(path: &[&str], item: Option<usize>, change: TreeChange) -> TreeEdit {
        let mut at = keys(path);
        at.extend(item.map(PathStep::Item));
        TreeEdit { at, change }
    }

    /// The text after an edit, of which the parser makes what the edit makes of the object.
    fn written(text: &str, edit: &TreeEdit) -> Option<String> {
        let before = documents(text).remove(0).unwrap();
        let mut expected = before.json();
        edit.apply(&mut expected);
        let mut sheet = Sheet::new(text);
        let mut part = sheet.split_off(usize::try_from(before.line).unwrap() - 1);
        write(&mut part, edit)?;
        sheet.append(part);
        let after = documents(sheet.text()).remove(0).unwrap();
        assert_eq!(after.json(), expected, "{}", sheet.text());
        Some(sheet.text().to_owned())
    }

    #[rstest]
    // Block style, deeper or not, with comments and what looks like them.
    #[case("a:\n  b: 1\nc: 2\n", "a:\n  b: 1\n  k:\n    - x: \"y\"\nc: 2\n")]
    #[case(
        "a:\n  b: |\n    # t\n\n# of c\nc: 2",
        "a:\n  b: |\n    # t\n  k:\n    - x: \"y\"\n\n# of c\nc: 2"
    )]
    #[case("a:\n  b: 1", "a:\n  b: 1\n  k:\n    - x: \"y\"")]
    #[case("a:\r\n  b: 1\r\n", "a:\r\n  b: 1\r\n  k:\r\n    - x: \"y\"\r\n")]
    // Something empty is there.
    #[case("a:\n  k:\nc: 2\n", "a:\n  k:\n    - x: \"y\"\nc: 2\n")]
    #[case("a:\n  k: []\n", "a:\n  k:\n    - x: \"y\"\n")]
    #[case("a:\n  k: [] # none\n", "a:\n  k: [{\"x\":\"y\"}] # none\n")]
    #[case("a:\n  k: null\n", "a:\n  k:\n    - x: \"y\"\n")]
    // Flow style.
    #[case("a: {b: 1}\n", "a: {\"k\": [{\"x\":\"y\"}], b: 1}\n")]
    #[case("a: {}\n", "a: {\"k\": [{\"x\":\"y\"}]}\n")]
    #[case(
        "{\"a\": {\n  \"b\": 1}}",
        "{\"a\": {\"k\": [{\"x\":\"y\"}], \n  \"b\": 1}}"
    )]
    fn entries_are_put_in(#[case] text: &str, #[case] expect: &str) {
        let change = TreeChange::Put("k".to_owned(), json!([{"x": "y"}]));
        let edit = edit(&["a"], None, change);
        assert_eq!(written(text, &edit).as_deref(), Some(expect));
    }

    #[rstest]
    #[case(
        "l:\n- a: 1\n  b: 2\n# of m\nm: 1\n",
        "l:\n- a: 1\n  b: 2\n- new: 1\n# of m\nm: 1\n"
    )]
    #[case("l:\n    - a\n    # deep\n", "l:\n    - a\n    - new: 1\n    # deep\n")]
    #[case("l: [a, {b: c}]\n", "l: [a, {b: c}, {\"new\":1}]\n")]
    #[case("l: [\n  a,\n]\n", "l: [\n  a,{\"new\":1}\n]\n")]
    fn items_are_added(#[case] text: &str, #[case] expect: &str) {
        let edit = edit(&["l"], None, TreeChange::Last(vec![json!({"new": 1})]));
        assert_eq!(written(text, &edit).as_deref(), Some(expect));
    }

    #[rstest]
    #[case("l:\n  # why\n  - a\n", "l:\n  # why\n  - \"--x\"\n  - y\n  - a\n")]
    #[case("l: [a]\n", "l: [\"--x\", \"y\", a]\n")]
    fn items_come_first(#[case] text: &str, #[case] expect: &str) {
        let change = TreeChange::First(vec![json!("--x"), json!("y")]);
        let edit = edit(&["l"], None, change);
        let expect = expect.replace("- y\n", "- \"y\"\n");
        assert_eq!(written(text, &edit), Some(expect));
    }

    #[test]
    fn an_item_of_a_list_gets_an_entry() {
        let text = "l:\n- name: a\n  # why\n  x: {y: z}\n- name: b\n";
        let change = TreeChange::Put("k".to_owned(), json!(1));
        let first = written(text, &edit(&["l"], Some(0), change.clone())).unwrap();
        assert_eq!(first, text.replace("- name: b", "  k: 1\n- name: b"));
        let last = written(text, &edit(&["l"], Some(1), change)).unwrap();
        assert_eq!(last, format!("{text}  k: 1\n"));
    }

    #[test]
    fn what_another_name_stands_for_is_not_edited() {
        let text = "x: &x {b: 1}\na: *x\n";
        let change = TreeChange::Put("k".to_owned(), json!(1));
        assert_eq!(written(text, &edit(&["a"], None, change)), None);
    }
}
