//! The message as it is, without what makes bold elsewhere.

use tidings_shared::plain::plain;

use super::{Payload, Sink, message};
use crate::notify::RollMessage;

/// What reads a plain text knows lines only.
pub(super) fn escape(name: &str) -> String {
    plain(name).into_owned()
}

pub(super) fn render(sink: &Sink, roll: &RollMessage, added: &str) -> Payload {
    Payload {
        media: "text/plain",
        body: message(sink, roll, added),
    }
}
