//! What every page may need.

use std::sync::Arc;

use tokio::sync::watch;

use super::guard::Guard;
use super::idle::Attention;
use super::model::board::Board;
use crate::api::ApiClient;
use crate::cli::snapshot::Snapshot;
use crate::settings::{Installation, Target};

/// What every page may need.
#[derive(Clone)]
pub(super) struct Site {
    /// Who is let in.
    pub(super) guard: Arc<Guard>,
    /// Whether anybody looks.
    pub(super) idle: Arc<Attention>,
    /// The way to the cluster.
    pub(super) api: ApiClient,
    /// The installation that is asked about.
    pub(super) installation: Arc<Installation>,
    /// Which namespaces.
    pub(super) target: Target,
    /// What is known now.
    pub(super) board: watch::Receiver<Arc<Board>>,
}

impl Site {
    /// What is known now.
    pub(super) fn board(&self) -> Arc<Board> {
        self.board.borrow().clone()
    }

    /// For a question of its own, as a command asks it.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.api.clone(), (*self.installation).clone())
    }
}
