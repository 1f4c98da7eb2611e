//! All writes on users' objects: each deed that brings a workload to its record.
//!
//! Goes in: a [`Patch`], whose number stands in the state already. Comes out:
//! what came of it, or why nothing did. Every request carries what the decision
//! rested on: if the object has changed since, it is refused (409) and nothing
//! has happened. Each deed changes what it must and nothing else, whatever other
//! fields this version of Tidings does not know, and may be done again after a
//! crash at any moment.

mod hands;
mod recreate;
mod rewrite;
mod run;
pub mod saved;
mod template;

use tidings_core::rewrite::Words;

use crate::control::{Deed, Outcome, Patch};

pub use hands::{Hand, Hands, Undone};
pub use recreate::finish;
pub use template::{body, call, unpause};

/// Brings a workload to its record.
pub async fn carry_out(hands: &Hands<'_>, patch: &Patch) -> Result<Outcome, Undone> {
    match &patch.deed {
        Deed::Template { restart: None, .. } if hands.hand.words != Words::None || patch.traces => {
            Box::pin(rewrite::roll(hands, patch)).await
        }
        Deed::Template { .. } | Deed::RestartAt(_) => template::roll(hands, patch).await,
        Deed::Run { overlap, replaces } => {
            let run = run::JobRun {
                patch,
                overlap: *overlap,
                replaces,
            };
            Box::pin(run.carry_out(hands)).await
        }
        Deed::Recreate => Box::pin(recreate::carry_out(hands, patch)).await,
    }
}
