//! Sources after those who use them.
//!
//! Of sources only those are kept that a workload is known to use, so a list of
//! sources that came before the workloads would be lost, and each source be read
//! again. So the first lists of sources begin when those of the workloads and
//! namespaces beside them are complete, or could not be had: what fails waits
//! for itself only. What hangs does too: lists that get no further are not waited for,
//! at the price that the sources of those workloads are read one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use tidings_core::index::{Stream, StreamOf};
use tidings_core::refs::Name;
use tokio::sync::watch::{Receiver, Sender, channel};
use tokio::time::timeout;

/// After this long in which none of the first lists has got any further, sources begin.
const PATIENCE: Duration = Duration::from_secs(4);
/// They begin after this long in any case.
const LONGEST: Duration = Duration::from_secs(30);

/// Hands out the turns.
#[derive(Default)]
pub(super) struct Order(BTreeMap<Option<Name>, (Sender<()>, Receiver<()>)>);

/// When a stream's first list may begin.
pub(super) enum Turn {
    /// At once; others wait until this is dropped.
    First(Sender<()>),
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
            let _ = timeout(LONGEST, others_to_end(others)).await;
            *self = Self::Over;
        }
    }

    /// The list has got further.
    pub(super) fn goes_on(&self) {
        if let Self::First(others) = self {
            others.send_replace(());
        }
    }

    /// Lets the others begin.
    pub(super) fn end(&mut self) {
        *self = Self::Over;
    }
}

/// An error says that all senders are gone.
async fn others_to_end(others: &mut Receiver<()>) {
    while let Ok(Ok(())) = timeout(PATIENCE, others.changed()).await {}
}
