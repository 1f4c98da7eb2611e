//! What a ladder is told, and what it wants.

use std::fmt;

use tidings_wire::holds::Standing as Taken;
use tidings_wire::poke::Poke;

use crate::method::{Method, Methods};
use crate::object::Seconds;
use crate::refs::Name;
use crate::settle::Millis;
use crate::state::Number;

use super::again::Refuser;
use super::resize::RestartMark;

/// What stands in a pod's `tidings.dev/poke` ([`Poke`]).
#[derive(Clone, PartialEq, Eq)]
pub struct PokeMark {
    /// For which roll the pod was acted on last.
    pub number: Number,
    /// By which its agents know who asks.
    pub token: Name,
}

impl PokeMark {
    /// Reads the annotation. What is not ours is none.
    pub fn parse(text: &str) -> Option<Self> {
        let poke = Poke::parse(text)?;
        Some(Self {
            number: Number::parse(poke.number)?,
            token: poke.token.into(),
        })
    }
}

/// Without the token.
impl fmt::Debug for PokeMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PokeMark({})", self.number)
    }
}

/// A pod of the workload that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and all combinations happen"
)]
pub struct SeenPod {
    /// Its uid.
    pub uid: Name,
    /// Its name.
    pub name: Name,
    /// When it was made, by the API server's clock.
    pub made: Option<Seconds>,
    /// What it carries of a poke.
    pub mark: Option<PokeMark>,
    /// What it carries of a restart in place, and how far that is.
    pub restart: Option<RestartMark>,
    /// Whether it is Ready.
    pub ready: bool,
    /// Whether its containers run.
    pub started: bool,
    /// Whether none of its containers has run, as its phase says.
    pub pending: bool,
    /// Whether it is being deleted. To most methods it is none of the workload's any more.
    pub going: bool,
    /// Whether its node is Ready.
    pub node_ready: bool,
    /// How often containers that use what changed have been started again, where the last
    /// one of them ended by itself and not with 0; one that has ended so and is to be
    /// started counts too. Only whether it grows tells something.
    pub deaths: u32,
}

impl SeenPod {
    /// Whether it was poked for this number.
    pub(super) fn is_poked(&self, number: Number) -> bool {
        let mark = self.mark.as_ref();
        mark.is_some_and(|mark| mark.number == number)
    }
}

/// What has become of an act on a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acted {
    /// It was accepted.
    Done {
        /// The token that was written, where its agents are asked.
        token: Option<Name>,
        /// The [`SeenPod::deaths`] in the answer.
        deaths: u32,
    },
    /// It was accepted, and the pod is being deleted.
    Evicted,
    /// A budget does not let it be done now; which, as the API server says it.
    Held(String),
    /// There is no pod of that uid.
    Gone,
    /// We may not; what is missing, in words.
    Forbidden(String),
    /// It cannot be done to this pod, or the API server refuses it; why.
    Refused(String),
    /// Nobody knows, or the API server was not able to.
    Failed,
}

/// What the agents of a pod say, taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentAnswer {
    /// All files hold what was asked for.
    Holds {
        /// And this has become of it.
        outcome: Taken,
        /// Whether taking it restarts the program.
        restarts: bool,
        /// The last line of the check.
        text: String,
    },
    /// A file holds something else.
    Other,
    /// The token is not known, or used up.
    NoToken,
    /// Nothing that makes sense was heard within the time for a question.
    Silent,
    /// There is somebody, who cannot be asked; in what way.
    Cannot(String),
}

impl AgentAnswer {
    /// Which of several answers of one pod counts: the first in this order.
    fn weight(&self) -> u8 {
        match self {
            Self::Holds { outcome, .. } => match outcome {
                Taken::Rejected => 0,
                Taken::Unverified => 2,
                Taken::Held => 6,
                Taken::Pending => 7,
                Taken::Applied => 8,
            },
            Self::Cannot(_) => 1,
            Self::NoToken => 3,
            Self::Silent => 4,
            Self::Other => 5,
        }
    }

    /// What several agents of one pod say together: all must hold.
    pub fn together(answers: Vec<Self>) -> Self {
        let restart = answers.iter().any(Self::restarts);
        let worst = answers.into_iter().min_by_key(Self::weight);
        match worst.unwrap_or(Self::Silent) {
            Self::Holds { outcome, text, .. } => Self::Holds {
                outcome,
                restarts: restart,
                text,
            },
            other => other,
        }
    }

    /// Whether taking it restarts a program.
    pub(super) fn restarts(&self) -> bool {
        matches!(self, Self::Holds { restarts: true, .. })
    }
}

/// How the workload's own rollout is, whoever began it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnRollout {
    /// It is through.
    #[default]
    Through,
    /// It replaces pods.
    Running,
    /// It has missed its deadline.
    Hangs,
}

/// What holds around a ladder. It may change at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The methods that are listed and enabled now.
    pub allowed: Methods,
    /// Whether nothing further may begin: the workload, or everything, is paused.
    pub held: bool,
    /// The workload's own rollout.
    pub rollout: OwnRollout,
    /// How many of its pods may be unavailable at once.
    pub unavailable: usize,
    /// How many pods it is to have; 0 where that is not told.
    pub desired: usize,
}

/// What a ladder begins with: it stands in the intent and on the workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The number of the intent.
    pub number: Number,
    /// The rungs that are left, from the present one on.
    pub rungs: Methods,
    /// When it was written.
    pub since: Option<Seconds>,
    /// How long a pod may take, from the act on it (`tidings.dev/method-timeout`).
    pub timeout: Millis,
    /// Who has refused it under this number, where it is looked whether that stands.
    pub refuser: Option<Refuser>,
}

/// Why pods were not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// We may not; what is missing, in words.
    Forbidden(String),
    /// Nobody knows.
    Failed,
}

/// What a ladder is told. Each effect that asks for something is answered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pods of the workload, as they were when [`Effect::List`] asked or later.
    Listed(Result<Vec<SeenPod>, Unlisted>),
    /// What became of an [`Effect::Act`] on the pod of this uid.
    Acted(Name, Acted),
    /// What the agents of the pod of this uid say to an [`Effect::Ask`].
    Answered(Name, AgentAnswer),
    /// The pod of this uid, looked at for an [`Effect::Look`]; none where it is not there any
    /// more or nobody knows.
    Looked(Name, Option<SeenPod>),
    /// What an [`Effect::Write`] wrote is stored.
    Written,
    /// What holds around it now.
    Conditions(Conditions),
    /// There is newer content than that of this number.
    Newer,
    /// Time has passed.
    Time,
}

/// What a ladder wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// List the pods of the workload.
    List,
    /// Do to this pod what this method does, under the ladder's number.
    Act(Name, Method),
    /// Ask the agents of this pod, with this token.
    Ask(Name, Name),
    /// Look at this pod.
    Look(Name),
    /// Write into the intent that these rungs are left, and why the former is not taken.
    Write(Methods, String),
    /// Tell people, and note in the intent, what a budget says that holds it; or, as an empty
    /// text, that none does any more.
    Held(String),
    /// It is over. Nothing follows.
    Finish(Finish),
}

/// How a ladder ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// No pod is without the content any more.
    InStep {
        /// Whether that is proven.
        proven: bool,
        /// Whether taking it restarted programs, so that the fuse counts it.
        restarted: bool,
    },
    /// A pod refuses this content: it is not brought by any other means.
    Rejected {
        /// The name of the pod.
        pod: Name,
        /// The last line of its check.
        text: String,
    },
    /// A container that uses what changed ended by itself when it had come.
    Died {
        /// The name of the pod.
        pod: Name,
    },
    /// It is for this method to bring it, which does not go pod by pod.
    To(Method),
    /// No method is left.
    NotTaken {
        /// Why the last one did not take.
        why: String,
    },
    /// Newer content takes its place.
    Overtaken,
    /// What was refused before is refused still, as far as is known.
    Stands,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(outcome: Taken, restarts: bool) -> AgentAnswer {
        AgentAnswer::Holds {
            outcome,
            restarts,
            text: String::new(),
        }
    }

    #[test]
    fn all_agents_of_a_pod_must_hold() {
        let applied = || holds(Taken::Applied, true);
        let worse = [
            holds(Taken::Rejected, true),
            AgentAnswer::Cannot("old".into()),
            AgentAnswer::NoToken,
            AgentAnswer::Silent,
            AgentAnswer::Other,
            holds(Taken::Pending, true),
        ];
        for answer in worse {
            assert_eq!(
                AgentAnswer::together(vec![applied(), answer.clone()]),
                answer
            );
        }
        let both = vec![holds(Taken::Applied, false), applied()];
        assert_eq!(AgentAnswer::together(both), applied());
        assert_eq!(AgentAnswer::together(Vec::new()), AgentAnswer::Silent);
    }

    #[test]
    fn a_mark_is_a_poke_of_ours() {
        let mark = PokeMark::parse("4-k7f2 0123456789abcdef").unwrap();
        assert_eq!((mark.number.n, &*mark.token), (4, "0123456789abcdef"));
        assert_eq!(format!("{mark:?}"), "PokeMark(4-k7f2)");
        for forged in ["", "4-k7f2", "4-k7f2 short", "x 0123456789abcdef"] {
            assert_eq!(PokeMark::parse(forged), None, "{forged}");
        }
    }
}
