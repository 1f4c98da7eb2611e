//! All writes on users' objects: each action that brings a workload to its record.
//!
//! Goes in: a [`Patch`], whose number stands in the state already. Comes out:
//! what came of it, or why nothing did. Every request carries what the decision
//! rested on: if the object has changed since, it is refused (409) and nothing
//! has happened. Each action changes what it must and nothing else, whatever other
//! fields this version of Tidings does not know, and may be done again after a
//! crash at any moment.

mod evict;
mod poke;
mod recreate;
mod restart;
mod rewrite;
mod run;
pub mod saved;
mod template;

use tidings_core::reloader::rewrite::Words;
use tidings_core::vocabulary::Vocabulary;

use crate::api::{ApiError, TermClient};
use crate::control::{Action, Outcome, Patch};
use crate::records::cluster::Home;

pub use evict::evict;
pub use poke::poke;
pub use recreate::go_on;
pub use restart::restart;
pub use template::{body, call, unpause};

/// Who writes, and by which keys.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The installation.
    pub instance: &'a str,
    /// The keys.
    pub vocabulary: &'a Vocabulary,
    /// In Reloader's words besides.
    pub words: Words,
}

/// What an action is done with.
#[derive(Clone, Copy)]
pub struct ActContext<'a> {
    /// The way to the API server, while our term lasts.
    pub api: TermClient<'a>,
    /// Who writes.
    pub author: Author<'a>,
    /// Where we keep what must survive us.
    pub home: &'a Home,
}

/// Brings a workload to its record.
pub async fn carry_out(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    match &patch.action {
        Action::Template { restart: None, .. }
            if with.author.words != Words::None || patch.traces =>
        {
            Box::pin(rewrite::roll(with, patch)).await
        }
        Action::Template { .. } | Action::RestartAt(_) => template::roll(with, patch).await,
        Action::Run { overlap, replaces } => {
            let run = run::JobRun {
                patch,
                overlap: *overlap,
                replaces,
            };
            Box::pin(run.carry_out(with)).await
        }
        Action::Recreate => Box::pin(recreate::carry_out(with, patch)).await,
    }
}
