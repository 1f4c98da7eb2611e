//! The train: where only so many workloads may be brought to a source's content at once,
//! whether it is this one's turn, and how the ride of one that is under way goes.
//!
//! It is the last gate. Who has passed it is under way from its intent until it has been
//! well for [`WELL_FOR`] seconds, or has failed; how that ended is recorded with whatever
//! else is written ([`Case::with_ride`]), so that it is told whatever gate holds what is
//! due next.

use std::num::NonZeroU32;

use crate::annotations::RESUME;
use crate::compare::Change;
use crate::digest::Digest;
use crate::index::Content;
use crate::kinds::Renewal;
use crate::method::Method;
use crate::number::Number;
use crate::object::{Seconds, Strategy};
use crate::reason::{LEFT_DUE, Reason};
use crate::refs::{SourceRef, WorkloadRef};
use crate::state::{Entry, Leg, LegEnd, Pending, Ride, Seen};
use crate::train::{Asks, Boarding, HeldBy, STALLED_FOR, WELL_FOR};

use super::climb::Means;
use super::{Act, Answer, Case};

/// How a ride goes.
enum Goes {
    /// It is under way.
    On,
    /// It is, and the workload is well.
    Well,
    /// It has ended.
    Ended(LegEnd),
    /// There is nothing to be said of it: it was taken back, or there are no pods.
    Nowhere,
}

/// A rollout that has come so far is looked at again after so many seconds.
const LOOK_AFTER: Seconds = 60;

impl Case<'_> {
    fn at_once(&self) -> Option<NonZeroU32> {
        self.known.policy.at_once
    }

    /// Whether it is rolled in turn with others.
    pub(super) fn takes_turns(&self) -> bool {
        self.at_once().is_some()
    }

    // --- the gate --------------------------------------------------------------

    /// What is to be brought concerns these sources: all that it uses, where it is not
    /// known which have changed.
    fn sources_of(&self, changes: &[Change]) -> Vec<SourceRef> {
        if changes.is_empty() {
            let needs = self.needs.needs.iter();
            return needs.map(|need| need.source.clone()).collect();
        }
        let mut sources: Vec<_> = changes.iter().map(|c| c.source.clone()).collect();
        sources.sort();
        sources.dedup();
        sources
    }

    /// It is due for these changes. Until it has begun, later waves wait for it.
    pub(super) fn is_due_for(&self, changes: &[Change]) {
        if self.takes_turns() {
            self.boarding.borrow_mut().due = self.sources_of(changes);
        }
    }

    /// The answer where others are under way, or come first, or the train has stopped.
    pub(super) fn waits_for_turn(
        &self,
        pending: &Pending,
        changes: &[Change],
        means: &Means,
    ) -> Option<Answer> {
        let at_once = self.at_once()?;
        if means.method() == Method::Notify {
            return None;
        }
        let held = |source: SourceRef| {
            let content = self.content_of_source(&source);
            let asks = Asks {
                key: &self.known.workload.key,
                wave: self.known.policy.wave(),
                source: &source,
                content,
                at_once,
            };
            let held = self.moment.trains.let_begin(&asks).err()?;
            Some((source, content, held))
        };
        let mut sources = self.sources_of(changes).into_iter();
        let (source, content, held) = sources.find_map(held)?;
        self.boarding.borrow_mut().waits = Some((source.clone(), content));
        if let HeldBy::Stopped(by, stop) = &held {
            let stopped = Leg {
                stop: *stop,
                ..Leg::new(content)
            };
            return Some(self.stopped(pending, &source, stopped, &named(by)));
        }
        let held = held_by(&held, &source, at_once);
        let text = format!("{}; {held}", pending.because);
        Some((self.keep_waiting(pending), Reason::TrainWaits, text))
    }

    /// What stopped the train holds it, until somebody lets it go on. That it was told of a
    /// stop is on record, so that no word counts that was said before.
    fn stopped(&self, pending: &Pending, source: &SourceRef, stopped: Leg, by: &str) -> Answer {
        let seen = Seen::of(source);
        let number = Number {
            n: pending.n,
            epoch: self.epoch(),
        };
        let mut pending = pending.clone();
        let told = pending.on.get(&seen).filter(|leg| leg.of == stopped.of);
        let is_told = told.is_some_and(|leg| leg.stop == stopped.stop);
        let is_resumed = self.charge().said.resume == Some(number);
        let because = format!("{}; the train of {source}", pending.because);
        if is_told && is_resumed {
            let resumed = stopped.stop;
            pending.on.insert(seen, Leg { resumed, ..stopped });
            self.look_again_at(self.moment.now);
            let text = format!("{because} goes on by {number}");
            return (self.keep_waiting(&pending), Reason::Approved, text);
        }
        if !is_told {
            let resumed = told.map_or(0, |leg| leg.resumed);
            pending.on.insert(seen, Leg { resumed, ..stopped });
            if is_resumed {
                pending.n = self.next_number();
            }
        }
        let how = (is_told && self.is_given(&pending)).then(|| self.line(RESUME, number));
        let how = how.map_or_else(String::new, |how| format!("; {how}"));
        let text = format!("{because} has stopped at {by}{how}");
        (self.keep_waiting(&pending), Reason::TrainStopped, text)
    }

    /// One digest of all that a source holds.
    fn content_of_source(&self, source: &SourceRef) -> Digest {
        let content = self.index.view(source).current();
        content.map_or_else(|| Digest::of_parts(&[]), Content::digest)
    }

    /// The ride that begins with a roll for these changes. Of the one before it is kept what
    /// is still of the content that is there: who has proven it, and what stopped a train.
    pub(super) fn next_ride(&self, changes: &[Change], means: &Means) -> Option<Box<Ride>> {
        self.at_once()?;
        let last = self.last();
        let before = last.and_then(|entry| entry.ride.as_deref());
        if means.method() == Method::Notify {
            return before.and_then(Ride::without_open);
        }
        let waits = last.and_then(|entry| entry.waits.as_deref());
        let mut ride = Ride {
            apart: !self.was_well(last),
            wave: self.known.policy.wave(),
            ..Ride::default()
        };
        let seen = |source: &SourceRef| (Seen::of(source), self.content_of_source(source));
        let namespace = &self.known.workload.key.namespace;
        let rode = before.into_iter().flat_map(|ride| ride.on.iter());
        for (of, leg) in rode {
            let (of, content) = seen(&of.source(namespace));
            if leg.is_open() || leg.of == content {
                ride.on.insert(of, *leg);
            }
        }
        for source in self.boards(changes, before) {
            let (of, content) = seen(&source);
            let former = ride.on.get(&of).filter(|leg| leg.of == content).copied();
            let waited = waits.and_then(|pending| pending.on.get(&of).copied());
            let waited = waited.filter(|leg| leg.of == content);
            let former = former.unwrap_or_else(|| Leg::new(content));
            let resumed = waited.map_or(0, |leg| leg.resumed).max(former.resumed);
            let leg = Leg {
                end: None,
                resumed,
                ..former
            };
            ride.on.insert(of, leg);
        }
        (!ride.on.is_empty()).then(|| ride.into())
    }

    /// In the trains of which sources it begins. What is begun anew for what was to be
    /// brought goes on in those.
    fn boards(&self, changes: &[Change], before: Option<&Ride>) -> Vec<SourceRef> {
        let namespace = &self.known.workload.key.namespace;
        match before.filter(|_| changes.is_empty()) {
            Some(before) => before
                .on
                .keys()
                .map(|seen| seen.source(namespace))
                .collect(),
            None => self.sources_of(changes),
        }
    }

    /// Whether it was well before it begins, or is under way already, and counts.
    fn was_well(&self, last: Option<&Entry>) -> bool {
        let ride = last.and_then(|entry| entry.ride.as_deref());
        if let Some(ride) = ride.filter(|ride| ride.is_open()) {
            return !ride.apart;
        }
        self.known.workload.is_well()
    }

    /// The ride where the intent of the last roll is taken back. It leaves the line, unless
    /// its pods are still on their way to what is there again.
    pub(super) fn ride_of_before(&self, entry: &Entry) -> Option<Box<Ride>> {
        let ride = entry.ride.as_deref()?;
        if self.is_through(true) {
            return ride.without_open();
        }
        let mut before = ride.clone();
        for (seen, leg) in ride.on.iter().filter(|(_, leg)| leg.is_open()) {
            let source = seen.source(&self.known.workload.key.namespace);
            let of = self.content_of_source(&source);
            before.on.insert(seen.clone(), Leg { of, ..*leg });
        }
        Some(before.into())
    }

    // --- how it goes -----------------------------------------------------------

    /// The act with how the ride goes, whatever else is written; where nothing is, a note of
    /// it if that is news. What is taken back says itself what is left of it.
    pub(super) fn with_ride(&self, act: Act, reason: Reason) -> Act {
        if reason == Reason::Withdrawn {
            return act;
        }
        let ride = self.ride_now();
        let with = |entry| Entry {
            ride: ride.clone(),
            ..entry
        };
        match (act, self.stored) {
            (Act::Record(entry), _) if self.is_begun_by(&entry) => Act::Record(entry),
            (Act::Record(entry), _) => {
                Act::Record(if entry.is_bare() { entry } else { with(entry) })
            }
            (Act::Note(entry), _) => Act::Note(with(entry)),
            (Act::Nothing, Some(stored)) if !stored.is_bare() && stored.ride != ride => {
                Act::Note(with(stored.clone()))
            }
            (act, _) => act,
        }
    }

    /// Whether it is the intent of another roll.
    fn is_begun_by(&self, entry: &Entry) -> bool {
        self.last().is_none_or(|last| last.n != entry.n) && !entry.done
    }

    fn ride_now(&self) -> Option<Box<Ride>> {
        self.at_once()?;
        let entry = self.last()?;
        let ride = entry.ride.as_deref()?;
        if !ride.is_open() {
            return entry.ride.clone();
        }
        match self.goes(entry) {
            Goes::On => entry.ride.clone(),
            Goes::Well => {
                self.boarding.borrow_mut().is_well = true;
                entry.ride.clone()
            }
            Goes::Ended(end) => {
                self.of_present(ride.ended(end, |seen, leg| self.stop_of(seen, leg)))
            }
            Goes::Nowhere => ride.without_open(),
        }
    }

    /// With what is not there any more it tells nothing: its pods may have come after that.
    fn of_present(&self, mut ride: Ride) -> Option<Box<Ride>> {
        let namespace = &self.known.workload.key.namespace;
        let is_there =
            |(seen, leg): &(&Seen, &Leg)| self.content_of_source(&seen.source(namespace)) == leg.of;
        ride.on = { ride.on.iter() }
            .filter(is_there)
            .map(|(seen, leg)| (seen.clone(), *leg))
            .collect();
        (!ride.on.is_empty()).then(|| ride.into())
    }

    fn stop_of(&self, seen: &Seen, leg: &Leg) -> u32 {
        let source = seen.source(&self.known.workload.key.namespace);
        self.moment.trains.next_stop(&source, leg.of)
    }

    fn goes(&self, entry: &Entry) -> Goes {
        let workload = &self.known.workload;
        let last = entry.rolls.iter().next().map(|roll| roll.method);
        if entry.refused().is_some() {
            return Goes::Ended(LegEnd::Failed);
        }
        if self.back().is_some() {
            return Goes::Nowhere;
        }
        if !entry.done && !self.reached(entry) {
            let is_held = self.pause_word().is_some() || self.is_paused_by_hand();
            let waits = is_held || entry.method().is_pod_wise();
            return if waits {
                Goes::On
            } else {
                self.unless_late(entry.at)
            };
        }
        if workload.key.kind.ends() || !self.rules.writes || last == Some(Method::Poke) {
            return Goes::Ended(LegEnd::Arrived);
        }
        if workload.progress.desired == 0 {
            return Goes::Nowhere;
        }
        self.goes_by_status(entry, last)
    }

    fn goes_by_status(&self, entry: &Entry, last: Option<Method>) -> Goes {
        let (workload, progress) = (&self.known.workload, self.known.workload.progress);
        let by_rollout = last.is_none_or(|method| !method.is_pod_wise());
        // Until somebody deletes its pods none has it, which proves nothing.
        if by_rollout && workload.replaced_by_itself() == 0 {
            return Goes::Nowhere;
        }
        // Until our watch shows the roll the status is that of before. One that was taken
        // back is shown by nothing.
        let is_taken_back = entry
            .rolls
            .iter()
            .next()
            .is_none_or(|roll| roll.n != entry.n);
        let is_shown = !by_rollout || is_taken_back || self.reached(entry) || !self.same_template();
        if is_shown && progress.failed {
            return Goes::Ended(LegEnd::Failed);
        }
        if is_shown && self.is_through(by_rollout) {
            return self.well_for_long();
        }
        let is_told = workload.key.kind.has_deadline() && !self.is_replaced();
        if is_told {
            return Goes::On;
        }
        self.unless_late(self.moment.trains.stands_since(&workload.key, progress))
    }

    /// Whether its pods have been replaced, as far as they are by themselves, and are ready.
    fn is_through(&self, by_rollout: bool) -> bool {
        let progress = self.known.workload.progress;
        let is_ready = progress.is_ready();
        !progress.told || (is_ready && (!by_rollout || self.is_replaced()))
    }

    fn is_replaced(&self) -> bool {
        let (workload, progress) = (&self.known.workload, self.known.workload.progress);
        let keeps_some = workload.strategy != Strategy::Rolling;
        let no_others = progress.alone || keeps_some;
        progress.pods.is_some() && no_others && progress.updated >= workload.replaced_by_itself()
    }

    fn well_for_long(&self) -> Goes {
        let now = self.moment.now;
        let seen = self.moment.trains.well_since(&self.known.workload.key);
        let until = seen.map_or(now, |since| since.min(now)) + WELL_FOR;
        if until <= now {
            return Goes::Ended(LegEnd::Arrived);
        }
        self.look_again_at(until);
        Goes::Well
    }

    /// It has failed where nothing has come of it since then for too long.
    fn unless_late(&self, since: Option<Seconds>) -> Goes {
        let now = self.moment.now;
        let until = since.map_or(now, |since| since.min(now)) + STALLED_FOR;
        if until <= now {
            return Goes::Ended(LegEnd::Failed);
        }
        self.look_again_at(until.min(now + LOOK_AFTER));
        Goes::On
    }

    /// What others are told of it.
    pub(super) fn boarding(&self, act: &Act, reason: Reason) -> Option<Boarding> {
        self.at_once()?;
        let mut boarding = self.boarding.take();
        let workload = &self.known.workload;
        let begins = matches!(act, Act::Roll(..) | Act::Resume(_));
        let left = LEFT_DUE.contains(&reason) || reason == Reason::Paused;
        let nobody = workload.strategy == Strategy::OnDelete
            || (workload.progress.desired == 0 && workload.key.kind.renewal != Renewal::Run);
        if begins || left || nobody {
            boarding.due.clear();
        }
        // Of what begins now nothing has been seen yet.
        boarding.is_well &= !matches!(act, Act::Roll(..));
        if !matches!(reason, Reason::TrainWaits | Reason::TrainStopped) {
            boarding.waits = None;
        }
        Some(boarding)
    }
}

/// What it waits for, in words.
fn held_by(held: &HeldBy, source: &SourceRef, at_once: NonZeroU32) -> String {
    match held {
        HeldBy::Earlier(before, wave) => {
            let before = named(before);
            format!("{before} of wave {wave} goes before it with {source}")
        }
        HeldBy::First(first) => format!("{} goes first with {source}, alone", named(first)),
        HeldBy::Full(others) => {
            format!("{others} of at most {at_once} are under way with {source}")
        }
        HeldBy::Untold => format!("{source} has just changed: who uses it is looked at first"),
        HeldBy::Stopped(by, _) => format!("the train of {source} has stopped at {}", named(by)),
    }
}

/// `deployment/web`: of the same namespace.
fn named(key: &WorkloadRef) -> String {
    format!("{}/{}", key.kind.word, key.name)
}
