//! A town in miniature: many workloads that use the same sources, in several namespaces,
//! and a leader that decides about them in turn. Their pods come as their own controllers
//! bring them, and are ready unless what they have is bad for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::annotations::CONFIG;
use crate::decide::{Act, Moment, Rules, Verdict, decide};
use crate::digest::Digest;
use crate::evidence::{Evidence, Finding, Former, PodsSince, Question};
use crate::index::{Content, Fact, Fetched, How, Index, Stream, StreamOf};
use crate::kinds::KINDS;
use crate::object::{Meta, SourceMeta, Workload, read_workload};
use crate::policy::Defaults;
use crate::reason::Reason;
use crate::refs::{SourceKind, SourceRef, WorkloadRef};
use crate::restless::Restless;
use crate::state::Entry;
use crate::train::{RiderNews, Trains};
use crate::vocabulary::Vocabulary;

/// When a town begins.
const START: i64 = 1_000_000;
/// How many pods each has.
const PODS: u32 = 2;
/// How content begins that pods cannot live with which are [`House::fragile`].
pub(super) const BAD: &str = "bad";

/// A workload, its pods, and what people write on it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct House {
    pub(super) uses: Vec<SourceRef>,
    pub(super) annotations: BTreeMap<String, String>,
    /// Whether it is not well with what is bad.
    pub(super) fragile: bool,
    /// Whether its pods are replaced only when somebody deletes them.
    pub(super) on_delete: bool,
    pub(super) pods: u32,
    /// What its pods have.
    pub(super) has: BTreeMap<SourceRef, String>,
    /// What it was brought to last, as far as is written down.
    pub(super) brought: BTreeMap<SourceRef, String>,
    mark: Option<u64>,
    version: u64,
    generation: i64,
    observed: i64,
    updated: u32,
    pub(super) ready: u32,
    late: bool,
    /// Whether there is a pod more than there should be, as while it is rolled out.
    surges: bool,
    /// Since when its template is as it is.
    since: i64,
}

pub(super) struct Town {
    pub(super) houses: BTreeMap<WorkloadRef, House>,
    pub(super) sources: BTreeMap<SourceRef, (u64, String)>,
    pub(super) entries: BTreeMap<WorkloadRef, Entry>,
    pub(super) trains: Trains,
    pub(super) now: i64,
    pub(super) defaults: Defaults,
    /// What was decided, and of whom.
    pub(super) said: BTreeMap<WorkloadRef, (Reason, String)>,
    /// Decisions until now.
    pub(super) decisions: usize,
    rules: Rules,
    index: Index,
    version: u64,
    due: BTreeSet<WorkloadRef>,
    later: BTreeMap<WorkloadRef, i64>,
    /// What each source held, from which version on.
    past: BTreeMap<SourceRef, BTreeMap<u64, String>>,
    /// How each workload was, from which version on.
    former: BTreeMap<WorkloadRef, BTreeMap<u64, Former>>,
}

pub(super) fn workload(kind: usize, namespace: &str, name: &str) -> WorkloadRef {
    WorkloadRef::new(&KINDS[kind], namespace, name)
}

pub(super) fn source(namespace: &str, name: &str) -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, namespace, name)
}

fn streams() -> [Stream; 3] {
    [
        StreamOf::Workloads(&KINDS[0]),
        StreamOf::Workloads(&KINDS[1]),
        StreamOf::Sources(SourceKind::ConfigMap),
    ]
    .map(|of| Stream {
        of,
        namespace: None,
    })
}

impl House {
    pub(super) fn new(uses: &[SourceRef]) -> Self {
        Self {
            uses: uses.to_vec(),
            annotations: BTreeMap::new(),
            fragile: false,
            on_delete: false,
            pods: PODS,
            has: BTreeMap::new(),
            brought: BTreeMap::new(),
            mark: None,
            version: 1,
            generation: 1,
            observed: 1,
            updated: PODS,
            ready: PODS,
            late: false,
            surges: false,
            since: START,
        }
    }

    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        let key = format!("tidings.dev/{key}");
        self.annotations.insert(key, value.to_owned());
        self
    }

    pub(super) fn fragile(mut self) -> Self {
        self.fragile = true;
        self
    }

    pub(super) fn is_well(&self) -> bool {
        self.is_replaced() && self.ready == self.pods && !self.late
    }

    /// Whether all its pods are of what is written now.
    pub(super) fn is_replaced(&self) -> bool {
        self.observed == self.generation && self.updated == self.pods
    }

    /// How far its rollout is.
    pub(super) fn stands(&self) -> (u32, u32, bool) {
        (self.updated, self.ready, self.observed == self.generation)
    }

    /// Whether its pods are ready, whatever they are made of.
    pub(super) fn was_well(&self) -> bool {
        self.ready >= self.pods && !self.late
    }

    /// Whether its rollout has missed its deadline.
    pub(super) fn has_failed(&self) -> bool {
        self.late && self.observed == self.generation
    }

    pub(super) fn wave(&self) -> i32 {
        let wave = self.annotations.get("tidings.dev/wave");
        wave.map_or(0, |wave| wave.parse().unwrap())
    }

    fn read(&self, key: &WorkloadRef) -> Workload {
        let uses = self.uses.iter();
        let from: Vec<_> = uses
            .map(|used| json!({"configMapRef": {"name": &*used.name}}))
            .collect();
        let mark = self.mark.map(|n| format!("t/{n}"));
        let marks: BTreeMap<_, _> = mark.iter().map(|mark| (CONFIG, mark)).collect();
        let mut annotations = self.annotations.clone();
        annotations.insert("tidings.dev/reload".to_owned(), "auto".to_owned());
        let strategy = if self.on_delete {
            "OnDelete"
        } else {
            "RollingUpdate"
        };
        let late = json!({"type": "Progressing", "status": "False",
            "reason": "ProgressDeadlineExceeded"});
        let conditions: Vec<_> = self.late.then_some(late).into_iter().collect();
        let json = json!({
            "metadata": {"namespace": &*key.namespace, "name": &*key.name, "uid": key.to_string(),
                "resourceVersion": self.version.to_string(), "generation": self.generation,
                "annotations": annotations},
            "spec": {"replicas": self.pods, "updateStrategy": {"type": strategy}, "template": {"metadata": {"annotations": marks},
                "spec": {"containers": [{"name": "app", "envFrom": from}]}}},
            "status": {"observedGeneration": self.observed, "updatedReplicas": self.updated,
                "replicas": self.pods + u32::from(self.surges), "readyReplicas": self.ready, "conditions": conditions},
        });
        read_workload(
            key.kind,
            json.to_string().as_bytes(),
            &Vocabulary::default(),
        )
        .unwrap()
    }
}

impl Town {
    /// Where so many are rolled at once, everything is on record, and nobody is due.
    pub(super) fn new(at_once: u32, houses: Vec<(WorkloadRef, House)>) -> Self {
        let mut town = Self {
            houses: houses.into_iter().collect(),
            sources: BTreeMap::new(),
            entries: BTreeMap::new(),
            trains: Trains::default(),
            now: START,
            defaults: Defaults {
                at_once: std::num::NonZeroU32::new(at_once),
                ..Defaults::default()
            },
            said: BTreeMap::new(),
            decisions: 0,
            rules: Rules {
                instance: "t".into(),
                ..Rules::default()
            },
            index: Index::default(),
            version: 1,
            due: BTreeSet::new(),
            later: BTreeMap::new(),
            past: BTreeMap::new(),
            former: BTreeMap::new(),
        };
        let uses: Vec<_> = town.houses.values().flat_map(|h| h.uses.clone()).collect();
        for used in uses {
            town.holds(&used, 1, "0");
        }
        for house in town.houses.values_mut() {
            let has = house.uses.iter().map(|used| (used.clone(), "0".to_owned()));
            house.has = has.collect();
            house.brought = house.has.clone();
        }
        for key in town.houses.keys().cloned().collect::<Vec<_>>() {
            town.remember(&key);
        }
        town.restart();
        town.settle(|_, _, _| true);
        town
    }

    /// What a source holds from now on.
    fn holds(&mut self, source: &SourceRef, version: u64, content: &str) {
        let past = self.past.entry(source.clone()).or_default();
        past.insert(version, content.to_owned());
        let held = (version, content.to_owned());
        self.sources.insert(source.clone(), held);
    }

    /// What a source held before, so many contents ago; what it holds where there were none.
    pub(super) fn held(&self, source: &SourceRef, ago: usize) -> String {
        let mut contents: Vec<_> = self.past[source].values().rev().collect();
        contents.dedup();
        contents[ago.min(contents.len() - 1)].clone()
    }

    fn remember(&mut self, key: &WorkloadRef) {
        let house = &self.houses[key];
        let read = house.read(key);
        let former = Former {
            uid: read.uid,
            version: read.version,
            whole: read.whole,
            alone: read.progress.alone,
        };
        let past = self.former.entry(key.clone()).or_default();
        past.insert(house.version, former);
    }

    /// Another leader, who knows nothing but what is on record.
    pub(super) fn restart(&mut self) {
        self.index = Index::new(self.defaults, streams());
        self.trains = Trains::default();
        self.later.clear();
        for stream in streams() {
            self.index.apply(Fact::ListBegan(stream));
        }
        for (key, house) in &self.houses {
            let read = Box::new(house.read(key));
            self.index.apply(Fact::Workload(read, How::Listed));
        }
        for (source, (version, _)) in &self.sources {
            self.index.apply(Fact::Source(meta(source, *version)));
        }
        for stream in streams() {
            self.index.apply(Fact::ListEnded(stream, self.version));
        }
        for (key, entry) in &self.entries {
            self.trains.resume(key, entry, self.now);
        }
        for source in self.index.all_in_turn() {
            let users = self.index.users(source);
            self.trains.expect(source, self.index.in_turn(&users));
        }
        self.due = self.houses.keys().cloned().collect();
    }

    pub(super) fn write(&mut self, source: &SourceRef, content: &str) {
        if self.sources[source].1 == content {
            return;
        }
        self.version += 1;
        self.holds(source, self.version, content);
        self.index.apply(Fact::Source(meta(source, self.version)));
        let users = self.index.users(source);
        self.trains.expect(source, self.index.in_turn(&users));
        self.due.extend(users);
    }

    /// Something of a workload is another, and its watch tells.
    pub(super) fn change(&mut self, key: &WorkloadRef, change: impl FnOnce(&mut House)) {
        self.version += 1;
        let house = self.houses.get_mut(key).unwrap();
        change(house);
        house.version = self.version;
        self.remember(key);
        let house = &self.houses[key];
        let read = Box::new(house.read(key));
        let concerned = self.index.apply(Fact::Workload(read, How::Event));
        self.due.extend(concerned.look);
    }

    /// Its own controller goes one step on with it.
    pub(super) fn step(&mut self, key: &WorkloadRef) {
        let sources = self.sources.clone();
        let now = |used: &SourceRef| (used.clone(), sources[used].1.clone());
        let house = &self.houses[key];
        if house.observed < house.generation {
            self.change(key, |house| {
                (house.observed, house.updated, house.late) = (house.generation, 0, false);
            });
        } else if house.updated < house.pods {
            self.change(key, |house| house.surges = true);
            self.change(key, |house| {
                house.surges = false;
                house.has = house.uses.iter().map(now).collect();
                let is_bad = house.fragile && house.has.values().any(|has| has.starts_with(BAD));
                (house.updated, house.ready) = (house.pods, house.pods - u32::from(is_bad));
            });
        }
    }

    /// A rollout that does not come through has missed its deadline, if its kind has one.
    pub(super) fn is_late(&mut self, key: &WorkloadRef) {
        if !self.houses[key].is_well() && key.kind.has_deadline() {
            self.change(key, |house| {
                house.late = house.observed == house.generation;
            });
        }
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        let now = self.now;
        let over = self.later.iter().filter(|(_, at)| **at <= now);
        let over: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        for key in over {
            self.later.remove(&key);
            self.due.insert(key);
        }
    }

    /// Decides until there is nothing to decide. Each act is carried out if `sees` says so,
    /// whom it is shown first; an intent that is not is written down.
    pub(super) fn settle(&mut self, mut sees: impl FnMut(&Self, &WorkloadRef, &Verdict) -> bool) {
        self.settle_until(|town, key, verdict| (sees(town, key, verdict), false));
    }

    /// The same; the second answer is whether the leader is gone after that.
    pub(super) fn settle_until(
        &mut self,
        mut sees: impl FnMut(&Self, &WorkloadRef, &Verdict) -> (bool, bool),
    ) {
        for _ in 0..10_000 {
            self.due.extend(self.trains.rouse());
            let Some(key) = self.due.pop_first() else {
                return;
            };
            let verdict = self.decide(&key);
            self.decisions += 1;
            let (carries_out, is_gone) = sees(self, &key, &verdict);
            self.carry_out(&key, &verdict, carries_out);
            self.said.insert(key, (verdict.reason, verdict.text));
            if is_gone {
                return;
            }
        }
        panic!("it never rests");
    }

    fn carry_out(&mut self, key: &WorkloadRef, verdict: &Verdict, patches: bool) {
        if let Some(again) = verdict.again {
            if again <= self.now {
                self.due.insert(key.clone());
            }
            self.later.insert(key.clone(), again);
        }
        match &verdict.act {
            Act::Record(entry) | Act::Note(entry) | Act::Roll(entry, _) => {
                let json = entry.write(crate::state::FORM);
                let stored = Entry::read(json.as_bytes()).unwrap();
                self.entries.insert(key.clone(), stored);
            }
            Act::Forget => drop(self.entries.remove(key)),
            _ => {}
        }
        if matches!(verdict.act, Act::Roll(..)) || verdict.reason == Reason::Withdrawn {
            self.is_brought(key);
        }
        self.note(key, verdict);
        if let (Act::Roll(entry, _) | Act::Resume(entry), true) = (&verdict.act, patches) {
            let now = self.now;
            self.change(key, |house| {
                (house.mark, house.since) = (Some(entry.n), now);
                house.generation += 1;
            });
            if let Some(entry) = self.entries.get_mut(key) {
                entry.done = true;
            }
            self.due.insert(key.clone());
        }
    }

    fn is_brought(&mut self, key: &WorkloadRef) {
        let sources = &self.sources;
        if let Some(house) = self.houses.get_mut(key) {
            let now = |used: &SourceRef| (used.clone(), sources[used].1.clone());
            house.brought = house.uses.iter().map(now).collect();
        }
    }

    fn note(&mut self, key: &WorkloadRef, verdict: &Verdict) {
        let known = self.index.get(key).unwrap();
        self.trains.note(&RiderNews {
            key,
            wave: known.policy.wave(),
            at_once: known.policy.at_once,
            entry: self.entries.get(key),
            boarding: verdict.boarding.as_ref(),
            progress: known.workload.progress,
            now: self.now,
        });
    }

    fn decide(&mut self, key: &WorkloadRef) -> Verdict {
        let (restless, mut evidence) = (Restless::new(self.now), Evidence::default());
        for _ in 0..20 {
            self.index.work_out(key);
            let moment = Moment {
                now: self.now,
                evidence: &evidence,
                trains: &self.trains,
                unled_since: None,
                seed: self.version,
                restless: &restless,
            };
            let entry = self.entries.get(key);
            let verdict = decide(key, &self.index, entry, moment, &self.rules).unwrap();
            match verdict.act {
                Act::Read(sources) => sources.iter().for_each(|source| self.read(source)),
                Act::Ask(questions) => {
                    for question in questions {
                        let found = self.find(key, &question);
                        evidence.add(question, found);
                    }
                }
                _ => return verdict,
            }
        }
        unreachable!("it never has enough");
    }

    fn find(&self, key: &WorkloadRef, question: &Question) -> Finding {
        match question {
            Question::Now(source) => Finding::Source(self.fetch(source)),
            Question::Source(source, version) => {
                let mut past = self.past[source].range(..=*version);
                let then = past.next_back();
                let then = then.map(|(version, content)| fetched(source, *version, content));
                Finding::Source(then.unwrap_or(Fetched::Absent))
            }
            Question::Workload(version) => {
                let mut past = self.former[key].range(..=*version);
                Finding::Workload(past.next_back().map(|(_, former)| former.clone()))
            }
            Question::Pods => Finding::Pods(PodsSince::At(self.houses[key].since, None)),
        }
    }

    fn read(&mut self, source: &SourceRef) {
        let told = self.index.source(source).unwrap().told;
        let fetched = self.fetch(source);
        self.index.apply(Fact::Read(source.clone(), told, fetched));
    }

    fn fetch(&self, source: &SourceRef) -> Fetched {
        let (version, content) = &self.sources[source];
        fetched(source, *version, content)
    }

    /// Whether its pods have something else than what is there.
    pub(super) fn is_stale(&self, key: &WorkloadRef) -> bool {
        let mut has = self.houses[key].has.iter();
        has.any(|(source, has)| *has != self.sources[source].1)
    }

    /// Whether nobody waits for it, as it was decided last: it is paused, or what is there is
    /// not brought to it.
    pub(super) fn is_left(&self, key: &WorkloadRef) -> bool {
        let said = self.said.get(key).map(|(reason, _)| *reason);
        matches!(said, Some(Reason::Paused | Reason::Declined))
    }

    /// The number under which it waits.
    pub(super) fn number(&self, key: &WorkloadRef) -> Option<String> {
        let entry = self.entries.get(key)?;
        Some(entry.number_of(entry.waits.as_deref()?).to_string())
    }

    pub(super) fn say(&mut self, key: &WorkloadRef, word: &str, what: &str) {
        let (word, what) = (format!("tidings.dev/{word}"), what.to_owned());
        self.change(key, |house| drop(house.annotations.insert(word, what)));
    }
}

fn fetched(source: &SourceRef, version: u64, content: &str) -> Fetched {
    // Of each another: who uses two has both.
    let key = source.name.clone();
    let digest = Digest::of_key(source, &key, content.as_bytes());
    let content = Content::new(version, [(key, digest)]);
    Fetched::Present(meta(source, version), content)
}

fn meta(source: &SourceRef, version: u64) -> SourceMeta {
    let meta = json!({"namespace": &*source.namespace, "name": &*source.name,
        "resourceVersion": version.to_string()});
    let meta: Meta = serde_json::from_value(meta).unwrap();
    meta.into_source(source.kind, &Vocabulary::default())
        .unwrap()
}
