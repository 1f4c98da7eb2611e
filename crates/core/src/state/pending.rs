//! What is recorded of a decision that waits at a gate for people, or for a time that
//! they chose.
//!
//! It has the number under which it will be rolled, so that a word about it survives
//! everything and is about this content alone. It is no intent: nothing is carried out
//! after a crash but what has passed the last gate.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::few::Few;
use crate::number::Number;
use crate::time::Seconds;

use super::ride::is_first;
use super::{Entry, Leg, Seen};

/// A decision that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its number, which it keeps as long as the content is the same.
    pub n: u64,
    /// The digest of all that counts of what it would bring
    /// ([`content_of`](super::content_of)).
    pub content: Digest,
    /// Since when something waits, whatever its number was then.
    pub since: Seconds,
    /// What it is for.
    pub because: Box<str>,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// By whom it was approved, as they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    /// In which wave it goes.
    #[serde(default, skip_serializing_if = "is_first")]
    pub wave: i32,
    /// Of which stops of trains it was told, and which ones somebody let go on by a word
    /// about its number.
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub on: Few<Seen, Leg>,
}

/// What was said about a decision that waits. It counts once it is here, whatever becomes
/// of the annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ruling {
    /// It may be rolled.
    Approved,
    /// It may be rolled, and waits for no gate that comes after approval.
    Now,
    /// It must not be: for good, as long as this is what there is.
    Rejected,
}

/// All of them.
pub const RULINGS: [Ruling; 3] = [Ruling::Approved, Ruling::Now, Ruling::Rejected];

impl Ruling {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Now => "now",
            Self::Rejected => "rejected",
        }
    }
}

impl Entry {
    /// The number of what waits, as people are told it.
    pub fn number_of(&self, pending: &Pending) -> Number {
        Number {
            n: pending.n,
            epoch: self.epoch,
        }
    }

    /// The same once this was said about what waits; none where nothing does.
    pub fn ruled(&self, ruling: Ruling) -> Option<Self> {
        let mut entry = self.clone();
        entry.waits.as_mut()?.ruling = Some(ruling);
        Some(entry)
    }

    /// The highest number that was given, to a roll or to what waited.
    pub fn last_given(&self) -> u64 {
        let waits = self.waits.as_ref().map_or(0, |pending| pending.n);
        self.n.max(self.spent).max(waits)
    }
}
