//! A life: the world of one workload, and what befalls it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use tidings_core::ladder::{Conditions, OwnRollout};
use tidings_core::method::{Method, Methods};
use tidings_core::refs::Name;
use tidings_core::settle::Millis;

use crate::chance::Chance;
use crate::cluster::{Agent, Cluster, FileContent, Resizes, SeenPod};
use crate::controller::{Controller, Reply, Request, Store};

mod evictions;
mod rollouts;

/// What may befall this life.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be without the others"
)]
pub(crate) struct Weather {
    pub(crate) nodes: bool,
    pub(crate) scaling: bool,
    pub(crate) rollouts: bool,
    pub(crate) crashes: bool,
    pub(crate) failovers: bool,
    pub(crate) contents: bool,
    pub(crate) bad_contents: bool,
    pub(crate) agents: bool,
    pub(crate) gates: bool,
    pub(crate) lost: bool,
    pub(crate) budgets: bool,
    pub(crate) hangs: bool,
}

impl Weather {
    fn draw(chance: &mut Chance) -> Self {
        let mut may = || chance.once_in(3);
        Self {
            nodes: may(),
            scaling: may(),
            rollouts: may(),
            crashes: may(),
            failovers: may(),
            contents: may(),
            bad_contents: may(),
            agents: may(),
            gates: may(),
            lost: may(),
            budgets: may(),
            hangs: may(),
        }
    }

    /// Whether every running pod on a node that is there takes the content in time.
    pub(crate) fn pods_are_well(self) -> bool {
        let Self {
            rollouts,
            crashes,
            bad_contents,
            agents,
            gates,
            ..
        } = self;
        !(rollouts || crashes || bad_contents || agents || gates)
    }
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Trouble,
    /// A kubelet writes files; whether a poke woke it.
    Sync(Name, bool),
    Brought(Name),
    /// A kubelet ends its process, to start it again with other resources.
    Replaced(Name),
    Starts(Name),
    Ready(Name),
    Dies(Name),
    /// A pod that was being deleted is gone.
    IsGone(Name),
    /// Pods are made until there are as many as there should be.
    Refills,
    NodeIsBack(usize),
    RolloutGoesOn,
    /// A request of a term reaches whom it is for.
    Arrives(u32, u64, Request),
    /// What comes back of it.
    Replies(u32, Reply),
    Stored(u32, Store),
    /// The controller looks at the content.
    Looks(u32),
    Wakes(u32),
    Leads,
    /// It is looked whether a refusal stands.
    AsksAgain(u32),
}

/// Something that befalls a life.
type Befalls = fn(&mut Life);

/// A rollout of the workload itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rollout {
    pub(crate) generation: u32,
    pub(crate) hangs: Option<Millis>,
    pub(crate) number: Option<u64>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub(crate) struct Life {
    pub(crate) chance: Chance,
    pub(crate) weather: Weather,
    pub(crate) now: Millis,
    turn: u64,
    happenings: BTreeMap<(Millis, u64), Happening>,
    pub(crate) cluster: Cluster,
    pub(crate) content: FileContent,
    /// What was there before the last write.
    before: FileContent,
    pub(crate) restarts: bool,
    pub(crate) paced: bool,
    pub(crate) listed: Methods,
    pub(crate) timeout: Millis,
    pub(crate) replicas: usize,
    pub(crate) conditions: Conditions,
    /// Whether another pod is made only when the one that it stands for is gone.
    ordered: bool,
    /// Whether no pod may be evicted now.
    pub(crate) budget_holds: bool,
    /// Whether the last one that was to be evicted was held.
    pub(crate) budget_held: bool,
    pub(crate) rollout: Option<Rollout>,
    generation: u32,
    /// The number of the last roll that is on the template.
    pub(crate) on_template: u64,
    pub(crate) forbidden: bool,
    made: u32,
    pub(crate) troubles: u32,
    pub(crate) controller: Controller,
    /// What happened, where it is wanted.
    pub(crate) trace: Option<RefCell<Vec<String>>>,
}

const LISTS: [&str; 16] = [
    "evict",
    "evict, rollout",
    "restart-in-place, evict, rollout",
    "hot, evict, notify",
    "restart-in-place",
    "restart-in-place, rollout",
    "hot, restart-in-place, rollout",
    "restart-in-place, notify",
    "hot",
    "hot, rollout",
    "hot, rollout",
    "hot, rollout, notify",
    "hot, notify",
    "poke",
    "poke, rollout",
    "rollout",
];

impl Life {
    pub(crate) fn new(seed: u64, traces: bool) -> Self {
        let mut chance = Chance::new(seed);
        let weather = Weather::draw(&mut chance);
        let listed = Methods::read(chance.of(&LISTS)).0;
        let nodes = usize::try_from(chance.between(1, 4)).unwrap();
        let content = FileContent { write: 1, value: 1 };
        let unavailable = usize::try_from(chance.between(1, 3)).unwrap();
        let mut life = Self {
            weather,
            now: 0,
            turn: 0,
            happenings: BTreeMap::new(),
            cluster: Cluster {
                pods: BTreeMap::new(),
                gone: vec![None; nodes],
            },
            content,
            before: content,
            restarts: chance.once_in(3),
            paced: chance.once_in(2),
            listed,
            timeout: chance.of(&[30_000, 120_000]),
            replicas: usize::try_from(chance.of(&[0, 1, 2, 3, 5, 8, 25])).unwrap(),
            conditions: Conditions {
                allowed: listed,
                held: false,
                rollout: OwnRollout::Through,
                unavailable,
                desired: 0,
            },
            ordered: chance.once_in(3),
            budget_holds: false,
            budget_held: false,

            rollout: None,
            generation: 1,
            on_template: 0,
            forbidden: weather.agents && chance.once_in(8),
            made: 0,
            troubles: if chance.once_in(2) { 4 } else { 12 },
            controller: Controller::new(content),
            trace: traces.then(RefCell::default),
            chance,
        };
        for _ in 0..life.replicas {
            life.make_pod();
        }
        for pod in life.cluster.pods.values_mut() {
            (pod.started, pod.ready, pod.ran) = (true, true, true);
        }
        life.write(1_000);
        life.at(0, Happening::Leads);
        life.at(900, Happening::Trouble);
        life
    }

    /// Lives until everything is over, or for ever.
    pub(crate) fn live(&mut self) {
        let mut steps = 0_u32;
        while let Some(((at, _), happening)) = self.happenings.pop_first() {
            self.now = at;
            self.happens(happening);
            steps += 1;
            let is_over =
                self.troubles == 0 && self.is_calm() && self.controller.is_settled(self.content);
            if is_over {
                return;
            }
            assert!(
                at < 12 * 3_600_000 && steps < 200_000,
                "no end: {:?}",
                self.controller
            );
        }
        assert!(self.controller.is_settled(self.content), "it stands still");
    }

    /// Whether nothing befalls it any more.
    fn is_calm(&self) -> bool {
        let conditions = self.conditions;
        let all = self.cluster.staying().count() == self.replicas;
        let all = all && self.cluster.pods.len() == self.replicas;
        let here = self.cluster.gone.iter().all(Option::is_none);
        here && !conditions.held && self.rollout.is_none() && all
    }

    pub(crate) fn at(&mut self, pause: Millis, happening: Happening) {
        self.turn += 1;
        self.happenings
            .insert((self.now + pause, self.turn), happening);
    }

    pub(crate) fn say(&self, line: fmt::Arguments<'_>) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(format!("{:>9} {line}", self.now));
        }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Trouble => self.trouble(),
            Happening::Sync(uid, poked) => self.sync(&uid, poked),
            Happening::Brought(uid) => self.brought(&uid),
            Happening::Replaced(uid) => self.replaced(&uid),
            Happening::Starts(uid) => self.starts(&uid),
            Happening::Ready(uid) => self.ready(&uid),
            Happening::Dies(uid) => self.dies(&uid),
            Happening::IsGone(uid) => self.is_gone(&uid),
            Happening::Refills => self.refill(),
            Happening::NodeIsBack(node) => self.node_is_back(node),
            Happening::RolloutGoesOn => self.rollout_goes_on(),
            Happening::Arrives(term, n, request) => self.arrives(term, n, &request),
            Happening::Replies(term, reply) => self.replies(term, reply),
            Happening::Stored(term, store) => self.stored(term, store),
            Happening::Looks(term) => self.looks(term),
            Happening::Wakes(term) => self.wakes(term),
            Happening::Leads => self.leads(),
            Happening::AsksAgain(term) => self.asks_again(term),
        }
    }

    // Pods.

    fn make_pod(&mut self) {
        self.made += 1;
        let uid: Name = format!("{:03}", self.made).into();
        let node = usize::try_from(self.chance.draw()).unwrap_or(0) % self.cluster.gone.len();
        let mut pod = SeenPod::new(uid.clone(), self.now, (node, self.generation), self.content);
        if self.weather.agents {
            let others = [Agent::Mute, Agent::Flaky, Agent::Unsure, Agent::Old];
            if self.chance.once_in(6) {
                pod.agent = self.chance.of(&others);
                let others = [Resizes::Ignored, Resizes::Deferred, Resizes::Refused];
                pod.resizes = self.chance.of(&others);
            }
        }
        let starts = self.chance.between(200, 3_000);
        self.at(starts, Happening::Starts(uid.clone()));
        let sync = self.chance.between(1_000, 90_000);
        self.at(sync, Happening::Sync(uid.clone(), false));
        self.cluster.pods.insert(uid, pod);
    }

    fn sync(&mut self, uid: &Name, poked: bool) {
        if !poked {
            let sync = self.chance.between(60_000, 90_000);
            if self.cluster.pods.contains_key(uid) {
                self.at(sync, Happening::Sync(uid.clone(), false));
            }
        }
        let late = self.chance.once_in(6) && self.weather.lost;
        let (content, now, paced) = (self.content, self.now, self.paced);
        let content = if late && poked { self.before } else { content };
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        let Some(pod) = self.cluster.pods.get_mut(uid).filter(there) else {
            return;
        };
        pod.poked = poked;
        if pod.sync(content, now, paced) {
            self.bring(uid);
        }
    }

    /// The agent begins to bring what the files hold.
    pub(crate) fn bring(&mut self, uid: &Name) {
        let takes = self.chance.between(10, 2_500);
        if let Some(pod) = self.cluster.pods.get_mut(uid)
            && pod.bringing.is_none()
            && pod.started
        {
            pod.bringing = Some(pod.disk);
            self.at(takes, Happening::Brought(uid.clone()));
        }
    }

    fn brought(&mut self, uid: &Name) {
        let (breaks, restarts) = (self.weather.bad_contents, self.restarts);
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        let Some(pod) = self.cluster.pods.get_mut(uid).filter(there) else {
            return;
        };
        let took = pod.brought(breaks);
        // What came back meanwhile is new again.
        let next = pod.disk.value != pod.has.value;
        pod.held |= next && took && self.paced;
        let next = next && !self.paced;
        if took && breaks && pod.has.is_deadly() {
            return self.at(5, Happening::Dies(uid.clone()));
        }
        if took && restarts {
            (pod.ready, pod.down_by_us) = (false, pod.poked);
            let takes = self.chance.between(500, 4_000);
            self.at(takes, Happening::Ready(uid.clone()));
        }
        if next && took {
            self.bring(uid);
        }
    }

    fn replaced(&mut self, uid: &Name) {
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        let pod = self.cluster.pods.get_mut(uid).filter(there);
        let Some(pod) = pod.filter(|pod| pod.is_asked() && pod.started) else {
            return;
        };
        let number = pod.restart.as_ref().map_or(0, |mark| mark.number.n);
        assert!(!pod.restarted.contains(&number), "{uid} is restarted twice");
        pod.restarted.push(number);
        (pod.started, pod.ready, pod.down_by_us) = (false, false, true);
        let takes = self.chance.between(100, 400);
        self.at(takes, Happening::Starts(uid.clone()));
    }

    fn starts(&mut self, uid: &Name) {
        let breaks = self.weather.bad_contents;
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        let content = self.content;
        let pod = self.cluster.pods.get_mut(uid).filter(there);
        let Some(pod) = pod.filter(|pod| !pod.going) else {
            return;
        };
        pod.starts(content);
        if breaks && (pod.has.is_deadly() || pod.has.is_broken()) {
            return self.at(400, Happening::Dies(uid.clone()));
        }
        let takes = self.chance.between(100, 2_000);
        self.at(takes, Happening::Ready(uid.clone()));
    }

    fn ready(&mut self, uid: &Name) {
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        if let Some(pod) = self.cluster.pods.get_mut(uid).filter(there)
            && pod.started
        {
            (pod.ready, pod.down_by_us) = (true, false);
        }
    }

    fn dies(&mut self, uid: &Name) {
        let there = |pod: &&mut SeenPod| self.cluster.gone[pod.node].is_none();
        if let Some(pod) = self.cluster.pods.get_mut(uid).filter(there) {
            (pod.started, pod.ready, pod.down_by_us) = (false, false, false);
            pod.deaths += 1;
            let pause = self.chance.between(500, 20_000);
            self.at(pause, Happening::Starts(uid.clone()));
        }
    }

    // What befalls it.

    /// Somebody writes, and the controller is told of it.
    fn write(&mut self, pause: Millis) {
        self.now += pause;
        self.before = self.content;
        let value = match self.chance.between(0, 3) {
            // Back again, or a bad one, or any.
            0 => 1,
            1 => self.chance.of(&[3, 5, 10]),
            _ => u8::try_from(self.chance.between(1, 14)).unwrap(),
        };
        let write = self.content.write + 1;
        self.content = FileContent { write, value };
        self.say(format_args!("content {:?}", self.content));
        self.tell_of_content();
    }

    fn tell_of_content(&mut self) {
        let pause = self.chance.between(200, 400);
        let term = self.controller.term;
        self.at(pause, Happening::Looks(term));
    }

    fn trouble(&mut self) {
        if self.troubles == 0 {
            return;
        }
        self.troubles -= 1;
        let weather = self.weather;
        let may: [(bool, Befalls); 10] = [
            (weather.nodes, Self::lose_node),
            (weather.scaling, Self::scale),
            (weather.scaling, Self::delete_one),
            (weather.rollouts, |life| life.begin_rollout(None)),
            (weather.crashes, Self::crash_one),
            (weather.failovers, Self::fail_over),
            (weather.contents, |life| life.write(0)),
            (weather.gates, Self::gate),
            (weather.budgets, |life| {
                life.budget_holds = !life.budget_holds;
            }),
            (true, |_| {}),
        ];
        let may: Vec<_> = may.iter().filter(|(may, _)| *may).collect();
        (self.chance.of(&may).1)(self);
        if self.troubles == 0 {
            self.calm();
        }
        let pause = self
            .chance
            .of(&[5, 30, 100, 200, 400, 700, 3_000, 20_000, 200_000]);
        self.at(pause, Happening::Trouble);
    }

    /// From now on everything is as it should be, but for agents and contents.
    fn calm(&mut self) {
        for node in 0..self.cluster.gone.len() {
            self.node_is_back(node);
        }
        self.conditions.held = false;
        self.budget_holds = false;
        if let Some(rollout) = &mut self.rollout {
            rollout.hangs = None;
            self.at(10, Happening::RolloutGoesOn);
        }
        self.say(format_args!("calm"));
        self.tell_conditions();
        self.tell_of_content();
    }

    fn lose_node(&mut self) {
        let node = usize::try_from(self.chance.draw()).unwrap_or(0) % self.cluster.gone.len();
        self.lose(node);
    }

    pub(crate) fn lose(&mut self, node: usize) {
        if self.cluster.is_there(node) && self.troubles > 0 {
            self.cluster.gone[node] = Some(self.now);
            self.say(format_args!("node {node} is gone"));
            let lasts = self.chance.of(&[5_000, 30_000, 60_000, 400_000]);
            self.at(lasts, Happening::NodeIsBack(node));
        }
    }

    fn node_is_back(&mut self, node: usize) {
        if self.cluster.gone[node].take().is_none() {
            return;
        }
        self.say(format_args!("node {node} is back"));
        let here = self.cluster.pods.values().filter(|pod| pod.node == node);
        for uid in here.map(|pod| pod.uid.clone()).collect::<Vec<_>>() {
            let started = self.cluster.pods[&uid].started;
            self.at(300, Happening::Sync(uid.clone(), false));
            let bringing = self.cluster.pods[&uid].bringing.is_some();
            let pod = &self.cluster.pods[&uid];
            if pod.is_asked() && pod.resizes == Resizes::Well {
                self.at(350, Happening::Replaced(uid.clone()));
            }
            if bringing {
                self.at(400, Happening::Brought(uid.clone()));
            }
            let next = if started {
                Happening::Ready(uid)
            } else {
                Happening::Starts(uid)
            };
            self.at(500, next);
        }
    }

    fn scale(&mut self) {
        let to = self.chance.of(&[0, 1, 3, 6]);
        self.say(format_args!("scaled to {to}"));
        self.replicas = to;
        while self.cluster.staying().count() > to {
            let first = self.cluster.staying().next().map(|pod| pod.uid.clone());
            first.map(|uid| self.cluster.pods.remove(&uid));
        }
        while self.cluster.staying().count() < to {
            self.make_pod();
        }
        self.tell_conditions();
    }

    fn any_pod(&mut self) -> Option<Name> {
        let uids = self.cluster.staying().map(|pod| pod.uid.clone());
        let uids: Vec<_> = uids.collect();
        let at = usize::try_from(self.chance.draw()).unwrap_or(0);
        (!uids.is_empty()).then(|| uids[at % uids.len()].clone())
    }

    fn delete_one(&mut self) {
        if let Some(uid) = self.any_pod() {
            self.say(format_args!("{uid} is deleted"));
            self.cluster.pods.remove(&uid);
            self.make_pod();
        }
    }

    fn crash_one(&mut self) {
        if let Some(uid) = self.any_pod() {
            self.say(format_args!("{uid} crashes"));
            self.dies(&uid);
        }
    }

    fn gate(&mut self) {
        if self.chance.once_in(2) {
            self.conditions.held = !self.conditions.held;
        } else {
            let all: Vec<_> = self.listed.iter().collect();
            let without = self.chance.of(&all);
            self.conditions.allowed = self.listed.without(without);
        }
        self.say(format_args!("{:?}", self.conditions));
        self.tell_conditions();
    }

    /// A method that was taken must have been listed, and be allowed as far as was told.
    pub(crate) fn check_listed(&self, method: Method, told: Methods) {
        assert!(self.listed.contains(method), "{method} is not listed");
        assert!(told.contains(method), "{method} is not allowed");
    }
}
