//! Tells an open page that something is otherwise, by server-sent events.
//!
//! Goes in: the page's own address, as `?at=`. Comes out: `changed` with the turn of what
//! is known, each time that it is another one. The script then asks for its page again and
//! puts in what differs; so there is one way to draw a page. A line without a meaning
//! every few seconds finds out who is gone.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use tokio::time::timeout;

use super::site::Site;
use crate::admin::seats::GoesOn;

/// Between two signs of life.
const PULSE: Duration = Duration::from_secs(15);

/// Goes on for as long as the page is open.
pub(super) async fn listen(State(site): State<Site>) -> Response {
    let listening = site.idle.listens();
    let mut board = site.board.clone();
    board.mark_changed();
    let told = stream::unfold((board, listening), |(mut board, listening)| async move {
        let event = match timeout(PULSE, board.changed()).await {
            Err(_) => ": \n\n".to_owned(),
            Ok(Err(_)) => return None,
            Ok(Ok(())) => {
                let turn = board.borrow_and_update().turn;
                format!("event: changed\ndata: {turn}\n\n")
            }
        };
        Some((Ok::<_, Infallible>(Bytes::from(event)), (board, listening)))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream")];
    let mut answer = (headers, Body::from_stream(told)).into_response();
    answer.extensions_mut().insert(GoesOn);
    answer
}
