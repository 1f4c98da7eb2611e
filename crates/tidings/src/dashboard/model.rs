//! What the page knows of the cluster, kept as it is.
//!
//! Goes in: the way to a cluster. Comes out: a [`board::Board`], and the next one when
//! something is otherwise.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::site::Site;
use crate::cli::status::follow::pause;
use crate::cli::status::look::{self, Inquiry};
use crate::cli::status::report::StatusReport;

pub(super) mod board;

use board::{Blindness, Board};

/// Keeps the board, until nobody reads it.
pub(super) async fn keep(site: Site, tell: watch::Sender<Arc<Board>>) {
    loop {
        let began = Instant::now();
        let mut snapshot = site.snapshot();
        let asked = Inquiry {
            target: site.target.clone(),
            labels: String::new(),
            digests: false,
        };
        let before = tell.borrow().clone();
        let board = match look::look(&mut snapshot, &asked).await {
            Ok(seen) => {
                let report = StatusReport::new(seen, &[]);
                Board {
                    rows: report.workloads.into_iter().map(Arc::new).collect(),
                    summary: report.summary,
                    leader: report.leader,
                    records: report.records,
                    gaps: report.unknown,
                    blind: None,
                    at: Some(Timestamp::now()),
                    turn: before.turn + 1,
                }
            }
            Err(error) => Board {
                blind: Some(Blindness {
                    since: before.at.unwrap_or_else(Timestamp::now),
                    why: format!("{error:#}"),
                }),
                turn: before.turn + 1,
                ..(*before).clone()
            },
        };
        let _ = tell.send(Arc::new(board));
        sleep(pause(Duration::from_secs(2), began.elapsed())).await;
    }
}
