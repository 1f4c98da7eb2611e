//! How long nobody has looked.
//!
//! Goes in: that somebody was let in, and the pages that are open and listen. Comes out:
//! the end, when there was neither for long enough. A page that is in the background does
//! not listen (the script sees to that), so one that was forgotten keeps nothing alive.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Knows when somebody looked last.
#[derive(Debug)]
pub(super) struct Attention(Mutex<Looks>);

#[derive(Debug)]
struct Looks {
    last: Instant,
    listening: usize,
}

/// A page that listens, until it is dropped.
#[derive(Debug)]
pub(super) struct Listening(std::sync::Arc<Attention>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.change(|looks| looks.listening -= 1);
    }
}

impl Default for Attention {
    fn default() -> Self {
        Self(Mutex::new(Looks {
            last: Instant::now(),
            listening: 0,
        }))
    }
}

impl Attention {
    fn change(&self, change: impl FnOnce(&mut Looks)) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut looks);
        looks.last = Instant::now();
    }

    /// Somebody was let in.
    pub(super) fn asked(&self) {
        self.change(|_| {});
    }

    /// A page is open and listens.
    pub(super) fn listens(self: &std::sync::Arc<Self>) -> Listening {
        self.change(|looks| looks.listening += 1);
        Listening(self.clone())
    }

    /// Until when somebody has looked at least.
    fn until(&self) -> Instant {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.listening > 0 {
            Instant::now()
        } else {
            looks.last
        }
    }

    /// Resolves when nobody has looked for so long.
    pub(super) async fn over(&self, limit: Duration) {
        loop {
            let end = self.until() + limit;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn it_ends_so_long_after_the_last_look() {
        let (idle, began) = (Arc::new(Attention::default()), Instant::now());
        let asking = idle.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LIMIT / 2).await;
            asking.asked();
        });
        idle.over(LIMIT).await;
        assert_eq!(began.elapsed().as_secs(), (LIMIT * 3 / 2).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_listens_keeps_it() {
        let (idle, began) = (Arc::new(Attention::default()), Instant::now());
        let listening = idle.listens();
        tokio::spawn(async move {
            tokio::time::sleep(LIMIT * 10).await;
            drop(listening);
        });
        idle.over(LIMIT).await;
        assert!(began.elapsed() >= LIMIT * 11);
    }
}
