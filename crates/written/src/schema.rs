//! The JSON Schemas of what commands print with `-o json`.
//!
//! Goes in: the tables of their reports. Comes out: `docs/schema/COMMAND.json`. Every
//! field is always there, and there is no other, so a field without a row is refused.

use serde_json::{Value, json};
use tidings::cli::fields::{FieldRow, Form, all};
use tidings::cli::people::report::{PAUSE_FIELDS, WORD_FIELDS};
use tidings::cli::{history, impact, lint, stale, status, why};

use crate::File;

/// The commands, each with its table.
const COMMANDS: [(&str, &[FieldRow]); 8] = [
    ("approve", WORD_FIELDS),
    ("history", history::report::FIELDS),
    ("impact", impact::report::FIELDS),
    ("lint", lint::report::FIELDS),
    ("pause", PAUSE_FIELDS),
    ("stale", stale::report::FIELDS),
    ("status", status::report::FIELDS),
    ("why", why::report::FIELDS),
];

/// The schemas of all commands.
pub(crate) fn files() -> Vec<File> {
    let file = |(command, fields)| {
        let text = format!("{:#}\n", schema(command, fields));
        File::new(format!("docs/schema/{command}.json"), text)
    };
    COMMANDS.into_iter().map(file).collect()
}

/// The table of a command.
pub(crate) fn fields(command: &str) -> Option<&'static [FieldRow]> {
    let mut rows = COMMANDS.into_iter();
    rows.find(|(name, _)| *name == command)
        .map(|(_, fields)| fields)
}

/// What may be in a field, in words for people: `array of strings`, `time or null`.
pub(crate) fn kind(path: &str, form: &Form) -> String {
    let word = form.word();
    match (path.ends_with("[]"), form.is_nullable()) {
        (true, _) => format!("array of {word}s"),
        (false, true) => format!("{word} or null"),
        (false, false) => word.to_owned(),
    }
}

fn schema(command: &str, fields: &'static [FieldRow]) -> Value {
    let mut schema = object();
    for (path, field) in all(fields) {
        insert(&mut schema, &path, field);
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = format!("What `tidings {command} -o json` prints").into();
    schema
}

fn object() -> Value {
    json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
}

/// Puts a field where its path says, below objects that are there already.
fn insert(schema: &mut Value, path: &str, field: &FieldRow) {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = schema;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        place = below(place, parent);
    }
    let (plain, value) = match name.strip_suffix("[]") {
        None => (name, described(value(&field.form), field.doc)),
        Some(plain) => {
            let array = json!({"type": "array", "items": value(&field.form)});
            (plain, described(array, field.doc))
        }
    };
    let properties = place["properties"].as_object_mut().unwrap();
    properties.insert(plain.to_owned(), value);
    place["required"].as_array_mut().unwrap().push(plain.into());
}

fn below<'a>(place: &'a mut Value, name: &str) -> &'a mut Value {
    let items = name.strip_suffix("[]");
    let pointer = match items {
        Some(name) => format!("/properties/{name}/items"),
        None => format!("/properties/{name}"),
    };
    place
        .pointer_mut(&pointer)
        .unwrap_or_else(|| panic!("{name} has no row before those that are in it"))
}

fn described(mut schema: Value, doc: &str) -> Value {
    schema["description"] = doc.into();
    schema
}

fn value(form: &Form) -> Value {
    match form {
        Form::Text | Form::Integer | Form::Truth => json!({"type": form.word()}),
        Form::Word(words) => json!({"type": "string", "enum": words()}),
        Form::Time => json!({"type": "string", "format": "date-time"}),
        Form::Object | Form::Parts(_) => object(),
        Form::OrNull(form) => or_null(value(form)),
    }
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    static PART: &[FieldRow] = &[FieldRow {
        path: "at",
        form: Form::OrNull(&Form::Time),
        doc: "When.",
    }];

    #[test]
    fn paths_become_a_tree() {
        static FIELDS: &[FieldRow] = &[
            FieldRow {
                path: "rows[]",
                form: Form::Parts(PART),
                doc: "Rows.",
            },
            FieldRow {
                path: "rows[].words[]",
                form: Form::Word(|| vec!["a".to_owned()]),
                doc: "Words.",
            },
        ];
        let row = &schema("x", FIELDS)["properties"]["rows"];
        let items = json!({
            "type": "object",
            "required": ["at", "words"],
            "additionalProperties": false,
            "properties": {
                "at": {"type": ["string", "null"], "format": "date-time", "description": "When."},
                "words": {
                    "type": "array",
                    "items": {"type": "string", "enum": ["a"]},
                    "description": "Words.",
                },
            },
        });
        let rows = json!({"type": "array", "items": items, "description": "Rows."});
        assert_eq!(row, &rows);
    }
}
