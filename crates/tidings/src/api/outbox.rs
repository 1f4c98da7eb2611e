//! What is only told, behind everything else: a queue, and the task that sends.
//!
//! Error policy: who sends never waits. What does not fit is given back to be
//! counted; what cannot be sent is the task's to drop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidings_core::fair::Fair;
use tidings_core::pauses::Pauses;
use tidings_core::refs::Name;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How often a thing is tried.
pub(crate) const ATTEMPTS: u32 = 5;
/// No server may hold up what waits behind for longer.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Takes things and has them sent when there is time.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    things: Arc<Things<T>>,
    task: JoinHandle<()>,
}

/// What waits to be sent, those of each namespace in its turn.
#[derive(Debug)]
pub(crate) struct Things<T> {
    waiting: Mutex<Waiting<T>>,
    more: Notify,
    room: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    things: Fair<T>,
    is_closed: bool,
}

impl<T> Things<T> {
    /// The next, when there is one; none where no more will come.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            let more = self.more.notified();
            {
                let mut waiting = self.waiting();
                match waiting.things.pop() {
                    Some((_, thing)) => return Some(thing),
                    None if waiting.is_closed => return None,
                    None => {}
                }
            }
            more.await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Outbox<T> {
    /// Starts sending. So many things may wait; beyond, new ones are refused.
    pub(crate) fn new<S>(room: usize, send: impl FnOnce(Arc<Things<T>>) -> S) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let waiting = Waiting {
            things: Fair::default(),
            is_closed: false,
        };
        let things = Arc::new(Things {
            waiting: Mutex::new(waiting),
            more: Notify::new(),
            room,
        });
        let task = tokio::spawn(send(Arc::clone(&things)));
        Self { things, task }
    }

    /// Whether there is room for it: a namespace may have as many waiting as there is
    /// room left, so that there is some for others. It never waits.
    pub(crate) fn send(&self, who: &Name, thing: T) -> bool {
        let things = &mut self.things.waiting().things;
        let has_room = things.len_of(who) < self.things.room.saturating_sub(things.len());
        if has_room {
            things.push(who, thing);
            self.things.more.notify_one();
        }
        has_room
    }

    /// Sends what still waits, for at most so long.
    pub(crate) async fn close(self, within: Duration) {
        let Self { things, mut task } = self;
        things.waiting().is_closed = true;
        things.more.notify_one();
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
