//! `values.schema.json`: what may be written where. Keys that are not known are
//! refused below `tidings` and tolerated elsewhere: Reloader's chart has more.

use serde_json::{Map, Value, json};
use tidings::notify::sinks::Sink;
use tidings_core::method::METHODS;

use super::tree::{Node, tree};
use super::values::{Form, Row};

/// The group of values of our own.
const OWN: &str = "tidings";

pub(crate) fn schema() -> String {
    let mut schema = group(&tree(), false);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Values of the chart tidings".into();
    format!("{schema:#}\n")
}

fn group(nodes: &[(&'static str, Node)], is_own: bool) -> Value {
    let properties = nodes.iter().map(|(name, node)| {
        let schema = match node {
            Node::Group(nodes) => group(nodes, is_own || *name == OWN),
            Node::Leaf(row) => leaf(row),
        };
        ((*name).to_owned(), schema)
    });
    let properties: Map<_, _> = properties.collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if is_own {
        schema["additionalProperties"] = false.into();
    } else {
        // `key:` with nothing behind it.
        schema["type"] = json!(["object", "null"]);
    }
    schema
}

/// None, and those that are chosen, before the usual one.
fn sinks() -> Vec<&'static str> {
    let others = Sink::others().into_iter();
    let words = std::iter::once("").chain(others);
    words.chain([Sink::usual().word]).collect()
}

fn methods() -> Vec<&'static str> {
    METHODS.iter().map(|row| row.word).collect()
}

fn leaf(row: &Row) -> Value {
    let mut schema = match row.form {
        Form::YesOrNo => json!({"enum": [true, false, "true", "false"]}),
        Form::Text => json!({"type": ["string", "number", "null"]}),
        Form::Number => json!({"type": ["integer", "string"]}),
        Form::Time => json!({"anyOf": [{"type": "string"}, {"const": 0}]}),
        Form::Word(words) => json!({"enum": words}),
        Form::Sink => json!({"enum": sinks()}),
        Form::List => json!({"type": ["array", "null"]}),
        Form::Map => json!({"type": ["object", "null"]}),
        Form::Names => json!({"type": ["array", "string", "null"]}),
        Form::Methods => json!({"anyOf": [
            {"type": "array", "items": {"enum": methods()}},
            {"type": ["string", "null"]},
        ]}),
    };
    schema["description"] = row.doc.into();
    schema["default"] = row.default();
    schema
}
