//! All that is known of the roll, for programs: names as they are, escaped as JSON is.

use super::{Payload, Sink, message};
use crate::notify::RollMessage;

pub(super) fn render(sink: &Sink, roll: &RollMessage, added: &str) -> Payload {
    let mut facts = roll.facts();
    facts["text"] = message(sink, roll, "").into();
    if !added.is_empty() {
        facts["additionalInfo"] = added.into();
    }
    Payload::json(&facts)
}
