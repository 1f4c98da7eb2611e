//! How a workload stands: whether its pods have what its sources hold.
//!
//! Goes in: what `decide` found out ([`Facts`]). Comes out: one of six words with
//! its particulars, the first that fits. It is a fact about content and about the
//! workload's own rollout, and the same wherever it is said: `why`, metrics, Events,
//! the log, exit codes.

use crate::object::Seconds;

/// How a workload stands, in a word. In the order in which they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// It could not be found out.
    Unknown,
    /// The rollout that brings the change does not come to its end.
    Failed,
    /// A rollout is bringing it.
    Rolling,
    /// It is due, and something holds it.
    Waiting,
    /// It is due, or may be.
    Stale,
    /// The pods have what is there.
    InStep,
}

/// One row for each word.
#[derive(Debug)]
pub struct WordRow {
    /// The word that the row is about.
    pub word: Word,
    /// As people read it, and as metrics and logs have it.
    pub text: &'static str,
    /// As JSON has it.
    pub json: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// All words, in their order.
pub static WORDS: &[WordRow] = &[
    WordRow {
        word: Word::Unknown,
        text: "unknown",
        json: "unknown",
        doc: "Something that it takes to know could not be read.",
    },
    WordRow {
        word: Word::Failed,
        text: "failed",
        json: "failed",
        doc: "What brings the newest content has failed: a rollout has missed its deadline, or a pod has refused it.",
    },
    WordRow {
        word: Word::Rolling,
        text: "rolling",
        json: "rolling",
        doc: "The newest content is being brought; some pods are yet to be replaced, or to prove that they have it.",
    },
    WordRow {
        word: Word::Waiting,
        text: "waiting",
        json: "waiting",
        doc: "The pods have older content, and something makes the roll wait.",
    },
    WordRow {
        word: Word::Stale,
        text: "stale",
        json: "stale",
        doc: "The pods have older content, or may have, and nothing holds a roll.",
    },
    WordRow {
        word: Word::InStep,
        text: "in step",
        json: "inStep",
        doc: "The pods have what is there.",
    },
];

impl Word {
    /// The row that describes it.
    pub fn row(self) -> &'static WordRow {
        &WORDS[self as usize]
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row().text)
    }
}

/// How a workload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// In a word.
    pub word: Word,
    /// How far a rollout is: pods that have it, of all.
    pub pods: Option<(u32, u32)>,
    /// Until when it waits at least, where that is known.
    pub until: Option<Seconds>,
    /// Whether a roll is due that is not on the template yet, whatever rollout is under
    /// way: that one brings older content.
    pub due: bool,
}

/// What a standing follows from.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// Something could not be found out.
    pub(crate) unknown: bool,
    /// A digest that counts differs from the record, and no proof says that the
    /// pods are newer; or a roll is written down that has not reached the workload.
    pub(crate) due: bool,
    /// The pods may be older than what is there.
    pub(crate) doubtful: bool,
    /// Something holds what is due, or what is still to reach all pods.
    pub(crate) held: bool,
    /// The newest roll is on the template, there are pods of older ones, and nothing
    /// keeps the rollout from replacing them.
    pub(crate) under_way: bool,
    /// The rollout has missed its deadline.
    pub(crate) failed: bool,
    /// Pods of the present template, of all, where not all are.
    pub(crate) pods: Option<(u32, u32)>,
    /// Until when it is held.
    pub(crate) until: Option<Seconds>,
}

impl Facts {
    /// The first word that fits.
    pub(crate) fn standing(self) -> Standing {
        let word = match self {
            Self { unknown: true, .. } => Word::Unknown,
            Self {
                under_way: true,
                failed: true,
                ..
            } => Word::Failed,
            Self {
                under_way: true, ..
            } => Word::Rolling,
            Self { held: true, .. } => Word::Waiting,
            Self { due: true, .. } | Self { doubtful: true, .. } => Word::Stale,
            _ => Word::InStep,
        };
        let waits = word == Word::Waiting;
        Standing {
            word,
            pods: self.pods,
            until: self.until.filter(|_| waits),
            due: self.due,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_word_has_its_row() {
        for (n, row) in WORDS.iter().enumerate() {
            assert_eq!(row.word as usize, n);
        }
    }

    #[rstest]
    #[case("", Word::InStep)]
    #[case("due", Word::Stale)]
    #[case("doubtful", Word::Stale)]
    #[case("due held", Word::Waiting)]
    #[case("under_way", Word::Rolling)]
    #[case("under_way due", Word::Rolling)]
    #[case("under_way due held", Word::Rolling)]
    #[case("held", Word::Waiting)]
    #[case("under_way failed", Word::Failed)]
    #[case("under_way failed due held", Word::Failed)]
    #[case("failed", Word::InStep)]
    #[case("failed due", Word::Stale)]
    #[case("unknown due held under_way failed", Word::Unknown)]
    fn the_first_that_fits(#[case] facts: &str, #[case] expect: Word) {
        let has = |fact| facts.split(' ').any(|f| f == fact);
        let facts = Facts {
            unknown: has("unknown"),
            due: has("due"),
            doubtful: has("doubtful"),
            held: has("held"),
            under_way: has("under_way"),
            failed: has("failed"),
            pods: None,
            until: Some(7),
        };
        let standing = facts.standing();
        assert_eq!(standing.word, expect);
        assert_eq!(standing.until.is_some(), expect == Word::Waiting);
    }
}
