//! Microsoft Teams and Google Chat: a text, which each reads in its own way.

use serde_json::json;

use super::{Payload, Sink, inert, message, spelled};
use crate::notify::RollMessage;

/// Teams reads Markdown and some HTML.
pub(super) fn as_markdown(name: &str) -> String {
    let mut text = String::new();
    for c in inert(name).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' => text.extend(['\\', c]),
            c => text.push(c),
        }
    }
    text
}

/// Google Chat reads a markup of its own, or Markdown, and knows no escapes in the first.
/// Calls and links stand between `<` and `>`, or behind `[` and `]`.
pub(super) fn as_chat(name: &str) -> String {
    spelled(&inert(name), |c| "<>[]*`~".contains(c))
}

pub(super) fn render(sink: &Sink, roll: &RollMessage, added: &str) -> Payload {
    Payload::json(&json!({"text": message(sink, roll, added)}))
}
