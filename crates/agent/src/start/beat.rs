//! Whether the watch still turns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How far the watch may fall behind its poll before it counts as stuck.
const LATE: Duration = Duration::from_secs(10);

/// Shows that the watch still turns.
#[derive(Clone)]
pub(super) struct Beat {
    began: Instant,
    last: Arc<AtomicU64>,
    slowest: Duration,
}

impl Beat {
    pub(super) fn new(slowest: Duration) -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
            slowest,
        }
    }

    pub(super) fn now(&self) {
        self.last
            .store(self.began.elapsed().as_secs(), Ordering::Relaxed);
    }

    pub(super) fn is_recent(&self) -> bool {
        let last = Duration::from_secs(self.last.load(Ordering::Relaxed));
        self.began.elapsed().saturating_sub(last) < self.slowest + LATE
    }
}
