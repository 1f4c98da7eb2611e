//! The admin port: metrics and health, read only, for whoever reaches it.
//!
//! Goes in: what the loop reports to [`Health`], and requests. Comes out:
//! `/metrics`, `/livez`, `/readyz`, Reloader's `/live`, and an index. The only error is an address
//! on which nobody can listen; it ends the program with one sentence.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use tidings_core::index::Stream;
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use crate::metrics::text;

mod leadership;
pub(crate) mod seats;

use leadership::Leadership;
pub use leadership::Leads;

/// A loop that has not turned for this long hangs.
const ALIVE: Duration = Duration::from_secs(30);
/// Nobody may take longer to ask and to listen, together.
const LIMIT: Duration = Duration::from_secs(5);
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const INDEX: &str = "\
Tidings rolls workloads when a ConfigMap or Secret that they use changes.

/metrics  what was counted and measured
/livez    whether the loop turns
/live     the same, as Reloader says it
/readyz   whether everything that should be known is, what is missing, and who leads
";

/// How the controller is, as its loop says. Shared between the loop and the port.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    /// Milliseconds from the start to the loop's last turn.
    turned: AtomicU64,
    streams: Mutex<BTreeMap<Stream, StreamHealth>>,
    lease: Mutex<Leadership>,
    records: Mutex<Option<Trouble>>,
}

#[derive(Clone, Debug, Default)]
struct StreamHealth {
    complete: bool,
    /// It is not permitted, and what to do about it.
    refused: Option<String>,
    trouble: Option<Trouble>,
}

impl StreamHealth {
    fn broken(&self) -> Option<&str> {
        let trouble = self.trouble.as_ref().map(|trouble| &*trouble.why);
        self.refused.as_deref().or(trouble)
    }
}

/// What does not work for now, though nothing forbids it.
#[derive(Clone, Debug)]
struct Trouble {
    since: Instant,
    why: String,
}

impl Trouble {
    /// Goes on with what there was, for another reason perhaps; if it is new, it began then.
    fn goes_on(before: Option<&Self>, began: Instant, why: String) -> Self {
        let since = before.map_or(began, |before| before.since);
        Self { since, why }
    }
}

/// What is not known since the API server does not tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blind {
    /// Since when.
    pub since: Instant,
    /// What, each in some words.
    pub not_known: Vec<String>,
    /// Why, of one of them.
    pub why: String,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            turned: AtomicU64::new(0),
            streams: Mutex::default(),
            lease: Mutex::default(),
            records: Mutex::default(),
        }
    }
}

impl Health {
    /// The loop turns.
    pub fn turn(&self) {
        self.turn_at(Instant::now());
    }

    fn turn_at(&self, now: Instant) {
        let since = now.duration_since(self.start).as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.turned.store(since, Ordering::Relaxed);
    }

    /// The streams that there should be, and whether each has been complete once.
    pub fn streams<'a>(&self, streams: impl IntoIterator<Item = (&'a Stream, bool)>) {
        let mut known = self.known();
        for (stream, complete) in streams {
            if let Some(health) = known.get_mut(stream) {
                health.complete = complete;
            } else {
                let health = StreamHealth {
                    complete,
                    ..StreamHealth::default()
                };
                known.insert(stream.clone(), health);
            }
        }
    }

    /// Nothing of what is known of the streams holds any more.
    pub(crate) fn begin_anew(&self) {
        self.known().clear();
    }

    /// A stream is refused, and what to do about it.
    pub fn refused(&self, stream: &Stream, advice: String) {
        self.known().entry(stream.clone()).or_default().refused = Some(advice);
    }

    /// A stream fails since then, and why the last time.
    pub fn fails(&self, stream: &Stream, began: Instant, why: String) {
        let mut known = self.known();
        let health = known.entry(stream.clone()).or_default();
        health.trouble = Some(Trouble::goes_on(health.trouble.as_ref(), began, why));
    }

    /// A stream is open again.
    pub fn recovered(&self, stream: &Stream) {
        let mut known = self.known();
        let health = known.entry(stream.clone()).or_default();
        (health.refused, health.trouble) = (None, None);
    }

    /// The records could not be taken over, or looked after, and why; `None`: they were.
    pub fn records(&self, why: Option<String>) {
        let mut records = lock(&self.records);
        *records = why.map(|why| Trouble::goes_on(records.as_ref(), Instant::now(), why));
    }

    /// Once is nothing: they are looked at again.
    fn records_trouble(&self) -> Option<Trouble> {
        let trouble = lock(&self.records).clone();
        trouble.filter(|trouble| trouble.since.elapsed() >= leadership::BLIND)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Stream, StreamHealth>> {
        lock(&self.streams)
    }

    // --- the Lease -------------------------------------------------------------

    /// This replica stands for the Lease of this name.
    pub(crate) fn stands_for(&self, lease: String) {
        lock(&self.lease).stands_for(lease);
    }

    /// A request for the Lease is sent.
    pub(crate) fn asks_for_lease(&self) {
        lock(&self.lease).asks(Instant::now());
    }

    /// It was answered.
    pub(crate) fn heard_of_lease(&self) {
        lock(&self.lease).heard();
    }

    /// It was not, or not with what it should be.
    pub(crate) fn lease_failed(&self, why: String) {
        lock(&self.lease).failed(why);
    }

    /// This is who leads, and since when by his own clock.
    pub(crate) fn led_by(&self, leads: Leads, since: Option<Timestamp>) {
        lock(&self.lease).led_by(leads, since);
    }

    /// Who leads in a word of [`LEADERSHIP`](crate::metrics::LEADERSHIP), and since when in Unix time.
    pub(crate) fn leadership(&self) -> (&'static str, i64) {
        let lease = lock(&self.lease);
        (lease.word(Instant::now()), lease.since())
    }

    /// What is not known for now, if anything is not.
    pub(crate) fn blind(&self) -> Option<Blind> {
        let streams = self.known();
        let troubled = streams.iter().filter_map(|(stream, health)| {
            let trouble = health.trouble.clone()?;
            Some((trouble, format!("changes of {stream}")))
        });
        let records = self.records_trouble();
        let records = records.map(|trouble| (trouble, "the records".to_owned()));
        let lease = lock(&self.lease).blind(Instant::now());
        let lease = lease.map(|(since, why)| (Trouble { since, why }, "who leads".to_owned()));
        let all: Vec<_> = troubled.chain(records).chain(lease).collect();
        let (first, _) = all.iter().min_by_key(|(trouble, _)| trouble.since)?;
        Some(Blind {
            since: first.since,
            why: first.why.clone(),
            not_known: all.iter().map(|(_, what)| what.clone()).collect(),
        })
    }

    /// Whether the loop has turned lately: a replica whose loop hangs must not lead.
    pub fn is_alive(&self) -> bool {
        self.alive(Instant::now())
    }

    fn alive(&self, now: Instant) -> bool {
        let turned = self.start + Duration::from_millis(self.turned.load(Ordering::Relaxed));
        now.saturating_duration_since(turned) < ALIVE
    }

    /// Whether all is known that should be: a line of who leads, or one for each thing
    /// that is missing. Before any is known, that.
    fn ready(&self) -> Result<Option<String>, Vec<String>> {
        let streams = self.known();
        if streams.is_empty() {
            return Err(vec!["starting".to_owned()]);
        }
        let line = |(stream, health): (&Stream, &StreamHealth)| match health.broken() {
            Some(why) => Some(format!("{stream}: {why}")),
            None if health.complete => None,
            None => Some(format!("{stream}: being listed; wait for it")),
        };
        let mut missing: Vec<_> = streams.iter().filter_map(line).collect();
        let records = self.records_trouble();
        missing.extend(records.map(|trouble| format!("the records: {}", trouble.why)));
        match lock(&self.lease).line(Instant::now()) {
            Ok(leader) if missing.is_empty() => Ok(leader),
            lease => Err(missing.into_iter().chain(lease.err()).collect()),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the address.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| {
        format!("cannot listen on {address}: choose another address with --listen, or --listen off")
    })
}

/// Answers requests until told to stop; then finishes those under way.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    health: Arc<Health>,
    stop: impl Future<Output = ()>,
) {
    let bounds = seats::Bounds::of_probes(LIMIT);
    seats::serve(listener, router(metrics, health), bounds, stop).await;
}

fn router(metrics: Metrics, health: Arc<Health>) -> Router {
    let numbers = Router::new()
        .route("/metrics", get(text_of))
        .with_state(metrics);
    Router::new()
        .route("/", get(INDEX))
        .route("/livez", get(livez))
        .route("/live", get(live))
        .route("/readyz", get(readyz))
        .with_state(health)
        .merge(numbers)
}

/// In OpenMetrics for who asks for that, else in the format before it.
async fn text_of(State(metrics): State<Metrics>, headers: HeaderMap) -> impl IntoResponse {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    let is_open = |value: &HeaderValue| value.to_str().is_ok_and(|v| v.contains(OPEN_METRICS_TYPE));
    let (media, text) = if accepted.any(is_open) {
        (OPEN_METRICS, metrics.text())
    } else {
        (text::MEDIA, metrics.classic_text())
    };
    ([(header::CONTENT_TYPE, media)], text)
}

async fn livez(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    if health.is_alive() {
        return (StatusCode::OK, "ok\n");
    }
    let text = "the loop has not turned for 30 seconds\n";
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

/// In Reloader's words, for probes that its manifests set.
async fn live(State(health): State<Arc<Health>>) -> (StatusCode, &'static str) {
    if health.is_alive() {
        (StatusCode::OK, "alive")
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "not alive")
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    match health.ready() {
        Ok(None) => (StatusCode::OK, "ok\n".to_owned()),
        Ok(Some(leader)) => (StatusCode::OK, format!("ok\n{leader}\n")),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n"),
    }
}

#[cfg(test)]
impl Health {
    /// That of a loop that hangs.
    pub(crate) fn hanging() -> Self {
        Self {
            start: Instant::now().checked_sub(ALIVE).unwrap(),
            ..Self::default()
        }
    }

    /// It hangs again, after it has turned.
    pub(crate) fn hang(&self) {
        self.turn_at(self.start);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tidings_core::index::StreamOf;
    use tidings_core::refs::SourceKind;
    use tower::ServiceExt;

    use super::*;

    fn stream(kind: SourceKind, namespace: Option<&str>) -> Stream {
        Stream {
            of: StreamOf::Sources(kind),
            namespace: namespace.map(Into::into),
        }
    }

    async fn ask(health: &Arc<Health>, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let router = router(Metrics::default(), health.clone());
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_when_every_stream_is() {
        let health = Arc::<Health>::default();
        assert_eq!(ask(&health, "/readyz").await, (503, "starting\n".into()));
        let configmaps = stream(SourceKind::ConfigMap, None);
        let secrets = stream(SourceKind::Secret, Some("stage"));
        health.streams([(&configmaps, false), (&secrets, true)]);
        health.refused(&secrets, "may not watch secrets".to_owned());
        let (status, text) = ask(&health, "/readyz").await;
        assert_eq!(status, 503);
        insta::assert_snapshot!(text, @r"
        configmaps: being listed; wait for it
        secrets in stage: may not watch secrets
        ");
        health.streams([(&configmaps, true)]);
        health.recovered(&secrets);
        assert_eq!(ask(&health, "/readyz").await, (200, "ok\n".into()));
    }

    #[test]
    fn alive_while_the_loop_turns() {
        let health = Health::default();
        let later = |seconds| health.start + Duration::from_secs(seconds);
        assert!(health.alive(later(29)));
        assert!(!health.alive(later(31)));
        health.turn_at(later(31));
        assert!(health.alive(later(60)));
    }

    #[tokio::test]
    async fn metrics_and_an_index() {
        let health = Arc::<Health>::default();
        let (status, text) = ask(&health, "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("# TYPE tidings_events_dropped_total counter\n"));
        assert_eq!(ask(&health, "/live").await, (200, "alive".into()));
        assert!(ask(&health, "/").await.1.contains("/readyz"));
        assert_eq!(ask(&health, "/livez").await, (200, "ok\n".into()));
        assert_eq!(ask(&health, "/debug/pprof").await.0, 404);
    }

    #[tokio::test]
    async fn metrics_come_in_the_format_that_is_asked_for() {
        let asked = async |accept: &str| {
            let request = Request::get("/metrics").header(header::ACCEPT, accept);
            let router = router(Metrics::default(), Arc::default());
            let request = request.body(Body::empty()).unwrap();
            let response = router.oneshot(request).await.unwrap();
            let media = response.headers()[header::CONTENT_TYPE].clone();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let text = String::from_utf8(body.to_vec()).unwrap();
            (media.to_str().unwrap().to_owned(), text)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.3";
        let (media, text) = asked(prometheus).await;
        assert_eq!(media, OPEN_METRICS);
        assert!(text.ends_with("# EOF\n"));
        let (media, text) = asked("text/plain").await;
        assert_eq!(media, text::MEDIA);
        assert!(!text.contains("# EOF"));
    }

    #[tokio::test]
    async fn an_address_in_use_is_one_sentence() {
        let first = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let said = bind(taken).await.unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("cannot listen on {taken}: choose")),
            "{said}"
        );
    }

    #[tokio::test]
    async fn it_stops_when_told() {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let stop = async move {
            let _ = told.await;
        };
        let serving = tokio::spawn(serve(listener, Metrics::default(), Arc::default(), stop));
        tell.send(()).unwrap();
        serving.await.unwrap();
    }
}
