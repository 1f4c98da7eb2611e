//! The controller as a state machine: facts and answers in, effects out.
//!
//! Goes in: an [`Input`] and the time. Comes out: [`Effect`]s, which
//! `run` carries out; their answers come back as inputs. No I/O and no
//! clock here, so that any order of answers can be tried.
//!
//! What outlasts a term is the [`ground`]: what is in the cluster. Only who leads
//! decides, and all that only a leader knows is [`leading`], which is dropped with the
//! term; answers carry the number of theirs. In it each workload has one [`desk`].
//!
//! Error policy: a failure concerns one workload, one source or one object of
//! the state. It is said (once), counted, and tried again after a pause that
//! doubles up to a minute; nothing else waits for it.

mod action;
mod announce;
mod answers;
mod backoff;
mod behind;
mod climbing;
#[cfg(test)]
mod coming_back;
mod departed;
mod desk;
mod going;
mod ground;
mod leading;
mod messages;
mod pods;
mod reading;
mod remaking;
mod rosters;
mod scene;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod strangers;
mod together;
mod turns;
mod unrecorded;

use std::collections::BTreeSet;

use tidings_core::decide::{Decided, Rules};
use tidings_core::index::{Concerned, Fact, Fetched, Index, Stream};
use tidings_core::kinds::Kinds;
use tidings_core::object::Seconds;
use tidings_core::policy::Defaults;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceRef};
use tidings_core::settle::{Millis, Queue};
use tidings_core::standing::Word;
use tidings_core::state::{CLIMBS, FORM};

use crate::api::ApiError;
use crate::records::memory::Versions;
use desk::Desk;
use ground::Ground;
use leading::Leading;

pub use messages::{
    Action, Answer, ClimbResult, Effect, Gauges, Input, Lookup, NewTerm, Notice, NoticeKind,
    Outcome, Patch, Roll, RollError, Together, Unpause,
};
pub use pods::{Climber, Evicting, LookingAt, PodAnswer, PodErrand, PodTask, Poking, Restarting};

/// The controller.
pub struct Control {
    ground: Ground,
    /// Our term, while we lead.
    leading: Option<Leading>,
    /// The form in which records are written.
    form: u8,
    /// No more decisions.
    draining: bool,
    /// How many had begun to wait for a decision in the terms before.
    begun_before: u64,
}

/// Whether a namespace of this name is watched.
pub type NameTest = Box<dyn Fn(&str) -> bool + Send>;

/// What an installation was told, as far as the controller goes.
pub struct Plan {
    /// For decisions.
    pub rules: Rules,
    /// For policies.
    pub defaults: Defaults,
    /// What is watched.
    pub streams: Vec<Stream>,
    /// Tidings' own namespace.
    pub home: Name,
    /// Quiet time where a workload says nothing else.
    pub settle: Millis,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// The kinds of workload that are rolled.
    pub kinds: Kinds,
    /// The time when its clock shows 0. What happens to the system's clock later
    /// is not heeded.
    pub started: Seconds,
    /// By chance.
    pub seed: u64,
    /// Whether a namespace of this name is watched.
    pub covers: NameTest,
}

impl Control {
    /// A controller that knows nothing yet and does not lead.
    pub fn new(plan: Plan) -> Self {
        Self {
            ground: Ground::new(plan),
            leading: None,
            form: FORM,
            draining: false,
            begun_before: 0,
        }
    }

    /// Takes in one input; what is to be done is collected.
    pub fn take(&mut self, now: Millis, input: Input) {
        self.ground.pass(now);
        match input {
            Input::Fact(fact) => self.fact(fact),
            Input::Fetched(source, told, result) => self.fetched(&source, told, result),
            Input::FetchedTogether(left) => self.ground.fetched_together(left),
            Input::LookedUp(lookup, result) => self.looked_up(lookup, &result),
            Input::Listed(kind, namespace, result) => {
                let concerned = self.ground.listed(kind, namespace, result);
                self.heed(&concerned);
            }
            Input::Returned(key, result) => {
                let concerned = self.ground.returned(&key, result);
                self.heed(&concerned);
            }
            Input::Leading(new) => self.lead(new),
            Input::Following => self.follow(),
            Input::Form(form) => self.write_in(form),
            Input::Answer(term, answer) => self.answer(term, answer),
        }
    }

    /// Decides what is due, and hands out all that is to be done.
    pub fn turn(&mut self, now: Millis) -> Vec<Effect> {
        self.ground.pass(now);
        self.ground.ask_for_lists();
        self.ground.ask_for_returning();
        let concerned = self.ground.doubt_what_was_read();
        self.heed(&concerned);
        if let Some(leading) = &mut self.leading {
            leading.turn(&mut self.ground, self.draining);
        }
        let leading = self.leading.as_ref();
        let is_decided =
            |namespace: &Name| leading.is_none_or(|leading| !leading.queue.has_turn(namespace));
        self.ground.shed(is_decided);
        let concerned = self.ground.take_in_later(is_decided);
        self.heed(&concerned);
        std::mem::take(&mut self.ground.effects)
    }

    /// The decisions since this was last asked.
    pub fn take_decided(&mut self) -> Vec<Decided> {
        std::mem::take(&mut self.ground.decided)
    }

    /// When [`Control::turn`] has something to do again without an input.
    pub fn next(&self) -> Option<Millis> {
        let leading = self.leading.as_ref();
        let leading = leading.and_then(|leading| leading.next(self.draining));
        leading.into_iter().chain(self.ground.next()).min()
    }

    /// No more decisions: what is under way is finished, nothing is begun.
    pub fn drain(&mut self) {
        self.draining = true;
        if let Some(leading) = &mut self.leading {
            leading.desks.end_climbs();
        }
    }

    /// Whether nothing is under way any more.
    pub fn is_drained(&self) -> bool {
        self.leading.as_ref().is_none_or(Leading::is_quiet)
    }

    /// The versions of the state's objects, once they have been taken over.
    pub fn state_versions(&self) -> Option<Versions> {
        let leading = self.leading.as_ref()?;
        Some(leading.store.versions())
    }

    /// Since when there may be workloads of which nothing is on record, once the records
    /// have been taken over; `Some(None)`: all are.
    pub fn unrecorded_since(&self) -> Option<Option<Seconds>> {
        self.leading.as_ref().map(Leading::unrecorded_since)
    }

    /// What is in the cluster.
    pub fn index(&self) -> &Index {
        &self.ground.index
    }

    /// Numbers for the metrics.
    pub fn gauges(&self) -> Gauges {
        let leading = self.leading.as_ref();
        let queue = leading.map(|leading| &leading.queue);
        Gauges {
            queue: queue.map_or(0, Queue::len),
            begun: self.begun_before + queue.map_or(0, Queue::begun),
            busy: leading.map_or(0, |leading| leading.desks.waited_for()),
            sources: self.ground.index.sources(),
            leading: leading.is_some(),
            paused: self.ground.everything_paused(),
        }
    }

    /// The reasons of all problems that there are now.
    pub fn problems(&self) -> impl Iterator<Item = Reason> {
        self.desks().flat_map(|desk| desk.announced.problems())
    }

    /// How all workloads stand that are opted in.
    pub fn standing(&self) -> impl Iterator<Item = Word> {
        self.desks().filter_map(|desk| desk.announced.standing())
    }

    /// Why each of those waits that do, and since when, in seconds since 1970, where that is
    /// on record.
    pub fn waiting(&self) -> impl Iterator<Item = (Reason, Option<Seconds>)> {
        let leading = self.leading.iter();
        leading.flat_map(|leading| {
            let desks = leading.desks.each();
            desks.filter_map(|(key, desk)| {
                let reason = desk.announced.waits_for()?;
                let entry = leading.store.get(key);
                let pending = entry.and_then(|entry| entry.waits.as_ref());
                Some((reason, pending.map(|pending| pending.since)))
            })
        })
    }

    fn desks(&self) -> impl Iterator<Item = &Desk> {
        let leading = self.leading.iter();
        leading.flat_map(|leading| leading.desks.all())
    }

    // --- what is there -------------------------------------------------------

    fn fact(&mut self, fact: Fact) {
        let list_ended = matches!(fact, Fact::ListEnded(..) | Fact::NamespaceGone(_));
        let concerned = self.ground.take_in(fact);
        self.heed(&concerned);
        if let Some(leading) = self.leading.as_mut().filter(|_| list_ended) {
            leading.note_departed(&mut self.ground);
        }
    }

    fn fetched(&mut self, source: &SourceRef, told: u32, result: Result<Fetched, ApiError>) {
        let concerned = self.ground.fetched(source, told, result);
        self.heed(&concerned);
    }

    fn looked_up(&mut self, lookup: Lookup, result: &Result<BTreeSet<Name>, ApiError>) {
        let concerned = self.ground.looked_up(lookup, result);
        self.heed(&concerned);
    }

    /// Who does not lead tells nobody.
    fn heed(&mut self, concerned: &Concerned) {
        match &mut self.leading {
            Some(leading) => leading.heed(&mut self.ground, concerned),
            None => concerned
                .read
                .iter()
                .for_each(|source| drop(self.ground.index.pass_on(source))),
        }
    }

    // --- terms ---------------------------------------------------------------

    fn lead(&mut self, new: NewTerm) {
        self.follow();
        self.ground.reading.forget_failures();
        self.ground.index.doubt_contents();
        self.leading = Some(Leading::new(&self.ground, self.form, new));
        self.stand_by();
        if let Some(leading) = &mut self.leading {
            leading.begin(&mut self.ground);
        }
    }

    /// What is newer than this version knows, is not its to decide about.
    fn stand_by(&mut self) {
        let leading = self.leading.as_ref();
        if let Some(newer) = leading.and_then(|leading| leading.store.newer()) {
            tracing::error!(
                record = newer,
                "this version stands by: let the newer one run, or delete the record"
            );
            self.follow();
            self.ground.effects.push(Effect::StandBy);
        }
    }

    fn follow(&mut self) {
        let former = self.leading.take();
        self.begun_before += former.map_or(0, |former| former.queue.begun());
    }

    /// Another form of the records is the newest that all replicas know.
    fn write_in(&mut self, form: u8) {
        if form < FORM {
            tracing::info!(
                "a replica knows form {form} of the records and none newer: they are written in that form"
            );
        }
        self.form = form;
        self.ground.rules.climbs = form >= CLIMBS;
        if let Some(leading) = &mut self.leading {
            leading.store.write_in(form, self.ground.now);
        }
    }

    /// That of an earlier term means nothing any more.
    fn answer(&mut self, term: u64, answer: Answer) {
        let leading = self.leading.as_mut().filter(|leading| leading.term == term);
        if let Some(leading) = leading {
            leading.answer(&mut self.ground, answer);
            self.stand_by();
        }
    }
}
