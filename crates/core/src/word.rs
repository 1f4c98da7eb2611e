//! What somebody means to say about what waits: which number is meant, whether a word about
//! it would count, and what has to be written for it.
//!
//! Goes in: the word, the number that is named if one is, and what waits. Comes out: the
//! number, or why the word would be in vain; then annotations. A word is about one number,
//! so what is written is about what was looked at, whatever comes meanwhile.

use std::fmt;

use crate::annotations::{APPROVE, APPROVED_BY, PAUSE, REJECT, RESUME};
use crate::approval::{Approve, Pause};
use crate::number::Number;
use crate::reason::Reason;
use crate::state::Ruling;

/// What is meant to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// That it may be brought.
    Approve {
        /// Whether it waits for no gate after that either.
        at_once: bool,
    },
    /// That it must not be.
    Reject,
    /// That it may go on.
    Resume,
}

/// Why a word would be in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vain {
    /// Nothing waits under a number.
    NothingWaits,
    /// Another number than the one that is named waits.
    OtherWaits {
        /// The one that is named.
        named: Number,
        /// The one that waits.
        waits: Number,
    },
    /// So much was said already.
    Said(Number, Ruling),
    /// It is to go on, and no failure has stopped it.
    NotStopped(Number),
}

impl Say {
    /// The word for it, as the command is called.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Approve { .. } => "approve",
            Self::Reject => "reject",
            Self::Resume => "resume",
        }
    }

    /// What the record will say of it; none where it is no word about what waits at a gate.
    pub fn ruling(self) -> Option<Ruling> {
        match self {
            Self::Approve { at_once: false } => Some(Ruling::Approved),
            Self::Approve { at_once: true } => Some(Ruling::Now),
            Self::Reject => Some(Ruling::Rejected),
            Self::Resume => None,
        }
    }

    /// Which number is meant, of what waits, about which so much was said.
    pub fn about(
        self,
        named: Option<Number>,
        waits: Option<(Number, Option<Ruling>)>,
    ) -> Result<Number, Vain> {
        let Some((number, said)) = waits else {
            return Err(Vain::NothingWaits);
        };
        if let Some(named) = named.filter(|named| *named != number) {
            return Err(Vain::OtherWaits {
                named,
                waits: number,
            });
        }
        // What is rejected stays so, and an approval takes nothing back.
        match said.filter(|said| self.ruling().is_some_and(|ruling| ruling <= *said)) {
            Some(said) => Err(Vain::Said(number, said)),
            None => Ok(number),
        }
    }

    /// The number, where a word about it counts for what waits for this reason. A train that
    /// has not stopped cannot be let go on: the word would be forgotten when it has.
    pub fn counts_at(self, number: Number, reason: &str) -> Result<Number, Vain> {
        let is_in_vain = self == Self::Resume && reason != Reason::TrainStopped.word();
        if is_in_vain {
            return Err(Vain::NotStopped(number));
        }
        Ok(number)
    }

    /// What is written on the workload for it, by whom if that is known.
    pub fn written(self, number: Number, by: Option<&str>) -> Vec<(&'static str, Option<String>)> {
        let (key, value) = match self {
            Self::Approve { at_once } => (APPROVE, Approve { number, at_once }.to_string()),
            Self::Reject => (REJECT, number.to_string()),
            Self::Resume => (RESUME, number.to_string()),
        };
        let by = by.map(|by| (APPROVED_BY, Some(by.to_owned())));
        [(key, Some(value))].into_iter().chain(by).collect()
    }
}

/// What is written for a pause; none ends it.
pub fn pause_written(pause: Option<Pause>) -> [(&'static str, Option<String>); 1] {
    [(PAUSE, pause.map(|pause| pause.to_string()))]
}

impl fmt::Display for Vain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingWaits => f.write_str("nothing waits for a word"),
            Self::OtherWaits { named, waits } => write!(f, "{named} does not wait; {waits} does"),
            Self::NotStopped(number) => {
                write!(f, "{number} waits, but for no train that has stopped")
            }
            Self::Said(number, Ruling::Approved) => write!(f, "{number} is approved already"),
            Self::Said(number, Ruling::Now) => {
                write!(f, "{number} is approved already, to be brought at once")
            }
            Self::Said(number, Ruling::Rejected) => write!(
                f,
                "{number} was rejected, and stays so until there is other content"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const APPROVED: Say = Say::Approve { at_once: false };
    const NOW: Say = Say::Approve { at_once: true };

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[rstest]
    #[case(APPROVED, None, None, "4-k7f2")]
    #[case(APPROVED, Some("4-k7f2"), None, "4-k7f2")]
    #[case(APPROVED, Some("3-k7f2"), None, "3-k7f2 does not wait; 4-k7f2 does")]
    #[case(APPROVED, Some("4-aaaa"), None, "4-aaaa does not wait; 4-k7f2 does")]
    #[case(APPROVED, None, Some(Ruling::Approved), "4-k7f2 is approved already")]
    #[case(NOW, None, Some(Ruling::Approved), "4-k7f2")]
    #[case(
        APPROVED,
        None,
        Some(Ruling::Now),
        "4-k7f2 is approved already, to be brought at once"
    )]
    #[case(Say::Reject, None, Some(Ruling::Now), "4-k7f2")]
    #[case(
        NOW,
        None,
        Some(Ruling::Rejected),
        "4-k7f2 was rejected, and stays so until there is other content"
    )]
    #[case(Say::Resume, None, Some(Ruling::Approved), "4-k7f2")]
    fn words_about_what_waits(
        #[case] word: Say,
        #[case] named: Option<&str>,
        #[case] said: Option<Ruling>,
        #[case] expect: &str,
    ) {
        let about = word.about(named.map(number), Some((number("4-k7f2"), said)));
        let shown = about.map_or_else(|vain| vain.to_string(), |number| number.to_string());
        assert_eq!(shown, expect);
    }

    #[test]
    fn only_what_has_stopped_is_let_go_on() {
        let four = number("4-k7f2");
        for (reason, counts) in [(Reason::TrainStopped, true), (Reason::TrainWaits, false)] {
            assert_eq!(Say::Resume.counts_at(four, reason.word()).is_ok(), counts);
            assert!(APPROVED.counts_at(four, reason.word()).is_ok());
        }
    }

    #[test]
    fn where_nothing_waits_no_word_counts() {
        let named = Some(number("4-k7f2"));
        for word in [APPROVED, NOW, Say::Reject, Say::Resume] {
            assert_eq!(word.about(named, None), Err(Vain::NothingWaits));
        }
    }

    /// Each is read back as what it says.
    #[test]
    fn what_is_written_is_what_is_read() {
        let number = number("4-k7f2");
        for word in [APPROVED, NOW, Say::Reject, Say::Resume] {
            let mut said = crate::approval::Said::default();
            for (key, value) in word.written(number, Some("ada")) {
                let row = crate::annotations::find(key).unwrap();
                row.read_word(&value.unwrap(), &mut said).unwrap();
            }
            assert_eq!(said.approved_by.as_deref(), Some("ada"));
            let approve = said
                .approve
                .map(|approve| (approve.number, approve.at_once));
            let read = [approve.map(|it| it.0), said.reject, said.resume];
            assert_eq!(read.into_iter().flatten().collect::<Vec<_>>(), [number]);
            assert_eq!(approve.is_some_and(|it| it.1), word == NOW);
        }
        let until = pause_written(Some(Pause::Until(1_000)));
        let expect = (PAUSE, Some("until 1970-01-01T00:16:40Z".to_owned()));
        assert_eq!(until, [expect]);
        assert_eq!(pause_written(None), [(PAUSE, None)]);
    }
}
