//! Sources after those who use them.
//!
//! Of sources only those are kept that a workload is known to use, so a list of
//! sources that came before the workloads would be lost, and each source be read
//! again. So the first lists of sources begin when those of the workloads and
//! namespaces beside them are complete, or could not be had: what fails waits
//! for itself only.

use std::collections::BTreeMap;

use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::Name;
use tokio::sync::watch::{Receiver, Sender, channel};

/// Hands out the turns.
#[derive(Default)]
pub(super) struct Order(BTreeMap<Option<Name>, (Sender<()>, Receiver<()>)>);

/// When a stream's first list may begin.
pub(super) enum Turn {
    /// At once; others wait until this is dropped.
    First(#[expect(dead_code, reason = "it is there to be dropped")] Sender<()>),
    /// When nobody else's is first any more.
    Then(Receiver<()>),
    /// Its list has begun.
    Over,
}

impl Order {
    /// The turn of a stream, beside the others of the same namespace.
    pub(super) fn turn(&mut self, stream: &Stream) -> Turn {
        let beside = self.0.entry(stream.namespace.clone());
        let (first, then) = beside.or_insert_with(|| channel(()));
        match stream.of {
            StreamOf::Sources(_) => Turn::Then(then.clone()),
            StreamOf::Workloads(_) | StreamOf::Namespaces => Turn::First(first.clone()),
        }
    }
}

impl Turn {
    /// Waits until the list may begin.
    pub(super) async fn come(&mut self) {
        if let Self::Then(others) = self {
            // An error says that all senders are gone; nothing is ever sent.
            while others.changed().await.is_ok() {}
            *self = Self::Over;
        }
    }

    /// Lets the others begin.
    pub(super) fn end(&mut self) {
        *self = Self::Over;
    }
}
