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
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;
    use std::time::Duration;

    use http::{Request, Response};
    use kube::client::Body;
    use tokio::task::JoinSet;

    use super::*;

    /// A list without items.
    const EMPTY: &[u8] = br#"{"apiVersion":"v1","metadata":{}}"#;

    /// What arrived; it answers each with an empty list.
    type Asked = Arc<Mutex<Vec<String>>>;

    fn server() -> (Client, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.uri().path().to_owned());
            let answer = Response::new(Body::from(EMPTY.to_vec()));
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test]
    async fn what_may_hold_a_secret_is_carried_briefly() {
        let ((client, asked), (brief, asked_briefly)) = (server(), server());
        let pools = [brief.clone(), brief, client];
        let api = ApiClient(Arc::new(Inner::new(pools, 1, Metrics::default(), None)));
        let of = |plural| Call::new(Verb::List, Place::core(plural));
        api.read(&of("configmaps")).await.unwrap();
        api.read(&of("secrets").briefly()).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["/api/v1/configmaps"]);
        assert_eq!(*asked_briefly.lock().unwrap(), ["/api/v1/secrets"]);
    }

    /// A server that answers so, one after the other, and then with an empty list.
    fn busy_at_first(codes: &'static [(u16, &'static str)]) -> (ApiClient, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let mut seen = seen.lock().unwrap();
            let (code, after) = codes.get(seen.len()).copied().unwrap_or((200, ""));
            seen.push(request.uri().path().to_owned());
            let answer = Response::builder()
                .status(code)
                .header("retry-after", after);
            let answer = answer.body(Body::from(EMPTY.to_vec())).unwrap();
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let inner = Inner {
            again: &AGAIN,
            ..Inner::of_one(Client::new(service, "default"))
        };
        (ApiClient(Arc::new(inner)), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_asks_a_busy_server_a_few_times() {
        let list = Call::new(Verb::List, Place::core("pods"));
        let asks = async |codes| {
            let (api, asked) = busy_at_first(codes);
            let answer = api.read(&list).await;
            let times = asked.lock().unwrap().len();
            (answer.map(drop).map_err(|error| error.status()), times)
        };
        assert_eq!(asks(&[(429, "1"), (500, "")]).await, (Ok(()), 3));
        let broken = [(503, ""); 9];
        assert_eq!(asks(Box::leak(Box::new(broken))).await, (Err(Some(503)), 4));
        // Longer than an answer may take, or what may never change: that is told at once.
        assert_eq!(asks(&[(429, "600")]).await, (Err(Some(429)), 1));
        assert_eq!(asks(&[(504, "")]).await, (Err(Some(504)), 1));
        assert_eq!(asks(&[(403, "")]).await, (Err(Some(403)), 1));
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
        assert_eq!(answer.unwrap(), EMPTY);
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

    fn in_namespace(namespace: &str) -> Place {
        Place::core("pods").within(namespace)
    }

    /// What arrived by which this is asked for.
    fn asked_in(asked: &Asked, namespace: &str) -> usize {
        let path = format!("/api/v1/namespaces/{namespace}/");
        let asked = asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.starts_with(&path))
            .count()
    }

    /// Asks something in each of these namespaces, so many times.
    fn ask(api: &ApiClient, namespaces: &[String], times: usize) -> JoinSet<()> {
        let mut asking = JoinSet::new();
        for namespace in namespaces {
            for _ in 0..times {
                let (api, place) = (api.clone(), in_namespace(namespace));
                asking.spawn(async move { drop(api.get(place).await) });
            }
        }
        asking
    }

    async fn pass(millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_in_one_namespace_holds_up_that_namespace() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let _hang = ask(&api, &["tenant".to_owned()], 100);
        pass(1).await;
        assert_eq!(asked_in(&asked, "tenant"), READS);
        let _neighbour = ask(&api, &["neighbour".to_owned()], 1);
        pass(1_000).await;
        assert_eq!(asked_in(&asked, "neighbour"), 1);
        assert_eq!(asked_in(&asked, "tenant"), READS);
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_in_many_namespaces_leaves_something_for_another() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let tenants: Vec<_> = (0..10).map(|n| format!("tenant-{n}")).collect();
        let _hang = ask(&api, &tenants, 100);
        pass(10_000).await;
        for tenant in &tenants {
            assert!(asked_in(&asked, tenant) > 0, "{tenant}");
        }
        let _neighbour = ask(&api, &["neighbour".to_owned()], 1);
        pass(1_000).await;
        assert_eq!(asked_in(&asked, "neighbour"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_as_a_whole_is_not_flooded() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let all: Vec<_> = (0..500).map(|n| format!("n{n}")).collect();
        let _asking = ask(&api, &all, 2);
        pass(25_000).await;
        let asked = asked.lock().unwrap().len();
        assert!(asked <= 4 * READS, "{asked}");
    }

    /// Answers each after 10 ms.
    fn slow() -> (Client, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            seen.lock().unwrap().push(request.uri().path().to_owned());
            async {
                pass(10).await;
                Ok::<_, Infallible>(Response::new(Body::from(EMPTY.to_vec())))
            }
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_a_lot_is_not_served_before_others() {
        let (client, asked) = slow();
        let api = ApiClient::from(client);
        let all = ask(&api, &["tenant".to_owned()], 1_500);
        pass(5).await;
        ask(&api, &["neighbour".to_owned()], 3).join_all().await;
        assert!(asked_in(&asked, "tenant") <= 3 * READS);
        // And alone he has all.
        let begin = tokio::time::Instant::now();
        all.join_all().await;
        let took = begin.elapsed().as_millis();
        assert!(took <= 10 * (1_500_u128).div_ceil(READS as u128), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_was_given_up() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let given_up = ask(&api, &["tenant".to_owned(), "other".to_owned()], 100);
        pass(1_000).await;
        drop(given_up);
        pass(1).await;
        asked.lock().unwrap().clear();
        let _asking = ask(&api, &["tenant".to_owned()], 100);
        pass(1).await;
        assert_eq!(asked.lock().unwrap().len(), READS);
    }

    #[tokio::test(start_paused = true)]
    async fn reads_that_are_not_answered_hold_up_no_write() {
        let (client, asked) = silent();
        let api = ApiClient::from(client);
        let _reads = ask(&api, &["tenant".to_owned()], READS + 3);
        pass(1).await;
        let create = Call::new(Verb::Create, Place::core("pods").within("tenant"));
        let term = Term::endless();
        let api = api.within(&term);
        let write = tokio::time::timeout(Duration::from_secs(1), api.write(&create, || "{}"));
        assert!(write.await.is_err());
        assert_eq!(asked.lock().unwrap().len(), READS + 1);
    }

    /// Tells all in namespaces that begin with `t` to go away for 600 seconds.
    fn busy() -> (Client, Asked) {
        let asked = Asked::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let path = request.uri().path().to_owned();
            let answer = if path.contains("namespaces/t") {
                let busy = Response::builder().status(429).header("retry-after", "600");
                busy.body(Body::empty()).unwrap()
            } else {
                Response::new(Body::from(EMPTY.to_vec()))
            };
            seen.lock().unwrap().push(path);
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_to_wait_waits_and_nobody_else() {
        let (client, asked) = busy();
        let api = ApiClient::from(client);
        let begin = tokio::time::Instant::now();
        let told = ask(&api, &["tenant".to_owned()], 1);
        told.join_all().await;
        api.get(in_namespace("neighbour")).await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 0);
        ask(&api, &["tenant".to_owned()], 1).join_all().await;
        assert_eq!(begin.elapsed().as_secs(), 60);
        assert_eq!(asked_in(&asked, "tenant"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn where_several_are_told_to_wait_all_do_for_a_moment() {
        let (client, _) = busy();
        let api = ApiClient::from(client);
        let begin = tokio::time::Instant::now();
        let told = ["t1", "t2", "t3"].map(str::to_owned);
        ask(&api, &told, 1).join_all().await;
        api.get(in_namespace("neighbour")).await.unwrap();
        assert_eq!(begin.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_without_end_is_heeded_for_a_while() {
        let pace = Pace::new(1);
        let begin = tokio::time::Instant::now();
        let who = "tenant".into();
        pace.enter(&who).await.told_to_wait(Duration::MAX);
        pace.enter(&who).await;
        assert_eq!(begin.elapsed().as_secs(), 60);
    }
}
