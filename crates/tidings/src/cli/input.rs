//! Manifests that people hand to a command.
//!
//! [`files`] reads them; that is the only I/O. [`tree`] and [`objects`] make objects of
//! the texts. Whoever wrote them is not trusted: sizes, counts and depths have limits that
//! no manifest of a cluster reaches. What cannot be read is said ([`Unread`]), and the
//! rest is read. What is said quotes no value, which may be a Secret's.

use std::sync::Arc;

use serde::Serialize;

pub mod files;
pub mod objects;
pub mod tree;
pub mod unseen;

use tidings_shared::plain::plain;

use self::files::{Reached, Text};
use crate::cli::fields::{FieldRow, Form, field};

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The file.
    pub file: Arc<str>,
    /// The line; 0 where it is the whole file, or not known.
    pub line: u64,
    /// Why.
    pub text: String,
    /// Whether it was asked for by its name, and does not merely lie in a directory.
    pub named: bool,
}

/// The fields of an [`Unread`].
pub(in crate::cli) static UNREAD: &[FieldRow] = &[
    field("file", Form::Text, "The file."),
    field(
        "line",
        Form::Integer,
        "The line; 0 where it is the whole file, or not known.",
    ),
    field("text", Form::Text, "Why. No value is quoted."),
    field(
        "named",
        Form::Truth,
        "Whether it was asked for by its name, and does not merely lie in a directory.",
    ),
];

impl Unread {
    /// Where it is: `app.yaml:7`, or the file alone.
    pub fn place(&self) -> String {
        let file = plain(&self.file);
        match self.line {
            0 => file.into_owned(),
            line => format!("{file}:{line}"),
        }
    }

    /// This line of a text.
    pub fn of(text: &Text, line: u64, why: String) -> Self {
        Self {
            file: text.file.clone(),
            line,
            text: why,
            named: text.reached == Reached::ByName,
        }
    }
}
