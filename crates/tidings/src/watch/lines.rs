//! The lines of a body that comes in pieces.
//!
//! A line within one piece is handed on without being copied. Nothing is kept
//! after the lines are dropped, and an unfinished last line is no line. The only error is
//! a line that is longer than any object.

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::api::{ApiError, LONG, LONGEST};

/// So many streams may be within a long line at once.
static LONG_LINES: Semaphore = Semaphore::const_new(2);

/// The lines of a body.
pub(super) struct Lines {
    body: Body,
    piece: Bytes,
    /// The beginning of a line that goes on in the next piece.
    begun: Vec<u8>,
    /// Kept while that is long.
    turn: Option<SemaphorePermit<'static>>,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            piece: Bytes::new(),
            begun: Vec::new(),
            turn: None,
        }
    }

    /// The next line, or `None` where the body ends or breaks off. May be given up
    /// and called again.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.piece) {
                let rest = self.piece.split_off(end + 1);
                let line = std::mem::replace(&mut self.piece, rest);
                return Some(Ok(self.whole(line)));
            }
            let length = self.begun.len() + self.piece.len();
            if length > LONGEST {
                return Some(Err(ApiError::TooLong(LONGEST)));
            }
            if length > LONG && self.turn.is_none() {
                self.turn = LONG_LINES.acquire().await.ok();
            }
            self.begun.extend_from_slice(&self.piece);
            self.piece = Bytes::new();
            let frame = self.body.frame().await?.ok()?;
            self.piece = frame.into_data().unwrap_or_default();
        }
    }

    fn whole(&mut self, end: Bytes) -> Bytes {
        if self.begun.is_empty() {
            return end;
        }
        self.turn = None;
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(&end);
        line.into()
    }
}
