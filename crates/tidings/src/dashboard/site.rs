//! What every page may need.

use std::sync::Arc;

use tidings_core::refs::Name;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::attention::Attention;
use super::guard::Guard;
use super::model::board::Board;
use crate::api::ApiClient;
use crate::cli::snapshot::Snapshot;
use crate::settings::{Installation, Target};

/// So many pages ask the API server at the same time.
pub(super) const ASKING: usize = 4;

/// What every page may need.
#[derive(Clone)]
pub(super) struct Site {
    /// Who is let in.
    pub(super) guard: Arc<Guard>,
    /// Whether anybody looks.
    pub(super) attention: Arc<Attention>,
    /// The way to the cluster.
    pub(super) api: ApiClient,
    /// The installation that is asked about.
    pub(super) installation: Arc<Installation>,
    /// Which namespaces.
    pub(super) target: Target,
    /// What is known now.
    pub(super) board: watch::Receiver<Arc<Board>>,
    /// Whose turn it is to ask the API server.
    pub(super) asking: Arc<Semaphore>,
}

impl Site {
    /// What is known now.
    pub(super) fn board(&self) -> Arc<Board> {
        self.board.borrow().clone()
    }

    /// Waits for the turn of a page that asks the API server.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.acquire().await.ok()
    }

    /// For a question of its own, as a command asks it.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.api.clone(), (*self.installation).clone())
    }

    /// The one namespace that is shown; none: all.
    pub(super) fn namespace(&self) -> Option<Name> {
        match &self.target {
            Target::Within(name)
            | Target::One {
                namespace: name, ..
            } => Some(
                name.clone()
                    .unwrap_or_else(|| self.api.default_namespace().into()),
            ),
            Target::All => None,
        }
    }
}
