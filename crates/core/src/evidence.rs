//! What a decision may have to find out besides of what is there now: what was.
//!
//! The API server tells it exactly, of any object of the same store, until etcd is
//! compacted (every five minutes by default): a list with
//! `resourceVersionMatch=Exact` is of one moment. Beyond that a workload's revision
//! tells when its pod template became the current one.
//!
//! Goes in: answers. Comes out: what is known, question by question. "Not known"
//! is an answer of its own ([`Finding::Forgotten`]) and never stands for "no".

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::index::Fetched;
use crate::object::{Seconds, Version};
use crate::refs::{Name, SourceRef};

/// So many writes of a source are looked at, from the last one back.
pub(crate) const STEPS: usize = 16;

/// What is asked about one workload.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// A source, as it was at this version of the store.
    Source(SourceRef, Version),
    /// The workload itself, as it was then.
    Workload(Version),
    /// When the pods' present template became the current one.
    Pods,
    /// A source, as it is when it is asked for.
    Now(SourceRef),
}

impl Question {
    /// The moment that it asks for; `None`: the present.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Source(_, version) | Self::Workload(version) => Some(*version),
            Self::Pods | Self::Now(_) => None,
        }
    }
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// How the source was.
    Source(Fetched),
    /// How the workload was; `None`: it was not there.
    Workload(Option<Former>),
    /// Since when its pods' template is current.
    Pods(PodsSince),
    /// The store has forgotten it, and everything before it.
    Forgotten,
    /// It cannot be found out here.
    NotTold,
}

/// A workload as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// Its uid: another one of the same name is another.
    pub uid: Name,
    /// Its version.
    pub version: Version,
    /// Digest of its whole pod template.
    pub whole: Digest,
    /// Whether no pod was made from another template.
    pub alone: bool,
}

/// When the pods' present template became the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodsSince {
    /// The workload's controller has not caught up with the template: ask again.
    Lagging,
    /// There is no revision of it, so no pod was ever made from it.
    Never,
    /// The creation of its revision, by the API server's clock; and the version of
    /// the store at which that became the current one, where the kind tells
    /// (a ControllerRevision is written when it becomes the current one, also when
    /// it does so again; `pkg/controller/history` of Kubernetes).
    At(Seconds, Option<Version>),
}

/// What has been found out for a decision.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    found: BTreeMap<Question, Finding>,
    /// Nothing is told of this version and of earlier ones.
    forgotten: Version,
    /// How often answers came.
    rounds: usize,
}

/// So often a decision asks for what was. A source that changes more quickly than the
/// past is told of would put it off for ever.
const ROUNDS: usize = 60;

/// After so many rounds a decision that need not know goes without.
const LONG: usize = 20;

static FORGOTTEN: Finding = Finding::Forgotten;

impl Evidence {
    /// Nothing found yet, with the version up to which nothing can be.
    pub fn forgotten_until(version: Version) -> Self {
        Self {
            forgotten: version,
            ..Self::default()
        }
    }

    /// Notes that nothing is told of this version and of earlier ones.
    pub fn forget(&mut self, version: Version) {
        self.forgotten = self.forgotten.max(version);
    }

    /// Takes in an answer.
    pub fn add(&mut self, question: Question, finding: Finding) {
        self.found.insert(question, finding);
    }

    /// Notes that all that was asked for has been answered.
    pub fn end_round(&mut self) {
        self.rounds += 1;
    }

    /// Whether so much has been asked that a roll too many is the lesser evil.
    pub fn is_long(&self) -> bool {
        self.rounds >= LONG
    }

    /// What is known of this; `None`: it has to be asked.
    pub fn get(&self, question: &Question) -> Option<&Finding> {
        let late = self.rounds >= ROUNDS;
        let gone = question
            .version()
            .is_some_and(|v| late || v <= self.forgotten);
        let unknown = gone.then_some(&FORGOTTEN);
        self.found.get(question).or(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_does_not_ask_for_ever() {
        let mut evidence = Evidence::default();
        for _ in 0..ROUNDS {
            assert_eq!(evidence.get(&Question::Workload(7)), None);
            evidence.end_round();
        }
        assert_eq!(
            evidence.get(&Question::Workload(7)),
            Some(&Finding::Forgotten)
        );
        assert_eq!(evidence.get(&Question::Pods), None);
    }

    #[test]
    fn what_etcd_has_forgotten_is_not_asked() {
        let mut evidence = Evidence::forgotten_until(7);
        assert_eq!(
            evidence.get(&Question::Workload(7)),
            Some(&Finding::Forgotten)
        );
        assert_eq!(evidence.get(&Question::Workload(8)), None);
        assert_eq!(evidence.get(&Question::Pods), None);
        evidence.add(Question::Workload(7), Finding::Workload(None));
        assert_eq!(
            evidence.get(&Question::Workload(7)),
            Some(&Finding::Workload(None))
        );
    }
}
