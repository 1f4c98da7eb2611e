//! Workloads whose pods are gone through one by one: what the ladder on a desk wants is
//! handed out, and what becomes of it handed in.
//!
//! A ladder begins when its intent is stored, and anew in each term: it finds on the pods
//! how far they are. While it is under way decisions go on: what they find is what holds
//! around it, or that there is newer content, for which it makes room as soon as nothing
//! goes on in a pod. Nobody waits for it when the program ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use tidings_core::decide::{Act, Verdict};
use tidings_core::evidence::Question;
use tidings_core::ladder::{
    self, Acted, Agent, Conditions, Event, Finish, Ladder, LivePod, Unlisted, climbed, ended,
    heard_of_restarts, held,
};
use tidings_core::method::{Method, Methods};
use tidings_core::object::Seconds;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::state::{Entry, Number};

use super::announce::say_climbed;
use super::desk::{Desk, UnderWay};
use super::ground::Ground;
use super::leading::Leading;
use super::pods::{
    Climber, Evicting, LookingAt, PodAnswer, PodErrand, PodTask, Poking, Restarting,
};
use super::rosters::{Basis, Rosters};
use super::scene::{NotYet, Scene, conditions};
use super::{ClimbResult, Effect, Roll};
use crate::agents::PodAddress;
use crate::api::ApiError;
use crate::fetch::Roster;

/// A ladder on a desk.
pub(super) struct Climbing {
    climber: Climber,
    number: Number,
    /// The uid of the workload.
    uid: Name,
    ladder: Ladder,
    conditions: Conditions,
    roster: Roster,
    /// What the roster's findings hold for.
    basis: Basis,
    agents: Result<Arc<[Agent]>, String>,
    /// The containers that are started again where that is done in place.
    restarted: Result<Arc<[Name]>, String>,
    /// The pods that were listed, by uid.
    pods: BTreeMap<Name, PodAddress>,
    /// The method that is taken.
    method: Method,
    /// Something is being found out for a decision.
    asks: bool,
    /// When it is told the time.
    wakes: Option<Millis>,
}

/// Without its tokens.
impl fmt::Debug for Climbing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (through, all) = self.ladder.progress();
        write!(f, "{} {}: {through} of {all}", self.number, self.method)
    }
}

/// The ladders of a term.
#[derive(Debug, Default)]
pub(super) struct Climbs {
    /// How many have begun.
    begun: u64,
    /// When whose is told the time.
    wakes: BTreeSet<(Millis, WorkloadRef)>,
    /// Where pods are, as ladders that are over have found out.
    rosters: Rosters,
}

impl Climbs {
    /// When the first is told the time.
    pub(super) fn next(&self) -> Option<Millis> {
        self.wakes.first().map(|(at, _)| *at)
    }

    fn take_due(&mut self, now: Millis) -> Option<WorkloadRef> {
        let due = self.next().is_some_and(|at| at <= now);
        let (_, key) = due.then(|| self.wakes.pop_first())??;
        Some(key)
    }
}

/// Whether it is not known yet that a ladder ends so: a pod that is asked again may refuse as
/// it did before.
fn is_news(entry: &Entry, end: &Finish) -> bool {
    let before = entry.refused().map(|refused| &*refused.pod);
    !matches!(end, Finish::Rejected { pod, .. } if before == Some(&**pod))
}

/// What fails where a method acts on a pod.
fn doing(method: Method) -> &'static str {
    match method {
        Method::RestartInPlace => "restarting a pod in place",
        Method::Evict => "evicting a pod",
        _ => "poking a pod",
    }
}

/// What comes of an errand before it is handed out.
enum Errand {
    Out(PodTask),
    /// The answer is known already.
    Known(Event),
}

impl Climbing {
    /// Whether something is being found out for a decision.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// Nothing is found out any more.
    pub(super) fn has_asked(&mut self) {
        self.asks = false;
    }

    /// What an effect asks for, at this time.
    fn errand(&self, effect: ladder::Effect, now: Seconds) -> Option<Errand> {
        match effect {
            ladder::Effect::List => Some(Errand::Out(PodTask::List(self.roster.clone().into()))),
            ladder::Effect::Act(uid, method) => Some(match self.pods.get(&uid) {
                Some(pod) => self.acting(pod, uid, method, now),
                None => Errand::Known(Event::Acted(uid, Acted::Gone)),
            }),
            ladder::Effect::Ask(uid, token) => Some(self.asking(uid, token)),
            ladder::Effect::Look(uid) => Some(self.looking(uid)),
            ladder::Effect::Write(..) | ladder::Effect::Held(_) | ladder::Effect::Finish(_) => None,
        }
    }

    fn acting(&self, pod: &PodAddress, uid: Name, method: Method, at: Seconds) -> Errand {
        match method {
            Method::RestartInPlace => self.restarting(pod, uid, at),
            Method::Evict => Errand::Out(PodTask::Evict(evicting(pod, uid).into())),
            _ => Errand::Out(PodTask::Poke(self.poking(pod, uid, method).into())),
        }
    }

    fn restarting(&self, pod: &PodAddress, uid: Name, at: Seconds) -> Errand {
        let of = match &self.restarted {
            Ok(of) => Arc::clone(of),
            Err(why) => return Errand::Known(Event::Acted(uid, Acted::Refused(why.clone()))),
        };
        let restarting = Restarting {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            uid,
            number: self.number,
            of,
            users: Arc::clone(self.roster.users()),
            at,
        };
        Errand::Out(PodTask::Restart(restarting.into()))
    }

    fn looking(&self, uid: Name) -> Errand {
        let Some(pod) = self.pods.get(&uid) else {
            return Errand::Known(Event::Looked(uid, None));
        };
        let looking = LookingAt {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            uid,
            users: Arc::clone(self.roster.users()),
        };
        Errand::Out(PodTask::Look(looking.into()))
    }

    fn poking(&self, pod: &PodAddress, uid: Name, method: Method) -> Poking {
        Poking {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            uid,
            number: self.number,
            method,
            users: Arc::clone(self.roster.users()),
        }
    }

    fn asking(&self, uid: Name, token: Name) -> Errand {
        let answer = |answer| Errand::Known(Event::Answered(uid.clone(), answer));
        match (self.pods.get(&uid), &self.agents) {
            (_, Err(why)) => answer(ladder::AgentAnswer::Cannot(why.clone())),
            (None, _) => answer(ladder::AgentAnswer::Silent),
            (Some(pod), Ok(agents)) => Errand::Out(PodTask::Ask {
                pod: pod.clone(),
                agents: Arc::clone(agents),
                uid,
                token,
            }),
        }
    }

    fn listed(&mut self, roster: Roster, pods: Vec<LivePod>) -> Event {
        self.roster = roster;
        let namespace = &self.climber.key.namespace;
        let address = |live: &LivePod| PodAddress {
            namespace: namespace.clone(),
            name: live.pod.name.clone(),
            address: live.address,
            on_this_machine: live.on_this_machine,
        };
        self.pods = pods
            .iter()
            .map(|live| (live.pod.uid.clone(), address(live)))
            .collect();
        Event::Listed(Ok(pods.into_iter().map(|live| live.pod).collect()))
    }
}

fn evicting(pod: &PodAddress, uid: Name) -> Evicting {
    Evicting {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        uid,
    }
}

impl Leading {
    // --- begin -----------------------------------------------------------------

    /// Begins with an intent that is stored, or goes on with what an earlier term began.
    pub(super) fn climb(&mut self, ground: &mut Ground, key: &WorkloadRef, entry: &Entry) {
        let desk = self.desks.get(key);
        let roll = desk.and_then(|desk| desk.roll.clone());
        let (Some(known), Some(roll)) = (ground.index.get(key), roll) else {
            self.desks.end(key);
            return self.queue.look(key, ground.now);
        };
        match Scene::of(ground, known, entry, &roll) {
            Ok(scene) => {
                let basis = Basis::of(&known.workload);
                self.enter(ground, entry, scene, basis);
            }
            Err(why) => {
                self.desks.end(key);
                self.wait_for_scene(ground, key, why);
            }
        }
    }

    fn wait_for_scene(&mut self, ground: &mut Ground, key: &WorkloadRef, why: NotYet) {
        let again = match why {
            NotYet::Unread(sources) => {
                let again = ground.read_all(&sources);
                self.desks.of(key).awaits(sources);
                again
            }
            NotYet::Unseen => Some(self.desks.of(key).backoff.failed(ground.now, None)),
        };
        if let Some(again) = again {
            self.queue.look(key, again);
        }
    }

    fn enter(&mut self, ground: &mut Ground, entry: &Entry, scene: Scene, basis: Basis) {
        let key = basis.key().clone();
        self.climbs.begun += 1;
        let number = scene.plan.number;
        let (ladder, effects) = Ladder::begin(ground.now, scene.plan, scene.conditions);
        let climbing = Climbing {
            climber: Climber {
                key: key.clone(),
                ladder: self.climbs.begun,
            },
            number,
            uid: entry.uid.clone(),
            ladder,
            conditions: scene.conditions,
            roster: scene.roster.knowing(self.climbs.rosters.take(&basis)),
            basis,
            agents: scene.agents,
            restarted: scene.restarted,
            pods: BTreeMap::new(),
            method: entry.method(),
            asks: false,
            wakes: None,
        };
        let task = UnderWay::Climbing(Box::new(climbing));
        self.desks.begin(&key, task);
        // What changed while the intent was written was not looked at.
        self.queue.look(&key, ground.now);
        self.hand_out(ground, &key, effects);
    }

    /// Looks from time to time whether what a pod has refused stands.
    pub(super) fn ask_again(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        may: bool,
        reason: Reason,
    ) {
        let entry = self.store.get(key).filter(|_| may && !ground.dry_run);
        let (Some(entry), desk) = (entry.cloned(), self.desks.of(key)) else {
            self.desks.of(key).refusal = None;
            return;
        };
        match desk.looks_at_refusal(ground.now) {
            Ok(()) => self.resume(ground, key, &entry, reason),
            Err(next) => self.queue.look(key, next),
        }
    }

    // --- what is around it -------------------------------------------------------

    /// Heeds what was decided of a workload whose pods are gone through: it may only have
    /// to wait, or there is newer content, which is decided anew when that is over.
    pub(super) fn reconsider(&mut self, ground: &mut Ground, key: &WorkloadRef, verdict: Verdict) {
        let held = match verdict.act {
            Act::Resume(_) => false,
            Act::Nothing if verdict.may_ask_again => false,
            Act::Nothing | Act::Unpause => true,
            Act::Read(sources) => {
                if let Some(again) = ground.read_all(&sources) {
                    self.queue.look(key, again);
                }
                return self.desks.of(key).awaits(sources);
            }
            Act::Ask(questions) => return self.ask_beside(ground, key, questions),
            Act::Roll(..) | Act::Record(_) | Act::Note(_) | Act::Forget => {
                return self.tell_ladder(ground, key, Event::Newer);
            }
        };
        let now = ground
            .index
            .get(key)
            .map(|known| conditions(ground, known, held));
        let (Some(now), Some(climbing)) = (now, self.desks.climbing(key)) else {
            return;
        };
        if climbing.conditions != now {
            climbing.conditions = now;
            self.tell_ladder(ground, key, Event::Conditions(now));
        }
    }

    fn ask_beside(&mut self, ground: &mut Ground, key: &WorkloadRef, questions: Vec<Question>) {
        if let Some(climbing) = self.desks.climbing(key) {
            climbing.asks = true;
            ground.effects.push(Effect::Ask(key.clone(), questions));
        }
    }

    /// Its record is stored: what waits for that goes on.
    pub(super) fn is_stored(&mut self, ground: &mut Ground, key: &WorkloadRef) {
        if !self.store.is_waiting(key) {
            self.tell_ladder(ground, key, Event::Written);
        }
    }

    /// Tells the time to those who want to know.
    pub(super) fn wake_ladders(&mut self, ground: &mut Ground) {
        while let Some(key) = self.climbs.take_due(ground.now) {
            if let Some(climbing) = self.desks.climbing(&key) {
                climbing.wakes = None;
                self.tell_ladder(ground, &key, Event::Time);
            }
        }
    }

    // --- answers -----------------------------------------------------------------

    /// Something has become of an errand. That of an earlier ladder means nothing.
    pub(super) fn pods_answered(
        &mut self,
        ground: &mut Ground,
        climber: &Climber,
        answer: PodAnswer,
    ) {
        let key = &climber.key;
        let Some(climbing) = self.desks.climbing(key).filter(|c| c.climber == *climber) else {
            return;
        };
        let event = match answer {
            PodAnswer::Listed(roster, Ok(pods)) => climbing.listed(*roster, pods),
            PodAnswer::Listed(_, Err(error)) => {
                self.pods_failed(ground, key, "listing its pods", &error);
                Event::Listed(Err(match error {
                    ApiError::Forbidden(refusal) => Unlisted::Forbidden(refusal.in_short()),
                    _ => Unlisted::Failed,
                }))
            }
            PodAnswer::Acted(uid, _, Ok(acted)) => Event::Acted(uid, acted),
            PodAnswer::Acted(uid, method, Err(error)) => {
                self.pods_failed(ground, key, doing(method), &error);
                Event::Acted(
                    uid,
                    match error {
                        ApiError::Forbidden(refusal) => Acted::Forbidden(refusal.in_short()),
                        _ => Acted::Failed,
                    },
                )
            }
            PodAnswer::Looked(uid, Ok(pod)) => Event::Looked(uid, pod),
            PodAnswer::Looked(uid, Err(error)) => {
                self.pods_failed(ground, key, "looking at a pod", &error);
                Event::Looked(uid, None)
            }
            PodAnswer::Asked(uid, answer) => Event::Answered(uid, answer),
        };
        self.tell_ladder(ground, key, event);
    }

    fn pods_failed(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        doing: &str,
        error: &ApiError,
    ) {
        if error.is_failure() {
            self.say_failed(ground, key, doing, error);
        }
    }

    // --- effects -----------------------------------------------------------------

    fn tell_ladder(&mut self, ground: &mut Ground, key: &WorkloadRef, event: Event) {
        if let Some(climbing) = self.desks.climbing(key) {
            let effects = climbing.ladder.step(ground.now, event);
            self.hand_out(ground, key, effects);
        }
    }

    fn hand_out(&mut self, ground: &mut Ground, key: &WorkloadRef, effects: Vec<ladder::Effect>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                ladder::Effect::Write(rungs, why) => self.write_rungs(ground, key, rungs, &why),
                ladder::Effect::Held(said) => self.note_budget(ground, key, &said),
                ladder::Effect::Finish(end) => return self.climb_ended(ground, key, &end),
                errand => effects.extend(self.send(ground, key, errand)),
            }
        }
        self.note_wakes(key);
    }

    /// Hands out an errand. Where its answer is known already: what follows from that.
    fn send(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        effect: ladder::Effect,
    ) -> Vec<ladder::Effect> {
        let Some(climbing) = self.desks.climbing(key) else {
            return Vec::new();
        };
        match climbing.errand(effect, ground.seconds()) {
            Some(Errand::Out(task)) => {
                let climber = climbing.climber.clone();
                let errand = PodErrand { climber, task };
                ground.effects.push(Effect::Pods(Box::new(errand)));
                Vec::new()
            }
            Some(Errand::Known(event)) => climbing.ladder.step(ground.now, event),
            None => Vec::new(),
        }
    }

    fn note_wakes(&mut self, key: &WorkloadRef) {
        let Some(climbing) = self.desks.climbing(key) else {
            return;
        };
        let wakes = climbing.ladder.wakes();
        let before = std::mem::replace(&mut climbing.wakes, wakes);
        if before != wakes {
            let at = |at: Millis| (at, key.clone());
            before.map(|before| self.climbs.wakes.remove(&at(before)));
            wakes.map(|wakes| self.climbs.wakes.insert(at(wakes)));
        }
    }

    /// What is left is written down before the first of it is taken.
    fn write_rungs(&mut self, ground: &mut Ground, key: &WorkloadRef, rungs: Methods, why: &str) {
        let Some(entry) = self.intent(ground, key) else {
            return self.drop_climb(ground, key);
        };
        let entry = climbed(&entry, rungs, why, ground.seconds());
        let result = ClimbResult::NotTaken(why.into(), rungs.first());
        self.say_of_climb(ground, key, result);
        if let Some(climbing) = self.desks.climbing(key) {
            climbing.method = entry.method();
        }
        self.tell_method(key, &entry);
        if let Err(why) = self.store.put(key, entry) {
            self.drop_climb(ground, key);
            self.not_kept(ground, key, why);
        }
    }

    /// What a budget says is written down for whoever asks how the workload stands; what is
    /// decided of it then says so.
    fn note_budget(&mut self, ground: &mut Ground, key: &WorkloadRef, said: &str) {
        let Some(entry) = self.intent(ground, key) else {
            return self.drop_climb(ground, key);
        };
        let held = held(&entry, said);
        if held == entry {
            return;
        }
        self.queue.look(key, ground.now);
        if let Err(why) = self.store.put_lazily(key, held, ground.now) {
            self.not_kept(ground, key, why);
        }
    }

    /// What a roll is told to be is by the method that is taken now.
    fn tell_method(&mut self, key: &WorkloadRef, entry: &Entry) {
        let desk = self.desks.of(key);
        let roll = desk.roll.as_deref().map(|roll| Roll {
            because: entry.because.clone(),
            ..roll.clone()
        });
        desk.roll = roll.map(Arc::new);
    }

    /// The intent that is climbed for, where it is still that of the workload that is there.
    fn intent(&mut self, ground: &Ground, key: &WorkloadRef) -> Option<Entry> {
        let climbing = self.desks.climbing(key)?;
        let (number, uid) = (climbing.number, climbing.uid.clone());
        let is_there = ground.index.get(key)?.workload.uid == uid;
        let entry = self.store.get(key).filter(|_| is_there)?;
        (!entry.done && entry.number() == number).then(|| entry.clone())
    }

    /// It is decided anew.
    pub(super) fn drop_climb(&mut self, ground: &Ground, key: &WorkloadRef) {
        if let Some(climbing) = self.desks.climbing(key) {
            let found = climbing.roster.found().clone().lasting();
            self.climbs.rosters.keep(climbing.basis.clone(), found);
            self.desks.end_all_of(key);
            self.queue.look(key, ground.now);
        }
    }

    fn climb_ended(&mut self, ground: &mut Ground, key: &WorkloadRef, end: &Finish) {
        let intent = self.heard_of_restarts(ground, key);
        let news = intent.as_ref().is_some_and(|entry| is_news(entry, end));
        if let Some(result) = ClimbResult::of(end).filter(|_| news) {
            self.say_of_climb(ground, key, result);
        }
        self.drop_climb(ground, key);
        let (Some(entry), Some(known)) = (intent, ground.index.get(key)) else {
            return;
        };
        if *end == Finish::To(Method::Rollout) {
            return self.patch(ground, key, &entry);
        }
        let now = ended(&entry, end, &known.workload, ground.seconds()).unwrap_or(entry);
        if self.store.get(key) != Some(&now) {
            self.keep_end(ground, key, now);
        }
    }

    /// The intent, with what agents have said of restarts: that counts however it ended.
    fn heard_of_restarts(&mut self, ground: &Ground, key: &WorkloadRef) -> Option<Entry> {
        let restarts = self.desks.climbing(key)?.ladder.restarts();
        let entry = self.intent(ground, key)?;
        if restarts {
            return Some(heard_of_restarts(&entry, true, ground.seconds()));
        }
        Some(entry)
    }

    /// That content was refused is stored at once: the next leader would bring it to a pod
    /// again. What is proven, he only asks.
    fn keep_end(&mut self, ground: &mut Ground, key: &WorkloadRef, entry: Entry) {
        let kept = if entry.done {
            self.store.put_lazily(key, entry, ground.now)
        } else {
            self.store.put(key, entry)
        };
        self.kept(ground, key, kept);
    }

    fn say_of_climb(&mut self, ground: &mut Ground, key: &WorkloadRef, result: ClimbResult) {
        let desk = self.desks.get(key);
        let since = desk.and_then(Desk::changed_at);
        let roll = desk.and_then(|desk| desk.roll.clone());
        let (Some(roll), Some(climbing)) = (roll, self.desks.climbing(key)) else {
            return;
        };
        let since = since.map(|at| ground.now.saturating_sub(at));
        say_climbed(ground, &roll, climbing.method, result, since);
    }
}
