//! Sends Events, behind everything else.
//!
//! Goes in: [`EventFact`]s, never waiting. Comes out: one POST at a time, held
//! back while patches are under way. What cannot be sent is counted and
//! dropped: an Event is a message to people, never a fact that decisions rest on.

use std::time::Duration;

use jiff::Timestamp;
use tidings_core::refs::Name;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::events::{EventFact, render};
use crate::api::outbox::{Failed, Outbox, deliver};
use crate::api::{ApiClient, ApiError, Call, Place, Verb};
use crate::metrics::Metrics;

/// Events that may wait. Beyond, new ones are dropped.
const WAITING: usize = 4096;
/// The first pause after a failure.
const PAUSE: Duration = Duration::from_millis(250);
/// Patches go first, but for no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer that takes longer is none.
const ANSWER: Duration = Duration::from_secs(10);

/// Takes Events and sends them when there is time.
#[derive(Debug)]
pub struct EventSender {
    /// None in a dry run.
    outbox: Option<Outbox<EventFact>>,
    patching: watch::Sender<bool>,
    metrics: Metrics,
}

impl EventSender {
    /// Starts sending. A dry run sends nothing.
    pub fn new(api: ApiClient, metrics: Metrics, instance: Name, dry_run: bool) -> Self {
        let (patching, held) = watch::channel(false);
        let post = EventPost {
            api,
            metrics: metrics.clone(),
            instance,
        };
        let start = || Outbox::new(WAITING, |facts| post.all(facts, held));
        Self {
            outbox: (!dry_run).then(start),
            patching,
            metrics,
        }
    }

    /// Tells something. It never waits.
    pub fn send(&self, fact: EventFact) {
        if let Some(outbox) = &self.outbox
            && !outbox.send(fact)
        {
            self.metrics.of.tidings_events_dropped_total.inc();
        }
    }

    /// Says whether patches are under way, which go first.
    pub fn patching(&self, under_way: bool) {
        self.patching.send_if_modified(|now| {
            let changed = *now != under_way;
            *now = under_way;
            changed
        });
    }

    /// Sends what still waits, for at most so long.
    pub async fn close(self, within: Duration) {
        self.patching(false);
        if let Some(outbox) = self.outbox {
            outbox.close(within).await;
        }
    }
}

struct EventPost {
    api: ApiClient,
    metrics: Metrics,
    instance: Name,
}

impl EventPost {
    async fn all(self, mut facts: mpsc::Receiver<EventFact>, mut patching: watch::Receiver<bool>) {
        while let Some(fact) = facts.recv().await {
            // Either the patches are done or it has been long enough.
            let _ = timeout(PATIENCE, patching.wait_for(|under_way| !under_way)).await;
            if let Err(why) = self.one(&fact).await {
                self.metrics.of.tidings_events_dropped_total.inc();
                tracing::warn!(workload = %fact.workload, reason = %fact.reason, %why, "event not sent");
            }
        }
    }

    async fn one(&self, fact: &EventFact) -> Result<(), ApiError> {
        let event = render(fact, &self.instance, Timestamp::now()).to_string();
        let events = Place::core("events").within(fact.workload.namespace.clone());
        let post = Call::new(Verb::Create, events).body(event);
        deliver(PAUSE, || self.attempt(&post)).await
    }

    async fn attempt(&self, post: &Call) -> Result<(), Failed<ApiError>> {
        let answer = timeout(ANSWER, self.api.tell(post)).await;
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
        EventFact {
            workload: WorkloadRef::new(&KINDS[0], "stage", "web"),
            uid: "u".into(),
            component: "tidings".into(),
            reason: "Changed",
            warning: false,
            message: message.to_owned(),
            n: 0,
        }
    }

    fn start(server: &Server, dry_run: bool) -> (EventSender, Metrics) {
        let metrics = Metrics::default();
        let sender = EventSender::new(
            server.client().into(),
            metrics.clone(),
            "tidings".into(),
            dry_run,
        );
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
    async fn patches_go_first_but_not_for_ever() {
        let server = Server::default();
        let (sender, _) = start(&server, false);
        sender.patching(true);
        sender.send(fact("a"));
        sleep(Duration::from_secs(1)).await;
        assert!(server.got.lock().unwrap().is_empty());
        sleep(PATIENCE).await;
        assert_eq!(server.got.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_are_dropped_and_counted() {
        let server = Server::default();
        let (sender, metrics) = start(&server, false);
        (0..WAITING + 3).for_each(|_| sender.send(fact("a")));
        assert_eq!(dropped(&metrics), 3);
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
