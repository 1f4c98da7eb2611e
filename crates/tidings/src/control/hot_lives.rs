//! The controller and a Deployment whose pods have agents: any order of answers, any fault,
//! killed at any moment. In the end every pod has the content that is there, no template was
//! touched where the agents are well, and no pod was poked without a reason.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;
use tidings_core::digest::Digest;
use tidings_core::evidence::{Finding, PodsSince};
use tidings_core::index::{Content, How, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::ladder::{
    Acted, Agent, Answer as Said, LivePod, Mark, Outcome as Told, Pod, Wanted,
};
use tidings_core::method::{Method, Methods};
use tidings_core::object::{SourceFlags, SourceMeta, read_workload};
use tidings_core::refs::{SourceKind, WorkloadRef};
use tidings_core::state::{Entry, Number};
use tidings_core::vocabulary::Vocabulary;

use super::simulation::control_of;
use super::*;
use crate::records::memory::{Shard, Stored, Write};

const EPOCH: i64 = 1_000_000;
/// Content that every check refuses.
const BAD: u32 = 1_000;

/// A pod, and what its agent knows.
#[derive(Clone, Debug)]
struct Replica {
    mark: Option<Mark>,
    /// What its files hold.
    files: u32,
    /// How often it was poked, for its present number.
    pokes: usize,
    /// How often something was a reason to poke it once more.
    reasons: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Agents {
    #[default]
    Well,
    Silent,
}

/// One Deployment and its ConfigMap.
struct Town {
    control: Control,
    methods: &'static str,
    agents: Agents,
    now: u64,
    term: u64,
    version: u64,
    /// Version and content of the source.
    source: (u64, u32),
    workload: (u64, i64),
    /// What is written on the template.
    template: Option<String>,
    pods: BTreeMap<Name, Replica>,
    state: BTreeMap<Shard, Stored>,
    facts: Vec<Fact>,
    requests: Vec<Effect>,
    answers: Vec<Input>,
    tokens: u64,
    rollouts: usize,
    said: Vec<String>,
    faults: bool,
    dice: u64,
}

fn key() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "ns", "web")
}

fn source() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "web")
}

fn digest(content: u32) -> Digest {
    Digest::of_key(&source(), "site.conf", &content.to_le_bytes())
}

fn streams() -> Vec<Stream> {
    let of = [
        StreamOf::Workloads(&KINDS[0]),
        StreamOf::Sources(SourceKind::ConfigMap),
    ];
    let all = of.map(|of| Stream {
        of,
        namespace: None,
    });
    all.into()
}

fn gone() -> ApiError {
    ApiError::Unreachable("gone".to_owned())
}

impl Town {
    fn new(methods: &'static str, replicas: usize) -> Self {
        let replica = Replica {
            mark: None,
            files: 0,
            pokes: 0,
            reasons: 0,
        };
        let pods = (0..replicas).map(|i| (format!("p{i}").into(), replica.clone()));
        let mut town = Self {
            control: control_of(streams(), 20),
            methods,
            agents: Agents::Well,
            now: 0,
            term: 0,
            version: 10,
            source: (1, 0),
            workload: (2, 1),
            template: None,
            pods: pods.collect(),
            state: BTreeMap::new(),
            facts: Vec::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            tokens: 0,
            rollouts: 0,
            said: Vec::new(),
            faults: false,
            dice: 1,
        };
        town.start();
        town.calm();
        town
    }

    fn below(&mut self, n: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % n as u64).unwrap()
    }

    /// A new process.
    fn start(&mut self) {
        self.term += 1;
        self.control = control_of(streams(), 20);
        self.control.ground.rules.enabled = Methods::all();
        (self.requests, self.answers, self.facts) = (Vec::new(), Vec::new(), Vec::new());
        // A reason of an earlier term may not have been heard.
        self.pods.values_mut().for_each(|pod| pod.reasons += 1);
        for (stream, fact) in streams().into_iter().zip([self.workload(), self.meta()]) {
            self.control
                .take(self.now, Input::Fact(Fact::ListBegan(stream.clone())));
            self.control.take(self.now, Input::Fact(fact));
            let end = Fact::ListEnded(stream, self.version);
            self.control.take(self.now, Input::Fact(end));
        }
        let leading = NewTerm {
            number: self.term,
            state: self.state.clone().into_iter().collect(),
            remaking: Vec::new(),
            unled_since: (self.term > 1).then_some(EPOCH),
        };
        self.control.take(self.now, Input::Leading(leading));
    }

    fn change(&mut self, content: u32) {
        self.version += 1;
        self.source = (self.version, content);
        self.facts.push(self.meta());
    }

    fn meta_of(&self) -> SourceMeta {
        SourceMeta {
            key: source(),
            version: self.source.0,
            marks: Some(SourceFlags::default()),
            written: Some(if self.source.1 == 0 {
                EPOCH - 100
            } else {
                EPOCH
            }),
            problem: None,
            rewritten: false,
            only_data: false,
            by: None,
        }
    }

    fn meta(&self) -> Fact {
        Fact::Source(self.meta_of())
    }

    fn workload(&self) -> Fact {
        let poke = json!({"name": "poke", "mountPath": "/poke"});
        let web = json!({"name": "web", "mountPath": "/etc/web"});
        let field = json!({"fieldPath": "metadata.annotations['tidings.dev/poke']"});
        let count = self.pods.len();
        let object = json!({
            "metadata": {"namespace": "ns", "name": "web", "uid": "u", "generation": self.workload.1,
                "resourceVersion": self.workload.0.to_string(),
                "creationTimestamp": "1970-01-12T13:46:39Z",
                "annotations": {"tidings.dev/reload": "auto", "tidings.dev/method": self.methods,
                    "tidings.dev/agent": "9533"}},
            "spec": {"replicas": count, "template": {
                "metadata": {"annotations": {"tidings.dev/config": self.template}},
                "spec": {
                    "containers": [{"name": "web", "volumeMounts": [web, poke]}],
                    "volumes": [
                        {"name": "web", "configMap": {"name": "web"}},
                        {"name": "poke", "downwardAPI": {"items": [{"path": "poke", "fieldRef": field}]}}]}}},
            "status": {"observedGeneration": self.workload.1, "updatedReplicas": count,
                "replicas": count, "readyReplicas": count},
        });
        let json = object.to_string();
        let mut vocabulary = Vocabulary::default();
        vocabulary.sees_pods = true;
        let read = read_workload(&KINDS[0], json.as_bytes(), &vocabulary);
        Fact::Workload(Box::new(read.unwrap()), How::Event)
    }

    // --- what the world answers --------------------------------------------------

    fn serve(&mut self, request: Effect) -> Option<Input> {
        let fails = self.faults && self.below(6) == 0;
        let lost = self.faults && self.below(8) == 0;
        let of_term = |answer| Some(Input::Answer(self.term, answer));
        match request {
            Effect::Fetch(key, told, _) => {
                let content =
                    Content::new(self.source.0, [("site.conf".into(), digest(self.source.1))]);
                let fetched = Fetched::Present(self.meta_of(), content);
                Some(Input::Fetched(
                    key,
                    told,
                    if fails { Err(gone()) } else { Ok(fetched) },
                ))
            }
            Effect::Ask(key, questions) => {
                let finding = || Finding::Pods(PodsSince::At(EPOCH - 1, None));
                let found = questions
                    .into_iter()
                    .map(|question| match question.version() {
                        None => (question, finding()),
                        Some(_) => (question, Finding::Forgotten),
                    });
                of_term(Answer::Found(key, Ok(found.collect())))
            }
            Effect::Write(write) => {
                let result = if fails {
                    Err(gone())
                } else {
                    self.write(&write)
                };
                let result = if lost { Err(gone()) } else { result };
                Some(Input::Answer(self.term, Answer::Wrote(write, result)))
            }
            Effect::ReadState(shard, _) => {
                let stored = self.state.get(&shard).cloned();
                of_term(Answer::StateRead(shard, Ok(stored)))
            }
            Effect::Patch(patch) => {
                let result = if fails {
                    Err(gone())
                } else {
                    self.patch(&patch)
                };
                let result = result.map_err(RollError::Api);
                Some(Input::Answer(self.term, Answer::Patched(patch, result)))
            }
            Effect::Return(key, _) => {
                let Fact::Workload(workload, _) = self.workload() else {
                    return None;
                };
                Some(Input::Returned(key, Ok(Some(workload))))
            }
            Effect::Pods(errand) => {
                let PodErrand { climber, task } = *errand;
                let answer = self.visit(task, fails, lost);
                Some(Input::Answer(self.term, Answer::Pods(climber, answer)))
            }
            _ => None,
        }
    }

    fn visit(&mut self, task: PodTask, fails: bool, lost: bool) -> PodAnswer {
        match task {
            PodTask::List(roster) if fails => PodAnswer::Listed(roster, Err(gone())),
            PodTask::List(roster) => PodAnswer::Listed(roster, Ok(self.live())),
            PodTask::Poke(poking) if fails => {
                self.note_reason(&poking.uid);
                PodAnswer::Poked(poking.uid, Err(gone()))
            }
            PodTask::Poke(poking) => {
                let acted = self.poke(&poking.uid, poking.number);
                if lost {
                    self.note_reason(&poking.uid);
                }
                PodAnswer::Poked(poking.uid, if lost { Err(gone()) } else { Ok(acted) })
            }
            PodTask::Ask {
                uid, token, agents, ..
            } => {
                let said = if fails {
                    Said::Silent
                } else {
                    self.ask(&uid, &token, &agents)
                };
                PodAnswer::Asked(uid, said)
            }
        }
    }

    fn note_reason(&mut self, uid: &Name) {
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.reasons += 1;
        }
    }

    fn live(&self) -> Vec<LivePod> {
        let live = |(uid, replica): (&Name, &Replica)| LivePod {
            pod: Pod {
                uid: uid.clone(),
                name: uid.clone(),
                mark: replica.mark.clone(),
                ready: true,
                started: true,
                node_ready: true,
                deaths: 0,
            },
            maker: None,
            node: None,
            address: "10.0.0.1".parse().ok(),
        };
        self.pods.iter().map(live).collect()
    }

    fn poke(&mut self, uid: &Name, number: Number) -> Acted {
        self.tokens += 1;
        let token: Name = format!("t{}", self.tokens).into();
        let files = self.source.1;
        let Some(pod) = self.pods.get_mut(uid) else {
            return Acted::Gone;
        };
        if pod.mark.as_ref().is_none_or(|mark| mark.number != number) {
            (pod.pokes, pod.reasons) = (0, 0);
        }
        pod.pokes += 1;
        assert!(
            pod.pokes <= 1 + pod.reasons,
            "{uid} is poked for nothing: {pod:?}"
        );
        pod.files = files;
        let mark = token.clone();
        pod.mark = Some(Mark {
            number,
            token: mark,
        });
        Acted::Done { token, deaths: 0 }
    }

    fn ask(&mut self, uid: &Name, token: &Name, agents: &[Agent]) -> Said {
        let silent = self.agents == Agents::Silent;
        let Some(pod) = self.pods.get_mut(uid).filter(|_| !silent) else {
            return Said::Silent;
        };
        if pod.mark.as_ref().is_none_or(|mark| mark.token != *token) {
            pod.reasons += 1;
            return Said::NoToken;
        }
        let [agent] = agents else {
            panic!("{agents:?}");
        };
        let [file] = &*agent.questions else {
            panic!("{agent:?}");
        };
        assert_eq!(file.path, "/etc/web/site.conf");
        if file.wanted != Wanted::Digest(digest(pod.files)) {
            pod.reasons += 1;
            return Said::Other;
        }
        let outcome = if pod.files >= BAD {
            Told::Rejected
        } else {
            Told::Applied
        };
        Said::Holds {
            outcome,
            restarts: false,
            text: "line 3".to_owned(),
        }
    }

    fn write(&mut self, write: &Write) -> Result<String, ApiError> {
        let before = self
            .state
            .get(&write.shard)
            .map(|stored| stored.version.clone());
        if before != write.version {
            return Err(ApiError::Conflict);
        }
        self.version += 1;
        let stored = self.state.entry(write.shard.clone()).or_default();
        stored.version = self.version.to_string();
        for (key, json) in &write.changes {
            match json {
                Some(json) => stored.data.insert(key.clone(), json.clone().into_bytes()),
                None => stored.data.remove(key),
            };
        }
        Ok(stored.version.clone())
    }

    /// All pods are replaced at once.
    fn patch(&mut self, patch: &Patch) -> Result<Outcome, ApiError> {
        if self.workload.0 != patch.version {
            return Err(ApiError::Conflict);
        }
        self.version += 1;
        self.workload = (self.version, self.workload.1 + 1);
        self.template = Some(format!("tidings/{}", patch.roll.n));
        self.rollouts += 1;
        let (files, rollouts) = (self.source.1, self.rollouts);
        let pods = (0..self.pods.len()).map(|i| {
            let replica = Replica {
                mark: None,
                files,
                pokes: 0,
                reasons: 0,
            };
            (format!("r{rollouts}-{i}").into(), replica)
        });
        self.pods = pods.collect();
        self.facts.push(self.workload());
        Ok(Outcome::Done)
    }

    // --- time --------------------------------------------------------------------

    fn turn(&mut self) {
        for effect in self.control.turn(self.now) {
            match effect {
                Effect::Say(notice) => self.said.push(said(&notice)),
                request => self.requests.push(request),
            }
        }
    }

    fn step(&mut self) {
        match self.below(10) {
            0 => self.now += 5 + self.below(50) as u64,
            1..=3 if !self.facts.is_empty() => {
                let fact = self.facts.remove(0);
                self.control.take(self.now, Input::Fact(fact));
            }
            4..=6 if !self.requests.is_empty() => {
                let at = self.below(self.requests.len());
                let request = self.requests.swap_remove(at);
                let answer = self.serve(request);
                self.answers.extend(answer);
            }
            7..=9 if !self.answers.is_empty() => {
                let at = self.below(self.answers.len());
                let answer = self.answers.swap_remove(at);
                self.control.take(self.now, answer);
            }
            _ => {}
        }
        self.turn();
    }

    fn is_quiet(&self) -> bool {
        self.requests.is_empty() && self.answers.is_empty() && self.facts.is_empty()
    }

    /// Lets all that is under way come to its end.
    fn calm(&mut self) {
        self.faults = false;
        self.turn();
        for _ in 0..50_000 {
            self.step();
            if self.is_quiet() {
                match self.control.next() {
                    Some(next) => self.now = self.now.max(next),
                    None => return,
                }
            }
        }
        panic!("it never came to rest: {:?}", self.said);
    }

    fn entry(&self) -> &Entry {
        let leading = self.control.leading.as_ref().unwrap();
        leading.store.get(&key()).unwrap()
    }

    fn files(&self) -> Vec<u32> {
        self.pods.values().map(|pod| pod.files).collect()
    }
}

fn said(notice: &Notice) -> String {
    match &notice.kind {
        NoticeKind::Climbed(_, method, result, _) => format!("{method}: {}", result.word()),
        NoticeKind::Rolled(..) => "rolled".to_owned(),
        _ => notice.reason.to_string(),
    }
}

fn live(seed: u64, methods: &'static str) {
    let mut town = Town::new(methods, 3);
    town.dice = seed | 1;
    town.faults = true;
    for content in 1..400 {
        match town.below(40) {
            0 => town.change(content),
            1 => town.start(),
            _ => {}
        }
        town.step();
    }
    town.calm();
    let told = format!("{:?} {:?}", town.entry(), town.said);
    assert!(town.entry().done, "{told}");
    let is_there = |files: &u32| *files == town.source.1;
    assert!(
        town.files().iter().all(is_there),
        "{:?} {told}",
        town.files()
    );
    assert_eq!(town.rollouts, 0, "{told}");
    assert!(town.control.is_drained());
}

proptest! {
    // The same lives each time; PROPTEST_RNG_SEED plays others.
    #![proptest_config(ProptestConfig {
        cases: 200,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_no_pod_poked_for_nothing(seed: u64) {
        live(seed, "hot, rollout");
    }
}

#[test]
fn a_change_is_in_every_running_process_and_the_template_as_it_was() {
    let mut town = Town::new("hot, rollout", 5);
    town.change(1);
    town.calm();
    assert_eq!(town.files(), [1; 5], "{:?} {:?}", town.said, town.entry());
    assert_eq!(town.rollouts, 0);
    assert!(town.pods.values().all(|pod| pod.pokes == 1));
    assert!(
        town.said.contains(&"hot: proven".to_owned()),
        "{:?}",
        town.said
    );
    assert_eq!((town.entry().n, town.entry().done), (1, true));
}

#[test]
fn what_a_check_refuses_goes_no_further_until_there_is_other_content() {
    let mut town = Town::new("hot, rollout", 3);
    town.change(BAD);
    town.calm();
    // The canary alone.
    assert_eq!(
        town.files().iter().filter(|files| **files == BAD).count(),
        1
    );
    assert!(
        town.said.contains(&"Rejected".to_owned()),
        "{:?}",
        town.said
    );
    // Another leader leaves it so.
    town.start();
    town.calm();
    assert_eq!(
        town.files().iter().filter(|files| **files == BAD).count(),
        1
    );
    assert_eq!(town.rollouts, 0);
    town.change(2);
    town.calm();
    assert_eq!(town.files(), [2; 3]);
    assert!(town.entry().done);
}

#[test]
fn where_agents_are_silent_the_next_method_follows_if_it_is_listed() {
    for (methods, rollouts, word) in [("hot, rollout", 1, "rolled"), ("hot", 0, "NotTaken")] {
        let mut town = Town::new(methods, 2);
        town.agents = Agents::Silent;
        town.change(1);
        town.calm();
        assert_eq!(town.rollouts, rollouts, "{methods}");
        assert!(
            town.said.contains(&"hot: not_taken".to_owned()),
            "{:?}",
            town.said
        );
        assert!(town.said.contains(&word.to_owned()), "{:?}", town.said);
        assert!(town.now >= 120_000);
    }
}

/// Nobody waits for a ladder, and what becomes of its requests means nothing.
#[test]
fn the_end_of_the_program_does_not_wait_for_pods() {
    let mut town = Town::new("hot, rollout", 3);
    town.agents = Agents::Silent;
    town.change(1);
    for _ in 0..5_000 {
        if town.pods.values().any(|pod| pod.pokes > 0) {
            break;
        }
        town.step();
        if town.is_quiet() {
            town.now = town.control.next().unwrap_or(town.now);
        }
    }
    assert!(
        town.pods.values().any(|pod| pod.pokes > 0),
        "{:?}",
        town.said
    );
    town.control.drain();
    town.turn();
    assert!(town.control.is_drained());
    town.requests.clear();
    for _ in 0..100 {
        town.now += 1_000;
        town.step();
    }
    assert!(town.requests.is_empty(), "{:?}", town.requests);
}

#[test]
fn a_desk_at_rest_is_as_small_as_it_was() {
    assert!(size_of::<super::desk::UnderWay>() <= 24);
    assert_eq!(Method::Hot.row().at_once, Some(10));
}
