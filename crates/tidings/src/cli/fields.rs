//! What the JSON of commands is made of, as tables say it.
//!
//! Each report has such a table. The reference pages and the JSON Schemas in
//! `docs/schema` are written from it. Pure.

use tidings_core::method::METHODS;
use tidings_core::reason::REASONS;
use tidings_core::uses::Via;

/// One field, or the items of one that is an array.
#[derive(Clone, Copy, Debug)]
pub struct FieldRow {
    /// Where it is: `stale[].pods[].name`. What ends with `[]` is an array, whose items
    /// are of this form.
    pub path: &'static str,
    /// What may be there.
    pub form: Form,
    /// What it means.
    pub doc: &'static str,
}

/// A row of a table.
pub const fn field(path: &'static str, form: Form, doc: &'static str) -> FieldRow {
    FieldRow { path, form, doc }
}

/// What may be in a field.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A string.
    Text,
    /// One of these.
    Word(fn() -> Vec<String>),
    /// A number without a fraction.
    Integer,
    /// `true` or `false`.
    Truth,
    /// A time, as RFC 3339 writes it.
    Time,
    /// An object whose fields are further rows of the same table.
    Object,
    /// An object whose fields are the rows of a table of its own.
    Parts(&'static [FieldRow]),
    /// This, or `null`.
    OrNull(&'static Form),
}

impl Form {
    /// The word for it, as JSON Schema has it but for times.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text | Self::Word(_) => "string",
            Self::Integer => "integer",
            Self::Truth => "boolean",
            Self::Time => "time",
            Self::Object | Self::Parts(_) => "object",
            Self::OrNull(form) => form.word(),
        }
    }

    /// Whether `null` may be there.
    pub fn is_nullable(&self) -> bool {
        matches!(self, Self::OrNull(_))
    }

    /// The table of its own.
    fn parts(&self) -> &'static [FieldRow] {
        match self {
            Self::Parts(fields) => fields,
            Self::OrNull(form) => form.parts(),
            _ => &[],
        }
    }
}

/// All fields with their paths from the top: those of tables of their own too, behind
/// the field that they are in.
pub fn all(fields: &'static [FieldRow]) -> Vec<(String, &'static FieldRow)> {
    let with_parts = |field: &'static FieldRow| {
        let below = all(field.form.parts()).into_iter();
        let below = below.map(move |(path, part)| (format!("{}.{path}", field.path), part));
        std::iter::once((field.path.to_owned(), field)).chain(below)
    };
    fields.iter().flat_map(with_parts).collect()
}

/// The ways in which a source may be used.
pub(crate) fn ways() -> Vec<String> {
    words(Via::ALL, Via::word)
}

/// All methods.
pub(crate) fn methods() -> Vec<String> {
    words(METHODS, |row| row.word)
}

/// All reasons.
pub(crate) fn reasons() -> Vec<String> {
    words(REASONS, |row| row.word)
}

/// The words for these.
pub(crate) fn words<T>(
    all: impl IntoIterator<Item = T>,
    word: fn(T) -> &'static str,
) -> Vec<String> {
    all.into_iter().map(|one| word(one).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::cli::json_schema::faults;

    #[rstest]
    #[case::as_it_should(json!({"a": "x", "t": null}), true)]
    #[case::a_time(json!({"a": "x", "t": "2026-11-30T10:00:00Z"}), true)]
    #[case::no_time(json!({"a": "x", "t": "today"}), false)]
    #[case::lacking(json!({"a": "x"}), false)]
    #[case::undescribed(json!({"a": "x", "t": null, "b": 1}), false)]
    #[case::another_word(json!({"a": "y", "t": null}), false)]
    #[case::another_type(json!({"a": 1, "t": null}), false)]
    #[case::no_object(json!([]), false)]
    fn what_is_not_as_the_schema_says_is_found(#[case] value: Value, #[case] is_good: bool) {
        let schema = json!({
            "type": "object",
            "required": ["a", "t"],
            "additionalProperties": false,
            "properties": {
                "a": {"type": "string", "enum": ["x"]},
                "t": {"type": ["string", "null"], "format": "date-time"},
            },
        });
        let faults = faults(&schema, &value, "");
        assert_eq!(faults.is_empty(), is_good, "{faults:?}");
    }
}
