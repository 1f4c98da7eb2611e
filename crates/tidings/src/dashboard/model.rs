//! What the page knows of the cluster, kept as it is.
//!
//! Goes in: the way to a cluster, and what is shown of it. Comes out: a [`board::Board`],
//! and the next one when something is otherwise. [`feed`] follows, [`knowing`] decides,
//! [`stale`] looks at pods; who leads is asked now and then.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use super::site::Site;
use crate::cli::status::look;
use crate::cli::why::leader::LeaderReport;

pub(super) mod board;
mod feed;
mod knowing;
mod stale;

use board::{Blindness, Board};
use knowing::Knowing;
use stale::Dirty;

/// How often it is asked who leads.
const LEADER: Duration = Duration::from_secs(10);

/// Keeps the board, until it is dropped.
pub(super) async fn keep(site: Site, tell: watch::Sender<Arc<Board>>) {
    let dirty = Dirty::default();
    let knowing = async {
        loop {
            Knowing::new(&site, &tell, &dirty).go_on().await;
        }
    };
    tokio::join!(
        knowing,
        stale::keep(&site, &tell, &dirty),
        leader(&site, &tell)
    );
}

/// What opened and then hangs tells nothing: so who asks all the time finds it out.
async fn leader(site: &Site, tell: &watch::Sender<Arc<Board>>) {
    let snapshot = site.snapshot();
    loop {
        let asked = Timestamp::now();
        let now = look::leader(&snapshot).await;
        tell.send_if_modified(|board| {
            let (before, is_new) = (&board.leader, board.leader.renewed.is_none());
            let is_other = before.name != now.name
                || before.problem != now.problem
                || board.silent.is_some() != now.is_silent
                || is_new;
            if is_other {
                let mut next = (**board).clone();
                next.turn += 1;
                next.silent = now.is_silent.then(|| silence(board, asked, &now));
                next.leader = now;
                *board = Arc::new(next);
            }
            is_other
        });
        sleep(LEADER).await;
    }
}

/// It began when the first question was asked that had no answer.
fn silence(board: &Board, asked: Timestamp, now: &LeaderReport) -> Blindness {
    board.silent.clone().unwrap_or_else(|| Blindness {
        since: asked,
        why: now.problem.clone().unwrap_or_default(),
    })
}
