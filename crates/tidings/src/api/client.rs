//! The way to one API server.
//!
//! Goes in: [`Call`]s. Comes out: their answers, each asked for when its turn has
//! come and on a connection that may carry it; a write only while our term lasts.
//! Watches, and the lists before them, wait for no turn of these: theirs is another
//! order.
//! What failed is counted where the caller asks for it ([`ApiClient::counted`]). A turn is held for one answer and nothing else, but
//! for that of a long write, which waits for a write's with it.
//!
//! Error policy: none of its own. What a request was refused for goes back as it is.

use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::DeleteParams;
use kube::client::Body;
use kube::{Api, Client};
use serde_json::json;

use super::connect::{Connect, ConnectError, Idle, connect_observed};
use super::pace::Pace;
use super::{ApiError, Call, Place, Term, Verb, call, open};
use crate::metrics::Metrics;

/// Reads under way at once.
const READS: usize = 16;
/// Long writes under way at once: each is in memory as a whole.
const LONG_WRITES: usize = 4;

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
}

impl From<Client> for ApiClient {
    /// One way for everything, with nobody to count it.
    fn from(client: Client) -> Self {
        let pools = [client.clone(), client.clone(), client];
        Self::new(pools, READS, Metrics::default())
    }
}

impl ApiClient {
    /// Prepares the way; nothing is sent yet. So many writes at once.
    pub async fn connect(
        to: &Connect,
        writes: usize,
        metrics: &Metrics,
    ) -> Result<Self, ConnectError> {
        let pool = |idle| connect_observed(to, idle, metrics.observables());
        let pools = [
            pool(Idle::Long).await?,
            pool(Idle::Short).await?,
            pool(Idle::Never).await?,
        ];
        Ok(Self::new(pools, writes, metrics.clone()))
    }

    fn new([client, brief, watches]: [Client; 3], writes: usize, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            client,
            brief,
            watches,
            reads: Pace::new(READS),
            writes: Pace::new(writes),
            long_writes: Pace::new(LONG_WRITES),
            metrics,
        }))
    }

    /// The namespace that the kubeconfig's context names.
    pub fn default_namespace(&self) -> &str {
        self.0.client.default_namespace()
    }

    /// Asks something.
    pub async fn read(&self, question: &Call) -> Result<Bytes, ApiError> {
        let inner = &*self.0;
        let client = if question.brief {
            &inner.brief
        } else {
            &inner.client
        };
        let _permit = inner.reads.enter().await;
        send(&inner.reads, client, question).await
    }

    /// Reads an object.
    pub async fn get(&self, place: Place) -> Result<Bytes, ApiError> {
        self.read(&Call::new(Verb::Get, place)).await
    }

    /// Tells people of something. It waits for no turn: whoever tells does so once at a
    /// time, behind everything else.
    pub async fn tell(&self, event: &Call) -> Result<Bytes, ApiError> {
        call(&self.0.client, event).await
    }

    /// Asks for a list that a watch begins with, or a page of it.
    pub async fn list(&self, list: &Call) -> Result<Bytes, ApiError> {
        call(&self.0.watches, list).await
    }

    /// Opens a watch: its answer as it comes.
    pub async fn open(&self, watch: &Call) -> Result<Body, ApiError> {
        open(&self.0.watches, watch).await
    }

    /// The way by which the Lease is renewed, by kube's own typed calls.
    pub fn leases(&self, namespace: &str) -> Api<Lease> {
        Api::namespaced(self.0.client.clone(), namespace)
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
        let inner = &*self.api.0;
        let _permit = inner.writes.enter().await;
        self.goes_on()?;
        let write = write.clone().body(body());
        send(&inner.writes, &inner.client, &write).await
    }

    /// Writes something that is long.
    pub async fn write_long<B: Into<Bytes>>(
        &self,
        write: &Call,
        body: impl FnOnce() -> B,
    ) -> Result<Bytes, ApiError> {
        let _turn = self.api.0.long_writes.enter().await;
        self.write(write, body).await
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
async fn send(pace: &Pace, client: &Client, request: &Call) -> Result<Bytes, ApiError> {
    let answer = Box::pin(call(client, request)).await;
    pace.heed(answer.as_ref().err().and_then(ApiError::retry_after));
    answer
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;
    use std::time::Duration;

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// What arrived; it answers each with `{}`.
    type Asked = Arc<Mutex<Vec<String>>>;

    fn server() -> (Client, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.uri().path().to_owned());
            let answer = Response::new(Body::from(b"{}".to_vec()));
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test]
    async fn what_may_hold_a_secret_is_carried_briefly() {
        let ((client, asked), (brief, asked_briefly)) = (server(), server());
        let pools = [client, brief.clone(), brief];
        let api = ApiClient::new(pools, 1, Metrics::default());
        let of = |plural| Call::new(Verb::List, Place::core(plural));
        api.read(&of("configmaps")).await.unwrap();
        api.read(&of("secrets").briefly()).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["/api/v1/configmaps"]);
        assert_eq!(*asked_briefly.lock().unwrap(), ["/api/v1/secrets"]);
    }

    #[tokio::test]
    async fn after_the_end_of_a_term_nothing_is_put_together_or_sent() {
        let (client, asked) = server();
        let (api, over) = (ApiClient::from(client), Term::new(1, None));
        let patch = Call::new(Verb::Patch, Place::core("secrets").named("s"));
        let body = || -> String { unreachable!("nobody is to send it") };
        let answer = api.within(&over).write(&patch, body).await;
        assert_eq!(answer, Err(ApiError::TermOver));
        assert!(asked.lock().unwrap().is_empty());
        let endless = Term::endless();
        let answer = api.within(&endless).write_long(&patch, || "{}").await;
        assert_eq!(answer.unwrap(), "{}");
    }

    /// Takes everything and answers nothing.
    fn silent() -> (Client, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.uri().path().to_owned());
            std::future::pending::<Result<Response<Body>, Infallible>>()
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_are_not_answered_hold_up_reads_and_nothing_else() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let read = async |api: ApiClient| api.get(Place::core("pods")).await;
        let mut reads = tokio::task::JoinSet::new();
        (0..READS + 3).for_each(|_| drop(reads.spawn(read(api.clone()))));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(asked.lock().unwrap().len(), READS);
        let (term, create) = (
            Term::endless(),
            Call::new(Verb::Create, Place::core("pods")),
        );
        let api = api.within(&term);
        let write = tokio::time::timeout(Duration::from_secs(1), api.write(&create, || "{}"));
        assert!(write.await.is_err());
        assert_eq!(asked.lock().unwrap().len(), READS + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_to_be_left_alone_is() {
        let service = tower::service_fn(|_: Request<Body>| {
            let answer = Response::builder().status(429).header("retry-after", "7");
            let answer = answer.body(Body::empty()).unwrap();
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let api = ApiClient::from(Client::new(service, "default"));
        let begin = tokio::time::Instant::now();
        for _ in 0..3 {
            api.get(Place::core("pods")).await.unwrap_err();
        }
        assert_eq!(begin.elapsed().as_secs(), 14);
    }
}
