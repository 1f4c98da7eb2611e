//! What is only told, behind everything else: a queue, and the task that sends.
//!
//! Error policy: who sends never waits. What does not fit is given back to be
//! counted; what cannot be sent is the task's to drop.

use std::time::Duration;

use tidings_core::pauses::Pauses;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often a thing is tried.
const ATTEMPTS: u32 = 5;
/// No server may hold up what waits behind for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Takes things and has them sent when there is time.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    queue: mpsc::Sender<T>,
    task: JoinHandle<()>,
}

impl<T> Outbox<T> {
    /// Starts sending. So many things may wait; beyond, new ones are refused.
    pub(crate) fn new<S>(waiting: usize, send: impl FnOnce(mpsc::Receiver<T>) -> S) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let (queue, things) = mpsc::channel(waiting);
        Self {
            queue,
            task: tokio::spawn(send(things)),
        }
    }

    /// Whether there is room for it. It never waits.
    pub(crate) fn send(&self, thing: T) -> bool {
        self.queue.try_send(thing).is_ok()
    }

    /// Sends what still waits, for at most so long.
    pub(crate) async fn close(self, within: Duration) {
        let Self { queue, mut task } = self;
        drop(queue);
        if timeout(within, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(crate) enum Failed<E> {
    /// It never will be taken.
    ForGood(E),
    /// It may be, after a pause, whose length the server may have said.
    ForNow(E, Option<Duration>),
}

/// Tries until it is taken, or is not to be; a few times at most. The first pause is
/// so long. Returns the last failure.
pub(crate) async fn deliver<E, A>(first: Duration, mut attempt: impl FnMut() -> A) -> Result<(), E>
where
    A: Future<Output = Result<(), Failed<E>>>,
{
    let mut pauses = Pauses::new(first, LONGEST_PAUSE);
    for left in (0..ATTEMPTS).rev() {
        match attempt().await {
            Ok(()) => break,
            Err(Failed::ForNow(_, asked)) if left > 0 => {
                let pause = pauses.grow();
                sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            }
            Err(Failed::ForGood(error) | Failed::ForNow(error, _)) => return Err(error),
        }
    }
    Ok(())
}
