//! Climbing: the state of one number on one workload.

use std::collections::BTreeMap;

use crate::method::{Method, Methods};
use crate::object::Seconds;
use crate::refs::Name;
use crate::settle::Millis;

use super::again;
use super::budget::Budget;
use super::clock::Clock;
use super::listing::Listing;
use super::messages::{
    Acted, AgentAnswer, Conditions, Effect, Event, Finish, OwnRollout, Plan, SeenPod, Unlisted,
};
use super::visit::{Errand, Next, Rung, Stage, Visit};

mod turns;

/// A pod that was made no longer after the intent may be older than it: clocks differ.
const SKEW: Seconds = 5;

/// Where it is.
#[derive(Clone, Copy)]
enum Whereabouts {
    /// On a rung that goes pod by pod.
    Rung(&'static Rung),
    /// The next rungs are written down.
    Writing(Methods),
    /// They are, and the first of them is another's to carry out.
    HandsOver(Method),
    Over,
}

/// A workload that is brought to its content, pod by pod.
pub struct Ladder {
    plan: Plan,
    conditions: Conditions,
    place: Whereabouts,
    visits: BTreeMap<Name, Visit>,
    listing: Listing,
    /// Whether there is newer content.
    newer: bool,
    /// Whether taking the content restarts programs.
    restarts: bool,
    /// Whether one pod has it, so that more can follow at once.
    opened: bool,
    /// What budgets let be done.
    budget: Budget,
    /// Since when there are fewer pods than there should be, where others are to come.
    lacks_since: Option<Millis>,
    /// Why the pods cannot be listed.
    cannot: Option<String>,
    wakes: Option<Millis>,
}

/// Whether a pod is late.
#[derive(PartialEq, Eq)]
enum Lateness {
    /// It is not before this time.
    Until(Millis),
    /// How it and its node are now decides.
    Asks,
    Late,
}

impl Ladder {
    /// Begins, or goes on with what an earlier term began: the intent is stored.
    pub fn begin(now: Millis, plan: Plan, conditions: Conditions) -> (Self, Vec<Effect>) {
        let mut ladder = Self {
            plan,
            conditions,
            place: Whereabouts::Over,
            visits: BTreeMap::new(),
            listing: Listing::new(),
            newer: false,
            restarts: false,
            opened: false,
            budget: Budget::new(),
            lacks_since: None,
            cannot: None,
            wakes: None,
        };
        ladder.enter(now);
        let effects = ladder.go_on(now);
        (ladder, effects)
    }

    /// Takes in what happened.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        if matches!(self.place, Whereabouts::Over) {
            return Vec::new();
        }
        if let Some(end) = self.take(now, event) {
            return self.end(end);
        }
        self.go_on(now)
    }

    /// When it wants to be told the time.
    pub fn wakes(&self) -> Option<Millis> {
        self.wakes
    }

    /// How many pods are through, of how many.
    pub fn progress(&self) -> (usize, usize) {
        let through = self.visits.values().filter(|v| v.stage == Stage::Through);
        (through.count(), self.visits.len())
    }

    /// Whether an agent has said that taking the content restarts its program.
    pub fn restarts(&self) -> bool {
        self.restarts
    }

    /// The names of the pods that cannot be reached: their containers do not run, or
    /// their nodes are not there. They are waited for as long as a pod may take.
    pub fn out_of_reach(&self) -> Vec<Name> {
        let Whereabouts::Rung(rung) = self.place else {
            return Vec::new();
        };
        let open = self.visits.values().filter(|v| v.stage != Stage::Through);
        let out = open.filter(|v| !(rung.reaches)(&v.pod));
        out.map(|v| v.pod.name.clone()).collect()
    }

    fn take(&mut self, now: Millis, event: Event) -> Option<Finish> {
        match event {
            Event::Listed(Ok(pods)) => return self.listed(now, pods),
            Event::Listed(Err(Unlisted::Forbidden(why))) => self.cannot = Some(why),
            Event::Listed(Err(Unlisted::Failed)) => self.listing.has_failed(),
            Event::Acted(uid, acted) => {
                if acted == Acted::Gone {
                    self.listing.want();
                }
                match &acted {
                    Acted::Held(said) => self.budget.has_held(now, said.clone()),
                    Acted::Evicted => self.budget.has_let(),
                    _ => {}
                }
                return self.heard(&uid, |visit, rung| visit.acted(rung, now, acted));
            }
            Event::Answered(uid, answer) => {
                self.restarts |= answer.restarts();
                let clock = self.visits.get_mut(&uid).and_then(|v| v.clock.as_mut());
                if let Some(clock) = clock.filter(|_| answer != AgentAnswer::Silent) {
                    clock.hear(now);
                }
                return self.heard(&uid, |visit, rung| (rung.answered)(visit, now, answer));
            }
            Event::Looked(uid, pod) => return self.looked(now, &uid, pod),
            Event::Written => self.written(now),
            Event::Conditions(conditions) => {
                let (now, before) = (conditions, self.conditions);
                if (now.rollout, now.desired) != (before.rollout, before.desired) {
                    self.listing.want();
                }
                self.conditions = conditions;
            }
            Event::Newer => self.newer = true,
            Event::Time => {}
        }
        None
    }

    /// Pods that are not there any more are forgotten.
    fn listed(&mut self, now: Millis, pods: Vec<SeenPod>) -> Option<Finish> {
        let is_first = self.listing.came().is_none();
        self.listing.has_come();
        let replaces = self.rung().is_some_and(Rung::replaces);
        let mut before = std::mem::take(&mut self.visits);
        for pod in pods.into_iter().filter(|pod| replaces || !pod.going) {
            let visit = match before.remove(&pod.uid) {
                Some(visit) => visit.listed(pod),
                None => self.newly_seen(now, pod, is_first),
            };
            self.visits.insert(visit.pod.uid.clone(), visit);
        }
        if replaces {
            self.find_replacements();
        }
        if !self.opened && again::stands(&self.plan, self.rung(), self.visits.values()) {
            return Some(Finish::Stands);
        }
        let mut visits = self.visits.values();
        let died = visits.find(|visit| visit.has_died(self.restarts));
        died.map(Visit::dead)
    }

    /// Who stands in the place of one that is gone has what it should when it is Ready.
    fn find_replacements(&mut self) {
        let visits = self.visits.values_mut();
        for visit in visits.filter(|v| v.is_renewed() && !v.is_busy()) {
            visit.stage = Stage::Through;
            self.opened = true;
        }
    }

    /// What was not there when the pods were listed first was made later than the intent.
    fn newly_seen(&self, now: Millis, pod: SeenPod, is_first: bool) -> Visit {
        let made = pod.made.zip(self.plan.since);
        let is_later = !is_first || made.is_some_and(|(made, since)| made > since + SKEW);
        let mut visit = Visit::new(pod);
        visit.is_new = is_later && visit.stays();
        visit.begun_with(self.rung(), now)
    }

    fn rung(&self) -> Option<&'static Rung> {
        match self.place {
            Whereabouts::Rung(rung) => Some(rung),
            _ => None,
        }
    }

    /// That a node is gone is told by lists only.
    fn looked(&mut self, now: Millis, uid: &Name, pod: Option<SeenPod>) -> Option<Finish> {
        let replaces = self.rung().is_some_and(Rung::replaces);
        let lacks = self.missing() > 0;
        let visit = self.visits.get_mut(uid)?;
        match pod.filter(|pod| replaces || !pod.going) {
            Some(pod) => {
                let node_ready = pod.ready || visit.pod.node_ready;
                visit.pod = SeenPod { node_ready, ..pod };
                if lacks && !visit.stays() {
                    self.listing.want();
                }
            }
            None => self.listing.want(),
        }
        if visit.has_died(self.restarts) {
            return Some(visit.dead());
        }
        let number = self.plan.number;
        self.heard(uid, |visit, rung| (rung.looked)(visit, number, now))
    }

    /// Something was heard of a pod that was asked for.
    fn heard(
        &mut self,
        uid: &Name,
        next: impl FnOnce(&mut Visit, &'static Rung) -> Next,
    ) -> Option<Finish> {
        let Whereabouts::Rung(rung) = self.place else {
            return None;
        };
        let visit = self.visits.get_mut(uid)?;
        if !matches!(visit.stage, Stage::Busy(_)) {
            return None;
        }
        match next(visit, rung) {
            Next::At(at, errand) => visit.stage = Stage::Waits(at, errand),
            Next::Later => visit.stage = Stage::Due,
            Next::Through => {
                visit.stage = Stage::Through;
                self.opened = true;
                self.listing.outdate();
            }
            Next::Ends(why) => visit.stage = Stage::Failed(why),
            Next::Rejected(text) => {
                let pod = visit.pod.name.clone();
                return Some(Finish::Rejected { pod, text });
            }
        }
        None
    }

    /// The next rungs are stored.
    fn written(&mut self, now: Millis) {
        if let Whereabouts::Writing(rungs) = self.place {
            self.plan.rungs = rungs;
            self.enter(now);
        }
    }

    /// Onto the first of the rungs. Only pods that are still stale are touched.
    fn enter(&mut self, now: Millis) {
        let Some(method) = self.plan.rungs.first() else {
            return;
        };
        self.place = match Rung::of(method) {
            Some(rung) => Whereabouts::Rung(rung),
            None => Whereabouts::HandsOver(method),
        };
        (self.opened, self.cannot) = (false, None);
        let rung = Rung::of(method);
        self.restarts |= method.row().restarts && rung.is_some();
        for visit in self.visits.values_mut() {
            if visit.stage != Stage::Through {
                *visit = visit.begun_with(rung, now);
            }
        }
        self.listing.want();
    }

    fn end(&mut self, end: Finish) -> Vec<Effect> {
        (self.place, self.wakes) = (Whereabouts::Over, None);
        self.visits.clear();
        vec![Effect::Finish(end)]
    }

    /// What follows of how things are now.
    fn go_on(&mut self, now: Millis) -> Vec<Effect> {
        self.run_clocks(now);
        self.find_late(now);
        self.release();
        if let Some(effect) = self.leaves() {
            return effect;
        }
        let Whereabouts::Rung(rung) = self.place else {
            self.wakes = None;
            return Vec::new();
        };
        self.begin_some(rung, now);
        let mut effects = self.errands(rung, now);
        effects.extend(self.budget.news().map(Effect::Held));
        if self.listing_is_due(now).is_some_and(|at| at <= now) {
            self.listing.ask(now);
            effects.push(Effect::List);
        }
        self.wakes = self.next(now);
        effects
    }

    /// A pod's time runs from the act on it that was accepted, while it can be reached, and
    /// the workload's own rollout is over.
    fn run_clocks(&mut self, now: Millis) {
        let Whereabouts::Rung(rung) = self.place else {
            return;
        };
        let still = self.is_still();
        for visit in self.visits.values_mut() {
            visit.note_reach(rung, now);
        }
        let lacks = rung.replaces() && self.missing() > 0;
        self.lacks_since = lacks.then(|| self.lacks_since.unwrap_or(now));
        for visit in self.visits.values_mut().filter(|v| v.is_under_way()) {
            let runs = still && visit.sent && (rung.late)(&visit.pod);
            visit.clock = runs.then(|| visit.clock.unwrap_or(Clock::start(now)));
        }
    }

    /// Who is late has failed. An answer that is still to come is waited for: it may be
    /// the proof.
    fn find_late(&mut self, now: Millis) {
        let late = self
            .visits
            .iter()
            .filter(|(_, visit)| !visit.is_busy() && self.lateness(visit, now) == Lateness::Late);
        for uid in late.map(|(uid, _)| uid.clone()).collect::<Vec<_>>() {
            if let Some(visit) = self.visits.get_mut(&uid) {
                let why = format!("{} has not proved it in time", visit.pod.name);
                visit.stage = Stage::Failed(why);
            }
        }
    }

    /// A pod is late if it is there after its time, on a node that is there.
    fn lateness(&self, visit: &Visit, now: Millis) -> Lateness {
        let method = self.plan.rungs.first();
        let proves = method.is_some_and(|m| m.row().proven.is_some());
        let Some(clock) = visit.clock.filter(|_| proves && visit.is_under_way()) else {
            return Lateness::Until(Millis::MAX);
        };
        let at = clock.deadline(now, self.plan.timeout);
        match self.listing.came() {
            _ if now < at => Lateness::Until(at),
            Some(came) if came >= at => Lateness::Late,
            _ => Lateness::Asks,
        }
    }

    /// What is not wanted any more, or not allowed, is not gone on with where nothing goes
    /// on by itself.
    fn release(&mut self) {
        let method = self.plan.rungs.first();
        let allowed = method.is_some_and(|m| self.conditions.allowed.contains(m));
        if self.newer || !allowed {
            let visits = self.visits.values_mut();
            for visit in visits.filter(|v| v.is_under_way() && !v.is_bound()) {
                visit.stage = Stage::Due;
            }
        }
    }

    /// What ends the rung, if it is to be ended and nothing of it is under way.
    fn leaves(&mut self) -> Option<Vec<Effect>> {
        match self.place {
            Whereabouts::Writing(_) | Whereabouts::Over => None,
            _ if self.newer => {
                let mut bound = self.visits.values().filter(|v| v.is_bound());
                let bound = bound.any(|v| v.is_busy() || !self.is_left_out(v));
                (!bound).then(|| self.end(Finish::Overtaken))
            }
            Whereabouts::HandsOver(_) if self.waits() => None,
            Whereabouts::HandsOver(method) if self.conditions.allowed.contains(method) => {
                Some(self.end(Finish::To(method)))
            }
            Whereabouts::HandsOver(method) => Some(self.climb(method, not_allowed(method))),
            Whereabouts::Rung(rung) => match self.why_not(rung) {
                Some(why) => self.leave(rung, why),
                None => self.is_through().then(|| {
                    let row = rung.method.row();
                    let proven = row.proven.is_some();
                    // What restarts by what it is was counted when it was begun.
                    let restarted = self.restarts && !row.restarts;
                    self.end(Finish::InStep { proven, restarted })
                }),
            },
        }
    }

    /// Whether the workload's own rollout lets pods be gone on with. One that hangs does,
    /// where nobody has allowed a rollout: those that run are all that there is.
    fn is_still(&self) -> bool {
        match self.conditions.rollout {
            OwnRollout::Through => true,
            OwnRollout::Running => false,
            OwnRollout::Hangs => !self.may_roll_out(),
        }
    }

    fn waits(&self) -> bool {
        self.conditions.held || self.conditions.rollout == OwnRollout::Running
    }

    /// Why this rung is not gone on with.
    fn why_not(&self, rung: &Rung) -> Option<String> {
        let mut visits = self.visits.values();
        let failed = visits.find_map(|visit| match &visit.stage {
            Stage::Failed(why) => Some(why.clone()),
            _ => None,
        });
        let hangs = self.conditions.rollout == OwnRollout::Hangs && self.may_roll_out();
        let allowed = self.conditions.allowed.contains(rung.method);
        let cannot = self.cannot.clone();
        let forbidden = (!allowed).then(|| not_allowed(rung.method));
        let hangs = hangs.then(|| "its own rollout hangs".to_owned());
        failed.or(cannot).or(forbidden).or(hangs)
    }

    fn may_roll_out(&self) -> bool {
        let left = self.plan.rungs & self.conditions.allowed;
        left.contains(Method::Rollout)
    }

    /// To the next rung, when whoever is under way has been heard: one that refuses ends
    /// it all.
    fn leave(&mut self, rung: &Rung, why: String) -> Option<Vec<Effect>> {
        let mut under_way = self.visits.values().filter(|v| v.is_under_way());
        let goes_on = under_way.any(|v| v.is_busy() || !self.is_left_out(v));
        if goes_on || self.waits() {
            return None;
        }
        Some(self.climb(rung.method, why))
    }

    fn climb(&mut self, from: Method, why: String) -> Vec<Effect> {
        let mut left = self.plan.rungs.after(from) & self.conditions.allowed;
        if self.conditions.rollout == OwnRollout::Hangs {
            left = left.iter().filter(|method| !method.is_pod_wise()).collect();
        }
        if left.is_empty() {
            let again = self.plan.refuser.is_some();
            let not_taken = Finish::NotTaken { why };
            return self.end(if again { Finish::Stands } else { not_taken });
        }
        self.place = Whereabouts::Writing(left);
        self.wakes = None;
        vec![Effect::Write(left, why)]
    }

    /// Whether a pod has not run for as long as one may take, and was still listed so.
    fn is_left_out(&self, visit: &Visit) -> bool {
        let until = self.reach_ends(visit);
        until.is_some_and(|until| self.listing.came() >= Some(until))
    }

    /// Until when a pod is waited for that does not run; none where it runs.
    fn reach_ends(&self, visit: &Visit) -> Option<Millis> {
        let open = visit.out_since.filter(|_| visit.stage != Stage::Through)?;
        Some(open.saturating_add(self.plan.timeout))
    }

    /// Until when pods are waited for that should be there.
    fn lack_ends(&self) -> Option<Millis> {
        let since = self.lacks_since?;
        Some(since.saturating_add(self.plan.timeout))
    }

    /// Whether no pod that runs is without the content. What starts takes what is there.
    fn is_through(&self) -> bool {
        let mut visits = self.visits.values();
        let all =
            visits.all(|v| v.stage == Stage::Through || (!v.is_busy() && self.is_left_out(v)));
        let lacks = self
            .lack_ends()
            .is_some_and(|until| self.listing.came() < Some(until));
        all && !lacks && self.listing.is_fresh() && self.conditions.rollout != OwnRollout::Running
    }

    /// The requests whose time has come.
    fn errands(&mut self, rung: &Rung, now: Millis) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (uid, visit) in &mut self.visits {
            let Stage::Waits(at, errand) = visit.stage else {
                continue;
            };
            if at > now {
                continue;
            }
            let (errand, effect) = match (errand, &visit.token) {
                (Errand::Ask, Some(token)) => {
                    (Errand::Ask, Effect::Ask(uid.clone(), token.clone()))
                }
                (Errand::Look, _) => (Errand::Look, Effect::Look(uid.clone())),
                _ => (Errand::Act, Effect::Act(uid.clone(), rung.method)),
            };
            visit.stage = Stage::Busy(errand);
            effects.push(effect);
        }
        effects
    }

    fn listing_is_due(&self, now: Millis) -> Option<Millis> {
        if self.cannot.is_some() {
            return None;
        }
        let under_way = self.visits.values().any(Visit::is_under_way);
        let due = self.visits.values().any(|v| v.stage == Stage::Due);
        let settled = !self.listing.is_fresh() && (!under_way || (self.restarts && due));
        let mut visits = self.visits.values();
        let asks = visits.any(|visit| {
            let out = self.reach_ends(visit).is_some_and(|until| until <= now);
            let is_left = out && !self.is_left_out(visit);
            is_left || self.lateness(visit, now) == Lateness::Asks
        });
        let lacks = self.lack_ends();
        let asks = asks || lacks.is_some_and(|until| until <= now && self.listing.came() < lacks);
        self.listing.due(under_way, settled || asks)
    }

    /// When something is to be done next that nobody tells.
    fn next(&self, now: Millis) -> Option<Millis> {
        let errands = self.visits.values().filter_map(|visit| match visit.stage {
            Stage::Waits(at, _) => Some(at),
            _ => None,
        });
        let late = self
            .visits
            .values()
            .filter_map(|visit| match self.lateness(visit, now) {
                Lateness::Until(at) => Some(at),
                Lateness::Asks | Lateness::Late => None,
            });
        let late = late.filter(|at| *at < Millis::MAX);
        let out = self.visits.values().filter_map(|v| self.reach_ends(v));
        let out = out.chain(self.lack_ends());
        let out = out.filter(|until| *until > now);
        errands
            .chain(late)
            .chain(out)
            .chain(self.listing_is_due(now))
            .chain(self.budget.opens(now))
            .min()
    }
}

fn not_allowed(method: Method) -> String {
    format!("{method} is not listed, or not enabled, any more")
}
