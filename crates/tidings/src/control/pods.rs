//! What a ladder wants of the pods of a workload, and what becomes of it. Values only; a
//! token is in some of them, so none is shown as a whole.

use std::fmt;
use std::sync::Arc;

use tidings_core::ladder::{Acted, Agent, AgentAnswer, LivePod};
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::Number;

use crate::agents::PodAddress;
use crate::api::ApiError;
use crate::fetch::Roster;

/// Something to be done about the pods of a workload.
#[derive(Debug)]
pub struct PodErrand {
    /// For which ladder.
    pub climber: Climber,
    /// What.
    pub task: PodTask,
}

/// A ladder, told apart from an earlier one of the same workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Climber {
    /// Whose pods.
    pub key: WorkloadRef,
    /// Its number in this term.
    pub ladder: u64,
}

/// What is to be done.
pub enum PodTask {
    /// List them.
    List(Box<Roster>),
    /// Wake the kubelet of one.
    Poke(Box<Poking>),
    /// Ask the agents of one, with this token.
    Ask {
        /// Its uid.
        uid: Name,
        /// Where it is.
        pod: PodAddress,
        /// The token that it carries.
        token: Name,
        /// Its agents, with their questions.
        agents: Arc<[Agent]>,
    },
}

/// A poke of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poking {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub pod: Name,
    /// The uid that it must have.
    pub uid: Name,
    /// For which roll.
    pub number: Number,
    /// The containers whose deaths count.
    pub users: Arc<[Name]>,
}

/// What has become of it.
pub enum PodAnswer {
    /// The pods, and what was found out for listing them.
    Listed(Box<Roster>, Result<Vec<LivePod>, ApiError>),
    /// What became of the poke of the pod of this uid.
    Poked(Name, Result<Acted, ApiError>),
    /// What the agents of the pod of this uid say.
    Asked(Name, AgentAnswer),
}

impl fmt::Debug for PodTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(_) => f.write_str("List"),
            Self::Poke(poke) => write!(f, "Poke({})", poke.pod),
            Self::Ask { pod, .. } => write!(f, "Ask({})", pod.name),
        }
    }
}

impl fmt::Debug for PodAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(_, Ok(pods)) => write!(f, "Listed({} pods)", pods.len()),
            Self::Listed(_, Err(error)) => write!(f, "Listed({error})"),
            Self::Poked(uid, Ok(_)) => write!(f, "Poked({uid})"),
            Self::Poked(uid, Err(error)) => write!(f, "Poked({uid}, {error})"),
            Self::Asked(uid, answer) => write!(f, "Asked({uid}, {answer:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_is_shown() {
        let token: Name = "0123456789abcdef".into();
        let ask = PodTask::Ask {
            uid: "u".into(),
            pod: PodAddress {
                namespace: "ns".into(),
                name: "web-0".into(),
                address: None,
            },
            token: token.clone(),
            agents: Arc::new([]),
        };
        let poked = PodAnswer::Poked("u".into(), Ok(Acted::Done { token, deaths: 0 }));
        assert_eq!(format!("{ask:?} {poked:?}"), "Ask(web-0) Poked(u)");
    }
}
