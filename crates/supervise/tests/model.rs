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

mod common;

use common::policy;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use tidings_supervise::action::Signal;
use tidings_supervise::{
    Effect, Event, FailedRestart, Grounds, Known, OnChange, Policy, Standing, State, Time, Took,
    Version,
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
    /// Somebody says that what is on the disk may be taken.
    Release,
    /// Somebody says that of content that may not be there, or not any more.
    ReleaseOther(u8),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Job {
    Prepare(Version),
    /// The version that was asked for, and the one the process read.
    Act(Version, Version),
    /// The same, of an attempt that was begun before: it is only looked at.
    Look(Version, Version),
    /// The new child is watched.
    Prove(Version),
}

/// What outlives the agent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Memory {
    /// There is no place for it.
    Nowhere,
    /// The process had this version, at this write.
    Taken(Version, u32),
    /// An action was begun, for this version if that is known.
    Doubt(Option<Version>),
}

/// What the shell is told about the process at the start: see `FirstLook`.
#[derive(Debug, Clone, Copy)]
struct FirstLook {
    baseline: Version,
    written_at: Time,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct World {
    policy: Policy,
    memory: Memory,
    /// It can be seen when the process started.
    visible: bool,
    first_look: Option<FirstLook>,
    /// Which write the disk, and the agent's last look, are of.
    writes: u32,
    seen_write: u32,
    /// The write that the last action was for.
    act_write: u32,
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
    /// The watched process died of a signal, and its successor is not there yet.
    died: bool,
    /// An attempt that did not end in its time: for which version, at which write,
    /// and what the process read.
    slow: Option<(Version, u32, Version)>,
    /// What the last check allowed, until it is used.
    checked: Option<Version>,
    /// What was released last, or taken by a start.
    approved: Version,
    actions: u32,
    reasons_to_act: u32,
    told_to_end: bool,
    last_exit: Option<u8>,
    exit: Option<u8>,
}

impl World {
    fn new(policy: Policy, remembers: bool, visible: bool) -> Self {
        let disk = Version(0);
        let (agent, effects) = State::new(policy.clone(), disk, Known::Current(Grounds::Shown));
        let mut world = Self {
            policy,
            memory: if remembers {
                Memory::Doubt(None)
            } else {
                Memory::Nowhere
            },
            visible,
            first_look: None,
            writes: 0,
            seen_write: 0,
            act_write: 0,
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
            slow: None,
            checked: None,
            approved: disk,
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
            Effect::StopChild(_) => {
                assert_eq!(self.children, 1, "a signal for nobody");
                self.only_what_is_released(self.agent.seen());
            }
            Effect::Prove(version) => {
                assert_eq!(self.children, 1, "nobody to be watched");
                self.start_job(Job::Prove(version));
            }
            Effect::KillChild => self.killable = true,
            Effect::Prepare(version) => self.start_job(Job::Prepare(version)),
            Effect::Act(version) => {
                let allowed = self.checked.take();
                assert!(
                    !self.policy.prepares || allowed == Some(version),
                    "unchecked"
                );
                self.only_what_is_released(version);
                if self.memory != Memory::Nowhere {
                    self.memory = Memory::Doubt(Some(version));
                }
                self.act_write = self.seen_write;
                let slow = self.slow.take();
                if let Some((of, write, read)) = slow
                    && (of, write) == (version, self.seen_write)
                {
                    self.slow = slow;
                    return self.start_job(Job::Look(version, read));
                }
                // The worst moment: the process reads now, not when it is done.
                self.start_job(Job::Act(version, self.disk));
                self.actions += 1;
            }
            Effect::Exit(code) => self.exit = Some(code),
            Effect::Keep(version, _) => self.keep(version),
            Effect::Leave(code, version) => {
                assert_eq!(OnChange::Exit(code), self.policy.on_change);
                if !self.policy.supervises {
                    self.only_what_is_released(version);
                }
                self.actions += 1;
                self.keep(version);
                self.all_restarts();
            }
            Effect::Interrupt | Effect::Say(_) => {}
        }
    }

    fn start_job(&mut self, job: Job) {
        assert_eq!(self.job, None, "two jobs at once");
        self.job = Some(job);
    }

    /// While the program runs: what it starts with is another matter.
    fn only_what_is_released(&self, version: Version) {
        assert!(
            !self.policy.paced || version == self.approved,
            "{version:?} was not released"
        );
    }

    fn release(&mut self, version: Version) {
        if version == self.agent.seen() {
            self.approved = version;
        }
        self.say(Event::Released(version));
    }

    fn keep(&mut self, version: Version) {
        // By a start, where it was not released.
        self.approved = version;
        if self.memory != Memory::Nowhere {
            // Of any other version it is not known which write it was.
            let write = if version == self.agent.seen() {
                self.seen_write
            } else {
                u32::MAX
            };
            self.memory = Memory::Taken(version, write);
        }
    }

    /// What the exit code is for: the kubelet starts everything anew.
    fn all_restarts(&mut self) {
        self.children = 0;
        self.now += Duration::from_millis(1);
        self.process_starts();
        self.agent_starts();
    }

    fn process_starts(&mut self) {
        self.died = false;
        self.slow = None;
        self.loaded = self.disk;
        self.process_started = self.now;
    }

    fn finish_job(&mut self, how: u8) {
        if self.first_look.is_some() {
            return self.finish_first_look();
        }
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
            Some(Job::Prove(version)) => self.finish_prove(version, how),
            Some(Job::Look(version, read)) => self.finish_look(version, read, how),
        }
    }

    fn finish_prove(&mut self, version: Version, how: u8) {
        let died = self.children == 0;
        let took = match how % 4 {
            _ if died => Took::Died("ended".into()),
            0 => Took::Applied,
            1 => Took::Rejected("no proof".into()),
            2 => Took::Unverified("no proof".into()),
            _ => Took::Died("ended".into()),
        };
        let dies = matches!(took, Took::Died(_)) && !died;
        if matches!(took, Took::Rejected(_) | Took::Unverified(_)) {
            self.checked = None;
        }
        self.reasons_to_act += 1;
        self.say(Event::Acted(version, took));
        if dies {
            self.process_exits(how);
        }
    }

    /// The attempt has succeeded meanwhile, goes on, or is given up for another.
    fn finish_look(&mut self, version: Version, read: Version, how: u8) {
        let goes_on = how % 3 == 1 && !self.died && self.slow.is_some();
        if goes_on {
            self.checked = Some(version);
            return self.say(Event::Acted(version, Took::UnderWay("slow".into())));
        }
        let gone = self.slow.take().is_none();
        if gone || how % 3 == 2 {
            self.actions += 1;
            self.reasons_to_act += 1;
            return self.finish_act(version, self.disk, how);
        }
        self.finish_act(version, read, 0);
    }

    fn finish_act(&mut self, version: Version, read: Version, how: u8) {
        let took = match how % 6 {
            _ if self.died => Took::NotUp("not up".into()),
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
            Took::Died(_) => {
                self.died = !self.policy.supervises;
                self.reasons_to_act += 1;
            }
            // Nothing was tried, so what the check allowed is still allowed.
            Took::NotUp(_) => {
                self.checked = Some(version);
                self.reasons_to_act += 1;
            }
            Took::Unverified(_) => {
                self.slow = Some((version, self.act_write, read));
                self.checked = Some(version);
                self.reasons_to_act += 1;
            }
            _ => self.reasons_to_act += 1,
        }
        let died = matches!(took, Took::Died(_));
        self.say(Event::Acted(version, took));
        if died && self.policy.supervises {
            self.process_exits(129);
        }
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
        self.seen_write = self.writes;
        if self.agent.seen() != self.disk {
            self.checked = None;
            self.reasons_to_act += 1;
            self.say(Event::Changed(self.disk));
        } else if writes > 1 {
            self.reasons_to_act += 1;
            self.say(Event::Flickered);
        }
    }

    fn agent_restarts(&mut self) {
        if !self.policy.supervises && self.exit.is_none() {
            self.agent_starts();
        }
    }

    /// Baseline first, then the look at the process: the order of the shell.
    fn agent_starts(&mut self) {
        self.job = None;
        self.slow = None;
        self.checked = None;
        self.writes_unseen = 0;
        self.seen_write = self.writes;
        let remembered = self.memory == Memory::Taken(self.disk, self.writes);
        let known = if self.policy.supervises || remembered {
            Known::Current(Grounds::Shown)
        } else {
            Known::NotYet
        };
        self.first_look = (known == Known::NotYet).then_some(FirstLook {
            baseline: self.disk,
            written_at: self.written_at,
        });
        let (agent, effects) = State::new(self.policy.clone(), self.disk, known);
        self.agent = agent;
        self.carry_out(effects);
        // Before the look: the order of the shell.
        if self.is_remembered(self.disk) {
            self.release(self.disk);
        }
    }

    /// Whether an action for it was begun, or it was taken.
    fn is_remembered(&self, version: Version) -> bool {
        match self.memory {
            Memory::Doubt(begun) => begun == Some(version),
            Memory::Taken(taken, _) => taken == version,
            Memory::Nowhere => false,
        }
    }

    /// The first thing that the worker does: nothing else is done before.
    fn finish_first_look(&mut self) {
        let Some(look) = self.first_look.take() else {
            return;
        };
        if self.visible && self.process_started > look.written_at {
            self.say(Event::IsCurrent(look.baseline));
        } else {
            self.reasons_to_act += 1;
            self.say(Event::MayBeOld);
        }
    }

    fn play(&mut self, op: &Op) {
        match *op {
            Op::Write(content) => {
                self.disk = Version(content.into());
                self.written_at = self.now;
                self.writes_unseen += 1;
                self.writes += 1;
            }
            Op::Notice => self.notice(),
            Op::FinishJob(how) => self.finish_job(how),
            Op::ProcessExits(code) => self.process_exits(code),
            Op::Signal(number) => self.signal(Signal::from_number(number).unwrap()),
            Op::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
            Op::AgentRestarts => self.agent_restarts(),
            Op::Release => self.release(self.disk),
            Op::ReleaseOther(content) => self.release(Version(content.into())),
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
        if self.died {
            self.process_starts();
        }
        for _ in 0..200 {
            if self.job.is_some() || self.first_look.is_some() {
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

    /// What is held is what was not released, and nothing was done for it; once it is
    /// released it is taken.
    fn check_what_is_held(&mut self) {
        if self.exit.is_some() || self.told_to_end || self.agent.standing() != Standing::Held {
            return;
        }
        assert!(self.policy.paced && self.agent.owes());
        let runs = u32::from(self.policy.supervises);
        assert_eq!(self.children, runs, "nothing is started while it is held");
        let actions = self.actions;
        self.wait(Duration::from_hours(1));
        assert_eq!(self.actions, actions, "acted on what is held");
        self.release(self.disk);
        self.settle();
    }

    fn check_promises(&self) {
        match (self.exit, self.policy.on_change) {
            (Some(code), _) if self.policy.supervises => {
                assert_eq!(Some(code), self.last_exit, "the child's own code");
            }
            (Some(code), _) => assert_eq!(code, 0),
            (None, _) if self.told_to_end => {}
            (None, _) => {
                assert_eq!(self.loaded, self.disk, "a change was lost");
                assert!(!self.agent.owes(), "still owed at rest: {:?}", self.agent);
                assert!(matches!(self.agent.standing(), Standing::Taken(_)));
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
    let on_failed_restart = prop_oneof![Just(FailedRestart::Exit), Just(FailedRestart::KeepTrying)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, on_change, on_failed_restart).prop_map(
        |((supervises, prepares, settle_first, paced), on_change, on_failed_restart)| Policy {
            supervises: supervises || on_change == OnChange::Restart,
            on_change,
            on_failed_restart,
            prepares,
            paced,
            settle_first,
            ..policy()
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
        3 => Just(Op::Release),
        1 => (0u8..4).prop_map(Op::ReleaseOther),
        1 => any::<u8>().prop_map(Op::ProcessExits),
        1 => signal.prop_map(Op::Signal),
    ];
    vec(op, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn any_interleaving_keeps_every_promise(
        policy in policies(), ops in ops(), remembers in any::<bool>(), visible in any::<bool>(),
    ) {
        // By an exit code without either, nothing can be known: see docs/agent.md.
        let blind = matches!(policy.on_change, OnChange::Exit(_)) && !remembers;
        // Without a memory a restarted agent would not know what it was not to take.
        let remembers = remembers || policy.paced;
        let mut world = World::new(policy, remembers, visible || blind);
        for op in &ops {
            world.play(op);
        }
        world.settle();
        world.check_what_is_held();
        world.check_promises();
    }
}
