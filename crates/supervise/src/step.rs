//! The transitions of the machine. One function per event; [`State::advance`]
//! begins work that has become possible.

use super::{
    Attempt, Child, Effect, Event, FailedRestart, Grounds, Known, Life, Note, OnChange, Pace,
    Policy, Purpose, Standing, State, Time, Took, Version, Work,
};
use crate::action::{Outcome, Signal};

/// What people are told of what is held.
const HELD: &str = "held until somebody names all that is new (--paced)";

impl State {
    /// The state before the first event, and what to do first. `baseline` is
    /// what the files contained before anything was started, `known` whether
    /// what runs has it.
    pub fn new(policy: Policy, baseline: Version, known: Known) -> (Self, Vec<Effect>) {
        let (child, mut effects) = if policy.supervises {
            (Child::Running, vec![Effect::StartChild])
        } else {
            (Child::None, Vec::new())
        };
        let taken = match known {
            Known::Current(grounds) => Some((baseline, grounds)),
            Known::NotYet => None,
        };
        effects.extend(taken.map(|(version, grounds)| Effect::Keep(version, grounds)));
        let state = Self {
            pace: Pace::new(policy.quiet, policy.cap, policy.settle_first),
            policy,
            child,
            seen: baseline,
            taken,
            released: taken.map(|(version, _)| version),
            failed: None,
            untold: taken.is_none(),
            work: Work::Idle,
            prepared: None,
            unproved: None,
            tries: 0,
            retry_at: None,
            kill_at: None,
            preparing_since: None,
            read_since_look: true,
            attempt: Attempt::default(),
            life: Life::Serving,
        };
        (state, effects)
    }

    /// Takes one event in, and says what to do about it.
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.life == Life::Over {
            return effects;
        }
        let out = &mut effects;
        match event {
            Event::Changed(version) => self.changed(now, version),
            Event::Flickered => self.flickered(now),
            Event::MayBeOld => self.may_be_old(now),
            Event::IsCurrent(version) => self.is_current(version, out),
            Event::Released(version) => self.release(now, version),
            Event::Prepared(version, result) => self.prepared(now, version, result, out),
            Event::Acted(version, took) => self.acted(now, version, took, out),
            Event::ChildExited(code) => self.child_exited(now, code, out),
            Event::Signal(signal) => self.signal(signal, out),
            Event::Tick => {}
        }
        self.advance(now, out);
        effects
    }

    /// When to say [`Event::Tick`] if nothing else happens; `None`: nothing is waited for.
    pub fn deadline(&self) -> Option<Time> {
        if self.life == Life::Over {
            return None;
        }
        let begin = self.next_begin().filter(|_| self.can_begin());
        let interrupt = self.pace.due().filter(|_| self.can_interrupt());
        [begin, interrupt, self.kill_at].into_iter().flatten().min()
    }

    /// Whether the newest content still has to be taken.
    pub fn owes(&self) -> bool {
        self.taken() != Some(self.seen)
    }

    /// What the files contain, as far as the machine was told.
    pub fn seen(&self) -> Version {
        self.seen
    }

    /// What the process runs, if that is known.
    pub fn taken(&self) -> Option<Version> {
        self.taken.map(|(version, _)| version)
    }

    /// Whether the process has what the files contain.
    pub fn standing(&self) -> Standing {
        match (self.taken, self.failed) {
            (Some((version, proof)), _) if version == self.seen => Standing::Taken(proof),
            (_, Some(outcome)) => Standing::Failed(outcome),
            _ if self.is_held() => Standing::Held,
            _ => Standing::Pending,
        }
    }

    /// Nothing is left to be done but to release it.
    fn is_held(&self) -> bool {
        let is_ready = self.work == Work::Idle && !self.untold;
        is_ready && self.is_checked(self.seen) && !self.may_take(self.seen)
    }

    /// Content that is not the newest any more is nothing that could be taken: the
    /// process would read what came after it. A child that is down is started all the
    /// same, and takes what is there.
    fn may_take(&self, version: Version) -> bool {
        let is_released = self.released == Some(version) && version == self.seen;
        !self.policy.paced || is_released || matches!(self.child, Child::Failed(_))
    }

    /// It counts for the content that is there now, and for no other.
    fn release(&mut self, now: Time, version: Version) {
        if version == self.seen && self.released != Some(version) {
            self.released = Some(version);
            if self.is_checked(version) && !self.untold {
                self.pace.at_once(now);
            }
        }
    }

    /// Nothing is left to be done before it is taken.
    fn is_checked(&self, version: Version) -> bool {
        !self.policy.prepares || self.prepared == Some(version)
    }

    fn changed(&mut self, now: Time, version: Version) {
        if version == self.seen {
            return;
        }
        self.seen = version;
        // Whatever starts or is told in these moments may read the old or the
        // new content, so even a change that is taken back is acted on.
        self.taken = None;
        self.untold = false;
        self.read_since_look = false;
        self.attempt.moved_meanwhile = true;
        self.prepared = None;
        self.failed = None;
        self.tries = 0;
        self.retry_at = None;
        self.pace.changed(now);
    }

    /// The content is as it was, yet something else was there in between: only
    /// a process that certainly read nothing meanwhile is still up to date.
    fn flickered(&mut self, now: Time) {
        if self.read_since_look || !self.policy.supervises {
            self.may_be_old(now);
        }
        self.read_since_look = false;
    }

    /// The files stand as they were first seen, yet what runs may be older.
    fn may_be_old(&mut self, now: Time) {
        self.attempt.moved_meanwhile = true;
        self.taken = None;
        self.untold = false;
        self.pace.at_once(now);
    }

    /// What was found out about the start; it says nothing about what came later.
    fn is_current(&mut self, version: Version, out: &mut Vec<Effect>) {
        if self.untold && version == self.seen {
            self.untold = false;
            self.take(version, Grounds::Shown, out);
        }
    }

    fn take(&mut self, version: Version, proof: Grounds, out: &mut Vec<Effect>) {
        self.taken = Some((version, proof));
        self.released = Some(version);
        out.push(Effect::Keep(version, proof));
    }

    /// Begins, ends or interrupts what time or the last event made possible.
    fn advance(&mut self, now: Time, out: &mut Vec<Effect>) {
        if self.life == Life::Over {
            return;
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            out.push(Effect::KillChild);
        }
        if self.can_interrupt() && self.pace.is_due(now) {
            self.attempt.interrupted = true;
            out.push(Effect::Interrupt);
        }
        if self.can_begin() && self.next_begin().is_some_and(|at| at <= now) {
            self.begin(now, out);
        }
    }

    fn can_begin(&self) -> bool {
        let child_is_ours = !matches!(self.child, Child::Stopping(_));
        self.work == Work::Idle && child_is_ours && self.owes() && self.life == Life::Serving
    }

    fn can_interrupt(&self) -> bool {
        matches!(self.work, Work::Acting(version) if version != self.seen)
            && self.may_take(self.seen)
            && !self.attempt.interrupted
            && self.child == self.resting_child()
    }

    fn resting_child(&self) -> Child {
        if self.policy.supervises {
            Child::Running
        } else {
            Child::None
        }
    }

    fn next_begin(&self) -> Option<Time> {
        [self.pace.due(), self.retry_at].into_iter().flatten().min()
    }

    fn begin(&mut self, now: Time, out: &mut Vec<Effect>) {
        let version = self.seen;
        self.pace.begun(now);
        self.retry_at = None;
        if self.is_checked(version) {
            return self.act(now, version, out);
        }
        self.preparing_since.get_or_insert(now);
        self.work = Work::Preparing(version);
        out.push(Effect::Prepare(version));
    }

    fn prepared(
        &mut self,
        now: Time,
        version: Version,
        result: Result<(), String>,
        out: &mut Vec<Effect>,
    ) {
        if self.work != Work::Preparing(version) {
            return;
        }
        self.work = Work::Idle;
        let superseded = version != self.seen;
        match result {
            Ok(()) if superseded && !self.prepared_for_too_long(now) => {}
            Ok(()) => {
                self.prepared = Some(version);
                self.act(now, version, out);
            }
            Err(_) if superseded => {}
            Err(why) => self.fail(now, version, (Outcome::Rejected, why), out),
        }
    }

    /// Churn faster than the check would otherwise put the action off for ever.
    fn prepared_for_too_long(&self, now: Time) -> bool {
        self.preparing_since
            .is_some_and(|since| now >= since + self.policy.cap)
    }

    fn act(&mut self, now: Time, version: Version, out: &mut Vec<Effect>) {
        if self.life != Life::Serving {
            return;
        }
        self.preparing_since = None;
        if !self.may_take(version) {
            self.failed = None;
            out.push(Effect::Say(Note::Waiting(HELD.into())));
            return;
        }
        let moved = std::mem::take(&mut self.attempt).moved_meanwhile;
        self.read_since_look = true;
        match self.policy.on_change {
            OnChange::Tell => {
                self.taken = None;
                self.work = Work::Acting(version);
                out.push(Effect::Act(version));
            }
            OnChange::Restart if self.unproved == Some(version) && !moved => {
                self.look_or_start(now, version, out);
            }
            OnChange::Restart => self.begin_restart(now, version, out),
            OnChange::Exit(code) if self.policy.supervises => {
                self.stop_child(now, Purpose::Exit(code, version), out);
            }
            OnChange::Exit(code) => self.leave(code, version, out),
        }
    }

    /// A child that lives and has not proved itself is looked at, not started again.
    fn look_or_start(&mut self, now: Time, version: Version, out: &mut Vec<Effect>) {
        if self.child == Child::Running {
            self.prove(version, out);
        } else {
            self.begin_restart(now, version, out);
        }
    }

    fn begin_restart(&mut self, now: Time, version: Version, out: &mut Vec<Effect>) {
        if matches!(self.child, Child::Failed(_)) {
            self.restart(now, version, out);
        } else {
            self.stop_child(now, Purpose::Restart(version), out);
        }
    }

    fn prove(&mut self, version: Version, out: &mut Vec<Effect>) {
        self.unproved = Some(version);
        self.work = Work::Acting(version);
        out.push(Effect::Prove(version));
    }

    fn stop_child(&mut self, now: Time, purpose: Purpose, out: &mut Vec<Effect>) {
        self.child = Child::Stopping(purpose);
        self.kill_at = Some(now + self.policy.grace);
        out.push(Effect::StopChild(self.policy.stop));
    }

    fn acted(&mut self, now: Time, version: Version, took: Took, out: &mut Vec<Effect>) {
        if self.work != Work::Acting(version) {
            return;
        }
        self.work = Work::Idle;
        if let Child::Failed(code) = self.child {
            return self.failed_restart(now, version, code, out);
        }
        if self.unproved.is_some() && matches!(took, Took::Died(_)) {
            // Its exit code comes in a moment.
            return;
        }
        // The files have not changed since: what the check allowed stays allowed.
        let allowed = self.prepared.filter(|_| !is_over(&took));
        match took {
            Took::Applied => self.succeed(version, Grounds::Shown, out),
            Took::Delivered => self.succeed(version, Grounds::Told, out),
            Took::NotUp(why) | Took::UnderWay(why) => {
                self.retry_at = Some(now + self.policy.until_up);
                out.push(Effect::Say(Note::Waiting(why)));
            }
            Took::Rejected(why) => self.fail(now, version, (Outcome::Rejected, why), out),
            Took::Unverified(why) => self.fail(now, version, (Outcome::Unverified, why), out),
            Took::Died(_) if self.attempt.passed.is_some() => {
                self.died_of_another(now, version, out);
            }
            Took::Died(why) => {
                self.fail(now, version, (Outcome::Rejected, why), out);
                // Whoever comes in its place is soon asked what it has.
                self.retry_at = Some(now + self.policy.until_up);
            }
        }
        self.prepared = allowed;
    }

    /// Not of what it was told for this version, as far as anybody knows.
    fn died_of_another(&mut self, now: Time, version: Version, out: &mut Vec<Effect>) {
        let signal = self.attempt.passed.map(|signal| signal.to_string());
        let why = format!(
            "the process ended after it was passed {}, before it was known whether it took the change",
            signal.unwrap_or_default()
        );
        self.fail(now, version, (Outcome::Unverified, why), out);
    }

    fn failed_restart(&mut self, now: Time, version: Version, code: u8, out: &mut Vec<Effect>) {
        let why =
            format!("the new process ended with exit code {code} before it had proved itself");
        self.fail(now, version, (Outcome::Rejected, why), out);
        if version != self.seen && self.next_begin().is_none() {
            // What was held is what a child that is down is started with.
            self.pace.at_once(now);
        }
    }

    fn succeed(&mut self, version: Version, proof: Grounds, out: &mut Vec<Effect>) {
        self.unproved = None;
        self.taken = None;
        if !self.attempt.moved_meanwhile {
            self.take(version, proof, out);
        }
        self.tries = 0;
        self.failed = None;
        let outcome = match proof {
            Grounds::Shown => Outcome::Applied,
            Grounds::Told => Outcome::Unverified,
        };
        out.push(Effect::Say(Note::Ended {
            version,
            outcome,
            why: String::new(),
            again: None,
        }));
    }

    /// The attempt on `version` failed: remember it, and when to try again.
    fn fail(
        &mut self,
        now: Time,
        version: Version,
        (outcome, why): (Outcome, String),
        out: &mut Vec<Effect>,
    ) {
        self.preparing_since = None;
        self.prepared = None;
        if version == self.seen {
            self.failed = Some(outcome);
            self.tries = self.tries.saturating_add(1);
            self.retry_at = self.policy.backoff.next(now, self.tries);
        }
        if self.life != Life::Serving {
            self.retry_at = None;
        }
        let again = self.retry_at;
        out.push(Effect::Say(Note::Ended {
            version,
            outcome,
            why,
            again,
        }));
    }

    fn child_exited(&mut self, now: Time, code: u8, out: &mut Vec<Effect>) {
        self.kill_at = None;
        match self.child {
            Child::None | Child::Failed(_) => {}
            Child::Stopping(Purpose::Restart(version)) if self.life == Life::Serving => {
                self.restart(now, version, out);
            }
            Child::Stopping(Purpose::Exit(wanted, version)) if self.life == Life::Serving => {
                self.leave(wanted, version, out);
            }
            Child::Running if self.life == Life::Serving && self.unproved.is_some() => {
                self.child_failed(now, code, out);
            }
            Child::Running | Child::Stopping(_) => self.exit(code, out),
        }
    }

    /// The child that was started again ended before it had proved itself.
    fn child_failed(&mut self, now: Time, code: u8, out: &mut Vec<Effect>) {
        self.child = Child::Failed(code);
        let version = self.unproved.unwrap_or(self.seen);
        let ends = self.policy.on_failed_restart == FailedRestart::Exit;
        if ends {
            self.life = Life::Over;
        }
        // Else the job that watches it says so in a moment.
        if ends || self.work == Work::Idle {
            self.failed_restart(now, version, code, out);
        }
        if ends {
            self.exit(code, out);
        }
    }

    /// The new child reads what the files contain now; where a check is asked
    /// for, content newer than the checked one is still owed.
    fn restart(&mut self, now: Time, checked: Version, out: &mut Vec<Effect>) {
        self.child = Child::Running;
        self.attempt.moved_meanwhile = false;
        self.read_since_look = true;
        self.prepared = None;
        out.push(Effect::StartChild);
        let version = if self.policy.prepares {
            checked
        } else {
            self.seen
        };
        if version == self.seen {
            self.pace.begun(now);
        } else {
            self.pace.at_once(now);
        }
        self.prove(version, out);
    }

    /// A child that was told to end is not started again by a restart that was
    /// under way; INT and QUIT, which some programs survive, count only then.
    fn signal(&mut self, signal: Signal, out: &mut Vec<Effect>) {
        let ends = [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
        self.attempt.passed = Some(signal);
        match self.child {
            Child::None if ends => self.exit(0, out),
            Child::Failed(code) if ends => self.exit(code, out),
            Child::None | Child::Failed(_) => {}
            Child::Running => {
                self.end_if(signal == Signal::TERM);
                out.push(Effect::SignalChild(signal));
            }
            Child::Stopping(_) => {
                self.end_if(ends);
                out.push(Effect::SignalChild(signal));
            }
        }
    }

    fn end_if(&mut self, told: bool) {
        if told {
            self.life = Life::Ending;
        }
    }

    fn exit(&mut self, code: u8, out: &mut Vec<Effect>) {
        self.life = Life::Over;
        out.push(Effect::Exit(code));
    }

    fn leave(&mut self, code: u8, version: Version, out: &mut Vec<Effect>) {
        self.life = Life::Over;
        out.push(Effect::Leave(code, version));
    }
}

/// Whether nothing of the attempt is left to wait for.
fn is_over(took: &Took) -> bool {
    !matches!(
        took,
        Took::NotUp(_) | Took::UnderWay(_) | Took::Unverified(_)
    )
}
