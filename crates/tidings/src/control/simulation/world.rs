//! What an API server keeps, in miniature: objects with versions, of which a write
//! names the one that it replaces, and the records. Chance is a number.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use tidings_core::annotations::RESTARTED_AT;
use tidings_core::digest::Digest;
use tidings_core::evidence::{Finding, Former, PodsSince, Question};
use tidings_core::index::{Content, Fact, Fetched, How, StreamOf};
use tidings_core::kinds::{KINDS, Kind, Renewal};
use tidings_core::object::{SourceFlags, SourceMeta, Workload, read_workload};
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};
use tidings_core::state::entry_key;
use tidings_core::vocabulary::Vocabulary;

use super::super::{Action, Outcome, Patch};
use super::streams;
use crate::api::ApiError;
use crate::records::memory::{Shard, Stored, Write};

/// When the life begins; it takes seconds, so all happens about then.
pub(super) const EPOCH: i64 = 1_000_000;
/// When all workloads were made: before everything was written.
const CREATED: i64 = EPOCH - 1;
pub(super) const SOURCES: usize = 3;
pub(super) const WORKLOADS: usize = 4;
/// The one that is a Job.
pub(super) const JOB: usize = 3;
/// The one that an operator has made.
pub(super) const OWNED: usize = 1;
/// Those from whose templates an operator takes what Tidings writes there.
pub(super) const KEPT: [usize; 2] = [OWNED, 2];

/// A deterministic choice of what happens next.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, n: usize) -> usize {
        // xorshift64: any non-zero seed gives a long sequence.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub(super) struct Pods {
    pub(super) version: u64,
    pub(super) generation: i64,
    pub(super) mark: Option<String>,
    pub(super) restarted: Option<String>,
    /// How often its owner edited the template.
    pub(super) edits: usize,
    /// How often it was deleted and made again, by its owner.
    pub(super) lives: usize,
    /// How often we made it again.
    pub(super) remade: usize,
    /// Whether it is deleted, and not yet made again.
    pub(super) gone: bool,
    /// The last edit of its template hangs: what is to be there again when it is
    /// taken back. Its old pods run all the while.
    pub(super) hangs: Option<Box<Before>>,
    /// How often an edit was taken back.
    pub(super) undone: usize,
    /// Whether its pod is being made anew, and so not ready.
    pub(super) starting: bool,
    /// Whether its owner wants it rolled.
    pub(super) opted_in: bool,
    /// Whether it had another content than was there, since it was last made or rolled.
    pub(super) was_stale: bool,
    /// Whether an edit hung since then: who did not see it cannot know that a later one
    /// does not bring back a template with its old pods.
    pub(super) hung: bool,
    /// What its pods have of each source.
    pub(super) content: Vec<u32>,
    /// That of each roll.
    pub(super) rolls: Vec<Vec<u32>>,
}

/// A template, and what its pods have.
#[derive(Clone, Debug)]
pub(super) struct Before {
    mark: Option<String>,
    restarted: Option<String>,
    edits: usize,
    content: Vec<u32>,
}

/// Sources and workloads at a version.
type Then = (Vec<(u64, u32)>, Vec<Pods>);

#[derive(Default)]
pub(super) struct World {
    pub(super) version: u64,
    /// Version and content of each source.
    pub(super) sources: Vec<(u64, u32)>,
    /// How often each had other content.
    pub(super) changes: Vec<usize>,
    pub(super) workloads: Vec<Pods>,
    pub(super) state: BTreeMap<Shard, Stored>,
    /// How many edits there were.
    edits: usize,
    /// What was there after each version: sources and workloads.
    history: BTreeMap<u64, Then>,
    /// A Job that is deleted to be made again, as it is written down.
    pub(super) kept: Option<Patch>,
    /// What is refused of the records.
    pub(super) refuses: Refuses,
    /// Writes of the records that came, also those that were refused.
    pub(super) asked: usize,
}

/// What an API server refuses of the records.
#[derive(Default)]
pub(super) enum Refuses {
    #[default]
    Nothing,
    /// This workload's.
    Of(usize),
    /// The objects that are there, as those that are immutable.
    Changes,
    /// All, with this status.
    All(u16),
}

/// Each workload uses its own choice of sources.
pub(super) fn uses(workload: usize) -> Vec<usize> {
    (0..SOURCES)
        .filter(|source| (workload + 1) & (1 << source) != 0)
        .collect()
}

pub(super) fn source(i: usize) -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", format!("c{i}"))
}

pub(super) fn kind(i: usize) -> &'static Kind {
    let job = Kind::of_renewal(Renewal::Recreate).unwrap();
    if i == JOB { job } else { &KINDS[0] }
}

pub(super) fn workload(i: usize) -> WorkloadRef {
    WorkloadRef::new(kind(i), "ns", format!("w{i}"))
}

pub(super) fn number(name: &str) -> usize {
    name[1..].parse().unwrap()
}

impl Pods {
    pub(super) fn new(version: u64, content: Vec<u32>) -> Self {
        Self {
            version,
            generation: 1,
            mark: None,
            restarted: None,
            edits: 0,
            lives: 0,
            remade: 0,
            gone: false,
            hangs: None,
            undone: 0,
            starting: false,
            opted_in: true,
            was_stale: false,
            hung: false,
            content,
            rolls: Vec::new(),
        }
    }

    pub(super) fn uid(&self, i: usize) -> String {
        format!("u{i}-{}-{}", self.lives, self.remade)
    }
}

/// Whether a record is still the one that a write replaces.
pub(super) fn stands(state: &BTreeMap<Shard, Stored>, write: &Write) -> Result<(), ApiError> {
    let before = state.get(&write.shard).map(|stored| &stored.version);
    (before == write.version.as_ref())
        .then_some(())
        .ok_or(ApiError::Conflict)
}

/// Writes a record under this version, and tells that; none if it is deleted.
pub(super) fn store(state: &mut BTreeMap<Shard, Stored>, version: u64, write: &Write) -> String {
    if write.deletes {
        state.remove(&write.shard);
        return String::new();
    }
    let stored = state.entry(write.shard.clone()).or_default();
    stored.version = version.to_string();
    for (key, json) in &write.changes {
        match json {
            Some(json) => stored.data.insert(key.clone(), json.clone().into_bytes()),
            None => stored.data.remove(key),
        };
    }
    stored.version.clone()
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            changes: vec![0; SOURCES],
            ..Self::default()
        };
        for _ in 0..SOURCES {
            world.version += 1;
            world.sources.push((world.version, 0));
        }
        for i in 0..WORKLOADS {
            world.version += 1;
            let content = uses(i).iter().map(|_| 0).collect();
            let pods = Pods::new(world.version, content);
            world.workloads.push(pods);
        }
        world.remember();
        world
    }

    pub(super) fn content_of(&self, workload: usize) -> Vec<u32> {
        uses(workload)
            .iter()
            .map(|source| self.sources[*source].1)
            .collect()
    }

    pub(super) fn change(&mut self, source: usize, content: u32) {
        self.version += 1;
        let before = std::mem::replace(&mut self.sources[source], (self.version, content));
        self.changes[source] += usize::from(before.1 != content);
        for i in 0..WORKLOADS {
            self.look(i);
        }
        self.remember();
    }

    /// Notes whether a workload is stale.
    fn look(&mut self, i: usize) {
        let there = self.content_of(i);
        let pods = &mut self.workloads[i];
        pods.hung |= pods.hangs.is_some();
        pods.was_stale |= pods.content != there || pods.hung || pods.starting;
    }

    /// The pod of a workload is deleted, or the one that follows it is there: it has
    /// what is there at one of these moments.
    pub(super) fn make_anew(&mut self, i: usize, reads: bool) -> bool {
        if self.workloads[i].hangs.is_some() || kind(i).ends() {
            return false;
        }
        self.version += 1;
        let content = self.content_of(i);
        let pods = &mut self.workloads[i];
        pods.version = self.version;
        pods.starting = !pods.starting;
        if pods.starting || reads {
            pods.content = content;
        }
        self.look(i);
        true
    }

    /// Somebody wants it rolled, or does not any more.
    pub(super) fn opt(&mut self, i: usize) {
        self.version += 1;
        let pods = &mut self.workloads[i];
        (pods.version, pods.opted_in) = (self.version, !pods.opted_in);
    }

    /// Its owner edits the template: new pods, with what is there now. While the
    /// edit hangs the old ones stay.
    pub(super) fn edit(&mut self, i: usize, hangs: bool) {
        self.version += 1;
        self.edits += 1;
        let (version, edits, content) = (self.version, self.edits, self.content_of(i));
        let pods = &mut self.workloads[i];
        let before = Before {
            mark: pods.mark.clone(),
            restarted: pods.restarted.clone(),
            edits: pods.edits,
            content: std::mem::replace(&mut pods.content, content),
        };
        (pods.version, pods.edits) = (version, edits);
        pods.generation += 1;
        pods.was_stale = false;
        let hanging = pods.hangs.take().or(Some(Box::new(before)));
        pods.hangs = hanging.filter(|_| hangs);
        pods.starting = false;
        self.look(i);
    }

    /// An edit that hangs is taken back, or is through.
    pub(super) fn end(&mut self, i: usize, back: bool) -> bool {
        let Some(before) = self.workloads[i].hangs.take() else {
            return false;
        };
        self.version += 1;
        let pods = &mut self.workloads[i];
        pods.version = self.version;
        if back {
            pods.generation += 1;
            pods.undone += 1;
            (pods.mark, pods.restarted) = (before.mark, before.restarted);
            (pods.edits, pods.content) = (before.edits, before.content);
        }
        self.look(i);
        true
    }

    /// Keeps what is there now.
    pub(super) fn remember(&mut self) {
        let now = (self.sources.clone(), self.workloads.clone());
        self.history.insert(self.version, now);
    }

    /// What was, as an API server tells it.
    pub(super) fn find(&self, of: &WorkloadRef, question: &Question) -> Finding {
        if let Question::Now(source) = question {
            return Finding::Source(fetched(source, &self.sources));
        }
        let Some(version) = question.version() else {
            return Finding::Pods(PodsSince::At(CREATED, None));
        };
        let then = self.history.range(..=version).next_back();
        let Some((_, (sources, workloads))) = then else {
            return Finding::Forgotten;
        };
        match question {
            Question::Source(key, _) => Finding::Source(fetched(key, sources)),
            _ => former(number(&of.name), workloads),
        }
    }

    pub(super) fn source_fact(&self, i: usize) -> Fact {
        Fact::Source(self.meta(i))
    }

    pub(super) fn meta(&self, i: usize) -> SourceMeta {
        meta(i, &self.sources)
    }

    pub(super) fn workload_fact(&self, i: usize, how: How) -> Fact {
        Fact::Workload(Box::new(read(i, &self.workloads[i])), how)
    }

    /// Whether there is a record of a workload, or of one that had its name.
    pub(super) fn has_record(&self, i: usize) -> bool {
        let key = entry_key(&workload(i));
        let mut objects = self.state.values();
        objects.any(|object| object.data.contains_key(&key))
    }

    /// A workload, as a GET finds it.
    pub(super) fn look_for(&self, key: &WorkloadRef) -> Option<Box<Workload>> {
        let i = number(&key.name);
        let pods = &self.workloads[i];
        (!pods.gone).then(|| Box::new(read(i, pods)))
    }

    /// Everything, as the lists at a start show it, but for one workload.
    pub(super) fn lists(&self, hidden: Option<usize>) -> Vec<Fact> {
        let mut facts = Vec::new();
        for stream in streams() {
            facts.push(Fact::ListBegan(stream.clone()));
            match stream.of {
                StreamOf::Workloads(of) => {
                    let listed = (0..WORKLOADS).filter(|i| kind(*i) == of);
                    let listed = listed.filter(|i| !self.workloads[*i].gone && hidden != Some(*i));
                    facts.extend(listed.map(|i| self.workload_fact(i, How::Listed)));
                }
                _ => facts.extend((0..SOURCES).map(|i| self.source_fact(i))),
            }
            facts.push(Fact::ListEnded(stream, self.version));
        }
        facts
    }

    /// An operator puts its templates back, whose pods are made anew with what is
    /// there. Returns which were another.
    pub(super) fn operate(&mut self) -> Vec<usize> {
        let ours = |mark: &String| mark.starts_with("tidings/");
        let mut kept = KEPT.to_vec();
        kept.retain(|i| self.workloads[*i].mark.as_ref().is_some_and(ours));
        for i in &kept {
            self.version += 1;
            let content = self.content_of(*i);
            let pods = &mut self.workloads[*i];
            (pods.version, pods.mark) = (self.version, None);
            pods.content = content;
            pods.generation += 1;
            // Who did not see it before it was gone rolls it once more.
            pods.was_stale = true;
            self.remember();
        }
        kept
    }

    pub(super) fn fetch(&self, key: &SourceRef) -> Fetched {
        fetched(key, &self.sources)
    }

    fn refusal(&self, write: &Write) -> Option<ApiError> {
        let invalid = |code, said: &str| Some(ApiError::Invalid(code, said.to_owned()));
        match self.refuses {
            Refuses::Of(i) => match write.changes.get(&entry_key(&workload(i))) {
                Some(Some(_)) => invalid(422, "Too long"),
                _ => None,
            },
            Refuses::Changes if write.version.is_some() => {
                invalid(422, "field is immutable when `immutable` is set")
            }
            Refuses::All(code) => invalid(code, "denied the request"),
            Refuses::Nothing | Refuses::Changes => None,
        }
    }

    pub(super) fn write(&mut self, write: &Write) -> Result<String, ApiError> {
        self.asked += 1;
        stands(&self.state, write)?;
        if let Some(error) = self.refusal(write) {
            return Err(error);
        }
        self.version += 1;
        Ok(store(&mut self.state, self.version, write))
    }

    pub(super) fn patch(&mut self, patch: &Patch) -> Result<Outcome, ApiError> {
        let i = number(&patch.roll.key.name);
        if self.workloads[i].version != patch.version {
            return Err(ApiError::Conflict);
        }
        self.version += 1;
        let content = self.content_of(i);
        let pods = &mut self.workloads[i];
        pods.version = self.version;
        pods.generation += 1;
        match &patch.action {
            Action::Template {
                restart: Some(time),
                ..
            } => pods.restarted = Some(time.to_string()),
            _ => pods.mark = Some(format!("tidings/{}", patch.roll.n)),
        }
        assert!(pods.was_stale, "w{i} is rolled for nothing");
        (pods.was_stale, pods.hung, pods.starting) = (false, false, false);
        pods.content.clone_from(&content);
        pods.rolls.push(content);
        self.look(i);
        Ok(Outcome::Done)
    }
}

fn meta(i: usize, sources: &[(u64, u32)]) -> SourceMeta {
    SourceMeta {
        key: source(i),
        version: sources[i].0,
        marks: Some(SourceFlags::default()),
        written: Some(EPOCH),
        problem: None,
        rewritten: false,
        only_data: false,
        by: None,
    }
}

fn fetched(key: &SourceRef, sources: &[(u64, u32)]) -> Fetched {
    let i = number(&key.name);
    // One name in two sources would be one variable.
    let name = format!("k{i}");
    let digest = Digest::of_key(key, &name, &sources[i].1.to_le_bytes());
    let content = Content::new(sources[i].0, [(name.into(), digest)]);
    Fetched::Present(meta(i, sources), content)
}

fn read(i: usize, pods: &Pods) -> Workload {
    let env_from: Vec<_> = uses(i)
        .iter()
        .map(|s| json!({"configMapRef": {"name": format!("c{s}")}}))
        .collect();
    let annotations = json!({"tidings.dev/config": pods.mark, RESTARTED_AT: pods.restarted});
    let all = 1 + u32::from(pods.hangs.is_some());
    let ready = 1 - u32::from(pods.starting);
    let told = json!({"observedGeneration": pods.generation, "updatedReplicas": 1,
        "replicas": all, "readyReplicas": ready});
    let status = if kind(i).ends() {
        json!({"active": 1, "ready": 1})
    } else {
        told
    };
    let object = json!({
        "metadata": {"namespace": "ns", "name": format!("w{i}"), "uid": pods.uid(i),
            "resourceVersion": pods.version.to_string(), "generation": pods.generation,
            "creationTimestamp": Timestamp::from_second(CREATED).unwrap().to_string(),
            "ownerReferences": [{"controller": i == OWNED, "uid": "o"}],
            "annotations": {"tidings.dev/reload": if pods.opted_in { "auto" } else { "off" }}},
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": annotations},
            "spec": {"containers": [{"image": format!("app:{}", pods.edits), "envFrom": env_from}]}}},
        "status": status,
    });
    read_workload(
        kind(i),
        object.to_string().as_bytes(),
        &Vocabulary::default(),
    )
    .unwrap()
}

fn former(i: usize, workloads: &[Pods]) -> Finding {
    let there = workloads.get(i).filter(|pods| !pods.gone);
    Finding::Workload(there.map(|pods| {
        let then = read(i, pods);
        Former {
            uid: then.uid,
            version: then.version,
            whole: then.whole,
            alone: then.progress.alone,
        }
    }))
}
