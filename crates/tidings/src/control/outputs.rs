//! What the controller says, each thing once.
//!
//! A thing is said again only after it has been untrue in between, so that a
//! workload that fails for an hour has one Event and not a thousand.

use std::time::Duration;

use tidings_core::decide::{Act, Verdict};
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::standing::Word;

use super::{Control, Effect, Patch, RollError, Said, What};
use crate::api::ApiError;
use crate::records::memory::TooLarge;

/// Found once, when a record is first written, so that each time is another.
const ANEW: [Reason; 3] = [Reason::MaybeStale, Reason::Missed, Reason::StateLost];

/// What has been said of one workload and is still true.
#[derive(Debug, Default)]
pub(super) struct Told {
    decision: Option<(Reason, String)>,
    standing: Option<Word>,
    problems: Vec<(Reason, String)>,
    failure: Option<(Reason, String)>,
}

impl Told {
    /// Why the last decision was what it was.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.decision.as_ref().map(|(reason, _)| *reason)
    }

    /// How it stood at the last decision.
    pub(super) fn standing(&self) -> Option<Word> {
        self.standing
    }

    /// The reasons of what is wrong with it.
    pub(super) fn problems(&self) -> impl Iterator<Item = Reason> {
        let warned = self
            .decision
            .iter()
            .map(|(reason, _)| *reason)
            .filter(|r| r.row().warning);
        let failed = self.failure.iter().map(|(reason, _)| *reason);
        self.problems
            .iter()
            .map(|(reason, _)| *reason)
            .chain(warned)
            .chain(failed)
    }
}

impl Control {
    pub(super) fn say_verdict(&mut self, key: &WorkloadRef, verdict: &Verdict) {
        let passing = verdict.asks();
        let told = self.told.entry(key.clone()).or_default();
        let decision = Some((verdict.reason, verdict.text.clone()));
        // Our own intent, looked at again before its patch, is still the same roll.
        let same_roll = verdict.reason == Reason::Resumed
            && told
                .decision
                .as_ref()
                .is_some_and(|(_, text)| *text == verdict.text);
        // Another roll is one, even if it is for the same keys as the last one.
        let rolls = matches!(verdict.act, Act::Roll(..));
        let news = !passing && !same_roll && (rolls || told.decision != decision);
        if news {
            told.decision = decision;
        }
        let problems: Vec<_> = verdict
            .problems
            .iter()
            .map(|p| (p.reason, p.text.clone()))
            .collect();
        let new: Vec<_> = problems
            .iter()
            .filter(|p| !told.problems.contains(p))
            .cloned()
            .collect();
        if !passing {
            told.standing = verdict.standing.as_ref().map(|standing| standing.word);
            told.problems = problems;
            told.failure = None;
        }
        if news {
            self.say(key, verdict.reason, verdict.text.clone(), What::Decision);
        }
        if !passing {
            for (reason, text) in new {
                self.say(key, reason, text, What::Problem);
            }
        }
    }

    /// A read or write for this workload failed. Said once until it works or
    /// fails differently.
    pub(super) fn say_failed(&mut self, key: &WorkloadRef, doing: &str, error: &ApiError) {
        self.say_failure(key, Reason::Failed, format!("{doing}: {error}"));
    }

    /// Its record is too large to be kept, so it is not rolled.
    pub(super) fn not_kept(&mut self, key: &WorkloadRef, bytes: TooLarge) {
        self.say_failure(
            key,
            Reason::Failed,
            format!("its record cannot be kept: {bytes}"),
        );
    }

    fn say_failure(&mut self, key: &WorkloadRef, reason: Reason, text: String) {
        if self.index.get(key).is_none() {
            return;
        }
        let failure = Some((reason, text.clone()));
        let told = self.told.entry(key.clone()).or_default();
        if told.failure != failure {
            told.failure = failure;
            self.say(key, reason, text, What::Problem);
        }
    }

    /// Tries it again after a pause.
    pub(super) fn workload_failed(&mut self, key: &WorkloadRef, doing: &str, error: &RollError) {
        self.say_failure(key, Reason::Failed, format!("{doing}: {error}"));
        self.try_again(key, error.retry_after());
    }

    /// The API server took the patch, and the workload is as it was.
    pub(super) fn no_effect(&mut self, key: &WorkloadRef) {
        self.say_failure(key, Reason::NoEffect, String::new());
        self.try_again(key, Some(super::NO_EFFECT_PAUSE));
    }

    fn try_again(&mut self, key: &WorkloadRef, asked: Option<Duration>) {
        if self.index.get(key).is_some() {
            let again = self.workload_backoff.failed(key, self.now, asked);
            self.queue.look(key, again);
        }
    }

    /// A roll has reached a workload, of which this is the uid where it is another
    /// than before.
    pub(super) fn say_rolled(&mut self, patch: &Patch, uid: Option<Name>, since: Option<Millis>) {
        let known = self.index.get(&patch.key);
        let Some(uid) = uid.or_else(|| Some(known?.workload.uid.clone())) else {
            return;
        };
        self.effects.push(Effect::Say(Box::new(Said {
            key: patch.key.clone(),
            uid,
            reason: patch.reason,
            text: patch.because.clone(),
            what: What::Rolled(patch.n, since),
            changes: patch.changes.clone(),
            standing: None,
            time: 0,
        })));
    }

    pub(super) fn say(&mut self, key: &WorkloadRef, reason: Reason, text: String, what: What) {
        let time = u64::try_from(self.seconds()).unwrap_or(0);
        let standing = self.told.get(key).and_then(Told::standing);
        let Some(known) = self.index.get(key) else {
            return;
        };
        self.effects.push(Effect::Say(Box::new(Said {
            key: key.clone(),
            uid: known.workload.uid.clone(),
            reason,
            text,
            what,
            changes: Vec::new(),
            standing,
            time: if ANEW.contains(&reason) { time } else { 0 },
        })));
    }
}
