//! One pod, while a rung is climbed.

use crate::method::Method;
use crate::refs::Name;
use crate::settle::Millis;
use crate::state::Number;

use super::clock::Clock;
use super::messages::{Acted, AgentAnswer, Finish, SeenPod};
use super::resize::RestartStage;
use super::{evict, hot, poke, restart};

/// From an act to the first question.
pub(super) const FIRST_QUESTION: Millis = 50;
/// Between two questions at most.
const SELDOM: Millis = 5_000;
/// From an act that brought nothing to the next one.
const AGAIN: [Millis; 3] = [1_000, 2_000, 4_000];
/// And where it is the token that is refused, after that.
const AGAIN_FOR_A_TOKEN: Millis = 60_000;

/// What a method does with one pod: the row of its file.
pub(super) struct Rung {
    pub(super) method: Method,
    /// Whether the state of a pod, and of its node, lets it be begun.
    pub(super) reaches: fn(&SeenPod) -> bool,
    /// Whether it lets it be late.
    pub(super) late: fn(&SeenPod) -> bool,
    /// Whether a pod carries that it was acted on for a number.
    pub(super) carries: fn(&SeenPod, Number) -> bool,
    /// What becomes of pods that were made after the intent.
    pub(super) renewed: Renewed,
    /// What is done first.
    pub(super) begin: fn(&mut Visit, Number, Millis) -> Next,
    /// What follows an act that was accepted.
    pub(super) acted: fn(&mut Visit, Millis) -> Next,
    /// What follows an answer.
    pub(super) answered: fn(&mut Visit, Millis, AgentAnswer) -> Next,
    /// What follows when it was looked at.
    pub(super) looked: fn(&mut Visit, Number, Millis) -> Next,
}

/// What becomes of a pod that was made after the intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewed {
    /// What becomes of any other.
    Asked,
    /// Nothing: it has started with what is there.
    Spared,
    /// It proves it when it is Ready, for the one in whose place it stands.
    Proves,
}

static RUNGS: &[&Rung] = &[&hot::RUNG, &poke::RUNG, &restart::RUNG, &evict::RUNG];

impl Rung {
    /// That of a method that goes pod by pod.
    pub(super) fn of(method: Method) -> Option<&'static Self> {
        let mut rungs = RUNGS.iter();
        rungs.find(|rung| rung.method == method).copied()
    }

    /// Whether it goes by pods that stand in others' places, so that those that are being
    /// deleted are waited for.
    pub(super) fn replaces(&self) -> bool {
        self.renewed == Renewed::Proves
    }
}

/// Something to be done about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Act,
    Ask,
    Look,
}

/// What comes next for a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This, then.
    At(Millis, Errand),
    /// Nothing was done, and its turn comes again.
    Later,
    /// Nothing: it has what it should.
    Through,
    /// The pod refuses the content.
    Rejected(String),
    /// This method does not serve it.
    Ends(String),
}

/// How far a pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its turn has not come.
    Due,
    /// This is to be done, at that time.
    Waits(Millis, Errand),
    /// A request about it is under way.
    Busy(Errand),
    /// It has what it should.
    Through,
    /// This method did not serve it.
    Failed(String),
}

/// One pod of the workload.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) pod: SeenPod,
    pub(super) stage: Stage,
    /// How often it was acted on in this term.
    pub(super) acts: usize,
    /// When it was acted on last, or else begun.
    acted: Millis,
    /// Since when it does not run, or its node is not there.
    pub(super) out_since: Option<Millis>,
    /// Its time, while it runs.
    pub(super) clock: Option<Clock>,
    /// Questions since the last act.
    questions: u32,
    /// Whether they are bringing it.
    pub(super) pending: bool,
    pub(super) token: Option<Name>,
    /// Whether an act on it was accepted, in this term or an earlier one.
    pub(super) sent: bool,
    /// Whether it was made after the intent was written.
    pub(super) is_new: bool,
    /// The deaths of its containers that are not ours.
    deaths: u32,
}

impl Visit {
    pub(super) fn new(pod: SeenPod) -> Self {
        Self {
            deaths: pod.deaths,
            pod,
            stage: Stage::Due,
            acts: 0,
            acted: 0,
            out_since: None,
            clock: None,
            questions: 0,
            pending: false,
            token: None,
            sent: false,
            is_new: false,
        }
    }

    /// As it was listed anew. To one that is being deleted nothing more is done.
    pub(super) fn listed(self, pod: SeenPod) -> Self {
        let stage = match self.stage {
            Stage::Waits(at, Errand::Act) if pod.going => Stage::Waits(at, Errand::Look),
            stage => stage,
        };
        Self { pod, stage, ..self }
    }

    /// Whether it has been begun and is not through.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Waits(..) | Stage::Busy(_))
    }

    /// Whether a request about it is under way.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Busy(_))
    }

    /// Takes in whether it runs now.
    pub(super) fn note_reach(&mut self, rung: &Rung, now: Millis) {
        let out = !(rung.reaches)(&self.pod);
        self.out_since = out.then(|| self.out_since.unwrap_or(now));
    }

    /// Whether something goes on in it that would go on without us.
    pub(super) fn is_bound(&self) -> bool {
        self.is_busy() || (self.is_under_way() && self.pending)
    }

    /// Whether it carries this number.
    pub(super) fn carries(&self, rung: &Rung, number: Number) -> bool {
        self.acts > 0 || (rung.carries)(&self.pod, number)
    }

    /// What is known of it, where a rung begins.
    pub(super) fn begun_with(&self, rung: Option<&Rung>, now: Millis) -> Self {
        let begun = Self {
            is_new: self.is_new,
            ..Self::new(self.pod.clone())
        };
        let replaces = rung.is_some_and(Rung::replaces);
        match rung.map(|rung| rung.renewed).filter(|_| self.is_new) {
            // It is looked at until it is gone.
            _ if replaces && !self.stays() => Self {
                stage: Stage::Waits(now, Errand::Look),
                ..begun
            },
            Some(Renewed::Spared) => Self {
                stage: Stage::Through,
                ..begun
            },
            Some(Renewed::Proves) => begun.replacing(now),
            Some(Renewed::Asked) | None => begun,
        }
    }

    /// It stands in another's place, and may be late. Whatever its containers died of, they
    /// had what is there.
    fn replacing(self, now: Millis) -> Self {
        if self.is_renewed() {
            return Self {
                stage: Stage::Through,
                ..self
            };
        }
        Self {
            stage: Stage::Waits(now, Errand::Look),
            sent: true,
            deaths: 0,
            ..self
        }
    }

    /// Whether it was made after the intent, and is Ready.
    pub(super) fn is_renewed(&self) -> bool {
        self.is_new && self.pod.ready && !self.pod.going
    }

    /// Whether it is there, and not being deleted.
    pub(super) fn stays(&self) -> bool {
        !self.pod.going
    }

    /// Whether it carries a number for which nothing was asked for yet, by an earlier term.
    pub(super) fn is_only_noted(&self) -> bool {
        let mark = self.pod.restart.as_ref();
        self.acts == 0 && mark.is_some_and(|mark| mark.stage == RestartStage::Noted)
    }

    /// Whether its containers are about to be started again, for whichever number.
    pub(super) fn is_restarting(&self) -> bool {
        let mark = self.pod.restart.as_ref();
        mark.is_some_and(|mark| mark.stage == RestartStage::Asked)
    }

    /// Whether a container has ended by itself since it was begun. One that had the content
    /// already, and is down, counts where the others would be restarted for it.
    pub(super) fn has_died(&self, restarts: bool) -> bool {
        let is_down = restarts && self.stage == Stage::Through && !self.pod.ready;
        self.stays() && (self.is_under_way() || is_down) && self.pod.deaths > self.deaths
    }

    /// That a container of it has.
    pub(super) fn dead(&self) -> Finish {
        Finish::Died {
            pod: self.pod.name.clone(),
        }
    }

    /// Its turn has come.
    pub(super) fn begin(&mut self, rung: &Rung, number: Number, now: Millis) -> Next {
        self.acted = now;
        self.deaths = self.pod.deaths;
        (rung.begin)(self, number, now)
    }

    /// What became of an act.
    pub(super) fn acted(&mut self, rung: &Rung, now: Millis, acted: Acted) -> Next {
        match acted {
            Acted::Done { token, deaths } => {
                if self.acts == 0 {
                    self.deaths = deaths;
                }
                self.acts += 1;
                (self.acted, self.questions) = (now, 0);
                (self.token, self.sent) = (token, true);
                (rung.acted)(self, now)
            }
            Acted::Evicted => {
                self.acts += 1;
                (self.acted, self.questions) = (now, 0);
                (self.sent, self.pod.going) = (true, true);
                (rung.acted)(self, now)
            }
            Acted::Held(_) => Next::Later,
            Acted::Forbidden(why) => Next::Ends(why),
            Acted::Refused(why) => Next::Ends(format!("{}: {why}", self.pod.name)),
            Acted::Gone | Acted::Failed => {
                self.questions += 1;
                Next::At(now + self.pause().max(AGAIN[0]), Errand::Act)
            }
        }
    }

    /// The next question, later and later.
    pub(super) fn ask_again(&mut self, now: Millis) -> Next {
        self.act_at(now, Millis::MAX)
    }

    /// The next look, later and later.
    pub(super) fn look_again(&mut self, now: Millis) -> Next {
        let pause = self.pause();
        self.questions += 1;
        Next::At(now + pause, Errand::Look)
    }

    fn pause(&self) -> Millis {
        let factor = 2_u64.saturating_pow(self.questions);
        FIRST_QUESTION.saturating_mul(factor).min(SELDOM)
    }

    /// Another act where the last one brought nothing: the kubelet wrote what was there
    /// before.
    pub(super) fn act_again(&mut self, now: Millis) -> Next {
        match AGAIN.get(self.acts.saturating_sub(1)) {
            Some(pause) => self.act_at(now, self.acted + pause),
            None => self.ask_again(now),
        }
    }

    /// An act at that time, and questions until then.
    fn act_at(&mut self, now: Millis, at: Millis) -> Next {
        if now >= at {
            return Next::At(now, Errand::Act);
        }
        let pause = self.pause();
        self.questions += 1;
        Next::At((now + pause).min(at), Errand::Ask)
    }

    /// Another act where the token is not known; at once, if it is another term's.
    pub(super) fn renew(&mut self, now: Millis) -> Next {
        let pause = match self.acts {
            0 => 0,
            acts => AGAIN.get(acts - 1).copied().unwrap_or(AGAIN_FOR_A_TOKEN),
        };
        self.act_at(now, self.acted + pause)
    }
}
