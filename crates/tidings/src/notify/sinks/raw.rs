//! The message as it is, without the stars that make bold elsewhere.

use super::{Payload, message};
use crate::notify::RollMessage;

pub(super) fn render(roll: &RollMessage, added: &str) -> Payload {
    Payload {
        media: "text/plain",
        body: message(roll, added).replace('*', ""),
    }
}
