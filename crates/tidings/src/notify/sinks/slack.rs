//! Slack: one attachment, with a green bar beside it.

use serde_json::json;

use super::{Payload, message};
use crate::notify::Roll;

pub(super) fn render(roll: &Roll, added: &str) -> Payload {
    let attachment = json!({
        "author_name": "Reloader",
        "color": "good",
        "text": message(roll, added),
    });
    Payload::json(&json!({"attachments": [attachment]}))
}
