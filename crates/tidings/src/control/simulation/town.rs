//! A Deployment whose pods have agents, and the API server between them and the controller:
//! answers come in any order, requests fail, answers are lost.

use std::collections::BTreeMap;

use serde_json::json;
use tidings_core::digest::Digest;
use tidings_core::evidence::{Finding, PodsSince, Question};
use tidings_core::index::{Content, How, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::ladder::{
    Acted, Agent, AgentAnswer, AgentQuestion, LivePod, PokeMark, SeenPod, Taken, Wanted,
};
use tidings_core::method::Methods;
use tidings_core::object::{SourceFlags, SourceMeta, read_workload};
use tidings_core::refs::{SourceKind, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::state::{Entry, Number};
use tidings_core::vocabulary::Vocabulary;

use super::control_of;
use super::world::{stands, store};
use crate::control::*;
use crate::fetch::{Roster, Whereabouts};
use crate::records::memory::{Shard, Stored, Write};

const EPOCH: i64 = 1_000_000;
/// Content that every check refuses.
pub(super) const BAD: u32 = 1_000;
/// Who refused is asked again for ever; where that is so seldom, nothing else happens.
const SELDOM: Millis = 240_000;

/// A pod, and what its agent knows.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    mark: Option<PokeMark>,
    /// What its files hold.
    files: u32,
    /// How often it was poked, for its present number.
    pub(super) pokes: usize,
    /// How often something was a reason to poke it once more.
    reasons: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Agents {
    #[default]
    Well,
    Silent,
}

/// One Deployment and its ConfigMap.
pub(super) struct Town {
    pub(super) control: Control,
    methods: &'static str,
    pub(super) agents: Agents,
    pub(super) now: u64,
    term: u64,
    version: u64,
    /// Version and content of the source.
    pub(super) source: (u64, u32),
    workload: (u64, i64),
    /// What is written on the template.
    template: Option<String>,
    pub(super) pods: BTreeMap<Name, Replica>,
    state: BTreeMap<Shard, Stored>,
    facts: Vec<Fact>,
    pub(super) requests: Vec<Effect>,
    answers: Vec<Input>,
    tokens: u64,
    pub(super) rollouts: usize,
    /// How often it was asked where its pods are.
    pub(super) selectors: usize,
    pub(super) said: Vec<String>,
    pub(super) faults: bool,
    pub(super) dice: u64,
}

fn key() -> WorkloadRef {
    WorkloadRef::new(&KINDS[0], "ns", "web")
}

fn source() -> SourceRef {
    SourceRef::new(SourceKind::ConfigMap, "ns", "web")
}

/// Whether two contents are the same in all keys.
pub(super) fn are_alike(some: u32, other: u32) -> bool {
    keys_of(some) == keys_of(other)
}

/// The keys of a content: they come and go, and now and then there is none.
fn keys_of(content: u32) -> BTreeMap<Name, Digest> {
    let digest = |key: &str, value: u32| Digest::of_key(&source(), key, &value.to_le_bytes());
    let has = |key: &str| match key {
        "site.conf" => content % 8 != 6,
        "one.conf" => content % 2 == 1,
        _ => content % 4 == 1,
    };
    let value = |key: &str| if key == "site.conf" { content } else { 0 };
    let keys = ["site.conf", "one.conf", "two.conf"].into_iter();
    let keys = keys.filter(|key| has(key));
    keys.map(|key| (key.into(), digest(key, value(key))))
        .collect()
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

/// The pods were there before all changes; what was at another version is forgotten.
fn finding_of(question: Question) -> (Question, Finding) {
    let pods = Finding::Pods(PodsSince::At(EPOCH - 1, None));
    let finding = question.version().map_or(pods, |_| Finding::Forgotten);
    (question, finding)
}

fn gone() -> ApiError {
    ApiError::Unreachable("gone".to_owned())
}

impl Town {
    pub(super) fn new(methods: &'static str, replicas: usize) -> Self {
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
            selectors: 0,
            said: Vec::new(),
            faults: false,
            dice: 1,
        };
        town.start();
        town.calm();
        town
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % n as u64).unwrap()
    }

    /// A new process.
    pub(super) fn start(&mut self) {
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

    pub(super) fn change(&mut self, content: u32) {
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
                let content = Content::new(
                    self.source.0,
                    keys_of(self.source.1).into_iter().collect::<Vec<_>>(),
                );
                let fetched = Fetched::Present(self.meta_of(), content);
                Some(Input::Fetched(
                    key,
                    told,
                    if fails { Err(gone()) } else { Ok(fetched) },
                ))
            }
            Effect::Ask(key, questions) => {
                let found = questions.into_iter().map(finding_of).collect();
                of_term(Answer::Found(key, Ok(found)))
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

    /// What a list finds out that was not known.
    fn found(&mut self, roster: Roster) -> Roster {
        if roster.found().selector.is_some() {
            return roster;
        }
        self.selectors += 1;
        let selector = Some("app=web".to_owned());
        let found = Whereabouts {
            selector,
            ..Whereabouts::default()
        };
        roster.knowing(found)
    }

    fn visit(&mut self, task: PodTask, fails: bool, lost: bool) -> PodAnswer {
        match task {
            PodTask::List(roster) if fails => PodAnswer::Listed(roster, Err(gone())),
            PodTask::List(roster) => PodAnswer::Listed(self.found(*roster).into(), Ok(self.live())),
            PodTask::Poke(poking) if fails => {
                self.note_reason(&poking.uid);
                PodAnswer::Acted(poking.uid, poking.method, Err(gone()))
            }
            PodTask::Poke(poking) => {
                let acted = self.poke(&poking.uid, poking.number);
                if lost {
                    self.note_reason(&poking.uid);
                }
                PodAnswer::Acted(
                    poking.uid,
                    poking.method,
                    if lost { Err(gone()) } else { Ok(acted) },
                )
            }
            PodTask::Restart(_) | PodTask::Evict(_) | PodTask::Look(_) => {
                unreachable!("nobody lists it here")
            }
            PodTask::Ask {
                uid, token, agents, ..
            } => {
                let said = if fails {
                    AgentAnswer::Silent
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
            pod: SeenPod {
                uid: uid.clone(),
                name: uid.clone(),
                made: None,
                mark: replica.mark.clone(),
                restart: None,
                ready: true,
                started: true,
                pending: false,
                going: false,
                node_ready: true,
                deaths: 0,
            },
            maker: None,
            node: None,
            address: "10.0.0.1".parse().ok(),
            on_this_machine: false,
        };
        self.pods.iter().map(live).collect()
    }

    fn poke(&mut self, uid: &Name, number: Number) -> Acted {
        self.tokens += 1;
        let token: Name = format!("t{}", self.tokens).into();
        let files = self.source.1;
        let knows_it = !self.faults || self.below(3) > 0;
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
        if knows_it {
            pod.files = files;
        }
        let mark = token.clone();
        pod.mark = Some(PokeMark {
            number,
            token: mark,
        });
        let token = Some(token);
        Acted::Done { token, deaths: 0 }
    }

    fn ask(&mut self, uid: &Name, token: &Name, agents: &[Agent]) -> AgentAnswer {
        let silent = self.agents == Agents::Silent;
        let (now, syncs) = (self.source.1, self.below(2) == 0);
        let Some(pod) = self.pods.get_mut(uid).filter(|_| !silent) else {
            return AgentAnswer::Silent;
        };
        if pod.mark.as_ref().is_none_or(|mark| mark.token != *token) {
            pod.reasons += 1;
            return AgentAnswer::NoToken;
        }
        let [agent] = agents else {
            panic!("{agents:?}");
        };
        assert!(!agent.questions.is_empty(), "a question about nothing");
        let files = keys_of(pod.files);
        let holds = |asked: &AgentQuestion| match &asked.file.key {
            Some(key) => {
                assert_eq!(asked.path, format!("/etc/web/{key}"));
                asked.wanted
                    == files
                        .get(key)
                        .map_or(Wanted::Absent, |is| Wanted::Value(*is))
            }
            None => asked.wanted == Wanted::Any,
        };
        if !agent.questions.iter().all(holds) {
            pod.reasons += 1;
            if syncs {
                pod.files = now;
            }
            return AgentAnswer::Other;
        }
        let outcome = if pod.files >= BAD {
            Taken::Rejected
        } else {
            Taken::Applied
        };
        AgentAnswer::Holds {
            outcome,
            restarts: false,
            text: "line 3".to_owned(),
        }
    }

    fn write(&mut self, write: &Write) -> Result<String, ApiError> {
        stands(&self.state, write)?;
        self.version += 1;
        Ok(store(&mut self.state, self.version, write))
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

    pub(super) fn turn(&mut self) {
        for effect in self.control.turn(self.now) {
            match effect {
                Effect::Say(notice) => self.said.push(said(&notice)),
                request => self.requests.push(request),
            }
        }
    }

    pub(super) fn step(&mut self) {
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

    pub(super) fn is_quiet(&self) -> bool {
        self.requests.is_empty() && self.answers.is_empty() && self.facts.is_empty()
    }

    /// Lets all that is under way come to its end.
    pub(super) fn calm(&mut self) {
        self.faults = false;
        self.turn();
        for _ in 0..50_000 {
            self.step();
            if self.is_quiet() {
                match self.control.next() {
                    Some(next) if self.is_refused() && next > self.now + SELDOM => return,
                    Some(next) => self.now = self.now.max(next),
                    None => return,
                }
            }
        }
        panic!("it never came to rest: {:?}", self.said);
    }

    fn is_refused(&self) -> bool {
        let leading = self.control.leading.as_ref();
        let entry = leading.and_then(|leading| leading.store.get(&key()));
        entry.is_some_and(|entry| entry.refused().is_some())
    }

    pub(super) fn entry(&self) -> &Entry {
        let leading = self.control.leading.as_ref().unwrap();
        leading.store.get(&key()).unwrap()
    }

    pub(super) fn files(&self) -> Vec<u32> {
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
