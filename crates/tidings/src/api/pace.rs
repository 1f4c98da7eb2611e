//! How many requests are under way at once, and how long the API server wants
//! to be left alone.
//!
//! Goes in: requests, answers. Comes out: permission to send. A 429 or 503 with
//! Retry-After holds back all requests of the same pace, for the server means
//! all of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// A bound on requests.
#[derive(Debug)]
pub struct Pace {
    permits: Semaphore,
    not_before: Mutex<Instant>,
}

impl Pace {
    /// At most this many at once.
    pub fn new(at_once: usize) -> Self {
        Self {
            permits: Semaphore::new(at_once),
            not_before: Mutex::new(Instant::now()),
        }
    }

    /// Waits until one more may be sent; it counts until the permit is dropped.
    pub async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.permits.acquire().await.ok();
        loop {
            let wait = self.held_back();
            if wait.is_zero() {
                return permit;
            }
            sleep(wait).await;
        }
    }

    /// Whoever answered may want a pause.
    pub fn heed(&self, wish: Option<Duration>) {
        if let Some(pause) = wish {
            let mut not_before = self
                .not_before
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *not_before = (*not_before).max(Instant::now() + pause);
        }
    }

    fn held_back(&self) -> Duration {
        let not_before = *self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        not_before.saturating_duration_since(Instant::now())
    }
}
