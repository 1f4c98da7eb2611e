//! The promises of `supervise`, under any interleaving of writes, notices,
//! check results, answers, child exits, signals, agent restarts and time.
//!
//! A small world carries out the effects: a disk with content, a process that
//! reads it when it starts or when it is told to, and an agent that may be
//! killed and started again. Time is virtual, so ten thousand lives take seconds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed promise ends the test"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use tidings_core::action::Signal;
use tidings_core::supervise::{
    Backoff, Effect, Event, OnChange, Policy, State, Time, Took, Version,
};

/// One thing that the world does next.
#[derive(Debug, Clone)]
enum Op {
    /// Somebody writes this content; the agent has not looked yet.
    Write(u8),
    /// The agent's watch looks at the disk.
    Notice,
    /// The job under way ends like this (0 is success).
    FinishJob(u8),
    /// The child, or the watched process, ends.
    ProcessExits(u8),
    /// The agent gets a signal.
    Signal(i32),
    /// Time passes.
    Wait(u16),
    /// The agent is killed and started again (`watch` only).
    AgentRestarts,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Job {
    Prepare(Version),
    /// The version that was asked for, and the one the process read.
    Act(Version, Version),
}

struct World {
    policy: Policy,
    agent: State,
    now: Time,
    disk: Version,
    written_at: Time,
    writes_unseen: u32,
    job: Option<Job>,
    /// Children that run: never more than one.
    children: u32,
    /// What the process read last.
    loaded: Version,
    process_started: Time,
    killable: bool,
    /// What the last check allowed, until it is used.
    checked: Option<Version>,
    actions: u32,
    reasons_to_act: u32,
    told_to_end: bool,
    died: bool,
    last_exit: Option<u8>,
    exit: Option<u8>,
}

impl World {
    fn new(policy: Policy) -> Self {
        let disk = Version(0);
        let (agent, effects) = State::new(policy.clone(), disk);
        let mut world = Self {
            policy,
            agent,
            now: Time::ZERO,
            disk,
            written_at: Time::ZERO,
            writes_unseen: 0,
            job: None,
            children: 0,
            loaded: disk,
            process_started: Time::ZERO,
            killable: false,
            checked: None,
            actions: 0,
            reasons_to_act: 0,
            told_to_end: false,
            died: false,
            last_exit: None,
            exit: None,
        };
        world.carry_out(effects);
        world
    }

    fn say(&mut self, event: Event) {
        if self.exit.is_none() {
            let effects = self.agent.step(self.now, event);
            self.carry_out(effects);
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            assert_eq!(self.exit, None, "an effect after the exit: {effect:?}");
            self.carry_out_one(&effect);
        }
    }

    fn carry_out_one(&mut self, effect: &Effect) {
        match *effect {
            Effect::StartChild => {
                assert_eq!(self.children, 0, "two children");
                self.children = 1;
                self.killable = false;
                self.process_starts();
            }
            Effect::SignalChild(_) => assert_eq!(self.children, 1, "a signal for nobody"),
            Effect::KillChild => self.killable = true,
            Effect::Prepare(version) => self.start_job(Job::Prepare(version)),
            Effect::Act(version) => {
                assert!(!self.died, "an action on a process that dies of it");
                let allowed = self.checked.take();
                assert!(
                    !self.policy.prepares || allowed == Some(version),
                    "unchecked"
                );
                // The worst moment: the process reads now, not when it is done.
                self.start_job(Job::Act(version, self.disk));
                self.actions += 1;
            }
            Effect::Exit(code) => self.exit = Some(code),
            Effect::Hurry | Effect::Say(_) => {}
        }
    }

    fn start_job(&mut self, job: Job) {
        assert_eq!(self.job, None, "two jobs at once");
        self.job = Some(job);
    }

    fn process_starts(&mut self) {
        self.loaded = self.disk;
        self.process_started = self.now;
    }

    fn finish_job(&mut self, how: u8) {
        match self.job.take() {
            None => {}
            Some(Job::Prepare(version)) => {
                let good = how.is_multiple_of(2);
                self.checked = good.then_some(version);
                self.reasons_to_act += u32::from(!good);
                let result = good.then_some(()).ok_or_else(|| "syntax".to_owned());
                self.say(Event::Prepared(version, result));
            }
            Some(Job::Act(version, read)) => self.finish_act(version, read, how),
        }
    }

    fn finish_act(&mut self, version: Version, read: Version, how: u8) {
        let took = match how % 6 {
            0 => Took::Applied,
            1 => Took::Delivered,
            2 => Took::NotUp("not up".into()),
            3 => Took::Rejected("500".into()),
            4 => Took::Unverified("no proof".into()),
            _ => Took::Died("died".into()),
        };
        match took {
            // A process that started meanwhile read the disk later than that.
            Took::Applied | Took::Delivered if self.loaded != self.disk => self.loaded = read,
            Took::Applied | Took::Delivered => {}
            Took::Died(_) => self.died = true,
            // Nothing was tried, so what the check allowed is still allowed.
            Took::NotUp(_) => {
                self.checked = Some(version);
                self.reasons_to_act += 1;
            }
            _ => self.reasons_to_act += 1,
        }
        self.say(Event::Acted(version, took));
    }

    fn process_exits(&mut self, code: u8) {
        if !self.policy.supervises {
            return self.process_starts();
        }
        if self.children == 1 && self.exit.is_none() {
            self.children = 0;
            self.last_exit = Some(code);
            self.say(Event::ChildExited(code));
        }
    }

    fn notice(&mut self) {
        let writes = std::mem::take(&mut self.writes_unseen);
        if self.agent.seen() != self.disk {
            self.checked = None;
            self.reasons_to_act += 1;
            self.say(Event::Changed(self.disk));
        } else if writes > 1 {
            self.reasons_to_act += 1;
            self.say(Event::Flickered);
        }
    }

    /// Baseline first, then the look at the process: the order of the shell.
    fn agent_restarts(&mut self) {
        if self.policy.supervises || self.exit.is_some() {
            return;
        }
        self.job = None;
        self.checked = None;
        self.died = false;
        self.writes_unseen = 0;
        self.reasons_to_act += 1;
        let (agent, effects) = State::new(self.policy.clone(), self.disk);
        self.agent = agent;
        self.carry_out(effects);
        if self.written_at >= self.process_started && self.policy.on_change == OnChange::Tell {
            self.say(Event::MayBeOld);
        }
    }

    fn play(&mut self, op: &Op) {
        match *op {
            Op::Write(content) => {
                self.disk = Version(content.into());
                self.written_at = self.now;
                self.writes_unseen += 1;
            }
            Op::Notice => self.notice(),
            Op::FinishJob(how) => self.finish_job(how),
            Op::ProcessExits(code) => self.process_exits(code),
            Op::Signal(number) => self.signal(Signal::from_number(number).unwrap()),
            Op::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
            Op::AgentRestarts => self.agent_restarts(),
        }
    }

    fn signal(&mut self, signal: Signal) {
        self.told_to_end |= [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
        self.say(Event::Signal(signal));
    }

    fn wait(&mut self, pause: Duration) {
        let end = self.now + pause;
        while let Some(at) = self.agent.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.say(Event::Tick);
        }
        self.now = end;
    }

    /// Everything works from here on: time passes until nothing is left to do.
    fn settle(&mut self) {
        self.notice();
        for _ in 0..200 {
            if self.job.is_some() {
                self.finish_job(0);
            } else if self.killable && self.children == 1 {
                self.process_exits(137);
            } else if let Some(at) = self.agent.deadline() {
                self.wait(at.saturating_sub(self.now));
            } else {
                return;
            }
        }
        panic!("never at rest: {:?}", self.agent);
    }

    fn check_promises(&self) {
        match (self.exit, self.policy.on_change) {
            (Some(code), OnChange::Exit(wanted)) if code == wanted => {}
            (Some(code), _) if self.policy.supervises => {
                assert_eq!(Some(code), self.last_exit, "the child's own code");
            }
            (Some(code), _) => assert_eq!(code, 0),
            (None, _) if self.told_to_end || self.died => {}
            (None, OnChange::Exit(_)) => assert!(!self.agent.owes(), "no exit"),
            (None, _) => {
                assert_eq!(self.loaded, self.disk, "a change was lost");
                assert!(!self.agent.owes(), "still owed at rest: {:?}", self.agent);
            }
        }
        assert!(
            self.actions <= self.reasons_to_act,
            "{} actions for {} reasons",
            self.actions,
            self.reasons_to_act
        );
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let on_change = prop_oneof![
        Just(OnChange::Tell),
        Just(OnChange::Restart),
        Just(OnChange::Exit(90))
    ];
    (any::<bool>(), on_change, any::<bool>(), any::<bool>()).prop_map(
        |(supervises, on_change, prepares, settle_first)| Policy {
            supervises: supervises || on_change == OnChange::Restart,
            on_change,
            prepares,
            quiet: Duration::from_millis(200),
            cap: Duration::from_secs(2),
            settle_first,
            stop: Signal::TERM,
            grace: Duration::from_secs(30),
            backoff: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(30),
                attempts: None,
            },
            until_up: Duration::from_secs(1),
        },
    )
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let signal = prop_oneof![Just(1), Just(2), Just(10), Just(15)];
    let op = prop_oneof![
        6 => (0u8..4).prop_map(Op::Write),
        6 => Just(Op::Notice),
        6 => (0u8..6).prop_map(Op::FinishJob),
        6 => (0u16..3000).prop_map(Op::Wait),
        2 => Just(Op::AgentRestarts),
        1 => any::<u8>().prop_map(Op::ProcessExits),
        1 => signal.prop_map(Op::Signal),
    ];
    vec(op, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn any_interleaving_keeps_every_promise(policy in policies(), ops in ops()) {
        let mut world = World::new(policy);
        for op in &ops {
            world.play(op);
        }
        world.settle();
        world.check_promises();
    }
}
