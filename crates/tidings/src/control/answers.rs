//! What the answers to the leader's requests do.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidings_core::evidence::{Finding, PodsSince, Question};
use tidings_core::index::Going;
use tidings_core::refs::{Name, WorkloadRef};

use super::announce::say_rolled;
use super::desk::{Desk, UnderWay};
use super::ground::Ground;
use super::leading::{Leading, unreadable, versions};
use super::{Action, Answer, Effect, Outcome, Patch, Roll, RollError};
use crate::api::ApiError;
use crate::records::memory::{Shard, Stored, Versions, Write};

impl Leading {
    pub(super) fn answer(&mut self, ground: &mut Ground, answer: Answer) {
        match answer {
            Answer::Wrote(write, Ok(version)) => self.wrote(ground, &write, version),
            Answer::Wrote(write, Err(error)) => self.write_failed(ground, &write, &error),
            Answer::StateRead(shard, Ok(stored)) => self.state_read(ground, &shard, stored),
            Answer::StateRead(shard, Err(error)) => self.state_failed(ground, &shard, &error),
            Answer::StateListed(asked, found) => self.state_listed(ground, &asked, &found),
            Answer::LookedFor(key, result) => self.looked_for(ground, key, result),
            Answer::Found(key, result) => self.found(ground, &key, result),
            Answer::Patched(patch, result) => self.patched(ground, &patch, result),
            Answer::Unpaused(key, result) => self.unpaused(ground, &key, result),
            Answer::Pods(climber, answer) => self.pods_answered(ground, &climber, answer),
        }
    }

    // --- what was ------------------------------------------------------------

    /// What was found out is for the next decision. Where the workload's own
    /// controller lags behind, or our watch does, nothing is known yet: it is asked
    /// again.
    fn found(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        result: Result<Vec<(Question, Finding)>, ApiError>,
    ) {
        self.desks.end(key);
        let found = match result {
            Ok(found) => found,
            Err(error) => {
                return self.workload_failed(ground, key, "looking up what was", &error.into());
            }
        };
        let mut again = None;
        let mut evidence = self.take_evidence(ground, key);
        for (question, finding) in found {
            if lags(ground, key, &finding) {
                again = Some(self.desks.of(key).backoff.failed(ground.now, None));
                continue;
            }
            if let (Finding::Forgotten, Some(version)) = (&finding, question.version()) {
                ground.forgotten = ground.forgotten.max(version);
            }
            evidence.add(question, finding);
        }
        evidence.end_round();
        self.desks.of(key).evidence = Some(Box::new(evidence));
        match again {
            Some(again) => self.queue.look(key, again),
            None => self.queue.resume(key, ground.now),
        }
    }

    // --- the records -----------------------------------------------------------

    /// The intents are written: now the workloads. One that has changed since it
    /// was decided about (it may be paused now, or another's) is decided anew.
    fn wrote(&mut self, ground: &mut Ground, write: &Write, new: String) {
        self.shards.remove(&write.shard);
        self.store.written(write, new);
        for key in &write.workloads {
            let Some(desk) = self.desks.get_mut(key) else {
                continue;
            };
            desk.announced.is_recorded();
            if desk.climbing().is_some() {
                self.is_stored(ground, key);
                continue;
            }
            let Some(UnderWay::Recording(decided)) = desk.task() else {
                // One that was refused before goes on.
                let waits = desk.task().is_none() && !self.store.is_waiting(key);
                if waits && self.store.get(key).is_some_and(|entry| !entry.done) {
                    self.queue.look(key, ground.now);
                }
                continue;
            };
            let decided = *decided;
            match self.store.get(key).cloned() {
                Some(entry) if entry.done || self.store.is_waiting(key) => {}
                Some(entry) if versions(ground, key) == Some(decided) => {
                    self.patch(ground, key, &entry);
                }
                // Changed or deleted meanwhile, and perhaps there again.
                _ => {
                    self.desks.end(key);
                    self.queue.look(key, ground.now);
                }
            }
        }
    }

    /// That its object is another, or gone, is nobody's fault: it is read again, and that is
    /// all.
    fn write_failed(&mut self, ground: &mut Ground, write: &Write, error: &ApiError) {
        match error {
            ApiError::Forbidden(_) if write.deletes => {
                tracing::warn!(namespace = %write.shard.namespace, %error, "an empty record stays");
                return self.store.stays(&write.shard);
            }
            ApiError::Invalid(..) if !write.deletes => {
                return self.record_refused(ground, write, error);
            }
            _ => {}
        }
        let is_another = match error {
            ApiError::Conflict => true,
            ApiError::Gone => write.version.is_some(),
            _ => false,
        };
        if !is_another {
            for key in &write.workloads {
                self.say_failed(ground, key, "writing its record", error);
            }
        }
        self.state_failed(ground, &write.shard, error);
    }

    /// Of one record that is refused the others know nothing. What is known of the
    /// workload stays in memory, where it is decided about as before: the intent is
    /// carried out when it is taken.
    fn record_refused(&mut self, ground: &mut Ground, write: &Write, error: &ApiError) {
        let Some(key) = self.store.refused(write, ground.now) else {
            return;
        };
        let desk = self.desks.get(&key);
        if matches!(desk.and_then(Desk::task), Some(UnderWay::Recording(_))) {
            self.desks.end(&key);
        }
        let text = format!("writing its record: {error}; {}", mended_by(error));
        self.say_refused(ground, &key, text);
    }

    fn state_failed(&mut self, ground: &mut Ground, shard: &Shard, error: &ApiError) {
        tracing::warn!(namespace = %shard.namespace, %error, "the state could not be written or read");
        let backoff = self.shards.entry(shard.clone()).or_default();
        let again = backoff.failed(ground.now, error.retry_after());
        ground.effects.push(Effect::ReadState(shard.clone(), again));
    }

    fn state_read(&mut self, ground: &mut Ground, shard: &Shard, stored: Option<Stored>) {
        let (concerned, problems) = self.store.read(shard, stored);
        unreadable(shard, &problems);
        for key in concerned {
            self.drop_climb(ground, &key);
            self.desks.end(&key);
            self.desks.of(&key).announced.is_recorded();
            self.queue.look(&key, ground.now);
        }
    }

    /// Objects that vanished are written again, those that others wrote are read.
    /// What we have written ourselves since the question is no news.
    fn state_listed(&mut self, ground: &mut Ground, asked: &Versions, found: &Versions) {
        let now = self.store.versions();
        let odd = |shard: &&Shard| {
            now.get(*shard) == asked.get(*shard) && asked.get(*shard) != found.get(*shard)
        };
        let shards: BTreeSet<&Shard> = asked.keys().chain(found.keys()).collect();
        for shard in shards.into_iter().filter(odd) {
            if self.store.claim(shard) {
                tracing::warn!(namespace = %shard.namespace, "the state was changed by somebody else");
                let read = Effect::ReadState(shard.clone(), ground.now);
                ground.effects.push(read);
            }
        }
    }

    // --- what was done -----------------------------------------------------------

    fn patched(&mut self, ground: &mut Ground, patch: &Patch, result: Result<Outcome, RollError>) {
        let key = &patch.roll.key;
        let known = ground.index.get(key);
        if patch.action == Action::Recreate && !self.is_remaking(key, &patch.uid) {
            // A look that came late: it is made.
            return;
        }
        match &result {
            Ok(Outcome::Leaving(_) | Outcome::Unmade(_)) => {}
            Ok(Outcome::Made(_)) => {
                let shown = known.map(|known| &known.workload.uid);
                self.desks.made_again(key, shown);
            }
            _ => self.desks.end_all_of(key),
        }
        if !self.is_remaking(key, &patch.uid) {
            self.end_put_off(ground, key);
        }
        match result {
            Ok(Outcome::Leaving(why)) => self.leaving(ground, patch, &why),
            Ok(Outcome::Unmade(error)) => self.unmade(ground, patch, &error),
            Ok(Outcome::Done) => self.rolled(ground, &patch.roll, None),
            Ok(Outcome::Made(uid)) => self.rolled(ground, &patch.roll, Some(uid)),
            Ok(Outcome::NoEffect) => self.no_effect(ground, key),
            Err(RollError::Api(ApiError::Gone)) if known.is_none() => {
                self.gone(ground, key, Going::Unseen);
            }
            // It changed under our hands: the watch brings it, then we look again.
            Err(RollError::Api(ApiError::Conflict | ApiError::Gone))
                if !self.desks.of(key).backoff.is_lasting() =>
            {
                self.try_again(ground, key);
            }
            Err(error) => self.workload_failed(ground, key, "rolling it", &error),
        }
    }

    fn try_again(&mut self, ground: &Ground, key: &WorkloadRef) {
        let again = self.desks.of(key).backoff.failed(ground.now, None);
        self.queue.look(key, again);
    }

    /// The watch brings that it goes on, and then it is decided again.
    fn unpaused(&mut self, ground: &mut Ground, key: &WorkloadRef, result: Result<(), ApiError>) {
        self.desks.end(key);
        match result {
            // What came meanwhile was not decided.
            Ok(()) => self.queue.look(key, ground.now),
            Err(ApiError::Conflict | ApiError::Gone) => self.try_again(ground, key),
            Err(error) => self.workload_failed(ground, key, "ending its pause", &error.into()),
        }
    }

    /// It has reached the workload, of which this is the uid where it is another
    /// than before.
    fn rolled(&mut self, ground: &mut Ground, roll: &Arc<Roll>, uid: Option<Name>) {
        let key = &roll.key;
        let desk = self.desks.of(key);
        let since = desk.changed_at().map(|at| ground.now.saturating_sub(at));
        desk.settled();
        self.store.done(key, roll.n, ground.now);
        if key.kind.ends() {
            // What it did leaves no mark on the workload.
            self.store.hurry(key);
        }
        say_rolled(ground, roll, uid, since);
        self.queue.look(key, ground.now);
    }
}

/// What lets a record through that is refused: Kubernetes says of an immutable Secret that
/// it is one (`validation.ValidateSecretUpdate`).
fn mended_by(error: &ApiError) -> &'static str {
    match error {
        ApiError::Invalid(_, said) if said.contains("immutable") => {
            "delete that Secret, it is written anew from memory"
        }
        _ => "it is tried again: let what refuses it take Tidings' own Secrets",
    }
}

/// Whether more is written of a workload than its status, or our watch, tells.
fn lags(ground: &Ground, key: &WorkloadRef, finding: &Finding) -> bool {
    match (finding, ground.index.get(key)) {
        (Finding::Pods(PodsSince::Lagging), _) => true,
        (Finding::Workload(Some(then)), Some(known)) => {
            let known = &known.workload;
            then.uid == known.uid && then.version > known.version
        }
        _ => false,
    }
}
