//! The values as a tree, and `values.yaml` from it.

use std::fmt::Write;

use serde_json::Value;
use tidings::cli::yaml;

use super::values::{ROWS, Row};
use crate::ORIGIN;

/// A place in the values.
pub(crate) enum Node {
    Group(Vec<(&'static str, Node)>),
    Leaf(&'static Row),
}

/// All values, in the order of the table.
pub(crate) fn tree() -> Vec<(&'static str, Node)> {
    let mut all = Vec::new();
    for row in ROWS {
        let mut words: Vec<_> = row.path.split('.').collect();
        let last = words.pop().unwrap();
        let mut group = &mut all;
        for word in words {
            group = below(group, word);
        }
        group.push((last, Node::Leaf(row)));
    }
    all
}

fn below<'a>(
    group: &'a mut Vec<(&'static str, Node)>,
    word: &'static str,
) -> &'a mut Vec<(&'static str, Node)> {
    let found = group.iter().position(|(name, _)| *name == word);
    let i = found.unwrap_or_else(|| {
        group.push((word, Node::Group(Vec::new())));
        group.len() - 1
    });
    match &mut group[i].1 {
        Node::Group(group) => group,
        Node::Leaf(row) => panic!("{} is a value and has values", row.path),
    }
}

pub(crate) fn values() -> String {
    let mut text = format!("# {ORIGIN}.\n# What Reloader's chart has too has its name.\n");
    for (name, node) in tree() {
        text.push('\n');
        write(name, &node, "", &mut text);
    }
    text
}

fn write(name: &str, node: &Node, indent: &str, text: &mut String) {
    match node {
        Node::Group(group) => {
            let _ = writeln!(text, "{indent}{name}:");
            let indent = format!("{indent}  ");
            for (name, node) in group {
                write(name, node, &indent, text);
            }
        }
        Node::Leaf(row) => {
            let _ = writeln!(text, "{indent}# {}", row.doc);
            let _ = writeln!(text, "{indent}{name}:{}", value(&row.default(), indent));
        }
    }
}

/// A value behind its key's colon.
fn value(value: &Value, indent: &str) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let block = yaml::documents(std::slice::from_ref(value));
            let lines = block.lines().skip(1);
            lines.fold(String::new(), |text, line| {
                text + "\n" + indent + "  " + line
            })
        }
        other => format!(" {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_once_in_the_table() {
        for (i, row) in ROWS.iter().enumerate() {
            let double = ROWS[..i].iter().any(|other| other.path == row.path);
            assert!(!double, "{}", row.path);
        }
    }
}
