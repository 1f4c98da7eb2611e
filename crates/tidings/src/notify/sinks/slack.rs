//! Slack: one attachment, with a green bar beside it.

use serde_json::json;

use super::{Payload, Sink, inert, message, spelled};
use crate::notify::RollMessage;

/// Calls and links stand between `<` and `>`, which Slack takes as entities; what makes
/// bold, struck out or code it takes in no other way.
pub(super) fn escape(name: &str) -> String {
    let text = inert(name).replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    spelled(&text, |c| "*`~".contains(c))
}

pub(super) fn render(sink: &Sink, roll: &RollMessage, added: &str) -> Payload {
    let attachment = json!({
        "author_name": "Reloader",
        "color": "good",
        "text": message(sink, roll, added),
    });
    Payload::json(&json!({"attachments": [attachment]}))
}
