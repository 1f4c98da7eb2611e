//! What a ladder wants of the pods of a workload, and what becomes of it. Values only; a
//! token is in some of them, so none is shown as a whole.

use std::fmt;
use std::sync::Arc;

use tidings_core::ladder::{Acted, Agent, AgentAnswer, LivePod, SeenPod};
use tidings_core::method::Method;
use tidings_core::object::Seconds;
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
    /// Start containers of one again.
    Restart(Box<Restarting>),
    /// Evict one.
    Evict(Box<Evicting>),
    /// Look at one.
    Look(Box<LookingAt>),
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
    /// By which method.
    pub method: Method,
    /// The containers whose deaths count.
    pub users: Arc<[Name]>,
}

/// Containers of a pod that are started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarting {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub pod: Name,
    /// The uid that it must have.
    pub uid: Name,
    /// For which roll.
    pub number: Number,
    /// Which containers.
    pub of: Arc<[Name]>,
    /// Those whose deaths count.
    pub users: Arc<[Name]>,
    /// When.
    pub at: Seconds,
}

/// A pod that is evicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evicting {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub pod: Name,
    /// The uid that it must have.
    pub uid: Name,
}

/// A pod that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookingAt {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub pod: Name,
    /// The uid that it must have.
    pub uid: Name,
    /// The containers whose deaths count.
    pub users: Arc<[Name]>,
}

/// What has become of it.
pub enum PodAnswer {
    /// The pods, and what was found out for listing them.
    Listed(Box<Roster>, Result<Vec<LivePod>, ApiError>),
    /// What became of what this method does to the pod of this uid.
    Acted(Name, Method, Result<Acted, ApiError>),
    /// The pod of this uid as it is; none where it is not there any more.
    Looked(Name, Result<Option<SeenPod>, ApiError>),
    /// What the agents of the pod of this uid say.
    Asked(Name, AgentAnswer),
}

impl fmt::Debug for PodTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(_) => f.write_str("List"),
            Self::Poke(poke) => write!(f, "Poke({})", poke.pod),
            Self::Restart(restart) => write!(f, "Restart({})", restart.pod),
            Self::Evict(evict) => write!(f, "Evict({})", evict.pod),
            Self::Look(look) => write!(f, "Look({})", look.pod),
            Self::Ask { pod, .. } => write!(f, "Ask({})", pod.name),
        }
    }
}

impl fmt::Debug for PodAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(_, Ok(pods)) => write!(f, "Listed({} pods)", pods.len()),
            Self::Listed(_, Err(error)) => write!(f, "Listed({error})"),
            Self::Acted(uid, method, Ok(_)) => write!(f, "Acted({uid}, {method})"),
            Self::Acted(uid, method, Err(error)) => write!(f, "Acted({uid}, {method}, {error})"),
            Self::Looked(uid, Ok(_)) => write!(f, "Looked({uid})"),
            Self::Looked(uid, Err(error)) => write!(f, "Looked({uid}, {error})"),
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
                on_this_machine: false,
            },
            token: token.clone(),
            agents: Arc::new([]),
        };
        let token = Some(token);
        let done = Ok(Acted::Done { token, deaths: 0 });
        let poked = PodAnswer::Acted("u".into(), Method::Hot, done);
        assert_eq!(format!("{ask:?} {poked:?}"), "Ask(web-0) Acted(u, hot)");
    }
}
