//! What happens in the cluster, as facts.
//!
//! Goes in: the streams to follow. Comes out: [`News`], mostly [`Fact`]s, on a bounded channel, in
//! the order in which the API server tells them; where the receiver is slow, the
//! server waits. One task follows one stream by itself: it lists, watches, and
//! never gives up. What it cannot do is told too ([`News::Refused`],
//! [`News::Failing`]) or logged; an object that cannot be read is skipped. The text of an object is
//! never logged.
//!
//! Of sources only the metadata is asked for, and of that only what core's slim
//! types keep goes further.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use tidings_core::index::{Fact, Stream, StreamOf};
use tidings_core::object::Version;
use tidings_core::refs::Name;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

use crate::api::{ApiClient, Refusal};
use crate::metrics::Metrics;

mod doubt;
mod event;
mod lines;
pub(crate) mod namespaces;
mod order;
mod patience;
mod query;
pub mod scope;
mod scrub;
mod task;

use order::{Order, Turn};
use query::Query;
use scope::{Filter, Selectors};
use task::Task;

/// What a stream tells: facts, and how it fares itself.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something that the API server told.
    Fact(Fact),
    /// An object was skipped, since it cannot be read.
    Unreadable(Stream),
    /// The stream is not allowed. It is tried again every 15 s. Told once, until
    /// the refusal changes.
    Refused(Stream, Refusal),
    /// The stream has failed several times in a row, or for long, since when and why the
    /// last time. It is tried again and again. Told once, until it recovers.
    Failing(Stream, Instant, String),
    /// The API server's versions have gone back, from one to another: etcd was put back to
    /// an older copy, and what was told is of another time.
    PutBack(Stream, Version, Version),
    /// The stream is open again, and tells something or has stood for a while.
    Recovered(Stream),
}

/// How streams are followed.
#[derive(Clone)]
pub struct Watching {
    /// The way to the API server.
    pub api: ApiClient,
    /// Which sources are watched, and how objects are read.
    pub filter: Filter,
    /// Namespaces that streams of all namespaces leave out.
    pub ignored: Vec<Name>,
    /// Where what was heard is counted.
    pub metrics: Metrics,
}

impl Watching {
    /// Follows each stream by a task of its own, until the set or the receiver
    /// of the facts is dropped. A single namespace is not watched: that would take
    /// rights in all of them.
    pub fn start(
        &self,
        streams: impl IntoIterator<Item = Stream>,
        facts: &Sender<News>,
    ) -> JoinSet<()> {
        let whole_lists_only = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let mut order = Order::default();
        let watched =
            |stream: &Stream| stream.of != StreamOf::Namespaces || stream.namespace.is_none();
        for stream in streams.into_iter().filter(watched) {
            let turn = order.turn(&stream);
            let scope = Selectors::of(&stream, &self.filter, &self.ignored);
            let task = self.task(stream, scope, facts, &whole_lists_only);
            tasks.spawn(task.run(turn));
        }
        tasks
    }

    /// Follows what such a stream leaves out: of it only what this query finds.
    pub(crate) fn start_one(
        &self,
        stream: Stream,
        query: Selectors,
        facts: &Sender<News>,
    ) -> JoinSet<()> {
        let task = self.task(stream, query, facts, &Arc::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run(Turn::Over));
        tasks
    }

    fn task(
        &self,
        stream: Stream,
        scope: Selectors,
        facts: &Sender<News>,
        whole_lists_only: &Arc<AtomicBool>,
    ) -> Task {
        let filter = self.filter.clone();
        let query = Query {
            stream,
            scope,
            filter,
        };
        let (api, facts) = (self.api.clone(), facts.clone());
        let lists = whole_lists_only.clone();
        Task::new(api, query, facts, lists, self.metrics.clone())
    }
}
