//! Microsoft Teams and Google Chat: a text.

use serde_json::json;

use super::{Payload, message};
use crate::notify::RollMessage;

pub(super) fn render(roll: &RollMessage, added: &str) -> Payload {
    Payload::json(&json!({"text": message(roll, added)}))
}
