//! Whether a JSON value is as a schema of `docs/schema` says: as much of JSON Schema as
//! these use. Tests only; those of other directories and crates take this file, too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::Path;

use serde_json::Value;

/// Fails with everything in a command's output that its schema does not allow.
pub(crate) fn check(command: &str, output: &Value) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let schema = std::fs::read(docs.join(format!("{command}.json"))).unwrap();
    let schema = serde_json::from_slice(&schema).unwrap();
    let faults = faults(&schema, output, "");
    assert!(faults.is_empty(), "{command}: {faults:#?}\n{output:#}");
}

/// What a schema does not allow of what is there.
pub(crate) fn faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (word, wanted) in schema.as_object().unwrap() {
        let is_met = match word.as_str() {
            "$schema" | "title" | "description" => true,
            "type" => is_of_type(wanted, value),
            "enum" => wanted.as_array().unwrap().contains(value),
            "format" => value.as_str().is_none_or(is_time),
            "required" => has_all(wanted, value),
            "additionalProperties" => has_no_others(&schema["properties"], value),
            "properties" => {
                faults.extend(below(wanted, value, at));
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                let at = format!("{at}[]");
                faults.extend(items.flat_map(|item| self::faults(wanted, item, &at)));
                true
            }
            _ => panic!("{word} is not known here"),
        };
        if !is_met {
            faults.push(format!("{at}: {value} is not of {word} {wanted}"));
        }
    }
    faults
}

fn below(properties: &Value, value: &Value, at: &str) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    let faults = fields.filter_map(|(name, value)| {
        let schema = properties.get(name)?;
        Some(faults(schema, value, &format!("{at}.{name}")))
    });
    faults.flatten().collect()
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    wanted == is
        || wanted
            .as_array()
            .is_some_and(|all| all.contains(&is.into()))
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// What is no object has no fields to lack.
fn has_all(required: &Value, value: &Value) -> bool {
    let mut names = required.as_array().unwrap().iter();
    names.all(|name| !value.is_object() || value.get(name.as_str().unwrap()).is_some())
}

fn has_no_others(properties: &Value, value: &Value) -> bool {
    let mut fields = value.as_object().into_iter().flatten();
    fields.all(|(name, _)| properties.get(name).is_some())
}
