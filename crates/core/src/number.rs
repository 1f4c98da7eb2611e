//! The number of a roll, as people see and say it: `4-k7f2`.
//!
//! Counting alone is not enough: a record that was lost begins to count anew, and
//! a word that somebody once gave for a 4 would count for another 4. So each
//! record has an epoch, drawn when it is first written, and anew when it was found
//! lost or behind.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::digest::Digest;
use crate::time::Seconds;

/// 32 characters that nobody takes for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Which counting a number belongs to. The default is that of no record.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 4]);

impl Epoch {
    /// Draws one. The seed is another for each draw; the workload's uid is mixed
    /// in, so that one seed gives each workload its own.
    pub fn draw(seed: u64, uid: &str) -> Self {
        Self::of(&[&seed.to_le_bytes(), uid.as_bytes()])
    }

    /// That of a record of form 1, which has none: the same for every reader, and
    /// another one when the record moves on without us.
    pub(crate) fn of_form_1(uid: &str, n: u64, at: Option<Seconds>) -> Self {
        let at = at.unwrap_or_default();
        Self::of(&[uid.as_bytes(), &n.to_le_bytes(), &at.to_le_bytes()])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let bytes = Digest::of_parts(parts).first_bytes();
        Self(bytes.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 4] = text.as_bytes().try_into().ok()?;
        let known = bytes.iter().all(|byte| ALPHABET.contains(byte));
        known.then_some(Self(bytes))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an epoch"))
    }
}

/// `4-k7f2`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Which roll of the epoch.
    pub n: u64,
    /// Which counting.
    pub epoch: Epoch,
}

impl Number {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (n, epoch) = text.split_once('-')?;
        let number = Self {
            n: n.parse().ok()?,
            epoch: Epoch::parse(epoch)?,
        };
        // Whatever else the count could be written as is not what anybody was told.
        (number.to_string() == text).then_some(number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.n, self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_differ() {
        let draw = |seed, uid| Epoch::draw(seed, uid);
        let number = Number {
            n: 4,
            epoch: draw(1, "u"),
        };
        insta::assert_snapshot!(number, @"4-gvir");
        assert_eq!(Number::parse("4-gvir"), Some(number));
        for nonsense in ["4", "04-gvir", "+4-gvir", "4-gvir ", "4--gvir"] {
            assert_eq!(Number::parse(nonsense), None);
        }
        assert_ne!(draw(1, "u"), draw(2, "u"));
        assert_ne!(draw(1, "u"), draw(1, "v"));
        assert_eq!(Epoch::parse(&draw(7, "u").to_string()), Some(draw(7, "u")));
        for nonsense in ["", "k7f", "k7f22", "k7fl", "K7F2", "ü7f"] {
            assert_eq!(Epoch::parse(nonsense), None);
        }
    }
}
