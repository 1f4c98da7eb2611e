//! The controller as a state machine: facts and answers in, effects out.
//!
//! Goes in: an [`Input`] and the time. Comes out: [`Effect`]s, which
//! `run` carries out; their answers come back as inputs. No I/O and no
//! clock here, so that any order of answers can be tried.
//!
//! Only who leads decides. A replica that waits keeps its index warm and does
//! nothing else. Everything that was under way in an earlier term is forgotten
//! with it: answers carry the number of their term.
//!
//! Error policy: a failure concerns one workload, one source or one object of
//! the state. It is said (once), counted, and tried again after a pause that
//! doubles up to a minute; nothing else waits for it.

mod backoff;
mod deed;
mod inputs;
mod messages;
mod outputs;
#[cfg(test)]
mod simulation;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tidings_core::compare::Change;
use tidings_core::decide::{Act, Decided, Moment, Rules, Verdict, decide};
use tidings_core::evidence::Evidence;
use tidings_core::index::{Index, Stream};
use tidings_core::kinds::Kinds;
use tidings_core::object::{Seconds, SourceMeta, Version};
use tidings_core::policy::Defaults;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use tidings_core::restless::Restless;
use tidings_core::settle::{Millis, Queue};
use tidings_core::standing::Word;
use tidings_core::state::Entry;

use crate::records::memory::{Shard, Store, TooLarge, Versions};
use backoff::Backoff;
use deed::Sight;
use outputs::Told;

pub use messages::{
    Answer, Deed, Effect, Input, Levels, Outcome, Patch, RollError, Said, Unpause, What,
};

/// The controller.
pub struct Control {
    index: Index,
    store: Store,
    queue: Queue,
    /// Which sources do not come to rest; known to those who wait too.
    restless: Restless,
    rules: Rules,
    /// Quiet time where a workload says nothing else.
    settle: Millis,
    dry_run: bool,
    kinds: Kinds,
    /// Our term, while we lead.
    term: Option<u64>,
    now: Millis,
    /// The time when `now` was 0.
    started: Seconds,
    /// Of the next decision.
    seed: u64,
    /// Workloads with a write or a question under way, and the version of them
    /// that was decided about.
    busy: HashMap<WorkloadRef, Version>,
    /// Jobs that are deleted to be made again, until that is answered and shown.
    remaking: HashMap<WorkloadRef, Remaking>,
    /// Workloads that are gone while their pods may not be, and until when that is
    /// remembered.
    departed: HashMap<WorkloadRef, Millis>,
    /// What the rolls under way are for.
    rolling: HashMap<WorkloadRef, Vec<Change>>,
    fetching: HashSet<SourceRef>,
    /// What the watch told of those.
    later: HashMap<SourceRef, Vec<SourceMeta>>,
    /// What was found out for the next decision.
    evidence: HashMap<WorkloadRef, Evidence>,
    /// Up to this version the API server has forgotten what was.
    forgotten: Version,
    /// Nobody led from this time on until our term began.
    unled_since: Option<Seconds>,
    changed_at: HashMap<WorkloadRef, Millis>,
    told: HashMap<WorkloadRef, Told>,
    workload_backoff: Backoff<WorkloadRef>,
    /// Of those whose records are refused.
    record_backoff: Backoff<WorkloadRef>,
    source_backoff: Backoff<SourceRef>,
    list_backoff: Backoff<(SourceKind, Name)>,
    state_backoff: Backoff<Shard>,
    covers: NameTest,
    draining: bool,
    effects: Vec<Effect>,
    decided: Vec<Decided>,
}

/// A Job that is deleted to be made again.
struct Remaking {
    /// The uid of the one that is deleted.
    former: Name,
    /// Whether it is there again, though the watch may not have shown it yet.
    made: bool,
}

impl Remaking {
    fn of(former: Name) -> Self {
        Self {
            former,
            made: false,
        }
    }
}

/// So much of what the watch tells of a source is put off while it is being read; then
/// the newest takes the place of the last.
const PUT_OFF: usize = 16;

/// Whether a namespace of this name is watched.
pub type NameTest = Box<dyn Fn(&str) -> bool + Send>;

/// After a roll that changed nothing, trying again soon changes nothing either.
const NO_EFFECT_PAUSE: Duration = Duration::from_mins(5);

/// So long what the pods of a workload have is remembered when it is gone: it may be
/// made again around them.
const KEPT_FOR_PODS: Millis = 3_600_000;

/// What an installation was told, as far as the controller goes.
pub struct Plan {
    /// For decisions.
    pub rules: Rules,
    /// For policies.
    pub defaults: Defaults,
    /// What is watched.
    pub streams: Vec<Stream>,
    /// Quiet time where a workload says nothing else.
    pub settle: Millis,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// The kinds of workload that are rolled.
    pub kinds: Kinds,
    /// The time when its clock shows 0. What happens to the system's clock later
    /// is not heeded.
    pub started: Seconds,
    /// By chance.
    pub seed: u64,
    /// Whether a namespace of this name is watched.
    pub covers: NameTest,
}

impl Control {
    /// A controller that knows nothing yet and does not lead.
    pub fn new(plan: Plan) -> Self {
        Self {
            index: Index::new(plan.defaults, plan.streams),
            store: Store::new(plan.dry_run, plan.kinds.clone()),
            queue: Queue::default(),
            restless: Restless::new(plan.started),
            rules: plan.rules,
            settle: plan.settle,
            dry_run: plan.dry_run,
            kinds: plan.kinds,
            rolling: HashMap::new(),
            remaking: HashMap::new(),
            departed: HashMap::new(),
            term: None,
            now: 0,
            started: plan.started,
            seed: plan.seed,
            busy: HashMap::new(),
            fetching: HashSet::new(),
            later: HashMap::new(),
            evidence: HashMap::new(),
            forgotten: 0,
            unled_since: None,
            changed_at: HashMap::new(),
            told: HashMap::new(),
            workload_backoff: Backoff::default(),
            record_backoff: Backoff::default(),
            source_backoff: Backoff::default(),
            list_backoff: Backoff::default(),
            state_backoff: Backoff::default(),
            covers: plan.covers,
            draining: false,
            effects: Vec::new(),
            decided: Vec::new(),
        }
    }

    /// Takes in one input; what is to be done is collected.
    pub fn take(&mut self, now: Millis, input: Input) {
        self.pass(now);
        match input {
            Input::Fact(fact) => self.fact(fact),
            Input::Fetched(source, told, result) => self.fetched(&source, told, result),
            Input::Listed(kind, namespace, result) => self.listed(kind, namespace, result),
            Input::Leading(term, state, remaking, unled_since) => {
                self.lead(term, state, remaking);
                self.unled_since = unled_since;
            }
            Input::Following => self.follow(),
            Input::Form(form) => self.write_in(form),
            Input::Answer(term, answer) if self.term == Some(term) => self.answer(answer),
            Input::Answer(..) => {}
        }
    }

    /// Decides what is due, and hands out all that is to be done.
    pub fn turn(&mut self, now: Millis) -> Vec<Effect> {
        self.pass(now);
        for list in self.index.take_listings() {
            let at = self.list_backoff.again(&list).max(self.now);
            self.effects.push(Effect::List(list.0, list.1, at));
        }
        if self.term.is_some() {
            self.forget_departed();
            while let Some((key, waited)) = self.due() {
                self.decide(&key, waited);
            }
            let writes = self.store.take_writes(self.now, self.draining);
            self.effects.extend(writes.into_iter().map(Effect::Write));
        }
        self.take_in_later();
        std::mem::take(&mut self.effects)
    }

    /// The decisions since this was last asked.
    pub fn take_decided(&mut self) -> Vec<Decided> {
        std::mem::take(&mut self.decided)
    }

    /// When [`Control::turn`] has something to do again without an input.
    pub fn next(&self) -> Option<Millis> {
        self.term?;
        let queued = self.queue.next().filter(|_| !self.draining);
        let departed = self.departed.values().min().copied();
        let due = [queued, departed, self.store.next_due()];
        due.into_iter().flatten().min()
    }

    /// No more decisions: what is under way is finished, nothing is begun.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether nothing is under way any more.
    pub fn is_drained(&self) -> bool {
        self.term.is_none() || (self.busy.is_empty() && self.store.is_quiet())
    }

    /// The versions of the state's objects, as far as they are known.
    pub fn state_versions(&self) -> Versions {
        self.store.versions()
    }

    /// What is in the cluster.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Numbers for the metrics.
    pub fn levels(&self) -> Levels {
        Levels {
            queue: self.queue.len(),
            begun: self.queue.begun(),
            busy: self.busy.len(),
            sources: self.index.sources(),
            leading: self.term.is_some(),
        }
    }

    /// The reasons of all problems that there are now.
    pub fn problems(&self) -> impl Iterator<Item = Reason> {
        self.told.values().flat_map(Told::problems)
    }

    /// How all workloads stand that are opted in.
    pub fn standing(&self) -> impl Iterator<Item = Word> {
        self.told.values().filter_map(Told::standing)
    }

    fn pass(&mut self, now: Millis) {
        self.now = self.now.max(now);
        self.restless.pass(self.now);
    }

    fn due(&mut self) -> Option<(WorkloadRef, Millis)> {
        if self.draining {
            None
        } else {
            self.queue.pop(self.now)
        }
    }

    fn decide(&mut self, key: &WorkloadRef, waited: Millis) {
        // Whatever is under way ends with another look.
        let under_way = self.busy.contains_key(key) || self.remaking.contains_key(key);
        if under_way || !self.index.ready(key) {
            return;
        }
        let nothing = || Evidence::forgotten_until(self.forgotten);
        let evidence = self.evidence.remove(key).unwrap_or_else(nothing);
        self.seed = self.seed.wrapping_add(1);
        let entry = self.store.get(key);
        let moment = Moment {
            now: self.seconds(),
            evidence: &evidence,
            unled_since: self.unled_since,
            seed: self.seed,
            restless: &self.restless,
        };
        let Some(verdict) = decide(key, &self.index, entry, moment, &self.rules) else {
            return;
        };
        self.say_verdict(key, &verdict);
        if let Some(again) = verdict.again {
            self.queue.look(key, self.millis_at(again));
        }
        if verdict.asks() {
            self.evidence.insert(key.clone(), evidence);
        } else {
            self.decided.push(Decided {
                kind: key.kind,
                reason: verdict.reason,
                rolls: matches!(verdict.act, Act::Roll(..)),
                waited,
            });
        }
        self.act(key, verdict);
    }

    fn act(&mut self, key: &WorkloadRef, verdict: Verdict) {
        match verdict.act {
            Act::Nothing => self.settled(key),
            Act::Read(sources) => sources.iter().for_each(|source| self.fetch(key, source)),
            Act::Ask(questions) => {
                self.begin(key);
                self.effects.push(Effect::Ask(key.clone(), questions));
            }
            Act::Forget => {
                self.store.remove(key, self.now);
                self.settled(key);
            }
            Act::Note(entry) => {
                let kept = self.store.put_lazily(key, entry, self.now);
                self.kept(key, kept);
            }
            Act::Record(entry) => {
                let kept = self.store.put(key, entry);
                self.kept(key, kept);
            }
            Act::Roll(entry, changes) => {
                self.rolling.insert(key.clone(), changes);
                self.roll(key, entry);
            }
            Act::Resume(entry) => self.resume(key, &entry),
            Act::Unpause => self.unpause(key),
        }
    }

    fn settled(&mut self, key: &WorkloadRef) {
        self.changed_at.remove(key);
        self.rolling.remove(key);
        self.workload_backoff.clear(key);
    }

    fn kept(&mut self, key: &WorkloadRef, kept: Result<(), TooLarge>) {
        match kept {
            Ok(()) => self.settled(key),
            Err(bytes) => self.not_kept(key, bytes),
        }
    }

    /// The intent first; the patch follows when it is written.
    fn roll(&mut self, key: &WorkloadRef, mut entry: Entry) {
        entry.done = self.dry_run;
        match self.store.put(key, entry) {
            Ok(()) if self.dry_run => self.settled(key),
            Ok(()) => self.begin(key),
            Err(bytes) => self.not_kept(key, bytes),
        }
    }

    /// The intent is in memory; the patch waits for it to be stored.
    fn resume(&mut self, key: &WorkloadRef, entry: &Entry) {
        self.begin(key);
        if !self.store.is_waiting(key) {
            self.patch(key, entry);
        }
    }

    /// Something about it, as it is now, is under way.
    fn begin(&mut self, key: &WorkloadRef) {
        let version = self.version(key).unwrap_or_default();
        self.busy.insert(key.clone(), version);
    }

    fn version(&self, key: &WorkloadRef) -> Option<Version> {
        Some(self.index.get(key)?.workload.version)
    }

    fn patch(&mut self, key: &WorkloadRef, entry: &Entry) {
        let Some(known) = self.index.get(key) else {
            self.busy.remove(key);
            return;
        };
        let changes = self.rolling.get(key).cloned().unwrap_or_default();
        let sight = Sight {
            index: &self.index,
            known,
            now: self.seconds(),
            strict: self.rules.strict,
        };
        let reason = self.told.get(key).and_then(Told::reason);
        let patch = sight.patch(entry, reason.unwrap_or(Reason::Changed), changes);
        if patch.deed == Deed::Recreate {
            // It may take as long as its pods need to end, and another term can do
            // the rest: nobody waits for it.
            self.busy.remove(key);
            let remaking = Remaking::of(patch.uid.clone());
            self.remaking.insert(key.clone(), remaking);
        }
        self.effects.push(Effect::Patch(Box::new(patch)));
    }

    /// The time on the workload says that it is due, so no intent is needed.
    fn unpause(&mut self, key: &WorkloadRef) {
        let Some(known) = self.index.get(key).filter(|_| !self.dry_run) else {
            return;
        };
        let unpause = Unpause {
            key: key.clone(),
            uid: known.workload.uid.clone(),
            version: known.workload.version,
        };
        self.begin(key);
        self.effects.push(Effect::Unpause(Box::new(unpause)));
    }

    fn seconds(&self) -> Seconds {
        self.started + Seconds::try_from(self.now / 1_000).unwrap_or(Seconds::MAX)
    }

    fn millis_at(&self, time: Seconds) -> Millis {
        let since = u64::try_from(time - self.started).unwrap_or(0);
        since.saturating_mul(1_000).max(self.now)
    }

    /// Reads a source for a workload; every workload that waits for it is told.
    fn fetch(&mut self, key: &WorkloadRef, source: &SourceRef) {
        let Some(held) = self.index.source(source) else {
            return;
        };
        let again = self.source_backoff.again(source);
        if again > self.now {
            self.queue.look(key, again);
        } else if self.fetching.insert(source.clone()) {
            let (told, sha1) = (held.told, self.index.wants_sha1(source));
            self.effects.push(Effect::Fetch(source.clone(), told, sha1));
        }
    }

    fn quiet_for(&self, key: &WorkloadRef) -> Millis {
        let own = self.index.get(key).and_then(|known| known.policy.settle);
        own.unwrap_or(self.settle)
    }
}
