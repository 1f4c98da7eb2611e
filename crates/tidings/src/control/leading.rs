//! A term in which we lead: what only the leader knows, and decides. Whoever loses the
//! Lease drops it, and has forgotten all of it.

use std::collections::HashMap;
use std::sync::Arc;

use tidings_core::bounds::DECISION_STEPS;
use tidings_core::compare::Change;
use tidings_core::decide::{Act, Decided, Moment, Verdict, decide, is_new};
use tidings_core::evidence::Evidence;
use tidings_core::index::{Concerned, Known};
use tidings_core::object::{Seconds, Version};
use tidings_core::reason::Reason;
use tidings_core::refs::{SourceRef, WorkloadRef};
use tidings_core::settle::{Due, Millis, News, Queue, Topic, quiet_until};
use tidings_core::state::Entry;
use tidings_core::train::Trains;

use super::action;
use super::backoff::Backoff;
use super::climbing::Climbs;
use super::departed::Departed;
use super::desk::{Desk, Desks, UnderWay};
use super::ground::Ground;
use super::remaking::REMAKES;
use super::unrecorded::Unrecorded;
use super::{Action, Effect, NewTerm, Roll, Unpause};
use crate::records::memory::{NotKept, Shard, Store};

/// The steps of a turn: some ten milliseconds. Then what came meanwhile is taken in.
const TURN_STEPS: u32 = 4 * DECISION_STEPS;
/// What the smallest decision takes.
const LEAST_STEPS: u32 = DECISION_STEPS >> 10;
/// A pause between attempts that is no short one.
const LONG: Millis = 1_000;
/// What it takes to tell one workload of something.
const TELL_STEPS: u32 = DECISION_STEPS >> 12;

/// What only the leader knows.
pub(super) struct Leading {
    /// The number of our term.
    pub(super) term: u64,
    /// Nobody led from this time on until our term began.
    unled_since: Option<Seconds>,
    pub(super) store: Store,
    pub(super) queue: Queue,
    pub(super) desks: Desks,
    pub(super) climbs: Climbs,
    pub(super) departed: Departed,
    /// Who is under way, and who waits for his turn.
    pub(super) trains: Trains,
    unrecorded: Unrecorded,
    pub(super) shards: HashMap<Shard, Backoff>,
}

/// Records that cannot be read are as good as none, and are said.
pub(super) fn unreadable(shard: &Shard, problems: &[String]) {
    for problem in problems {
        tracing::warn!(namespace = %shard.namespace, problem, "a record cannot be read");
    }
}

impl Leading {
    /// A term that has begun. Records are written in this form.
    pub(super) fn new(ground: &Ground, form: u8, new: NewTerm) -> Self {
        let mut store = Store::new(ground.dry_run, ground.kinds.clone());
        store.write_in(form, ground.now);
        let mut desks = Desks::default();
        for patch in &new.remaking {
            let task = UnderWay::recreating(patch.uid.clone());
            desks.begin(&patch.roll.key, task);
            desks.leaves(patch);
        }
        for (shard, stored) in new.state {
            let (_, problems) = store.read(&shard, Some(stored));
            unreadable(&shard, &problems);
        }
        Self {
            term: new.number,
            unled_since: new.unled_since,
            store,
            queue: Queue::default(),
            desks,
            climbs: Climbs::default(),
            departed: Departed::default(),
            trains: Trains::default(),
            unrecorded: Unrecorded::new(new.unled_since, ground.now),
            shards: HashMap::new(),
        }
    }

    /// Looks at everything.
    pub(super) fn begin(&mut self, ground: &mut Ground) {
        self.resume_restless(ground);
        self.note_departed(ground);
        self.take_up_all(ground);
        self.resume_trains(ground);
        let all: Vec<_> = ground
            .index
            .workloads()
            .map(|(key, _)| key.clone())
            .collect();
        self.look(ground, &all);
    }

    /// What did not come to rest when an earlier term looked.
    fn resume_restless(&self, ground: &mut Ground) {
        for key in self.store.workloads() {
            let entry = self.store.get(key).into_iter();
            for seen in entry.flat_map(|entry| entry.restless.keys()) {
                ground.restless.resume(&seen.source(&key.namespace));
            }
        }
    }

    // --- who is concerned ----------------------------------------------------

    pub(super) fn heed(&mut self, ground: &mut Ground, concerned: &Concerned) {
        for key in &concerned.look {
            if let Some(known) = ground.index.get(key) {
                self.departed.came(key);
                if self.is_unrecorded(key, known) {
                    self.unrecorded.made(known.workload.created);
                }
                let uid = known.workload.uid.clone();
                self.desks.shown(key, &uid);
                if !self.is_remaking(key, &uid) {
                    self.take_up(ground, key);
                }
            }
        }
        self.look(ground, &concerned.look);
        self.stir_trains(ground, concerned);
        self.tell_later(ground.now, concerned);
        for gone in &concerned.gone {
            self.gone(ground, &gone.key, gone.how);
        }
    }

    /// Whether it was made lately, and is not on record as the next leader would find it.
    fn is_unrecorded(&self, key: &WorkloadRef, known: &Known) -> bool {
        is_new(known, self.unled_since) && known.policy.opted_in() && !self.store.is_on_record(key)
    }

    fn count_unrecorded(&mut self, ground: &Ground) {
        if !self.unrecorded.is_due(ground.now) || !ground.index.is_complete() {
            return;
        }
        let all = ground.index.workloads();
        let left = all.filter(|(key, known)| self.is_unrecorded(key, known));
        let oldest = left.map(|(_, known)| known.workload.created).min();
        self.unrecorded.count(oldest, ground.now);
    }

    /// Since when there may be workloads of which nothing is on record.
    pub(super) fn unrecorded_since(&self) -> Option<Seconds> {
        self.unrecorded.since()
    }

    /// What may concern thousands is told to them when it is the turn of their namespace.
    fn tell_later(&mut self, now: Millis, concerned: &Concerned) {
        let source = |source: &SourceRef| Topic::Source(source.clone());
        for changed in &concerned.changed {
            self.queue.tell(source(changed), News::changed(now));
        }
        for read in &concerned.read {
            self.queue.tell(source(read), News::read());
        }
        for lender in &concerned.lent {
            let topic = Topic::Template(lender.clone());
            self.queue.tell(topic, News::default());
        }
    }

    /// Tells all whom it concerns. Returns how many steps it took.
    fn pass_on(&mut self, ground: &mut Ground, topic: &Topic, news: News) -> u32 {
        let concerned = match topic {
            Topic::Source(source) => ground.index.pass_on(source),
            Topic::Template(lender) => ground.index.borrowers(lender),
        };
        let all = u32::try_from(concerned.len()).unwrap_or(u32::MAX);
        if let Some((first, last)) = news.changed {
            if let Topic::Source(source) = topic {
                self.expect_trains(ground, source, &concerned);
            }
            self.changed(ground, &concerned, first, last);
        }
        match topic {
            Topic::Source(source) if news.read => self.read(ground, source, concerned),
            Topic::Source(_) => {}
            Topic::Template(_) => self.look(ground, &concerned),
        }
        all.saturating_mul(TELL_STEPS)
    }

    /// Something that these use changed at these times: decide when it has been quiet.
    fn changed(&mut self, ground: &Ground, keys: &[WorkloadRef], first: Millis, last: Millis) {
        for key in keys {
            self.desks.of(key).notes_change(first, last);
            self.queue.changed(key, last, ground.quiet_for(key));
        }
    }

    /// What is wanted of it may be to settle sooner.
    fn look(&mut self, ground: &Ground, keys: &[WorkloadRef]) {
        for key in keys {
            self.queue.shorten(key, ground.now, ground.quiet_for(key));
            self.queue.look(key, ground.now);
        }
    }

    /// A source was read, or could not be. Who still waits for more of them is not looked
    /// at yet; who waits for it in vain is told.
    fn read(&mut self, ground: &mut Ground, source: &SourceRef, mut users: Vec<WorkloadRef>) {
        users.retain(|key| !self.is_read_for(ground, key));
        let Some(unread) = ground.reading.failure(source) else {
            return self.look(ground, &users);
        };
        let what = format!("reading {source}");
        // What comes right by itself is said when it takes long.
        let is_said = unread.error.is_failure() || unread.again > ground.now + LONG;
        for user in users {
            if is_said {
                self.say_failed(ground, &user, &what, &unread.error);
            }
            self.queue.look(&user, unread.again);
        }
    }

    fn is_read_for(&mut self, ground: &Ground, key: &WorkloadRef) -> bool {
        let desk = self.desks.get_mut(key);
        desk.is_some_and(|desk| desk.is_read_for(|source| ground.is_read(source)))
    }

    // --- decisions -----------------------------------------------------------

    /// Decides what is due, and hands out the writes of records.
    pub(super) fn turn(&mut self, ground: &mut Ground, draining: bool) {
        let departed = self.departed.take_due(ground.now);
        self.forget(ground, &departed);
        self.look_for_departed(ground);
        self.count_unrecorded(ground);
        self.wake_ladders(ground);
        self.rouse_trains(ground);
        let mut left = TURN_STEPS;
        while left > 0
            && let Some(due) = self.due(ground.now, draining)
        {
            let (whose, steps) = match due {
                Due::News(topic, news) => {
                    let steps = self.pass_on(ground, &topic, news);
                    (topic.namespace().clone(), steps)
                }
                Due::Decision(key, waited) => {
                    let steps = self.decide(ground, &key, waited);
                    (key.namespace, steps)
                }
            };
            let steps = LEAST_STEPS.saturating_add(steps);
            self.queue.charge(&whose, steps);
            left = left.saturating_sub(steps);
        }
        self.rouse_trains(ground);
        let writes = self.store.take_writes(ground.now, draining);
        ground.effects.extend(writes.into_iter().map(Effect::Write));
    }

    /// When there is something to do again without an input.
    pub(super) fn next(&self, draining: bool) -> Option<Millis> {
        let queued = self.queue.next().filter(|_| !draining);
        let due = [
            queued,
            self.departed.next(),
            self.store.next_due(),
            self.climbs.next(),
        ];
        due.into_iter().flatten().min()
    }

    /// Whether nothing is under way that must be waited for.
    pub(super) fn is_quiet(&self) -> bool {
        self.desks.waited_for() == 0 && self.store.is_quiet()
    }

    fn due(&mut self, now: Millis, draining: bool) -> Option<Due> {
        if draining { None } else { self.queue.pop(now) }
    }

    /// Returns how many steps it took.
    fn decide(&mut self, ground: &mut Ground, key: &WorkloadRef, waited: Millis) -> u32 {
        // Whatever is under way ends with another look.
        let is_busy = self.desks.get(key).is_some_and(Desk::is_busy);
        if is_busy || !ground.index.ready(key) {
            return 0;
        }
        if ground.index.get(key).is_none() {
            self.desks.clear(key);
            self.trains.forget(key);
            return 0;
        }
        let worked_out = ground.index.work_out(key);
        let evidence = self.take_evidence(ground, key);
        ground.seed = ground.seed.wrapping_add(1);
        let moment = Moment {
            now: ground.seconds(),
            evidence: &evidence,
            trains: &self.trains,
            unled_since: self.unled_since,
            seed: ground.seed,
            restless: &ground.restless,
        };
        let entry = self.store.get(key);
        let Some(verdict) = decide(key, &ground.index, entry, moment, &ground.rules) else {
            return worked_out;
        };
        let steps = verdict.steps.saturating_add(worked_out);
        if self.is_too_soon(ground, key, &verdict) {
            self.desks.of(key).evidence = Some(Box::new(evidence));
            return steps;
        }
        let goes_on = matches!(verdict.act, Act::Nothing | Act::Resume(_));
        let climbs = self.desks.climbing(key).is_some();
        if goes_on || !climbs {
            self.say_verdict(ground, key, &verdict);
        }
        if let Some(again) = verdict.again {
            self.queue.look(key, ground.millis_at(again));
        }
        if verdict.asks() {
            self.desks.of(key).evidence = Some(Box::new(evidence));
        } else if !climbs {
            ground.decided.push(Decided {
                kind: key.kind,
                reason: verdict.reason,
                rolls: matches!(verdict.act, Act::Roll(..)),
                waited,
            });
        }
        let (asks, boarding) = (verdict.asks(), verdict.boarding.clone());
        if climbs {
            self.reconsider(ground, key, verdict);
        } else {
            self.act(ground, key, verdict);
        }
        if !asks {
            self.note_train(ground, key, boarding.as_ref());
        }
        steps
    }

    /// Whether it is a roll for which there was not enough quiet: who lists a method that
    /// takes less had the gentle one in mind, which cannot serve this.
    fn is_too_soon(&mut self, ground: &Ground, key: &WorkloadRef, verdict: &Verdict) -> bool {
        let Act::Roll(entry, _) = &verdict.act else {
            return false;
        };
        let quiet = ground.quiet_for_rollout(key);
        if !entry.method().row().restarts || ground.quiet_for(key) >= quiet {
            return false;
        }
        let changed = self.desks.get(key).and_then(|desk| desk.changed);
        let until = changed.map(|(first, last)| quiet_until(first, last, quiet));
        let until = until.filter(|until| *until > ground.now);
        if let Some(until) = until {
            self.queue.look(key, until);
        }
        until.is_some()
    }

    /// What was found out so far.
    pub(super) fn take_evidence(&mut self, ground: &Ground, key: &WorkloadRef) -> Evidence {
        let found = self
            .desks
            .get_mut(key)
            .and_then(|desk| desk.evidence.take());
        let nothing = || Evidence::forgotten_until(ground.forgotten);
        found.map_or_else(nothing, |found| *found)
    }

    fn act(&mut self, ground: &mut Ground, key: &WorkloadRef, verdict: Verdict) {
        let reason = verdict.reason;
        match verdict.act {
            Act::Nothing => {
                self.desks.of(key).settled();
                self.ask_again(ground, key, verdict.may_ask_again, reason);
            }
            Act::Read(sources) => {
                if let Some(again) = ground.read_all(&sources) {
                    self.queue.look(key, again);
                }
                self.desks.of(key).awaits(sources);
            }
            Act::Ask(questions) => {
                self.desks.begin(key, UnderWay::Asking);
                ground.effects.push(Effect::Ask(key.clone(), questions));
            }
            Act::Forget => {
                self.store.remove(key, ground.now);
                self.desks.of(key).settled();
            }
            Act::Note(entry) => {
                self.say_reached(ground, key, &entry);
                let kept = self.store.put_lazily(key, entry, ground.now);
                self.kept(ground, key, kept);
            }
            Act::Record(entry) => {
                self.say_reached(ground, key, &entry);
                let kept = self.store.put(key, entry);
                self.kept(ground, key, kept);
            }
            Act::Roll(entry, changes) => {
                let reason = self.reason_of(key, &entry, reason);
                self.desks.of(key).refusal = None;
                let roll = roll_of(key, &entry, reason, changes);
                self.desks.of(key).roll = Some(Arc::new(roll));
                self.roll(ground, key, entry);
            }
            Act::Resume(entry) => self.resume(ground, key, &entry, reason),
            Act::Unpause => self.unpause(ground, key),
        }
    }

    /// A roll that is resumed goes on for the reason that was decided, under another
    /// number too.
    fn reason_of(&self, key: &WorkloadRef, entry: &Entry, reason: Reason) -> Reason {
        let former = self.desks.get(key).and_then(|desk| desk.roll.as_ref());
        match former {
            Some(former) if reason == Reason::Resumed && former.because == entry.because => {
                former.reason
            }
            _ => reason,
        }
    }

    pub(super) fn kept(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        kept: Result<(), NotKept>,
    ) {
        match kept {
            Ok(()) => self.desks.of(key).settled(),
            Err(why) => {
                self.desks.of(key).announced.is_unknown();
                self.not_kept(ground, key, why);
            }
        }
    }

    /// The intent first; the patch follows when it is written.
    fn roll(&mut self, ground: &mut Ground, key: &WorkloadRef, mut entry: Entry) {
        entry.done = ground.dry_run;
        match self.store.put(key, entry) {
            Ok(()) if ground.dry_run => self.desks.of(key).settled(),
            Ok(()) => self.await_record(ground, key),
            Err(why) => self.not_kept(ground, key, why),
        }
    }

    /// The patch follows when the intent is stored. One that is refused may never be: it is
    /// decided anew with what changes, and looked at again when it is taken.
    fn await_record(&mut self, ground: &Ground, key: &WorkloadRef) {
        if self.store.is_refused(key) {
            return;
        }
        let versions = versions(ground, key).unwrap_or_default();
        self.desks.begin(key, UnderWay::Recording(versions));
    }

    /// The intent is in memory; the patch waits for it to be stored. One of an earlier
    /// term is as good as decided anew.
    pub(super) fn resume(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        entry: &Entry,
        reason: Reason,
    ) {
        let desk = self.desks.of(key);
        if desk.roll.as_ref().is_none_or(|roll| roll.n != entry.n) {
            let roll = roll_of(key, entry, reason, Vec::new());
            desk.roll = Some(Arc::new(roll));
        }
        if self.store.is_waiting(key) {
            self.await_record(ground, key);
        } else {
            self.patch(ground, key, entry);
        }
    }

    /// Brings a workload to its record, for the roll that was decided.
    pub(super) fn patch(&mut self, ground: &mut Ground, key: &WorkloadRef, entry: &Entry) {
        let desk = self.desks.of(key);
        if entry.method().is_pod_wise() {
            return self.climb(ground, key, entry);
        }
        let (Some(known), Some(roll)) = (ground.index.get(key), &desk.roll) else {
            // It was gone meanwhile, and with it what was decided.
            self.desks.end(key);
            return self.queue.look(key, ground.now);
        };
        let patch = action::patch(ground, known, entry, Arc::clone(roll));
        let recreates = patch.action == Action::Recreate;
        if recreates && self.desks.recreating_in(&key.namespace) >= REMAKES {
            return self.put_off(ground, key);
        }
        let task = match patch.action {
            Action::Recreate => UnderWay::recreating(patch.uid.clone()),
            _ => UnderWay::Rolling,
        };
        self.desks.begin(key, task);
        ground.effects.push(Effect::Patch(Box::new(patch)));
    }

    /// The time on the workload says that it is due, so no intent is needed.
    fn unpause(&mut self, ground: &mut Ground, key: &WorkloadRef) {
        let Some(known) = ground.index.get(key).filter(|_| !ground.dry_run) else {
            return;
        };
        let unpause = Unpause {
            key: key.clone(),
            uid: known.workload.uid.clone(),
            version: known.workload.version,
        };
        self.desks.begin(key, UnderWay::Unpausing);
        ground.effects.push(Effect::Unpause(Box::new(unpause)));
    }
}

/// The roll of a record.
fn roll_of(key: &WorkloadRef, entry: &Entry, reason: Reason, changes: Vec<Change>) -> Roll {
    let seen = entry.seen.keys();
    Roll {
        key: key.clone(),
        n: entry.n,
        reason,
        because: entry.because.clone(),
        changes,
        sources: seen.map(|seen| seen.source(&key.namespace)).collect(),
    }
}

/// The versions of a workload, and of the one whose pod template it uses, as they are
/// known.
pub(super) fn versions(ground: &Ground, key: &WorkloadRef) -> Option<(Version, Version)> {
    let workload = &ground.index.get(key)?.workload;
    let lender = workload.lender.as_deref();
    let lender = lender.and_then(|lender| ground.index.get(lender));
    let lent = lender.map_or(0, |lender| lender.workload.version);
    Some((workload.version, lent))
}
