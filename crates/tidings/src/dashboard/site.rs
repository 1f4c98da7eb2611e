//! What every page may need.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tidings_core::refs::Name;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::sleep;

use super::attention::Attention;
use super::guard::Guard;
use super::model::board::Board;
use crate::api::{ApiClient, ApiError};
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

/// So long a page waits for an API server that is known to be away: it may be back.
const PATIENCE: Duration = Duration::from_secs(2);

impl Site {
    /// What is known now.
    pub(super) fn board(&self) -> Arc<Board> {
        self.board.borrow().clone()
    }

    /// Waits for the turn of a page that asks the API server.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.acquire().await.ok()
    }

    /// What was asked for a page, or that the API server is away. Else a page would wait as
    /// long as a command does, and those behind it for their turn.
    pub(super) async fn unless_away<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            answer = asked => answer,
            () = self.is_away() => {
                let away = "it does not answer; this page comes when it does".to_owned();
                Err(ApiError::Unreachable(away).into())
            }
        }
    }

    async fn is_away(&self) {
        let mut board = self.board.clone();
        if board.wait_for(|board| board.is_away()).await.is_err() {
            pending::<()>().await;
        }
        sleep(PATIENCE).await;
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
