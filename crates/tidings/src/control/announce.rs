//! What the controller says, each thing once.
//!
//! A thing is said again only after it has been untrue in between, so that a
//! workload that fails for an hour has one Event and not a thousand.

use std::sync::Arc;
use std::time::Duration;

use tidings_core::decide::{Act, Verdict};
use tidings_core::digest::Digest;
use tidings_core::method::Method;
use tidings_core::reason::{ON_THEIR_WAY, Reason};
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::settle::Millis;
use tidings_core::standing::Word;
use tidings_core::state::Entry;

use super::ground::Ground;
use super::leading::Leading;
use super::{ClimbResult, Effect, Notice, NoticeKind, Roll, RollError};
use crate::api::ApiError;
use crate::records::memory::NotKept;

/// Found once, when a record is first written, so that each time is another.
const ANEW: [Reason; 3] = [Reason::MaybeStale, Reason::Missed, Reason::StateLost];

/// Said of the content of a number: of the next one it is news, though in the same words.
const OF_A_NUMBER: [Reason; 4] = [
    Reason::Rejected,
    Reason::Died,
    Reason::NotTaken,
    Reason::Notified,
];

/// After a roll that changed nothing, trying again soon changes nothing either.
const NO_EFFECT_PAUSE: Duration = Duration::from_mins(5);

/// After so long it is looked whether there is room for a record.
const ROOM_PAUSE: Millis = 60_000;

/// Who waits for people is told of it again after so many seconds: Events are forgotten
/// after an hour.
pub(super) const REMIND: u32 = 25 * 60;

/// What waits for people, or for a time that they chose.
const FOR_PEOPLE: [Reason; 5] = [
    Reason::Paused,
    Reason::NeedsApproval,
    Reason::Declined,
    Reason::WindowClosed,
    Reason::TrainStopped,
];

/// A word, and its particulars.
pub(super) type Sentence = (Reason, String);

/// Something to be said.
struct Remark {
    sentence: Sentence,
    kind: NoticeKind,
    /// The number of whose content it is said, or when people are reminded; 0: what lasts is
    /// said in the same words by a later leader, and is then no news.
    n: u64,
}

impl Remark {
    fn problem(sentence: Sentence) -> Self {
        Self {
            sentence,
            kind: NoticeKind::Problem,
            n: 0,
        }
    }
}

/// What has been said of one workload and is still true. Ten thousand have this while they
/// rest, so of what was decided there is a digest: it is only compared.
#[derive(Debug, Default)]
pub(super) struct Announced {
    decision: Option<(Reason, Digest)>,
    standing: Option<Word>,
    /// When that was said, in seconds since 1970.
    said: u32,
    /// Hardly ever there.
    wrong: Option<Box<Troubles>>,
}

/// What is wrong with a workload.
#[derive(Debug, Default, PartialEq, Eq)]
struct Troubles {
    problems: Vec<Sentence>,
    failure: Option<Sentence>,
    /// Why its record is refused, whatever is decided meanwhile.
    refusal: Option<Sentence>,
}

impl Announced {
    /// How it stood at the last decision.
    pub(super) fn standing(&self) -> Option<Word> {
        self.standing
    }

    /// What was decided could not be kept, so that nobody knows.
    pub(super) fn is_unknown(&mut self) {
        self.standing = Some(Word::Unknown);
    }

    /// The reasons of what is wrong with it.
    pub(super) fn problems(&self) -> impl Iterator<Item = Reason> {
        let decided = self.decision.iter().map(|(reason, _)| *reason);
        let warned = decided.filter(|reason| reason.row().warning);
        let wrong = self.wrong.iter().flat_map(|wrong| {
            let failed = wrong.failure.iter().chain(&wrong.refusal);
            wrong.problems.iter().chain(failed)
        });
        wrong.map(|(reason, _)| *reason).chain(warned)
    }

    /// Changes what is wrong with it; where nothing is, it takes no room.
    fn now_wrong<T>(&mut self, change: impl FnOnce(&mut Troubles) -> T) -> T {
        let mut wrong = self.wrong.take().unwrap_or_default();
        let answer = change(&mut wrong);
        self.wrong = Some(wrong).filter(|wrong| **wrong != Troubles::default());
        answer
    }

    /// Takes in a verdict, and the number that it is about (0: none). Returns what is to be
    /// said.
    fn heed(&mut self, verdict: &Verdict, n: u64, now: u32) -> Vec<Remark> {
        if verdict.asks() {
            return Vec::new();
        }
        let before = self.decision;
        let sentence = self.decide(verdict, n, now);
        let reminds = self.is_for_people() && self.decision == before;
        let decision = sentence.map(|sentence| Remark {
            sentence,
            kind: NoticeKind::Decision,
            n: if reminds { now.into() } else { n },
        });
        self.standing = verdict.standing.as_ref().map(|standing| standing.word);
        let new = self.now_wrong(|wrong| wrong.heed(verdict)).into_iter();
        decision
            .into_iter()
            .chain(new.map(Remark::problem))
            .collect()
    }

    /// Whether what was decided waits for people, so that they are reminded of it.
    pub(super) fn is_for_people(&self) -> bool {
        let decided = self.decision.as_ref();
        decided.is_some_and(|(reason, _)| FOR_PEOPLE.contains(reason))
    }

    /// Why it waits, if it does.
    pub(super) fn waits_for(&self) -> Option<Reason> {
        let waits = self.standing == Some(Word::Waiting);
        self.decision.filter(|_| waits).map(|(reason, _)| reason)
    }

    fn decide(&mut self, verdict: &Verdict, n: u64, now: u32) -> Option<Sentence> {
        // What waits for people is told when it has its number.
        let waits = matches!(&verdict.act, Act::Record(entry) if entry.waits.is_some());
        if waits && verdict.reason != Reason::Approved {
            return None;
        }
        let number = if n > 0 { n.to_string() } else { String::new() };
        let text = Digest::of_parts(&[verdict.text.as_bytes(), number.as_bytes()]);
        let decision = Some((verdict.reason, text));
        // Our own intent, looked at again before its patch, is still the same roll.
        let same_roll = verdict.reason == Reason::Resumed
            && self.decision.is_some_and(|(_, told)| told == text);
        // Another roll is one, even if it is for the same keys as the last one.
        let rolls = matches!(verdict.act, Act::Roll(..));
        let is_said = !rolls && self.decision == decision;
        let reminds = self.is_for_people() && now.saturating_sub(self.said) >= REMIND;
        if same_roll || (is_said && !reminds) {
            return None;
        }
        (self.decision, self.said) = (decision, now);
        Some((verdict.reason, verdict.text.clone()))
    }

    /// Its roll has begun, and waits for something.
    pub(super) fn waits(&mut self) {
        self.standing = Some(Word::Waiting);
    }

    /// Takes in a failure. Returns whether it is to be said.
    pub(super) fn fail(&mut self, failure: &Sentence) -> bool {
        self.now_wrong(|wrong| is_news(&mut wrong.failure, failure))
    }

    /// Its record is refused. Returns whether it is to be said.
    fn is_refused(&mut self, refusal: &Sentence) -> bool {
        self.now_wrong(|wrong| is_news(&mut wrong.refusal, refusal))
    }

    /// Its record was taken, or another one counts.
    pub(super) fn is_recorded(&mut self) {
        self.now_wrong(|wrong| wrong.refusal = None);
    }
}

impl Troubles {
    /// Takes in a verdict. Returns the problems that are new.
    fn heed(&mut self, verdict: &Verdict) -> Vec<Sentence> {
        self.failure = None;
        let problems = verdict.problems.iter();
        let problems: Vec<_> = problems.map(|p| (p.reason, p.text.clone())).collect();
        let former = std::mem::replace(&mut self.problems, problems);
        let new = self.problems.iter().filter(|p| !former.contains(p));
        new.cloned().collect()
    }
}

/// Takes the place of what was said. Returns whether it is something else.
fn is_news(said: &mut Option<Sentence>, now: &Sentence) -> bool {
    let is_new = said.as_ref() != Some(now);
    *said = Some(now.clone());
    is_new
}

impl Leading {
    pub(super) fn say_verdict(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        verdict: &Verdict,
    ) {
        let n = self.number_of(key, verdict);
        let now = u32::try_from(ground.seconds()).unwrap_or(u32::MAX);
        let announced = &mut self.desks.of(key).announced;
        let remarks = announced.heed(verdict, n, now);
        if announced.is_for_people() {
            self.queue.look(key, ground.now + 1_000 * u64::from(REMIND));
        }
        for remark in remarks {
            self.say(ground, key, remark);
        }
    }

    /// The number of whose content a verdict says something; 0: of none.
    fn number_of(&self, key: &WorkloadRef, verdict: &Verdict) -> u64 {
        match &verdict.act {
            _ if !OF_A_NUMBER.contains(&verdict.reason) => 0,
            Act::Record(entry) | Act::Note(entry) => entry.n,
            _ => self.store.get(key).map_or(0, |entry| entry.n),
        }
    }

    /// A read or write for this workload failed. It is said once until it works or
    /// fails differently.
    pub(super) fn say_failed(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        doing: &str,
        error: &ApiError,
    ) {
        let failure = (Reason::Failed, format!("{doing}: {error}"));
        self.say_failure(ground, key, failure);
    }

    /// A roll whose answer was lost, or was none, is on the template all the same: then
    /// it is told now.
    pub(super) fn say_reached(&mut self, ground: &mut Ground, key: &WorkloadRef, entry: &Entry) {
        let stored = self.store.get(key);
        let pending = stored.is_some_and(|stored| !stored.done && stored.n == entry.n);
        let desk = self.desks.of(key);
        let roll = desk.roll.clone().filter(|roll| roll.n == entry.n);
        if let Some(roll) = roll.filter(|_| pending && entry.done && is_marked(ground, key, entry))
        {
            let since = desk.changed_at().map(|at| ground.now.saturating_sub(at));
            say_rolled(ground, &roll, None, since);
        }
    }

    /// Its record was refused. It is said once until one is taken, or it is refused for
    /// another reason.
    pub(super) fn say_refused(&mut self, ground: &mut Ground, key: &WorkloadRef, text: String) {
        let refusal = (Reason::Failed, text);
        let is_there = ground.index.get(key).is_some();
        if is_there && self.desks.of(key).announced.is_refused(&refusal) {
            self.say(ground, key, Remark::problem(refusal));
        }
    }

    /// Its record is too large to be kept, so it is not rolled.
    pub(super) fn not_kept(&mut self, ground: &mut Ground, key: &WorkloadRef, why: NotKept) {
        let text = format!("its record cannot be kept: {why}");
        let reason = match why {
            NotKept::TooLarge(_) => Reason::Failed,
            NotKept::Full(_) => {
                self.make_room(ground, &key.namespace);
                self.queue.look(key, ground.now + ROOM_PAUSE);
                Reason::LimitExceeded
            }
        };
        self.say_failure(ground, key, (reason, text));
    }

    pub(super) fn say_failure(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        failure: Sentence,
    ) {
        let is_there = ground.index.get(key).is_some();
        if is_there && self.desks.of(key).announced.fail(&failure) {
            self.say(ground, key, Remark::problem(failure));
        }
    }

    /// Tries it again after a pause.
    pub(super) fn workload_failed(
        &mut self,
        ground: &mut Ground,
        key: &WorkloadRef,
        doing: &str,
        error: &RollError,
    ) {
        let failure = (Reason::Failed, format!("{doing}: {error}"));
        self.say_failure(ground, key, failure);
        self.pause(ground, key, error.retry_after());
    }

    /// The API server took the patch, and the workload is as it was.
    pub(super) fn no_effect(&mut self, ground: &mut Ground, key: &WorkloadRef) {
        self.say_failure(ground, key, (Reason::NoEffect, String::new()));
        self.pause(ground, key, Some(NO_EFFECT_PAUSE));
    }

    fn pause(&mut self, ground: &Ground, key: &WorkloadRef, asked: Option<Duration>) {
        if ground.index.get(key).is_none() {
            return self.desks.clear(key);
        }
        let again = self.desks.of(key).backoff.failed(ground.now, asked);
        self.queue.look(key, again);
    }

    fn say(&self, ground: &mut Ground, key: &WorkloadRef, remark: Remark) {
        let Some(known) = ground.index.get(key) else {
            return;
        };
        let Remark {
            sentence: (reason, text),
            kind,
            n,
        } = remark;
        let desk = self.desks.get(key);
        let time = u64::try_from(ground.seconds()).unwrap_or(0);
        let notice = Notice {
            key: key.clone(),
            uid: known.workload.uid.clone(),
            reason,
            text,
            kind,
            standing: desk.and_then(|desk| desk.announced.standing()),
            n: if ANEW.contains(&reason) { time } else { n },
        };
        ground.effects.push(Effect::Say(Box::new(notice)));
    }
}

/// Whether its template shows this roll.
fn is_marked(ground: &Ground, key: &WorkloadRef, entry: &Entry) -> bool {
    let workload = ground.index.get(key).map(|known| &known.workload);
    workload.is_some_and(|workload| match &entry.restart {
        Some(restart) => workload.restarted.as_ref() == Some(&restart.at),
        None => workload
            .mark
            .as_ref()
            .is_some_and(|mark| mark.instance == ground.rules.instance && mark.n == entry.n),
    })
}

/// A roll has reached a workload, of which this is the uid where it is another
/// than before.
pub(super) fn say_rolled(
    ground: &mut Ground,
    roll: &Arc<Roll>,
    uid: Option<Name>,
    since: Option<Millis>,
) {
    let known = ground.index.get(&roll.key);
    let Some(uid) = uid.or_else(|| Some(known?.workload.uid.clone())) else {
        return;
    };
    let notice = Notice {
        key: roll.key.clone(),
        uid,
        reason: roll.reason,
        text: roll.because.clone(),
        kind: NoticeKind::Rolled(Arc::clone(roll), since),
        standing: None,
        n: 0,
    };
    ground.effects.push(Effect::Say(Box::new(notice)));
}

/// A method that goes pod by pod has ended on a workload.
pub(super) fn say_climbed(
    ground: &mut Ground,
    roll: &Arc<Roll>,
    method: Method,
    result: ClimbResult,
    since: Option<Millis>,
) {
    let Some(known) = ground.index.get(&roll.key) else {
        return;
    };
    // Who came amid it found it under way, and that is over.
    let reason = match roll.reason {
        reason if ON_THEIR_WAY.contains(&reason) => Reason::Changed,
        reason => reason,
    };
    let notice = Notice {
        key: roll.key.clone(),
        uid: known.workload.uid.clone(),
        reason,
        text: roll.because.clone(),
        kind: NoticeKind::Climbed(Arc::clone(roll), method, result, since),
        standing: None,
        n: 0,
    };
    ground.effects.push(Effect::Say(Box::new(notice)));
}

#[cfg(test)]
mod tests {
    use tidings_core::standing::Standing;

    use super::*;

    fn waits(reason: Reason) -> Verdict {
        Verdict {
            act: Act::Nothing,
            reason,
            text: "configmap/app (a)".to_owned(),
            problems: Vec::new(),
            again: None,
            standing: Some(Standing {
                word: Word::Waiting,
                pods: None,
                until: None,
                due: true,
            }),
            waits: None,
            may_ask_again: false,
            steps: 0,
            boarding: None,
        }
    }

    #[test]
    fn who_waits_for_people_is_told_of_again_and_nobody_else() {
        for (reason, times) in [(Reason::NeedsApproval, 1 + 120 / 25), (Reason::Missing, 1)] {
            let mut announced = Announced::default();
            let said = (0..=120).map(|minute| announced.heed(&waits(reason), 0, 60 * minute));
            let said = said.filter(|said| !said.is_empty()).count();
            assert_eq!(said, times, "{reason}");
            assert_eq!(announced.waits_for(), Some(reason));
        }
    }
}
