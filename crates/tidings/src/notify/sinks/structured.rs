//! All that is known of the roll, for programs.

use super::{Payload, message};
use crate::notify::RollMessage;

pub(super) fn render(roll: &RollMessage, added: &str) -> Payload {
    let mut facts = roll.facts();
    facts["text"] = message(roll, "").replace('*', "").into();
    if !added.is_empty() {
        facts["additionalInfo"] = added.into();
    }
    Payload::json(&facts)
}
