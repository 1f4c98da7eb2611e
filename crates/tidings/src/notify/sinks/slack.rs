//! Slack: one attachment, with a green bar beside it.

use serde_json::json;

use super::{Payload, message};
use crate::notify::RollMessage;

pub(super) fn render(roll: &RollMessage, added: &str) -> Payload {
    let attachment = json!({
        "author_name": "Reloader",
        "color": "good",
        "text": message(roll, added),
    });
    Payload::json(&json!({"attachments": [attachment]}))
}
