//! The watches of the page: the controller's own, of metadata only.
//!
//! Goes in: what is shown. Comes out: what they tell, and how they fare ([`Fares`]). What
//! may not be watched in all namespaces is watched in each, where these may be listed; and
//! where that is not permitted it is not asked for again.
//!
//! Error policy: a watch that fails is tried again for ever, and said; one that is refused
//! is a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{Span, Timestamp};
use tidings_core::index::{Fact, Stream, StreamOf};
use tidings_core::refs::{Name, SourceKind};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use super::board::Blindness;
use crate::admin::Health;
use crate::api::{Refusal, Verb};
use crate::cli::snapshot::Snapshot;
use crate::dashboard::site::Site;
use crate::metrics::Metrics;
use crate::records::memory::Shard;
use crate::settings::streams::{read_one_by_one, streams};
use crate::watch::scope::Selectors;
use crate::watch::{News, Watching, namespaces};

/// What may wait to be taken in; then the watches wait.
const INBOX: usize = 1_024;

/// What the watches tell.
pub(super) enum Heard {
    /// Something of the cluster.
    Fact(Fact),
    /// These records are others now.
    Record(Shard),
    /// What was told is of another time: all begins anew.
    Anew,
}

/// All watches.
pub(super) struct Feed {
    watching: Watching,
    send: Sender<News>,
    news: Receiver<News>,
    /// Of the stream of the records, so that they are not taken for sources.
    records: Receiver<News>,
    instance: Name,
    /// All that follow.
    _tasks: Vec<JoinSet<()>>,
    /// Those of one namespace each, which stand in for one of all.
    each: BTreeMap<Stream, JoinSet<()>>,
    fares: Fares,
}

/// How the watches fare.
pub(super) struct Fares {
    /// Those whose first list is not complete.
    pending: BTreeSet<Stream>,
    health: Arc<Health>,
    refused: BTreeMap<Stream, Refusal>,
}

impl Feed {
    /// Follows what is shown.
    pub(super) fn start(site: &Site, snapshot: &Snapshot) -> Self {
        let installation = &site.installation;
        let watching = Watching {
            api: site.api.clone(),
            filter: installation.filter(),
            ignored: snapshot.ignored(),
            metrics: Metrics::default(),
        };
        let (send, news) = channel(INBOX);
        let shown = match site.namespace() {
            Some(namespace) => (**installation).clone().within(namespace),
            None => (**installation).clone(),
        };
        let streams = streams(&shown);
        let mut tasks = watching.start(streams.clone(), &send);
        let own = &installation.own_namespace;
        namespaces::follow(&mut tasks, &site.api, read_one_by_one(&shown), own, &send);
        let (kept, records) = channel(INBOX);
        let of_records = watching.start_one(
            Stream {
                of: StreamOf::Sources(SourceKind::Secret),
                namespace: Some(installation.own_namespace.clone()),
            },
            Selectors {
                labels: snapshot.home().labels_of_records(),
                fields: String::new(),
            },
            &kept,
        );
        let first = streams.into_iter();
        let first = first.filter(|stream| stream.of != StreamOf::Namespaces);
        Self {
            watching,
            send,
            news,
            records,
            instance: installation.rules.instance.clone(),
            _tasks: vec![tasks, of_records],
            each: BTreeMap::new(),
            fares: Fares {
                pending: first.collect(),
                health: Arc::default(),
                refused: BTreeMap::new(),
            },
        }
    }

    /// How they fare.
    pub(super) fn fares(&self) -> &Fares {
        &self.fares
    }

    /// The next that is told of the cluster, or nothing where only how they fare is another.
    pub(super) async fn next(&mut self, snapshot: &mut Snapshot) -> Option<Heard> {
        tokio::select! {
            Some(news) = self.news.recv() => self.heard(news, snapshot).await,
            Some(news) = self.records.recv() => self.of_records(news),
        }
    }

    /// The same, of what has come already.
    pub(super) async fn at_hand(&mut self, snapshot: &mut Snapshot) -> Option<Option<Heard>> {
        if let Ok(news) = self.news.try_recv() {
            return Some(self.heard(news, snapshot).await);
        }
        let news = self.records.try_recv().ok()?;
        Some(self.of_records(news))
    }

    async fn heard(&mut self, news: News, snapshot: &mut Snapshot) -> Option<Heard> {
        match news {
            News::Fact(fact) => {
                if let Fact::ListEnded(stream, _) = &fact {
                    self.fares.is_there(stream);
                }
                return is_for_the_index(&fact).then_some(Heard::Fact(fact));
            }
            News::PutBack(..) => return Some(Heard::Anew),
            News::Refused(stream, refusal) => self.refused(stream, &refusal, snapshot).await,
            News::Failing(stream, since, why) => self.fares.health.fails(&stream, since, why),
            News::Recovered(stream) => self.fares.recovered(&stream),
            News::Unreadable(_) => {}
        }
        None
    }

    fn of_records(&mut self, news: News) -> Option<Heard> {
        let (News::Fact(Fact::Source(meta)), instance) = (news, &self.instance) else {
            return None;
        };
        Shard::of_object(instance, &meta.key.name).map(Heard::Record)
    }

    /// What may not be watched in all namespaces may be in some.
    async fn refused(&mut self, stream: Stream, refusal: &Refusal, snapshot: &mut Snapshot) {
        if stream.of == StreamOf::Namespaces {
            return;
        }
        self.fares.pending.remove(&stream);
        self.each.remove(&stream);
        // What is listed, and only not to be followed, is there in each namespace, too.
        let names = match &stream.namespace {
            None if refusal.verb == Verb::List.word() => {
                snapshot.namespaces().await.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if names.is_empty() {
            self.fares.refused.insert(stream, refusal.clone());
            return;
        }
        for name in names {
            let one = Stream {
                of: stream.of,
                namespace: Some(name),
            };
            self.fares.pending.insert(one.clone());
            let tasks = self.watching.start([one.clone()], &self.send);
            self.each.insert(one, tasks);
        }
    }
}

/// Namespaces are in a snapshot one by one, and their list is none of its own.
fn is_for_the_index(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::ListBegan(stream) | Fact::ListEnded(stream, _) if stream.of == StreamOf::Namespaces
    )
}

impl Fares {
    fn is_there(&mut self, stream: &Stream) {
        self.pending.remove(stream);
        self.refused.remove(stream);
    }

    fn recovered(&mut self, stream: &Stream) {
        self.health.recovered(stream);
        self.refused.remove(stream);
    }

    /// Whether everything was listed that may be.
    pub(super) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// What may not be watched, of a namespace together.
    pub(super) fn gaps(&self) -> Vec<String> {
        let mut places: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for (stream, refusal) in &self.refused {
            let resource = refusal.resource.split('.').next().unwrap_or_default();
            let place = stream.namespace.as_deref().unwrap_or("all namespaces");
            places
                .entry((place, refusal.verb))
                .or_default()
                .push(resource);
        }
        let gap = |((place, verb), of): ((&str, &str), Vec<&str>)| {
            format!("{verb} on {} in {place}", of.join(", "))
        };
        places.into_iter().map(gap).collect()
    }

    /// Since when the API server is not heard.
    pub(super) fn blind(&self) -> Option<Blindness> {
        let blind = self.health.blind()?;
        let ago = i64::try_from(blind.since.elapsed().as_secs()).unwrap_or(i64::MAX);
        let since = Timestamp::now()
            .checked_sub(Span::new().seconds(ago))
            .ok()?;
        let why = blind.why;
        Some(Blindness { since, why })
    }
}
