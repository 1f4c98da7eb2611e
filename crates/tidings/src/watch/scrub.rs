//! When a watch of Secrets gets a fresh connection.
//!
//! Metadata can hold a Secret's content: `kubectl apply` writes it there. The
//! buffers of a connection keep such bytes until others are written over them,
//! which on a quiet stream may be never. So soon after the last such event the
//! connection is closed, and its buffers are freed and zeroed.

use std::time::Duration;

use tokio::time::Instant;

/// The annotation by which `kubectl apply` copies an object into its metadata.
const COPY: &[u8] = b"last-applied-configuration";
/// How long after the last such event.
const QUIET: Duration = Duration::from_secs(2);
/// How long after the first, where they do not stop.
const AT_MOST: Duration = Duration::from_secs(10);

/// The first and the last event with foreign bytes on this connection.
#[derive(Default)]
pub(super) struct Scrub {
    seen: Option<(Instant, Instant)>,
}

impl Scrub {
    /// Takes note of a line.
    pub(super) fn see(&mut self, line: &[u8]) {
        if memchr::memmem::find(line, COPY).is_some() {
            let now = Instant::now();
            let first = self.seen.map_or(now, |(first, _)| first);
            self.seen = Some((first, now));
        }
    }

    /// When the connection must be closed.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.seen?;
        Some((last + QUIET).min(first + AT_MOST))
    }
}
