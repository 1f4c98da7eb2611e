//! Sends Events, behind everything else.
//!
//! Goes in: [`EventFact`]s, never waiting. Comes out: a few POSTs at once, of a
//! namespace one, held back while patches are under way: a webhook that hangs in one
//! namespace holds up that namespace's Events. What cannot be sent is counted and
//! dropped: an Event is a message to people, never a fact that decisions rest on. Who
//! does not lead tells nothing: what waits then is told if he leads again soon.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tidings_core::refs::Name;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::events::{EventFact, render};
use super::waiting::{Next, Told, WaitingEvents};
use crate::api::outbox::Failed;
use crate::api::{ApiClient, ApiError, Call, Place, Term, Verb};
use crate::metrics::Metrics;

/// Events that are sent at once.
const AT_ONCE: usize = 8;
/// An answer that takes longer is none.
const ANSWER: Duration = Duration::from_secs(10);
/// What is older when a term begins is not told any more: it may be another's to tell.
const NEWS: Duration = Duration::from_mins(1);
/// How often it is looked whether a term that could not be renewed in time was.
const TERM: Duration = Duration::from_secs(1);
/// Nothing is to be done by then, as far as it is known.
const LONG: Duration = Duration::from_hours(1);

/// Takes Events and sends them when there is time.
#[derive(Debug)]
pub struct EventSender {
    queue: Arc<EventQueue>,
    /// None in a dry run.
    task: Option<JoinHandle<()>>,
    metrics: Metrics,
}

/// What who tells and who sends have in common.
#[derive(Debug, Default)]
struct EventQueue {
    state: Mutex<QueueState>,
    /// There is something new to look at.
    news: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: WaitingEvents,
    /// Patches are under way, which go first.
    patching: bool,
    /// Nothing more comes.
    closing: bool,
    /// The term in which we may tell.
    term: Option<Term>,
    /// What was told before is dropped.
    news_since: Option<Instant>,
}

impl QueueState {
    /// When it may tell something, if not now. At the end of a term that is given up what
    /// was done in it is told.
    fn holds(&self) -> Option<Next> {
        match &self.term {
            _ if self.closing => None,
            Some(term) if term.is_valid() => None,
            Some(_) => Some(Next::At(Instant::now() + TERM)),
            None => Some(Next::Wait),
        }
    }

    /// The next that is still news, and how many were not.
    fn next(&mut self) -> (Next, u64) {
        let mut dropped = 0;
        loop {
            let next = self.waiting.take(Instant::now(), self.patching);
            match (next, self.news_since) {
                (Next::Send(told), Some(since)) if told.is_before(since) => {
                    dropped += 1;
                    let namespace = &told.fact.workload.namespace;
                    self.waiting.done(namespace, Duration::ZERO);
                }
                (next, _) => return (next, dropped),
            }
        }
    }
}

impl EventQueue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next, and how many were dropped before it.
    fn next(&self) -> (Next, u64) {
        let state = &mut *self.lock();
        match state.holds() {
            Some(until) => (until, 0),
            None => state.next(),
        }
    }

    fn is_through(&self) -> bool {
        let state = self.lock();
        state.closing && state.waiting.is_empty()
    }
}

impl EventSender {
    /// Starts sending. A dry run sends nothing.
    pub fn new(api: ApiClient, metrics: Metrics, instance: Name, dry_run: bool) -> Self {
        let queue = Arc::<EventQueue>::default();
        let post = EventPost {
            api,
            metrics: metrics.clone(),
            instance,
            queue: queue.clone(),
        };
        let task = (!dry_run).then(|| tokio::spawn(Arc::new(post).all()));
        Self {
            queue,
            task,
            metrics,
        }
    }

    /// Tells something. It never waits.
    pub fn send(&self, fact: EventFact) {
        if self.task.is_none() {
            return;
        }
        if !self.queue.lock().waiting.push(fact, Instant::now()) {
            self.metrics.of.tidings_events_dropped_total.inc();
        }
        self.queue.news.notify_one();
    }

    /// A term begins, or there is none: then nothing is told.
    pub fn lead(&self, term: Option<Term>) {
        {
            let state = &mut *self.queue.lock();
            state.news_since = Instant::now().checked_sub(NEWS);
            state.term = term;
        }
        self.queue.news.notify_one();
    }

    /// Says whether patches are under way, which go first.
    pub fn patching(&self, under_way: bool) {
        let before = std::mem::replace(&mut self.queue.lock().patching, under_way);
        if before && !under_way {
            self.queue.news.notify_one();
        }
    }

    /// Sends what still waits, for at most so long.
    pub async fn close(self, within: Duration) {
        let Some(mut task) = self.task else {
            return;
        };
        {
            let mut state = self.queue.lock();
            (state.closing, state.patching) = (true, false);
            if state.term.is_none() {
                state.news_since = Some(Instant::now());
            }
        }
        self.queue.news.notify_one();
        if timeout(within, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct EventPost {
    api: ApiClient,
    metrics: Metrics,
    instance: Name,
    queue: Arc<EventQueue>,
}

impl EventPost {
    async fn all(self: Arc<Self>) {
        let mut under_way = JoinSet::new();
        loop {
            let (next, dropped) = if under_way.len() < AT_ONCE {
                self.queue.next()
            } else {
                (Next::Wait, 0)
            };
            self.metrics.of.tidings_events_dropped_total.inc_by(dropped);
            let wake = match next {
                Next::Send(told) => {
                    under_way.spawn(Arc::clone(&self).one(told));
                    continue;
                }
                Next::At(at) => at,
                Next::Wait if under_way.is_empty() && self.queue.is_through() => return,
                Next::Wait => Instant::now() + LONG,
            };
            tokio::select! {
                Some(_) = under_way.join_next() => {}
                () = self.queue.news.notified() => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    /// One attempt. What fails for now goes back, and takes nobody's place meanwhile.
    async fn one(self: Arc<Self>, told: Box<Told>) {
        let (workload, reason) = (told.fact.workload.clone(), told.fact.reason);
        let asked = Instant::now();
        let result = self.attempt(&told.fact).await;
        if let Some(why) = self.given_up(*told, asked, result) {
            self.metrics.of.tidings_events_dropped_total.inc();
            tracing::warn!(%workload, %reason, %why, "event not sent");
        }
    }

    fn given_up(
        &self,
        told: Told,
        asked: Instant,
        result: Result<(), Failed<ApiError>>,
    ) -> Option<ApiError> {
        let state = &mut *self.queue.lock();
        let times = (Instant::now(), asked.elapsed());
        let namespace = told.fact.workload.namespace.clone();
        match result {
            Err(Failed::ForNow(why, wish)) => {
                let again = state.waiting.failed(told, times, wish);
                (!again).then_some(why)
            }
            Err(Failed::ForGood(why)) => {
                state.waiting.done(&namespace, times.1);
                Some(why)
            }
            Ok(()) => {
                state.waiting.done(&namespace, times.1);
                None
            }
        }
    }

    async fn attempt(&self, fact: &EventFact) -> Result<(), Failed<ApiError>> {
        let event = render(fact, &self.instance, Timestamp::now()).to_string();
        let events = Place::core("events").within(fact.workload.namespace.clone());
        let post = Call::new(Verb::Create, events).body(event);
        let answer = timeout(ANSWER, self.api.at_once(&post)).await;
        let late = || ApiError::Unreachable(format!("no answer in {} s", ANSWER.as_secs()));
        let error = answer.unwrap_or_else(|_| Err(late())).err();
        let code = error.as_ref().map_or(Some(201), ApiError::status);
        self.metrics.event_request(code.unwrap_or(0));
        match error {
            // It is told, now or earlier.
            None | Some(ApiError::Conflict) => Ok(()),
            Some(error) if error.is_transient() => {
                let asked = error.retry_after();
                Err(Failed::ForNow(error, asked))
            }
            Some(error) => Err(Failed::ForGood(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response, header};
    use http_body_util::BodyExt;
    use kube::client::Body;
    use tidings_core::kinds::KINDS;
    use tidings_core::refs::WorkloadRef;
    use tokio::time::sleep;

    use super::*;
    use crate::report::events::tests::fact_of;

    /// The messages that arrived, and the statuses still to answer with (then 201).
    #[derive(Clone, Default)]
    struct Server {
        got: Arc<Mutex<Vec<String>>>,
        answers: Arc<Mutex<VecDeque<u16>>>,
    }

    impl Server {
        fn client(&self) -> kube::Client {
            let server = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move { Ok::<_, Infallible>(server.take(request).await) }
            });
            kube::Client::new(service, "default")
        }

        async fn take(&self, request: Request<Body>) -> Response<Body> {
            if request.uri().path() == "/api/v1/namespaces/hangs/events" {
                return std::future::pending().await;
            }
            assert_eq!(request.uri().path(), "/api/v1/namespaces/stage/events");
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let message = event["message"].as_str().unwrap().to_owned();
            self.got.lock().unwrap().push(message);
            let status = self.answers.lock().unwrap().pop_front().unwrap_or(201);
            let response = Response::builder().status(status);
            let response = response.header(header::RETRY_AFTER, "7");
            response.body(Body::empty()).unwrap()
        }
    }

    fn fact(message: &str) -> EventFact {
        within("stage", message)
    }

    fn within(namespace: &str, message: &str) -> EventFact {
        fact_of(WorkloadRef::new(&KINDS[0], namespace, "web"), message)
    }

    fn start(server: &Server, dry_run: bool) -> (EventSender, Metrics) {
        let metrics = Metrics::default();
        let sender = EventSender::new(
            server.client().into(),
            metrics.clone(),
            "tidings".into(),
            dry_run,
        );
        sender.lead(Some(Term::endless()));
        (sender, metrics)
    }

    fn dropped(metrics: &Metrics) -> usize {
        let text = metrics.text();
        let line = text
            .lines()
            .find_map(|l| l.strip_prefix("tidings_events_dropped_total "));
        line.unwrap().parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_has_its_consequence() {
        let server = Server::default();
        // told; told before; a pause, then told; refused; broken five times
        server
            .answers
            .lock()
            .unwrap()
            .extend([201, 409, 429, 201, 403]);
        server.answers.lock().unwrap().extend([500; 5]);
        let (sender, metrics) = start(&server, false);
        let begin = tokio::time::Instant::now();
        for message in ["a", "b", "c", "d", "e", "f"] {
            sender.send(fact(message));
        }
        sender.close(Duration::from_mins(10)).await;
        assert_eq!(server.got.lock().unwrap().join(""), "abccdeeeeef");
        assert_eq!(dropped(&metrics), 2);
        // Retry-After is obeyed each time, but where nothing follows.
        assert!(begin.elapsed() >= Duration::from_secs(5 * 7));
    }

    #[tokio::test(start_paused = true)]
    async fn patches_go_first() {
        let server = Server::default();
        let (sender, _) = start(&server, false);
        sender.patching(true);
        sender.send(fact("a"));
        sleep(Duration::from_secs(1)).await;
        assert!(server.got.lock().unwrap().is_empty());
        sender.patching(false);
        sender.close(Duration::from_secs(1)).await;
        assert_eq!(server.got.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_deposed_tells_nothing_until_he_leads_again() {
        let server = Server::default();
        let (sender, metrics) = start(&server, false);
        sender.lead(None);
        sender.send(fact("long ago"));
        sleep(NEWS * 2).await;
        sender.send(fact("just now"));
        sleep(NEWS / 2).await;
        assert!(server.got.lock().unwrap().is_empty());
        sender.lead(Some(Term::endless()));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(*server.got.lock().unwrap(), ["just now"]);
        assert_eq!(dropped(&metrics), 1);
        sender.lead(Some(Term::new(2, None)));
        sender.send(fact("after the term"));
        sleep(NEWS).await;
        sender.lead(None);
        sender.close(Duration::from_secs(1)).await;
        assert_eq!(*server.got.lock().unwrap(), ["just now"]);
    }

    /// As long as a webhook hangs there.
    #[tokio::test(start_paused = true)]
    async fn a_namespace_whose_posts_hang_holds_up_no_other() {
        let server = Server::default();
        let (sender, _) = start(&server, false);
        let begin = Instant::now();
        (0..50).for_each(|_| sender.send(within("hangs", "h")));
        (0..50).for_each(|_| sender.send(fact("a")));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(server.got.lock().unwrap().len(), 50);
        assert!(begin.elapsed() < ANSWER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_tells_nobody() {
        let server = Server::default();
        let (sender, metrics) = start(&server, true);
        sender.send(fact("a"));
        sender.close(Duration::from_secs(1)).await;
        assert!(server.got.lock().unwrap().is_empty());
        assert_eq!(dropped(&metrics), 0);
    }
}
