//! Tells an open page that something of it is otherwise, by server-sent events.
//!
//! Goes in: the address of the page, as `?at=`. Comes out: `changed` with the turn of what
//! is known, each time that something is another that the page shows: of all there is, or
//! of the one namespace that its address names. The script then asks for its page again
//! and puts in what differs; so there is one way to draw a page. A line without a meaning
//! every few seconds finds out who is gone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::address::Filtered;
use super::attention::Listening;
use super::graph::asked;
use super::model::board::Board;
use super::site::Site;
use crate::admin::seats::GoesOn;

/// Between two signs of life.
const PULSE: Duration = Duration::from_secs(15);

/// An open page.
struct Open {
    board: watch::Receiver<Arc<Board>>,
    /// The one namespace that it shows; none: all.
    namespace: Option<String>,
    /// What it was told last.
    told: Glimpse,
    _listening: Listening,
}

/// What a page shows, as far as its being another one follows from it.
#[derive(PartialEq)]
struct Glimpse {
    turn: u64,
    is_blind: bool,
    gaps: usize,
}

/// Goes on for as long as the page is open.
pub(super) async fn listen(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    let namespace = namespace(query.as_deref());
    let told = shown(&site.board(), namespace.as_deref());
    let open = Open {
        board: site.board.clone(),
        namespace,
        told,
        _listening: site.attention.listens(),
    };
    // Between its page and this something may have changed.
    let first = stream::iter([event(&open.told)]);
    let told = stream::unfold(open, |mut open| async move {
        let line = open.next().await?;
        Some((line, open))
    });
    let lines = futures::StreamExt::chain(first, told);
    let lines = futures::StreamExt::map(lines, |line| Ok::<_, Infallible>(Bytes::from(line)));
    let headers = [(CONTENT_TYPE, "text/event-stream")];
    let mut answer = (headers, Body::from_stream(lines)).into_response();
    answer.extensions_mut().insert(GoesOn);
    answer
}

impl Open {
    async fn next(&mut self) -> Option<String> {
        loop {
            match timeout(PULSE, self.board.changed()).await {
                Err(_) => return Some(": \n\n".to_owned()),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {}
            }
            let now = shown(&self.board.borrow_and_update(), self.namespace.as_deref());
            if now != self.told {
                self.told = now;
                return Some(event(&self.told));
            }
        }
    }
}

fn event(shown: &Glimpse) -> String {
    format!("event: changed\ndata: {}\n\n", shown.turn)
}

fn shown(board: &Board, namespace: Option<&str>) -> Glimpse {
    let touched = |name| board.touched.get(name).copied().unwrap_or_default();
    Glimpse {
        turn: namespace.map_or(board.turn, touched),
        is_blind: board.is_away(),
        gaps: board.gaps.len(),
    }
}

/// The namespace that an address is about.
fn namespace(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query?.as_bytes());
    let at = pairs.find(|(key, _)| key == "at")?.1;
    let (path, query) = at.split_once('?').unwrap_or((&at, ""));
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next()) {
        (Some("workload" | "source"), Some(namespace)) => Some(namespace.to_owned()),
        (Some("graph"), _) => asked::namespace(query),
        _ => Some(Filtered::read(Some(query)).namespace).filter(|name| !name.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_one_namespace_is_told_of_that_only() {
        let of = |at: &str| namespace(Some(&format!("at={}", at.replace('&', "%26"))));
        assert_eq!(
            of("/workload/stage/deployment/web").as_deref(),
            Some("stage")
        );
        assert_eq!(of("/?q=a&ns=prod").as_deref(), Some("prod"));
        let graph = of("/graph?workload=deployment%252Fstage%252Fweb");
        assert_eq!(graph.as_deref(), Some("stage"));
        assert_eq!([of("/"), of("/stale"), namespace(None)], [None, None, None]);
        let touched = [("stage".into(), 7)].into_iter().collect();
        let board = Board {
            turn: 9,
            touched,
            ..Board::default()
        };
        let turns = [Some("stage"), Some("prod"), None].map(|name| shown(&board, name).turn);
        assert_eq!(turns, [7, 0, 9]);
    }
}
