//! Asking the agents of a pod whether its files hold what they should, and whether that
//! was taken (`tidings_wire::holds`).
//!
//! Goes in: a pod's address or name, its agents with their questions, a token. Comes
//! out: what they say together. Each question has a connection, a time and a size of its
//! own; nothing is followed and nothing is asked twice here. How many are asked at once is
//! bounded, in turns of namespaces, and no turn of the API server's is held meanwhile: how
//! long an agent takes is a tenant's to say.
//!
//! Error policy: an answer in any case. What makes no sense is silence; nothing that was
//! sent is quoted, and of what was heard only the agent's own sentence.

mod answer;
mod direct;
mod proxied;
mod question;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use futures::future::join_all;
use http::StatusCode;
use tidings_core::ladder::{Agent, AgentAnswer};
use tidings_core::refs::Name;
use tokio::time::timeout;

use crate::api::ApiClient;
use crate::api::pace::Pace;

/// An agent that takes longer has said nothing.
const TIME: Duration = Duration::from_secs(2);
/// No more of an answer is taken in, in bytes.
const MOST: usize = 64 << 10;
/// So many agents are asked at once, of all pods.
const AT_ONCE: usize = 64;

/// How agents are reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AgentsBy {
    /// At the address of their pod.
    #[default]
    Address,
    /// Through the API server's proxy to pods.
    Proxy,
}

/// A pod whose agents are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodAddress {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// Whether its node is at a loopback address, so that it may be.
    pub on_this_machine: bool,
}

/// What an agent answered, before anybody knows what it means.
type Reply = (StatusCode, Bytes);

/// Why nothing was heard.
#[derive(Debug)]
enum Unheard {
    /// It was not answered in time, or not at all.
    Silent,
    /// It may not be asked so; what to change.
    Cannot(String),
}

/// Asks agents.
#[derive(Clone)]
pub struct Agents {
    api: ApiClient,
    by: AgentsBy,
    turns: Pace,
}

impl Agents {
    /// Asks them in this way.
    pub fn new(api: ApiClient, by: AgentsBy) -> Self {
        Self {
            api,
            by,
            turns: Pace::new(AT_ONCE),
        }
    }

    /// Asks all agents of a pod, with the token that the pod carries: what they say
    /// together.
    pub async fn ask(&self, pod: &PodAddress, token: &str, agents: &Arc<[Agent]>) -> AgentAnswer {
        let asked = agents.iter().map(|agent| self.ask_one(pod, token, agent));
        AgentAnswer::together(join_all(asked).await)
    }

    async fn ask_one(&self, pod: &PodAddress, token: &str, agent: &Agent) -> AgentAnswer {
        let question = match question::written(&pod.namespace, agent) {
            Ok(question) => question,
            Err(why) => return AgentAnswer::Cannot(why),
        };
        let mut turn = self.turns.enter(&pod.namespace).await;
        let asking = Box::pin(timeout(
            TIME,
            self.exchange(pod, token, agent.port, question),
        ));
        match turn.answer(asking).await {
            Ok(Ok((status, body))) => answer::meaning(&agent.container, status, &body),
            Ok(Err(Unheard::Cannot(why))) => AgentAnswer::Cannot(why),
            Ok(Err(Unheard::Silent)) | Err(_) => AgentAnswer::Silent,
        }
    }

    async fn exchange(
        &self,
        pod: &PodAddress,
        token: &str,
        port: u16,
        question: Vec<u8>,
    ) -> Result<Reply, Unheard> {
        match self.by {
            AgentsBy::Proxy => proxied::post(&self.api, pod, token, port, question).await,
            AgentsBy::Address => {
                let address = pod.address.ok_or(Unheard::Silent)?;
                if !direct::is_of_a_pod(address, pod.on_this_machine) {
                    let why = format!("{address} is no address of a pod");
                    return Err(Unheard::Cannot(why));
                }
                direct::post((address, port).into(), token, question).await
            }
        }
    }
}
