//! The loop: takes in what happened, asks the state machine, does what it says.
//!
//! In: [`Input`]s from the threads. Out: orders to the child and the worker,
//! and in the end the exit code. It never waits for anything but its inputs.

pub(crate) mod changed_names;
pub(crate) mod first_look;
pub(crate) mod worker;

use crate::act::Aim;
use crate::act::command::Context;
use crate::act::prove::Interrupt;
use crate::child::Child;
use crate::inquiry::known::{Knowledge, Turn};
use crate::memory::{Mark, Stamp};
use crate::report::journal::Journal;
use crate::watch::Observation;
use changed_names::ChangedNames;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tidings_supervise::{Effect, Event, Grounds, Note, Standing, State, Version};
use worker::Job;

/// What reaches the loop.
pub(crate) enum Input {
    /// The watch has looked.
    Observed(Observation),
    /// Anything that the machine understands as it is.
    Event(Event),
    /// What is rendered has a source with other permissions.
    Modes,
    /// The child of this start ended.
    ChildExited(u8),
    /// Somebody asks whether the loop turns.
    Ping(Sender<()>),
}

/// How the agent ends.
pub(crate) struct End {
    pub(crate) code: u8,
    /// What is taken by ending: to be kept last of all, since whoever is killed
    /// before ends in another way.
    pub(crate) taken: Option<Mark>,
}

/// The loop and its hands.
pub(crate) struct Engine {
    pub(crate) state: State,
    pub(crate) began: Instant,
    pub(crate) child: Option<Child>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) interrupt: Arc<Interrupt>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) inputs: Sender<Input>,
    /// Files that changed since the last action that was taken, or began.
    pub(crate) names: ChangedNames,
    /// Those of the actions since then that were not taken.
    pub(crate) acted_on: ChangedNames,
    pub(crate) generations: Vec<String>,
    /// Which state of the files was looked at last.
    pub(crate) stamp: Stamp,
    /// Which state of the files the last check or attempt was for.
    pub(crate) tried: Stamp,
    /// The child was sent a signal since it was started.
    pub(crate) told: bool,
    /// What the controller is answered from, where it may ask.
    pub(crate) known: Option<Arc<Knowledge>>,
    /// What the present event brings to that.
    pub(crate) news: Turn,
}

impl Engine {
    /// Turns until the machine says how to end.
    pub(crate) fn run(mut self, first: Vec<Effect>, inputs: &Receiver<Input>) -> End {
        let mut end = self.carry_out(first);
        self.show();
        let end = loop {
            if let Some(end) = end {
                break end;
            }
            let event = match self.next(inputs) {
                Ok(Input::Event(event)) => event,
                Ok(Input::Observed(look)) => self.saw(look),
                Ok(Input::ChildExited(code)) => self.child_exited(code),
                Ok(Input::Modes) => {
                    self.ask(Job::Modes);
                    continue;
                }
                Ok(Input::Ping(answer)) => {
                    let _ = answer.send(());
                    continue;
                }
                Err(_) => Event::Tick,
            };
            let effects = self.state.step(self.began.elapsed(), event);
            end = self.carry_out(effects);
            self.show();
        };
        self.interrupt.for_good();
        end
    }

    /// All that belongs to one event is told together.
    fn show(&mut self) {
        self.journal.owes(self.state.owes());
        self.journal.show();
        if let Some(known) = &self.known {
            let news = std::mem::take(&mut self.news);
            known.tell(news, self.state.seen(), self.state.standing());
        }
    }

    fn next(&self, inputs: &Receiver<Input>) -> Result<Input, RecvTimeoutError> {
        match self.state.deadline() {
            Some(at) => inputs.recv_timeout(at.saturating_sub(self.began.elapsed())),
            None => inputs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn saw(&mut self, look: Observation) -> Event {
        self.journal.saw(&look);
        self.stamp = Stamp::of(&look);
        self.news.looked(look.contents, look.flickered);
        let of = |mount: crate::watch::Mount| mount.generation;
        self.generations = look.mounts.into_iter().filter_map(of).collect();
        self.names.extend(look.names);
        if look.version != self.state.seen() {
            return Event::Changed(look.version);
        }
        if look.flickered {
            return Event::Flickered;
        }
        if let Standing::Taken(grounds) = self.state.standing() {
            // Put there again as it was: the same version, of another generation.
            self.keep(look.version, grounds);
        }
        Event::Changed(look.version)
    }

    fn child_exited(&mut self, code: u8) -> Event {
        if let Some(child) = &self.child {
            child.is_gone();
            if code == 0 && !self.told {
                child.say_if_in_background();
            }
        }
        Event::ChildExited(code)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Option<End> {
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            match effect {
                Effect::Exit(code) => return Some(End { code, taken: None }),
                Effect::Leave(code, version) => {
                    let taken = Some(self.mark(version));
                    return Some(End { code, taken });
                }
                Effect::StartChild => {
                    if let Some(code) = self.start_child() {
                        let event = self.child_exited(code);
                        waiting.extend(self.state.step(self.began.elapsed(), event));
                    }
                }
                other => self.carry_out_simply(other),
            }
        }
        None
    }

    fn carry_out_simply(&mut self, effect: Effect) {
        match effect {
            Effect::Prepare(version) => {
                let mark = self.mark(version);
                self.tried = mark.stamp.clone();
                self.ask(Job::Prepare(mark, self.context()));
            }
            Effect::Act(version) => {
                self.tried = self.mark(version).stamp;
                let changed_at = self.stamp.changed_at;
                let aim = Aim {
                    version,
                    changed_at,
                };
                self.ask(Job::Act(aim, self.context()));
                self.names.move_to(&mut self.acted_on);
            }
            Effect::Interrupt => self.interrupt.now(),
            Effect::Say(note) => self.say(&note),
            Effect::SignalChild(signal) => {
                self.told = true;
                self.with_child(|child| child.signal(signal));
            }
            Effect::StopChild(signal) => {
                self.told = true;
                self.with_child(|child| child.stop(signal));
            }
            Effect::Prove(version) => {
                self.tried = self.mark(version).stamp;
                self.ask(Job::Prove(version, self.context()));
                self.names.move_to(&mut self.acted_on);
            }
            Effect::KillChild => self.with_child(Child::kill),
            Effect::Keep(version, grounds) => self.keep(version, grounds),
            Effect::StartChild | Effect::Exit(_) | Effect::Leave(..) => {}
        }
    }

    /// Before long: what the disk takes must not hold up the loop.
    fn keep(&mut self, version: Version, grounds: Grounds) {
        let mark = self.mark(version);
        self.journal.has(&mark);
        self.news.took(version, grounds);
        self.ask(Job::Keep(mark, grounds));
    }

    /// Of a version that is not the newest it is not known which state it was.
    fn mark(&self, version: Version) -> Mark {
        let stamp = if version == self.state.seen() {
            self.stamp.clone()
        } else {
            Stamp::default()
        };
        Mark { version, stamp }
    }

    fn context(&self) -> Context {
        Context {
            names: self.names.with(&self.acted_on),
            generations: self.generations.clone(),
        }
    }

    fn say(&mut self, note: &Note) {
        if note.is_taken() {
            self.acted_on.clear();
        }
        self.news.note(note);
        self.journal.note(note, &self.tried, self.began.elapsed());
    }

    fn ask(&self, job: Job) {
        // The worker lives as long as the agent.
        let _ = self.jobs.send(job);
    }

    fn with_child(&self, act: impl FnOnce(&Child)) {
        if let Some(child) = &self.child {
            act(child);
        }
    }

    /// The exit code of a child that could not be started.
    fn start_child(&mut self) -> Option<u8> {
        self.told = false;
        let child = self.child.as_ref()?;
        let inputs = self.inputs.clone();
        let exited = move |code| {
            let _ = inputs.send(Input::ChildExited(code));
        };
        match child.start(exited) {
            Ok(_) => None,
            Err(failure) => Some(failure.say()),
        }
    }
}

/// Whether the loop answers in time.
pub(crate) fn answers(inputs: &Sender<Input>) -> bool {
    let (answer, answered) = channel();
    let asked = inputs.send(Input::Ping(answer));
    asked.is_ok() && answered.recv_timeout(Duration::from_secs(1)).is_ok()
}
