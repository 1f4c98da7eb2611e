//! The controller around a ladder: terms, the record, requests and their answers.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::ladder::{
    Acted, AgentAnswer, Conditions, Effect, Event, Finish, Ladder, Plan, Refuser, RestartStage,
    SeenPod, Taken,
};
use tidings_core::method::{Method, Methods};
use tidings_core::object::Seconds;
use tidings_core::refs::Name;
use tidings_core::settle::Millis;
use tidings_core::state::Number;

use crate::cluster::{FileContent, seconds};
use crate::life::{Happening, Life};

mod promises;

/// What a request asks.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    List,
    Act(Name, Name, Method),
    Ask(Name, Name),
    Look(Name),
}

/// What a ladder is told, and of which number it is.
#[derive(Clone, Debug)]
pub(crate) struct Reply(pub(crate) u64, pub(crate) Event);

/// What is written into the record.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Intent,
    Rungs(u64, Methods),
    Ended(u64, Finish),
}

/// What stands in the record.
#[derive(Clone, Debug)]
struct Record {
    n: u64,
    content: FileContent,
    rungs: Methods,
    /// When it was written, by a clock that is not the API server's.
    since: Seconds,
    done: bool,
    /// It is not pushed further for this content.
    stopped: bool,
    /// Who has refused it, or died of it.
    refuser: Option<Refuser>,
}

/// What a pod has been through in this term, for this number.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
struct Past {
    acts: u32,
    at: Millis,
    /// Answers that justify another act.
    reasons: u32,
    proven: bool,
    /// Whether it carried the number when it was listed last.
    carried: bool,
    ready: bool,
    /// Since when it was listed as one that does not run.
    out_since: Option<Millis>,
    /// Whether its containers were started again for it, and it was Ready.
    again: bool,
}

fn runs_again(pod: &SeenPod, n: u64) -> bool {
    let mark = pod.restart.as_ref().filter(|mark| mark.number == number(n));
    pod.ready && mark.is_some_and(|mark| mark.stage == RestartStage::Restarted)
}

/// Whether a pod was made so long after an intent that it has started with what was there.
fn later(pod: &SeenPod, since: i64) -> bool {
    pod.made.is_some_and(|made| made > since + 5)
}

/// Who leads.
pub(crate) struct Controller {
    pub(crate) term: u32,
    ladder: Option<Ladder>,
    record: Record,
    /// An intent is being written.
    writing: bool,
    told: Option<Conditions>,
    past: BTreeMap<Name, Past>,
    /// The pods that were listed first.
    first: Option<BTreeSet<Name>>,
    /// Requests about pods that were not answered.
    open: BTreeMap<Name, u32>,
    refused: bool,
    /// Since when a term's clock counts: it tells nothing about another's.
    offset: Millis,
    /// When it is told the time next.
    wakes: Option<Millis>,
    tokens: u32,
    was_newer: bool,
    /// When the pods were listed last, were before that, and one has proved it last.
    asked: Millis,
    came: Millis,
    proof: Millis,
    pub(crate) ends: Vec<Finish>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ladder = self.ladder.as_ref();
        let ladder = ladder.map(|l| (l.progress(), l.out_of_reach(), l.wakes()));
        write!(f, "{:?} {:?} {:?}", self.record, ladder, self.told)
    }
}

impl Controller {
    pub(crate) fn new(content: FileContent) -> Self {
        Self {
            term: 0,
            ladder: None,
            record: Record {
                n: 0,
                content,
                rungs: Methods::default(),
                since: 0,
                done: true,
                stopped: false,
                refuser: None,
            },
            writing: false,
            told: None,
            past: BTreeMap::new(),
            first: None,
            open: BTreeMap::new(),
            refused: false,
            offset: 0,
            wakes: None,
            tokens: 0,
            was_newer: false,
            asked: 0,
            came: 0,
            proof: 0,
            ends: Vec::new(),
        }
    }

    /// The content that is being brought.
    pub(crate) fn wanted(&self) -> u8 {
        self.record.content.value
    }

    /// Whether the newest content has been brought, or is not to be.
    pub(crate) fn is_settled(&self, content: FileContent) -> bool {
        let Record { done, stopped, .. } = self.record;
        let newest = self.record.content.value == content.value;
        self.ladder.is_none() && !self.writing && newest && (done || stopped)
    }
}

pub(crate) fn number(n: u64) -> Number {
    Number::parse(&format!("{n}-k7f2")).unwrap()
}

impl Life {
    fn is_of(&self, term: u32) -> bool {
        self.controller.term == term
    }

    /// A new term: nothing is known but the record, and the pods.
    pub(crate) fn leads(&mut self) {
        let offset = self.chance.draw() % 10_000_000;
        let controller = &mut self.controller;
        controller.term += 1;
        controller.offset = offset;
        (controller.ladder, controller.writing) = (None, false);
        controller.wakes = None;
        let term = controller.term;
        self.say(format_args!("term {term}"));
        if !self.controller.record.done && !self.controller.record.stopped {
            self.begin();
        }
        self.at(20, Happening::Looks(term));
        self.at(15_000, Happening::AsksAgain(term));
    }

    /// What was refused is asked about again, as long as anything befalls it.
    pub(crate) fn asks_again(&mut self, term: u32) {
        let controller = &self.controller;
        let idle = controller.ladder.is_none() && !controller.writing;
        let stands = controller.record.stopped && !controller.record.done;
        let is_asked = self.is_of(term) && controller.record.refuser.is_some();
        if is_asked && idle && stands && self.troubles > 0 {
            self.begin();
        }
    }

    pub(crate) fn fail_over(&mut self) {
        // Whoever led does nothing any more; what is under way arrives.
        self.controller.term += 1;
        self.controller.ladder = None;
        self.say(format_args!("the leader dies"));
        let pause = self.chance.of(&[100, 1_000, 16_000]);
        self.at(pause, Happening::Leads);
    }

    /// What a decision would find: other content than that of the record.
    pub(crate) fn looks(&mut self, term: u32) {
        let value = self.content.value;
        let controller = &mut self.controller;
        if controller.term == 0 || controller.writing {
            return;
        }
        let record = &controller.record;
        let differs = record.content.value != value;
        let open = !record.done && !record.stopped;
        if controller.ladder.is_some() {
            if differs && !controller.was_newer {
                controller.was_newer = true;
                self.tell(Event::Newer);
            }
        } else if differs || (open && !self.is_rolling()) {
            self.controller.writing = true;
            let pause = self.chance.between(3, 60);
            let term = self.controller.term.max(term);
            self.at(pause, Happening::Stored(term, Store::Intent));
        }
    }

    fn is_rolling(&self) -> bool {
        let record = &self.controller.record;
        self.on_template == record.n && record.n > 0
    }

    pub(crate) fn stored(&mut self, term: u32, store: Store) {
        if !self.is_of(term) {
            return;
        }
        match store {
            Store::Intent => {
                let rungs = self.conditions.allowed;
                let since = seconds(self.now + self.chance.between(0, 10_000)) - 5;
                let record = &mut self.controller.record;
                *record = Record {
                    n: record.n + 1,
                    since,
                    content: self.content,
                    rungs,
                    done: false,
                    // Nothing of the list can: nothing is done.
                    stopped: rungs.is_empty(),
                    refuser: None,
                };
                self.controller.writing = false;
                self.say(format_args!("intent {:?}", self.controller.record));
                self.begin();
            }
            Store::Rungs(n, rungs) if n == self.controller.record.n => {
                self.controller.record.rungs = rungs;
                let past = self.controller.past.values_mut();
                past.for_each(|past| (past.acts, past.reasons) = (0, 0));
                self.tell(Event::Written);
            }
            Store::Ended(n, end) if n == self.controller.record.n => self.ended(&end),
            Store::Rungs(..) | Store::Ended(..) => {}
        }
    }

    fn ended(&mut self, end: &Finish) {
        self.controller.ladder = None;
        let term = self.controller.term;
        let record = &mut self.controller.record;
        match end {
            Finish::InStep { .. } => record.done = true,
            Finish::To(Method::Rollout) => {
                let n = record.n;
                self.begin_rollout(Some(n));
            }
            Finish::Rejected { pod, .. } | Finish::Died { pod } => {
                record.stopped = true;
                record.refuser = Some(Refuser {
                    pod: pod.clone(),
                    died: matches!(end, Finish::Died { .. }),
                });
            }
            Finish::NotTaken { .. } | Finish::To(_) => record.stopped = true,
            Finish::Overtaken | Finish::Stands => {}
        }
        self.at(15_000, Happening::AsksAgain(term));
        self.at(10, Happening::Looks(term));
    }

    /// Our rollout is through.
    pub(crate) fn rolled(&mut self, number: Option<u64>) {
        if number == Some(self.controller.record.n) {
            self.controller.record.done = true;
        }
        let term = self.controller.term;
        self.at(10, Happening::Looks(term));
    }

    /// Begins, with nothing but the intent.
    fn begin(&mut self) {
        if self.is_rolling() || self.controller.record.rungs.is_empty() {
            return;
        }
        let (n, mut rungs) = (self.controller.record.n, self.controller.record.rungs);
        let refuser = self.controller.record.refuser.clone();
        if let (Some(_), Some(first)) = (&refuser, rungs.first()) {
            rungs = first.into();
        }
        let plan = Plan {
            number: number(n),
            rungs,
            since: Some(self.controller.record.since),
            timeout: self.timeout,
            refuser,
        };
        let conditions = self.conditions_now();
        let controller = &mut self.controller;
        controller.told = Some(conditions);
        (controller.refused, controller.was_newer) = (false, false);
        controller.past.clear();
        controller.open.clear();
        controller.first = None;
        let now = self.now + self.controller.offset;
        let (ladder, effects) = Ladder::begin(now, plan, conditions);
        self.controller.ladder = Some(ladder);
        self.carry_out(effects);
        let term = self.controller.term;
        self.at(1, Happening::Looks(term));
    }

    fn conditions_now(&self) -> Conditions {
        Conditions {
            rollout: self.own_rollout(),
            desired: self.replicas,
            ..self.conditions
        }
    }

    pub(crate) fn tell_conditions(&mut self) {
        let n = self.controller.record.n;
        let event = Event::Conditions(self.conditions_now());
        let term = self.controller.term;
        self.at(30, Happening::Replies(term, Reply(n, event)));
    }

    pub(crate) fn wakes(&mut self, term: u32) {
        if self.is_of(term) && self.controller.wakes.is_some_and(|at| at <= self.now) {
            self.controller.wakes = None;
            self.tell(Event::Time);
        }
    }

    pub(crate) fn replies(&mut self, term: u32, Reply(n, event): Reply) {
        if !self.is_of(term) || n != self.controller.record.n {
            return;
        }
        let event = match event {
            Event::Conditions(_) => Event::Conditions(self.conditions_now()),
            event => event,
        };
        self.say(format_args!("    {event:?}"));
        self.note(&event);
        self.tell(event);
    }

    fn tell(&mut self, event: Event) {
        let now = self.now + self.controller.offset;
        let Some(ladder) = &mut self.controller.ladder else {
            return;
        };
        let effects = ladder.step(now, event);
        self.carry_out(effects);
    }

    /// What is remembered of what a ladder was told, to judge it by.
    fn note(&mut self, event: &Event) {
        let n = self.controller.record.n;
        let evicts = self.controller.record.rungs.first() == Some(Method::Evict);
        let since = self.controller.record.since;
        let controller = &mut self.controller;
        match event {
            Event::Conditions(conditions) => controller.told = Some(*conditions),
            Event::Listed(Ok(pods)) => self.note_listed(pods),
            Event::Acted(uid, acted) => {
                controller.open.remove(uid);
                let past = controller.past.entry(uid.clone()).or_default();
                if *acted == Acted::Evicted {
                    past.out_since = past.out_since.or(Some(self.now));
                }
                match acted {
                    Acted::Done { .. } | Acted::Evicted => {}
                    // Nothing was done to it.
                    Acted::Held(_) => past.acts -= 1,
                    _ => past.reasons += 1,
                }
            }
            Event::Looked(uid, pod) => {
                controller.open.remove(uid);
                let past = controller.past.entry(uid.clone()).or_default();
                let first = controller.first.clone().unwrap_or_default();
                let is_later = |pod: &&SeenPod| later(pod, since) || !first.contains(&pod.uid);
                let seen = pod.as_ref().filter(|pod| evicts && is_later(pod));
                if seen.is_some_and(|pod| pod.ready && !pod.going) {
                    (past.proven, controller.proof) = (true, self.now);
                }
                // Where nobody answers the last list counts.
                past.again |= pod.as_ref().is_some_and(|pod| runs_again(pod, n));
                if past.again {
                    (past.proven, controller.proof) = (true, self.now);
                }
            }
            Event::Answered(uid, answer) => {
                controller.open.remove(uid);
                let past = controller.past.entry(uid.clone()).or_default();
                past.reasons +=
                    u32::from(matches!(answer, AgentAnswer::Other | AgentAnswer::NoToken));
                if let AgentAnswer::Holds { outcome, .. } = answer {
                    if *outcome == Taken::Applied {
                        (past.proven, controller.proof) = (true, self.now);
                    }
                    controller.refused |= *outcome == Taken::Rejected;
                }
            }
            _ => {}
        }
    }

    fn note_listed(&mut self, pods: &[SeenPod]) {
        let n = self.controller.record.n;
        let since = self.controller.record.since;
        let evicts = self.controller.record.rungs.first() == Some(Method::Evict);
        let controller = &mut self.controller;
        controller.came = controller.asked;
        let uids = || pods.iter().map(|pod| pod.uid.clone()).collect();
        let first = controller.first.get_or_insert_with(uids).clone();
        let is_later = |pod: &SeenPod| later(pod, since) || !first.contains(&pod.uid);
        let past = controller.past.values_mut();
        past.for_each(|past| past.again = false);
        for pod in pods {
            let past = controller.past.entry(pod.uid.clone()).or_default();
            past.carried = pod.mark.as_ref().is_some_and(|m| m.number == number(n));
            past.ready = pod.ready;
            let out = !(pod.started && pod.node_ready) || pod.going;
            past.out_since = out.then(|| past.out_since.unwrap_or(self.now));
            past.again = runs_again(pod, n);
            past.proven |= evicts && is_later(pod) && pod.ready && !pod.going;
        }
        let there = |uid: &Name| pods.iter().any(|pod| pod.uid == *uid);
        controller.open.retain(|uid, _| there(uid));
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let (term, n) = (self.controller.term, self.controller.record.n);
        for effect in effects {
            self.say(format_args!("  {effect:?}"));
            let pause = self.chance.between(1, 20);
            match effect {
                Effect::List => {
                    self.controller.asked = self.now;
                    self.at(pause, Happening::Arrives(term, n, Request::List));
                }
                Effect::Act(uid, method) => {
                    self.check_act(&uid, method);
                    self.controller.tokens += 1;
                    let token = format!("t{}", self.controller.tokens).into();
                    let act = Request::Act(uid, token, method);
                    self.at(pause, Happening::Arrives(term, n, act));
                }
                Effect::Look(uid) => {
                    self.check_asked_once(&uid);
                    self.at(pause, Happening::Arrives(term, n, Request::Look(uid)));
                }
                Effect::Ask(uid, token) => {
                    self.check_asked_once(&uid);
                    self.at(pause, Happening::Arrives(term, n, Request::Ask(uid, token)));
                }
                Effect::Held(said) => {
                    assert_eq!(said, if self.budget_held { "web needs 3" } else { "" });
                }
                Effect::Write(rungs, why) => {
                    self.check_leaving(&why);
                    let former = self.controller.record.rungs;
                    assert_eq!(rungs & former, rungs, "{rungs} are not of {former}");
                    assert!(!rungs.contains(former.first().unwrap()));
                    let told = self.controller.told.unwrap();
                    rungs
                        .iter()
                        .for_each(|m| self.check_listed(m, told.allowed));
                    self.at(pause, Happening::Stored(term, Store::Rungs(n, rungs)));
                }
                Effect::Finish(end) => {
                    self.check_end(&end);
                    self.controller.ends.push(end.clone());
                    self.at(pause, Happening::Stored(term, Store::Ended(n, end)));
                }
            }
        }
        let ladder = self.controller.ladder.as_ref();
        if let Some(at) = ladder.and_then(Ladder::wakes) {
            let at = at.saturating_sub(self.controller.offset).max(self.now + 1);
            if self.controller.wakes.is_none_or(|before| before > at) {
                self.controller.wakes = Some(at);
                self.at(at - self.now, Happening::Wakes(term));
            }
        }
    }
}
