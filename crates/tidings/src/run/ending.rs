//! The end, within [`LIMIT`] of the signal to stop, whatever the program is at.
//!
//! Goes in: the loop, as a task of its own, and the signal. Comes out: what
//! the loop leaves, or an error where it has failed or does not end in time. What is
//! left undone is finished by the next start, or another replica.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// From the signal to the end.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// Of it, for writes that are under way.
pub(super) const DRAIN: Duration = Duration::from_millis(2_500);
/// For the loop as a whole.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// After that, for the Lease, Events and the admin port, at the same time.
pub(super) const FAREWELL: Duration = Duration::from_millis(1_500);

/// The exit code of who had to be ended.
const FORCED: i32 = 2;

/// Resolves at SIGTERM, or at an interrupt from the keyboard, to its word.
pub(crate) fn stop_signal() -> Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "interrupted",
        }
    })
}

/// Ends the process [`LIMIT`] after the signal, also where all else waits: for somebody
/// to read the log, say.
pub(super) fn at_the_latest() -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let stop = {
        let _entered = runtime.enter();
        stop_signal()?
    };
    let wait = move || {
        runtime.block_on(async {
            stop.await;
            sleep(LIMIT).await;
        });
        std::process::exit(FORCED)
    };
    thread::Builder::new()
        .name("ending".to_owned())
        .spawn(wait)?;
    Ok(())
}

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
