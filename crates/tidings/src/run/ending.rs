//! The end of the loop, also where it is too busy to hear that it is to end.
//!
//! Goes in: the loop, as a task of its own, and the signal to stop. Comes out: what
//! the loop leaves, or an error where it has failed or does not end in time.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Tells the work to end when it is time to stop, and leaves it to itself if it takes
/// longer than `limit` then.
pub(super) async fn ended<T>(
    mut work: JoinHandle<T>,
    stop: impl Future<Output = ()>,
    tell: oneshot::Sender<()>,
    limit: Duration,
) -> Result<T> {
    tokio::select! {
        ended = &mut work => return ended.context("the loop failed"),
        () = stop => {}
    }
    // Nobody hears it where the work has just ended.
    let _ = tell.send(());
    let ended = timeout(limit, work).await;
    let ended = ended.with_context(|| {
        let seconds = limit.as_secs();
        format!(
            "the loop did not end within {seconds} s; the next start finishes what was under way"
        )
    })?;
    ended.context("the loop failed")
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_is_told_to_end_gives_what_it_leaves() {
        let (tell, told) = oneshot::channel();
        let work = tokio::spawn(async { told.await.map(|()| "left") });
        let left = ended(work, ready(()), tell, Duration::from_mins(1)).await;
        assert_eq!(left.unwrap(), Ok("left"));
    }

    /// It never gives its thread back.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn work_that_is_too_busy_to_hear_is_not_waited_for() {
        let (tell, _told) = oneshot::channel();
        let (free, held) = mpsc::channel::<()>();
        let work = tokio::spawn(async move { held.recv().is_ok() });
        let left = ended(work, ready(()), tell, Duration::from_millis(50)).await;
        assert!(left.unwrap_err().to_string().contains("did not end"));
        drop(free);
    }

    #[tokio::test]
    async fn work_that_fails_is_told_at_once() {
        let (tell, _told) = oneshot::channel();
        let work = tokio::spawn(pending::<()>());
        work.abort();
        let left = ended(work, pending(), tell, Duration::from_mins(1)).await;
        assert_eq!(left.unwrap_err().to_string(), "the loop failed");
    }
}
