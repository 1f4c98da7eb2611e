//! What is only told, behind everything else: a queue, and the task that sends.
//!
//! Error policy: who sends never waits. What does not fit is given back to be
//! counted; what cannot be sent is the task's to drop.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

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
