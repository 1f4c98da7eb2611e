//! What each input does to the controller.

use std::collections::BTreeSet;

use tidings_core::evidence::{Evidence, Finding, PodsSince, Question};
use tidings_core::index::{Concerned, Fact, Fetched};
use tidings_core::object::SourceMeta;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::settle::Queue;
use tidings_core::state::FORM;

use super::{Answer, Control, Effect, KEPT_FOR_PODS, Outcome, PUT_OFF, Patch, Remaking, RollError};
use crate::api::ApiError;
use crate::records::memory::{Shard, Store, Stored, Versions, Write};

/// Records that cannot be read are as good as none, and are said.
fn unreadable(problems: &[String]) {
    for problem in problems {
        tracing::warn!(problem, "a record cannot be read");
    }
}

impl Control {
    pub(super) fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Source(meta) if self.is_for_later(&meta) => {
                self.restless.changed(&meta.key);
                self.put_off(meta);
            }
            Fact::Source(meta) => self.source(meta),
            Fact::SourceGone(source, version) => {
                self.later.remove(&source);
                self.source_changed(&source, Fact::SourceGone(source.clone(), version));
            }
            Fact::ListBegan(_) => {
                let later = std::mem::take(&mut self.later);
                later
                    .into_values()
                    .flatten()
                    .for_each(|meta| self.source(meta));
                self.concern(fact);
            }
            Fact::ListEnded(..) => {
                self.concern(fact);
                self.note_departed();
            }
            Fact::Workload(workload, how) => {
                self.shown(&workload.key, &workload.uid);
                self.concern(Fact::Workload(workload, how));
            }
            other => self.concern(other),
        }
    }

    /// The index takes it in, and whom it concerns is looked at.
    fn concern(&mut self, fact: Fact) {
        let concerned = self.index.apply(fact);
        self.heed(&concerned);
    }

    fn heed(&mut self, concerned: &Concerned) {
        self.changed(&concerned.changed);
        self.look(&concerned.look);
        for gone in &concerned.gone {
            self.gone(&gone.key, gone.pods_may_stay);
        }
    }

    fn source(&mut self, meta: SourceMeta) {
        let source = meta.key.clone();
        self.source_changed(&source, Fact::Source(meta));
    }

    /// What a list shows may have changed long ago.
    fn source_changed(&mut self, source: &SourceRef, fact: Fact) {
        let concerned = self.index.apply(fact);
        if !concerned.changed.is_empty() && !self.index.is_listing(source) {
            self.restless.changed(source);
        }
        self.heed(&concerned);
    }

    /// What the watch tells of a source that is being read is taken in when it has
    /// been read and decided about: what changes more quickly than it can be read
    /// would never be decided about otherwise. A list has to be taken in as it comes.
    fn is_for_later(&self, meta: &SourceMeta) -> bool {
        let one_object = !meta.key.kind.by_status();
        one_object && self.fetching.contains(&meta.key) && !self.index.is_listing(&meta.key)
    }

    /// Takes in what was put off, where it has been decided about what was read.
    pub(super) fn take_in_later(&mut self) {
        let read = |source: &SourceRef| !self.fetching.contains(source);
        let later = self.later.extract_if(|source, _| read(source));
        let later: Vec<_> = later.flat_map(|(_, later)| later).collect();
        for meta in later {
            self.source(meta);
        }
    }

    /// Each tells since when it may have changed.
    fn put_off(&mut self, meta: SourceMeta) {
        let later = self.later.entry(meta.key.clone()).or_default();
        later.truncate(PUT_OFF - 1);
        later.push(meta);
    }

    /// Workloads that were deleted while nobody looked: nobody knows whether their pods
    /// are gone too.
    fn note_departed(&mut self) {
        self.forget_remade();
        let departed: Vec<_> = self
            .store
            .workloads()
            .filter(|key| (self.covers)(&key.namespace))
            .filter(|key| self.index.ready(key) && self.index.get(key).is_none())
            .filter(|key| !self.is_being_made_again(key))
            .cloned()
            .collect();
        for key in departed {
            let until = self.now + KEPT_FOR_PODS;
            self.departed.entry(key).or_insert(until);
        }
    }

    /// Records that no workload has come back for.
    pub(super) fn forget_departed(&mut self) {
        let due = self.departed.extract_if(|_, until| *until <= self.now);
        let due: Vec<_> = due.map(|(key, _)| key).collect();
        for key in due.iter().filter(|key| self.index.get(key).is_none()) {
            self.store.remove(key, self.now);
        }
    }

    /// A Job that is deleted to be made again, by us.
    fn is_being_made_again(&self, key: &WorkloadRef) -> bool {
        self.remaking.contains_key(key)
    }

    /// A workload of this uid is there: perhaps a Job that was made again.
    fn shown(&mut self, key: &WorkloadRef, uid: &Name) {
        let remaking = self.remaking.get(key);
        if remaking.is_some_and(|job| job.made && job.former != *uid) {
            self.remaking.remove(key);
        }
    }

    /// A Job is there again. Until the watch shows it too, all that is known is of
    /// the former one.
    fn made_again(&mut self, key: &WorkloadRef) {
        let shown = self.index.get(key).map(|known| &known.workload.uid);
        match self.remaking.get_mut(key) {
            Some(job) if shown.is_none_or(|uid| *uid == job.former) => job.made = true,
            _ => drop(self.remaking.remove(key)),
        }
    }

    /// Jobs that were made again and were gone before the watch could show them.
    fn forget_remade(&mut self) {
        let index = &self.index;
        let gone = |key: &WorkloadRef| index.ready(key) && index.get(key).is_none();
        self.remaking.retain(|key, job| !(job.made && gone(key)));
    }

    /// What its pods have is remembered where they may stay.
    fn gone(&mut self, key: &WorkloadRef, pods_stay: bool) {
        if self.is_being_made_again(key) {
            return;
        }
        self.queue.forget(key);
        self.settled(key);
        self.told.remove(key);
        self.evidence.remove(key);
        self.record_backoff.clear(key);
        if pods_stay {
            self.departed.insert(key.clone(), self.now + KEPT_FOR_PODS);
        } else {
            self.store.remove(key, self.now);
        }
    }

    /// Something that these use changed: decide when it has been quiet.
    fn changed(&mut self, keys: &[WorkloadRef]) {
        for key in keys {
            self.changed_at.entry(key.clone()).or_insert(self.now);
            self.queue.changed(key, self.now, self.quiet_for(key));
        }
    }

    /// What is wanted of it may be to settle sooner.
    fn look(&mut self, keys: &[WorkloadRef]) {
        for key in keys {
            self.queue.shorten(key, self.now, self.quiet_for(key));
            self.queue.look(key, self.now);
        }
    }

    pub(super) fn fetched(
        &mut self,
        source: &SourceRef,
        told: u32,
        result: Result<Fetched, ApiError>,
    ) {
        self.fetching.remove(source);
        match result {
            Ok(fetched) => {
                self.source_backoff.clear(source);
                let held = self.index.source(source);
                let before = held.and_then(|held| held.content.clone());
                self.concern(Fact::Read(source.clone(), told, fetched));
                let same = self.index.view(source).has_keys_of(before.as_ref());
                self.restless.read(source, same);
            }
            Err(error) => {
                let again = self
                    .source_backoff
                    .failed(source, self.now, error.retry_after());
                for user in self.index.users(source) {
                    self.say_failed(&user, &format!("reading {source}"), &error);
                    self.queue.look(&user, again);
                }
            }
        }
    }

    pub(super) fn listed(
        &mut self,
        kind: SourceKind,
        namespace: Name,
        result: Result<Vec<SourceMeta>, ApiError>,
    ) {
        let list = (kind, namespace.clone());
        match result {
            Ok(sources) => {
                self.list_backoff.clear(&list);
                self.concern(Fact::Listed(kind, namespace, sources));
            }
            Err(error) => {
                tracing::warn!(%namespace, %error, "cannot list {}", kind.row().plural);
                self.list_backoff
                    .failed(&list, self.now, error.retry_after());
                self.concern(Fact::NotListed(kind, namespace));
            }
        }
    }

    /// What was found out is for the next decision. Where the workload's own
    /// controller lags behind, or our watch does, nothing is known yet: it is asked
    /// again.
    fn found(&mut self, key: &WorkloadRef, result: Result<Vec<(Question, Finding)>, ApiError>) {
        self.busy.remove(key);
        let found = match result {
            Ok(found) => found,
            Err(error) => return self.workload_failed(key, "looking up what was", &error.into()),
        };
        let mut again = None;
        for (question, finding) in found {
            if self.lags(key, &finding) {
                again = Some(self.workload_backoff.failed(key, self.now, None));
                continue;
            }
            if let (Finding::Forgotten, Some(version)) = (&finding, question.version()) {
                self.forgotten = self.forgotten.max(version);
            }
            let nothing = || Evidence::forgotten_until(self.forgotten);
            let evidence = self.evidence.entry(key.clone()).or_insert_with(nothing);
            evidence.add(question, finding);
        }
        if let Some(evidence) = self.evidence.get_mut(key) {
            evidence.end_round();
        }
        match again {
            Some(again) => self.queue.look(key, again),
            None => self.queue.resume(key, self.now),
        }
    }

    /// Whether more is written of a workload than its status, or our watch, tells.
    fn lags(&self, key: &WorkloadRef, finding: &Finding) -> bool {
        match (finding, self.index.get(key)) {
            (Finding::Pods(PodsSince::Lagging), _) => true,
            (Finding::Workload(Some(then)), Some(known)) => {
                let known = &known.workload;
                then.uid == known.uid && then.version > known.version
            }
            _ => false,
        }
    }

    pub(super) fn lead(
        &mut self,
        term: u64,
        state: Vec<(Shard, Stored)>,
        remaking: Vec<(WorkloadRef, Name)>,
    ) {
        self.follow();
        self.term = Some(term);
        let remaking = remaking.into_iter();
        self.remaking = remaking
            .map(|(key, uid)| (key, Remaking::of(uid)))
            .collect();
        for (shard, stored) in state {
            let (_, problems) = self.store.read(&shard, Some(stored));
            unreadable(&problems);
        }
        if self.stands_by() {
            return;
        }
        self.resume_restless();
        self.note_departed();
        let all: Vec<_> = self.index.workloads().map(|(key, _)| key.clone()).collect();
        self.look(&all);
    }

    /// What did not come to rest when an earlier term looked.
    fn resume_restless(&mut self) {
        for key in self.store.workloads() {
            let entry = self.store.get(key).into_iter();
            for seen in entry.flat_map(|entry| entry.restless.keys()) {
                self.restless.resume(&seen.source(&key.namespace));
            }
        }
    }

    /// What is newer than this version knows, is not its to decide about.
    fn stands_by(&mut self) -> bool {
        let Some(newer) = self.store.newer().map(str::to_owned) else {
            return false;
        };
        tracing::error!(
            record = newer,
            "this version stands by: let the newer one run, or delete the record"
        );
        self.follow();
        self.effects.push(Effect::StandBy);
        true
    }

    /// Another form of the records is the newest that all replicas know.
    pub(super) fn write_in(&mut self, form: u8) {
        if form < FORM {
            tracing::info!(
                "a replica knows form {form} of the records and none newer: they are written in that form"
            );
        }
        self.store.write_in(form, self.now);
    }

    /// Forgets all that only a leader knows.
    pub(super) fn follow(&mut self) {
        self.term = None;
        self.told.clear();
        let form = self.store.form();
        self.store = Store::new(self.dry_run, self.kinds.clone());
        self.store.write_in(form, self.now);
        self.queue = Queue::default();
        self.busy.clear();
        self.evidence.clear();
        self.changed_at.clear();
        self.rolling.clear();
        self.remaking.clear();
        self.departed.clear();
        self.workload_backoff.clear_all();
        self.record_backoff.clear_all();
        self.source_backoff.clear_all();
        self.state_backoff.clear_all();
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Wrote(write, Ok(version)) => self.wrote(&write, version),
            Answer::Wrote(write, Err(error)) => self.write_failed(&write, &error),
            Answer::StateRead(shard, Ok(stored)) => self.state_read(&shard, stored),
            Answer::StateRead(shard, Err(error)) => self.state_failed(&shard, &error),
            Answer::StateListed(asked, found) => self.state_listed(&asked, &found),
            Answer::Found(key, result) => self.found(&key, result),
            Answer::Patched(patch, result) => self.patched(&patch, result),
            Answer::Unpaused(key, result) => self.unpaused(&key, result),
        }
    }

    /// The intents are written: now the workloads. One that has changed since it
    /// was decided about (it may be paused now, or another's) is decided anew.
    fn wrote(&mut self, write: &Write, version: String) {
        self.state_backoff.clear(&write.shard);
        self.store.written(write, version);
        for key in &write.workloads {
            self.record_backoff.clear(key);
            let Some(decided) = self.busy.get(key).copied() else {
                continue;
            };
            match self.store.get(key).cloned() {
                Some(entry) if entry.done || self.store.is_waiting(key) => {}
                Some(entry) if self.version(key) == Some(decided) => self.patch(key, &entry),
                // Changed or deleted meanwhile, and perhaps there again.
                _ => {
                    self.busy.remove(key);
                    self.queue.look(key, self.now);
                }
            }
        }
    }

    /// A conflict is nobody's fault: the record is read again, and that is all.
    fn write_failed(&mut self, write: &Write, error: &ApiError) {
        match error {
            ApiError::Forbidden(_) if write.deletes => {
                tracing::warn!(namespace = %write.shard.namespace, %error, "an empty record stays");
                return self.store.stays(&write.shard);
            }
            ApiError::Invalid(..) if !write.deletes => return self.record_refused(write, error),
            _ => {}
        }
        if *error != ApiError::Conflict {
            for key in &write.workloads {
                self.say_failed(key, "writing its record", error);
            }
        }
        self.state_failed(&write.shard, error);
    }

    /// Of one record that is refused the others know nothing: what is stored is read
    /// again at once, and the workload is decided anew later and later.
    fn record_refused(&mut self, write: &Write, error: &ApiError) {
        if let Some(key) = self.store.refused(write) {
            self.record_backoff.failed(&key, self.now, None);
            self.say_failed(&key, "writing its record", error);
            let read = Effect::ReadState(write.shard.clone(), self.now);
            self.effects.push(read);
        }
    }

    fn state_failed(&mut self, shard: &Shard, error: &ApiError) {
        tracing::warn!(namespace = %shard.namespace, %error, "the state could not be written or read");
        let again = self
            .state_backoff
            .failed(shard, self.now, error.retry_after());
        self.effects.push(Effect::ReadState(shard.clone(), again));
    }

    fn state_read(&mut self, shard: &Shard, stored: Option<Stored>) {
        let (concerned, problems) = self.store.read(shard, stored);
        unreadable(&problems);
        if self.stands_by() {
            return;
        }
        for key in concerned {
            self.busy.remove(&key);
            let again = self.record_backoff.again(&key).max(self.now);
            self.queue.look(&key, again);
        }
    }

    /// Objects that vanished are written again, those that others wrote are read.
    /// What we have written ourselves since the question is no news.
    fn state_listed(&mut self, asked: &Versions, found: &Versions) {
        let now = self.store.versions();
        let odd = |shard: &&Shard| {
            now.get(*shard) == asked.get(*shard) && asked.get(*shard) != found.get(*shard)
        };
        let shards: BTreeSet<&Shard> = asked.keys().chain(found.keys()).collect();
        for shard in shards.into_iter().filter(odd) {
            if self.store.claim(shard) {
                tracing::warn!(namespace = %shard.namespace, "the state was changed by somebody else");
                self.effects
                    .push(Effect::ReadState(shard.clone(), self.now));
            }
        }
    }

    fn patched(&mut self, patch: &Patch, result: Result<Outcome, RollError>) {
        let key = &patch.key;
        self.busy.remove(key);
        match &result {
            Ok(Outcome::Made(_)) => self.made_again(key),
            _ => drop(self.remaking.remove(key)),
        }
        match result {
            Ok(Outcome::Done) => self.rolled(patch, None),
            Ok(Outcome::Made(uid)) => self.rolled(patch, Some(uid)),
            Ok(Outcome::NoEffect) => self.no_effect(key),
            Err(RollError::Api(ApiError::Gone)) if self.index.get(key).is_none() => {
                self.gone(key, true);
            }
            // It changed under our hands: the watch brings it, then we look again.
            Err(RollError::Api(ApiError::Conflict | ApiError::Gone)) => {
                let again = self.workload_backoff.failed(key, self.now, None);
                self.queue.look(key, again);
            }
            Err(error) => self.workload_failed(key, "rolling it", &error),
        }
    }

    /// The watch brings that it goes on, and then it is decided again.
    fn unpaused(&mut self, key: &WorkloadRef, result: Result<(), ApiError>) {
        self.busy.remove(key);
        match result {
            // What came meanwhile was not decided.
            Ok(()) => self.queue.look(key, self.now),
            Err(ApiError::Conflict | ApiError::Gone) => {
                let again = self.workload_backoff.failed(key, self.now, None);
                self.queue.look(key, again);
            }
            Err(error) => self.workload_failed(key, "ending its pause", &error.into()),
        }
    }

    /// It has reached the workload, of which this is the uid where it is another
    /// than before.
    fn rolled(&mut self, patch: &Patch, uid: Option<Name>) {
        let key = &patch.key;
        let since = self
            .changed_at
            .remove(key)
            .map(|at| self.now.saturating_sub(at));
        self.store.done(key, patch.n, self.now);
        if key.kind.ends() {
            // What it did leaves no mark on the workload.
            self.store.hurry(key);
        }
        self.workload_backoff.clear(key);
        self.say_rolled(patch, uid, since);
        self.rolling.remove(key);
        self.queue.look(key, self.now);
    }
}
