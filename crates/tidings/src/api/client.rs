//! The way to one API server.
//!
//! Goes in: [`Call`]s. Comes out: their answers, each asked for when its turn has
//! come and on a connection that may carry it; a write only while our term lasts.
//! Watches, and the lists before them, wait for no turn of these: theirs is another
//! order. Turns are those of namespaces ([`Place::who`]), and each is held for one answer
//! and nothing else.
//! What failed is counted where the caller asks for it ([`ApiClient::counted`]).
//!
//! Error policy: none of its own. What a request was refused for goes back as it is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kube::Client;
use kube::api::DeleteParams;
use kube::client::Body;
use serde_json::json;
use tidings_core::object::Meta;
use tokio::time::{Instant, sleep};

use super::connect::{Connect, ConnectError, Credentials, Idle, connect, connect_observed};
use super::pace::{Pace, Permit};
use super::{ANSWER, ApiError, Call, Place, Term, Verb, call_within, open, page};
use crate::metrics::Metrics;

/// Reads under way at once that may be answered promptly, as in [`Pace`].
const READS: usize = 16;
/// The same of long writes: each is in memory as a whole.
const LONG_WRITES: usize = 4;

/// A command asks again so long after an answer that its server is busy (429, 500, 502, 503),
/// where it asks for no longer pause. Nobody else would, before somebody types it again.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// The way to one API server.
#[derive(Clone)]
pub struct ApiClient(Arc<Inner>);

struct Inner {
    client: Client,
    /// For what may carry bytes of a Secret: its connections do not stay open.
    brief: Client,
    /// For watches, and the lists before them.
    watches: Client,
    reads: Pace,
    writes: Pace,
    long_writes: Pace,
    metrics: Metrics,
    /// How long one answer is waited for.
    answer: Duration,
    /// After which pauses a busy server is asked again; none where the caller does that.
    again: &'static [Duration],
    /// None where they are somebody else's to know.
    credentials: Option<Arc<Credentials>>,
}

impl From<Client> for ApiClient {
    /// One way for everything, with nobody to count it.
    fn from(client: Client) -> Self {
        Self(Arc::new(Inner::of_one(client)))
    }
}

impl Inner {
    fn of_one(client: Client) -> Self {
        let pools = [client.clone(), client.clone(), client];
        Self::new(pools, READS, Metrics::default(), None)
    }

    /// By ways that differ in how long their connections stay open without use.
    fn new(
        [watches, brief, client]: [Client; 3],
        writes: usize,
        metrics: Metrics,
        credentials: Option<Arc<Credentials>>,
    ) -> Self {
        Self {
            client,
            brief,
            watches,
            reads: Pace::new(READS),
            writes: Pace::new(writes),
            long_writes: Pace::new(LONG_WRITES),
            metrics,
            answer: ANSWER,
            again: &[],
            credentials,
        }
    }
}

impl ApiClient {
    /// Prepares the way; nothing is sent yet. So many writes at once.
    pub async fn connect(
        to: &Connect,
        writes: usize,
        metrics: &Metrics,
    ) -> Result<Self, ConnectError> {
        let (pools, credentials) = connect_observed(to, metrics.observables()).await?;
        let credentials = Some(credentials);
        let inner = Inner::new(pools, writes, metrics.clone(), credentials);
        Ok(Self(Arc::new(Inner {
            answer: to.answer.unwrap_or(ANSWER),
            ..inner
        })))
    }

    /// The way of a command, which asks once: one for everything, with nobody to count it.
    pub async fn of_command(to: &Connect) -> Result<Self, ConnectError> {
        let client = connect(to, Idle::Short).await?;
        let answer = to.answer.unwrap_or(ANSWER);
        Ok(Self(Arc::new(Inner {
            answer,
            again: &AGAIN,
            ..Inner::of_one(client)
        })))
    }

    /// Waits until there are other credentials than now.
    pub(crate) async fn credentials_renewed(&self) {
        match &self.0.credentials {
            Some(credentials) => credentials.renewed().await,
            None => std::future::pending().await,
        }
    }

    /// For what is no [`Call`].
    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    /// The namespace that the kubeconfig's context names.
    pub fn default_namespace(&self) -> &str {
        self.0.client.default_namespace()
    }

    /// Asks something. A command asks again where the server is busy, within the time for an
    /// answer.
    pub async fn read(&self, question: &Call) -> Result<Bytes, ApiError> {
        let until = Instant::now() + self.0.answer;
        for pause in self.0.again {
            let answer = self.read_once(question).await;
            let error = answer.as_ref().err().filter(|error| error.is_busy());
            let wish = error.map(|error| error.retry_after().unwrap_or_default());
            match wish.map(|wish| wish.max(*pause)) {
                Some(pause) if Instant::now() + pause < until => sleep(pause).await,
                _ => return answer,
            }
        }
        self.read_once(question).await
    }

    /// Whether it is the way of a command, which ends when it has its answer.
    pub(super) fn is_of_command(&self) -> bool {
        !self.0.again.is_empty()
    }

    async fn read_once(&self, question: &Call) -> Result<Bytes, ApiError> {
        let inner = &*self.0;
        let client = if question.brief {
            &inner.brief
        } else {
            &inner.client
        };
        let permit = inner.reads.enter(&question.place.who()).await;
        if !self.is_of_command() {
            return send(permit, client, question, inner.answer).await;
        }
        // What it is told to wait a command waits itself, or not at all.
        call_within(client, question, inner.answer).await
    }

    /// Reads an object.
    pub async fn get(&self, place: Place) -> Result<Bytes, ApiError> {
        self.read(&Call::new(Verb::Get, place)).await
    }

    /// Reads the metadata of one object, and no more.
    pub async fn meta(&self, place: Place) -> Result<Meta, ApiError> {
        let call = Call::new(Verb::Get, place).accept(page::METADATA);
        page::meta_of(&self.read(&call).await?)
    }

    /// Asks or writes something that waits for no turn: an Event, since whoever tells does
    /// so once at a time, behind everything else; and the Lease.
    pub async fn at_once(&self, request: &Call) -> Result<Bytes, ApiError> {
        call_within(&self.0.client, request, self.0.answer).await
    }

    /// Asks for a list that a watch begins with, or a page of it.
    pub async fn list(&self, list: &Call) -> Result<Bytes, ApiError> {
        call_within(&self.0.watches, list, self.0.answer).await
    }

    /// Opens a watch: its answer as it comes.
    pub async fn open(&self, watch: &Call) -> Result<Body, ApiError> {
        open(&self.0.watches, watch).await
    }

    /// The same way, for who may write while this term lasts.
    pub fn within<'a>(&'a self, term: &'a Term) -> TermClient<'a> {
        TermClient { api: self, term }
    }

    /// Does something that may take several requests, and counts under this word if
    /// it fails. What had changed meanwhile is looked at again, and is no failure.
    pub async fn counted<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let result = work.await;
        if result.as_ref().is_err_and(ApiError::is_failure) {
            self.0.metrics.failed(what);
        }
        result
    }
}

/// The way to the API server of who may write while a term lasts.
#[derive(Clone, Copy)]
pub struct TermClient<'a> {
    api: &'a ApiClient,
    term: &'a Term,
}

impl TermClient<'_> {
    /// See [`ApiClient::read`].
    pub async fn read(&self, question: &Call) -> Result<Bytes, ApiError> {
        self.api.read(question).await
    }

    /// The way of who only asks.
    pub(crate) fn reading(&self) -> &ApiClient {
        self.api
    }

    /// Reads an object; `None` where it is not there.
    pub async fn find(&self, place: Place) -> Result<Option<serde_json::Value>, ApiError> {
        match self.api.get(place).await {
            Ok(json) => Ok(Some(super::read(&json)?)),
            Err(ApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes something. Its body is made only when its turn has come, for thousands
    /// may wait.
    pub async fn write<B: Into<Bytes>>(
        &self,
        write: &Call,
        body: impl FnOnce() -> B,
    ) -> Result<Bytes, ApiError> {
        self.write_at(&self.api.0.writes, write, body).await
    }

    /// Writes something that is long.
    pub async fn write_long<B: Into<Bytes>>(
        &self,
        write: &Call,
        body: impl FnOnce() -> B,
    ) -> Result<Bytes, ApiError> {
        self.write_at(&self.api.0.long_writes, write, body).await
    }

    async fn write_at<B: Into<Bytes>>(
        &self,
        pace: &Pace,
        write: &Call,
        body: impl FnOnce() -> B,
    ) -> Result<Bytes, ApiError> {
        let permit = pace.enter(&write.place.who()).await;
        self.goes_on()?;
        let write = write.clone().body(body());
        send(permit, &self.api.0.client, &write, self.api.0.answer).await
    }

    /// Deletes an object, if it is the one that these conditions tell of.
    pub async fn delete(&self, place: Place, only: DeleteParams) -> Result<(), ApiError> {
        let delete = Call::new(Verb::Delete, place);
        self.write(&delete, || json!(only).to_string()).await?;
        Ok(())
    }

    /// Whether there is still somebody who wants to know.
    pub fn goes_on(&self) -> Result<(), ApiError> {
        if self.term.is_valid() {
            Ok(())
        } else {
            Err(ApiError::TermOver)
        }
    }
}

/// Sends a request whose turn has come. It is in a box, so that the thousands that
/// may wait for theirs do not each hold the room of one that is under way.
async fn send(
    mut permit: Permit,
    client: &Client,
    request: &Call,
    limit: Duration,
) -> Result<Bytes, ApiError> {
    let answer = Box::pin(call_within(client, request, limit));
    let answer = permit.answer(answer).await;
    match &answer {
        Err(ApiError::Slow { .. } | ApiError::Unreachable(_)) => {}
        _ => permit.answered(),
    }
    if let Some(wish) = answer.as_ref().err().and_then(ApiError::retry_after) {
        permit.told_to_wait(wish);
    }
    answer
}

#[cfg(test)]
mod tests;
