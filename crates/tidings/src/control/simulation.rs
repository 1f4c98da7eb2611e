//! The controller against a simulated cluster: any order of answers, any fault.
//!
//! The world keeps what an API server keeps: objects with versions, of which a
//! write names the one that it replaces. Facts come late, requests fail before
//! or after they happened, and the controller is killed at any moment, also while
//! a Job is deleted and not yet made again. Whatever the order, in the end each
//! workload runs with the content that is there, and was rolled at most once for
//! each content.

mod events;
mod hot;
mod town;
mod turns;
mod world;

use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tidings_core::decide::Rules;
use tidings_core::index::{Fact, How, Stream, StreamOf};
use tidings_core::kinds::{KINDS, Kinds};
use tidings_core::policy::Defaults;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceKind, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::standing::Word;

use super::departed::KEPT_FOR_PODS;
use super::leading::Leading;
use super::{Action, Answer, Control, Effect, Input, NewTerm, Outcome, Patch, Plan, RollError};
use crate::api::ApiError;
use world::{
    Dice, EPOCH, JOB, Pods, Refuses, SOURCES, WORKLOADS, World, kind, number, uses, workload,
};

fn streams() -> Vec<Stream> {
    let of = [
        StreamOf::Workloads(&KINDS[0]),
        StreamOf::Workloads(kind(JOB)),
        StreamOf::Sources(SourceKind::ConfigMap),
    ];
    of.map(|of| Stream {
        of,
        namespace: None,
    })
    .into()
}

pub(super) fn control() -> Control {
    control_of(streams(), 20)
}

/// One that follows these streams, with so much quiet time.
pub(super) fn control_of(streams: Vec<Stream>, settle: Millis) -> Control {
    control_with(Defaults::default(), streams, settle)
}

fn control_with(defaults: Defaults, streams: Vec<Stream>, settle: Millis) -> Control {
    Control::new(Plan {
        rules: Rules::default(),
        defaults,
        streams,
        home: "tidings".into(),
        settle,
        dry_run: false,
        kinds: Kinds::default(),
        started: EPOCH,
        seed: 1,
        covers: Box::new(|_| true),
    })
}

struct Simulation {
    world: World,
    /// What the installation was told.
    defaults: Defaults,
    control: Control,
    dice: Dice,
    now: u64,
    term: u64,
    /// Facts on their way, in the order of each stream.
    facts: [VecDeque<Fact>; 2],
    /// Requests on their way, in no order.
    requests: Vec<Effect>,
    /// Answers on their way, in no order.
    answers: Vec<Input>,
    faults: bool,
    /// The list of the records at a start lacks them.
    lacks_records: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self::told(Defaults::default(), seed)
    }

    fn told(defaults: Defaults, seed: u64) -> Self {
        let mut simulation = Self {
            world: World::new(),
            defaults,
            control: control(),
            dice: Dice(seed | 1),
            now: 0,
            term: 0,
            facts: Default::default(),
            requests: Vec::new(),
            answers: Vec::new(),
            faults: false,
            lacks_records: false,
        };
        simulation.start();
        simulation
    }

    /// A new process: nothing but the world remains.
    fn start(&mut self) {
        self.term += 1;
        self.control = control_with(self.defaults, streams(), 20);
        self.facts = Default::default();
        self.requests.clear();
        self.answers.clear();
        let hidden = self.dice.below(WORKLOADS);
        let hidden = (self.faults && self.world.has_record(hidden)).then_some(hidden);
        for fact in self.world.lists(hidden) {
            self.control.take(self.now, Input::Fact(fact));
        }
        for stored in self.world.state.values_mut() {
            self.world.version += 1;
            stored.version = self.world.version.to_string();
        }
        let listed = self.world.state.iter().filter(|_| !self.lacks_records);
        let state = listed.map(|(s, o)| (s.clone(), o.clone())).collect();
        let since = (self.term > 1).then_some(EPOCH);
        let kept = self.world.kept.clone();
        let leading = NewTerm {
            number: self.term,
            state,
            remaking: kept.into_iter().collect(),
            unled_since: since,
        };
        self.control.take(self.now, Input::Leading(leading));
    }

    fn step(&mut self) {
        match self.dice.below(10) {
            0 => self.now += 5 + self.dice.below(50) as u64,
            1..=3 => self.deliver_fact(),
            4..=6 => self.serve(),
            _ => self.answer(),
        }
        self.world.remember();
        self.turn();
    }

    fn turn(&mut self) {
        for effect in self.control.turn(self.now) {
            match effect {
                Effect::Say(_) => {}
                request => self.requests.push(request),
            }
        }
        self.judge_turns();
    }

    fn leading(&self) -> &Leading {
        self.control.leading.as_ref().unwrap()
    }

    /// Whether it is called stale.
    fn is_doubted(&self, i: usize) -> bool {
        let desk = self.leading().desks.get(&workload(i));
        desk.and_then(|desk| desk.announced.standing()) == Some(Word::Stale)
    }

    fn deliver_fact(&mut self) {
        let stream = self.dice.below(2);
        if let Some(fact) = self.facts[stream].pop_front() {
            self.control.take(self.now, Input::Fact(fact));
        }
    }

    fn answer(&mut self) {
        if !self.answers.is_empty() {
            let i = self.dice.below(self.answers.len());
            let answer = self.answers.swap_remove(i);
            self.control.take(self.now, answer);
        }
    }

    /// Serves one request: it may fail before it happens, or its answer may be
    /// lost after.
    fn serve(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let i = self.dice.below(self.requests.len());
        let request = self.requests.swap_remove(i);
        let fails = self.faults && self.dice.one_in(5);
        let lost = self.faults && self.dice.one_in(8);
        let error = || ApiError::Unreachable("gone".to_owned());
        let answer = match request {
            Effect::Fetch(key, told, _) => {
                let fetched = self.world.fetch(&key);
                Input::Fetched(key, told, if fails { Err(error()) } else { Ok(fetched) })
            }
            Effect::LookFor(key, _) => self.look_for(key, fails),
            Effect::Ask(key, questions) => {
                let found = questions.into_iter().map(|question| {
                    let finding = self.world.find(&key, &question);
                    (question, finding)
                });
                let found = found.collect();
                Input::Answer(self.term, Answer::Found(key, Ok(found)))
            }
            Effect::Write(write) => {
                let result = if fails {
                    Err(error())
                } else {
                    self.world.write(&write)
                };
                let result = if lost { Err(error()) } else { result };
                Input::Answer(self.term, Answer::Wrote(write, result))
            }
            Effect::ReadState(shard, _) => {
                let stored = self.world.state.get(&shard).cloned();
                let result = if fails { Err(error()) } else { Ok(stored) };
                Input::Answer(self.term, Answer::StateRead(shard, result))
            }
            Effect::Patch(patch) if patch.action == Action::Recreate => self.recreate(patch, fails),
            Effect::Remake(patch, _) => self.remake(patch, fails),
            Effect::Patch(patch) => {
                let result = if fails {
                    Err(error())
                } else {
                    self.patch(&patch)
                };
                let result = if lost { Err(error()) } else { result };
                Input::Answer(
                    self.term,
                    Answer::Patched(patch, result.map_err(RollError::Api)),
                )
            }
            // No workload of these lives names as many sources as are looked up.
            _ => return,
        };
        self.answers.push(answer);
    }

    fn look_for(&self, key: WorkloadRef, fails: bool) -> Input {
        let result = if fails {
            Err(ApiError::Unreachable("gone".to_owned()))
        } else {
            Ok(self.world.look_for(&key))
        };
        Input::Answer(self.term, Answer::LookedFor(key, result))
    }

    fn patch(&mut self, patch: &Patch) -> Result<Outcome, ApiError> {
        let result = self.world.patch(patch);
        if result.is_ok() {
            let fact = self
                .world
                .workload_fact(number(&patch.roll.key.name), How::Event);
            self.facts[0].push_back(fact);
        }
        result
    }

    /// Deletes a Job.
    fn recreate(&mut self, patch: Box<Patch>, fails: bool) -> Input {
        let result = match fails {
            true => Err(ApiError::Unreachable("gone".to_owned())),
            false if self.world.workloads[JOB].version == patch.version => {
                self.world.kept = Some((*patch).clone());
                self.world.workloads[JOB].gone = true;
                self.world.version += 1;
                let gone = Fact::WorkloadGone(workload(JOB), self.world.version);
                self.facts[0].push_back(gone);
                Ok(Outcome::Leaving(String::new()))
            }
            false => Err(ApiError::Conflict),
        };
        self.remade(patch, result)
    }

    /// Makes a Job again.
    fn remake(&mut self, patch: Box<Patch>, fails: bool) -> Input {
        let result = if fails {
            Outcome::Unmade(ApiError::Expired)
        } else {
            Outcome::Made(self.make_again())
        };
        self.remade(patch, Ok(result))
    }

    fn remade(&self, patch: Box<Patch>, result: Result<Outcome, ApiError>) -> Input {
        let answer = Answer::Patched(patch, result.map_err(RollError::Api));
        Input::Answer(self.term, answer)
    }

    /// Unless somebody else was quicker.
    fn make_again(&mut self) -> Name {
        let kept = self.world.kept.take();
        let content = self.world.content_of(JOB);
        let job = &mut self.world.workloads[JOB];
        if job.gone {
            self.world.version += 1;
            job.version = self.world.version;
            job.remade += 1;
            job.gone = false;
            job.mark = kept.map(|patch| format!("tidings/{}", patch.roll.n));
            job.content.clone_from(&content);
            job.rolls.push(content);
            let fact = self.world.workload_fact(JOB, How::Made);
            self.facts[0].push_back(fact);
        }
        self.world.workloads[JOB].uid(JOB).into()
    }

    fn disturb(&mut self) {
        match self.dice.below(40) {
            0..=5 => {
                let i = self.dice.below(SOURCES);
                let content = self.next_content(i);
                self.change(i, content);
            }
            15..=17 => {
                let i = self.dice.below(JOB);
                self.make_anew(i);
            }
            18 => {
                let i = self.dice.below(JOB);
                self.world.opt(i);
                self.facts[0].push_back(self.world.workload_fact(i, How::Event));
            }
            // Somebody scales a workload: another version, the same template.
            6 => {
                let i = self.dice.below(WORKLOADS);
                if self.world.workloads[i].gone {
                    return;
                }
                self.world.version += 1;
                self.world.workloads[i].version = self.world.version;
                self.facts[0].push_back(self.world.workload_fact(i, How::Event));
            }
            7 | 10 => {
                let i = self.dice.below(JOB);
                let hangs = self.dice.one_in(2);
                self.world.edit(i, hangs);
                self.facts[0].push_back(self.world.workload_fact(i, How::Event));
            }
            11 => {
                let i = self.dice.below(JOB);
                let back = !self.dice.one_in(3);
                self.end(i, back);
            }
            8 => self.replace(),
            9 if self.faults => self.start(),
            12..=14 => self.operate(),
            _ => {}
        }
    }

    /// Another one, the same, or an earlier one.
    fn next_content(&mut self, source: usize) -> u32 {
        let content = self.world.sources[source].1;
        match self.dice.below(6) {
            0 | 1 => content,
            2 => content.saturating_sub(1),
            _ => content + 1,
        }
    }

    fn make_anew(&mut self, i: usize) {
        let reads = self.dice.one_in(2);
        if self.world.make_anew(i, reads) {
            self.facts[0].push_back(self.world.workload_fact(i, How::Event));
        }
    }

    fn operate(&mut self) {
        for i in self.world.operate() {
            self.facts[0].push_back(self.world.workload_fact(i, How::Event));
        }
    }

    fn end(&mut self, i: usize, back: bool) {
        if self.world.end(i, back) {
            self.facts[0].push_back(self.world.workload_fact(i, How::Event));
        }
    }

    fn change(&mut self, source: usize, content: u32) {
        self.world.change(source, content);
        self.facts[1].push_back(self.world.source_fact(source));
    }

    /// Whether each runs with what is there, and was not rolled for nothing.
    fn judge(&self, of: impl Fn(usize) -> bool) {
        for (i, pods) in self
            .world
            .workloads
            .iter()
            .enumerate()
            .filter(|(i, _)| of(*i))
        {
            let there = self.world.content_of(i);
            assert_eq!(pods.content, there, "w{i} runs with what is there");
            let changes: usize = uses(i).iter().map(|s| self.world.changes[*s]).sum();
            assert!(
                pods.rolls.len() <= changes + pods.undone,
                "w{i}: {} rolls, {changes} changes, {} undone",
                pods.rolls.len(),
                pods.undone
            );
            let entry = self.leading().store.get(&workload(i));
            assert!(entry.is_some_and(|e| e.done), "w{i}: {entry:?}");
        }
    }

    /// `kubectl replace --force`: deleted, and made again under the same name.
    fn replace(&mut self) {
        let i = self.dice.below(WORKLOADS);
        self.world.version += 1;
        let gone = Fact::WorkloadGone(workload(i), self.world.version);
        self.facts[0].push_back(gone);
        self.world.version += 1;
        let content = self.world.content_of(i);
        let lives = self.world.workloads[i].lives + 1;
        let pods = Pods::new(self.world.version, content);
        self.world.workloads[i] = Pods { lives, ..pods };
        self.facts[0].push_back(self.world.workload_fact(i, How::Made));
    }

    /// Lets everything that is under way come to its end.
    fn calm(&mut self) {
        self.faults = false;
        for i in 0..JOB {
            let back = self.dice.one_in(2);
            self.end(i, back);
            self.world.remember();
            if self.world.workloads[i].starting {
                self.make_anew(i);
                self.world.remember();
            }
            if !self.world.workloads[i].opted_in {
                self.world.opt(i);
                self.facts[0].push_back(self.world.workload_fact(i, How::Event));
                self.world.remember();
            }
        }
        for _ in 0..20_000 {
            self.step();
            self.operate();
            let quiet = self.requests.is_empty()
                && self.answers.is_empty()
                && self.facts.iter().all(VecDeque::is_empty);
            if quiet {
                match self.control.next() {
                    Some(next) => self.now = self.now.max(next),
                    None => return,
                }
            }
        }
        unreachable!("it never came to rest");
    }
}

fn check(seed: u64) {
    lives(Simulation::new(seed));
}

fn lives(mut simulation: Simulation) {
    simulation.calm();
    simulation.faults = true;
    for _ in 0..400 {
        simulation.disturb();
        simulation.world.remember();
        simulation.step();
    }
    simulation.calm();
    simulation.judge(|i| !simulation.is_doubted(i));
    // Nobody is stuck: the next change reaches them all.
    for source in 0..SOURCES {
        let content = simulation.world.sources[source].1 + 1;
        simulation.change(source, content);
    }
    simulation.calm();
    simulation.judge(|_| true);
}

fn same_unless_asked() -> RngSeed {
    match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        chosen @ RngSeed::Fixed(_) => chosen,
    }
}

proptest! {
    // The same lives each time; PROPTEST_RNG_SEED plays others.
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: same_unless_asked(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_and_nothing_rolled_for_nothing(seed: u64) {
        check(seed);
    }
}

/// Lives that once went wrong, and would not among the first.
#[test]
fn lives_that_once_went_wrong() {
    for seed in [
        4_752_396_984_431_401_174,
        17_447_835_853_776_536_410,
        14_544_571_160_635_674_466,
        8_827_180_780_353_749_884,
        13_482_485_721_127_934_500,
        10_894_626_540_506_233_656,
        5_289_304_171_993_312_554,
        10_515_244_389_848_861_002,
        13_939_565_813_038_100_374,
        14_439_642_535_090_495_108,
        16_505_292_383_964_012_400,
        1_830_114_028_993_353_266,
        4_852_189_105_639_722_968,
        17_371_696_547_397_894_192,
        7_461_610_890_774_937_434,
        468_667_323_558_255_436,
        2_723_111_534_246_223_548,
        14_146_509_085_132_648_632,
    ] {
        check(seed);
    }
}
