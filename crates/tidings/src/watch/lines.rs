//! The lines of a body that comes in pieces.
//!
//! A line within one piece is handed on without being copied. Nothing is kept
//! after the lines are dropped, and an unfinished last line is no line.

use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;

/// The lines of a body.
pub(super) struct Lines {
    body: Body,
    piece: Bytes,
    /// The beginning of a line that goes on in the next piece.
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self {
            body,
            piece: Bytes::new(),
            begun: Vec::new(),
        }
    }

    /// The next line, or `None` where the body ends or breaks off. May be given up
    /// and called again.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.piece) {
                let rest = self.piece.split_off(end + 1);
                let line = std::mem::replace(&mut self.piece, rest);
                return Some(self.whole(line));
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
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(&end);
        line.into()
    }
}
