//! Alerts and webhooks against real servers on this host.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::endpoint::Endpoint;
use super::http::{Client, Failure};
use super::roll::tests::roll;
use super::sender::{AlertSender, Alerts, WAITING};
use super::sinks::{Payload, Sink};
use super::webhook::Webhook;
use crate::api::Term;
use crate::control::RollError;
use crate::metrics::Metrics;

/// Nothing here takes as long; it only keeps a broken test from hanging.
const LIMIT: Duration = Duration::from_secs(20);

/// What arrived, and the statuses still to answer with (then 200).
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    fn answering(statuses: impl IntoIterator<Item = u16>) -> Self {
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(statuses);
        receiver
    }

    fn router(&self) -> Router {
        let take = async |State(receiver): State<Self>, request: Request| {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let text = String::from_utf8(body.to_vec()).unwrap();
            receiver.got.lock().unwrap().push((head.headers, text));
            let status = receiver.answers.lock().unwrap().pop_front();
            StatusCode::from_u16(status.unwrap_or(200)).unwrap()
        };
        Router::new()
            .route("/hook", post(take))
            .with_state(self.clone())
    }

    /// Serves plain HTTP; returns where.
    async fn serve(&self) -> Endpoint {
        let (listener, port) = listen().await;
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint(&format!("http://127.0.0.1:{port}/hook"))
    }

    /// Serves HTTPS as `localhost`; returns where, and the file of who signed it.
    async fn serve_tls(&self) -> (Endpoint, PathBuf, tempfile::TempDir) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(
            tokio_rustls::rustls::crypto::ring::default_provider(),
        ));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key);
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let (listener, port) = listen().await;
        let service = TowerToHyperService::new(self.router());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(io) = acceptor.accept(tcp).await else {
                    continue;
                };
                let served = hyper::server::conn::http1::Builder::new();
                let _ = served
                    .serve_connection(TokioIo::new(io), service.clone())
                    .await;
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        (
            endpoint(&format!("https://localhost:{port}/hook")),
            file,
            folder,
        )
    }

    fn bodies(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).unwrap()
}

/// Takes connections and never answers.
async fn silent() -> Endpoint {
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((tcp, _)) = listener.accept().await {
            held.push(tcp);
        }
    });
    endpoint(&format!("http://127.0.0.1:{port}/hook"))
}

/// A proxy that leads anywhere; returns where it is and the heads that it got.
async fn proxy() -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let (listener, port) = listen().await;
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = heads.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(lead(tcp, seen.clone()));
        }
    });
    let at = endpoint(&format!("http://user:word@127.0.0.1:{port}"));
    (at, heads)
}

async fn lead(mut tcp: TcpStream, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await.unwrap());
    }
    let text = String::from_utf8(head.clone()).unwrap();
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let place = target.trim_start_matches("http://");
    let place = place.split('/').next().unwrap();
    let mut onward = TcpStream::connect(place).await.unwrap();
    if method == "CONNECT" {
        tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    } else {
        // A server takes the whole URL as well as the path.
        onward.write_all(&head).await.unwrap();
    }
    seen.lock().unwrap().push(text);
    let _ = copy_bidirectional(&mut tcp, &mut onward).await;
}

fn client() -> Client {
    Client::new(None).unwrap()
}

fn payload() -> Payload {
    Payload {
        media: "text/plain",
        body: "hello".to_owned(),
    }
}

fn alerts(url: Endpoint) -> Alerts {
    let sink = Sink::parse("raw").unwrap();
    Alerts {
        sink,
        render: sink.render,
        url,
        proxy: None,
        added: String::new(),
    }
}

fn count(metrics: &Metrics, start: &str) -> usize {
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(start));
    line.map_or(0, |n| n.trim().parse().unwrap())
}

#[tokio::test]
async fn a_post_arrives_with_its_type_and_credentials() {
    let receiver = Receiver::default();
    let at = receiver.serve().await;
    client().post(&at, None, &payload()).await.unwrap();
    let (headers, body) = receiver.got.lock().unwrap().pop().unwrap();
    assert_eq!(headers[header::CONTENT_TYPE], "text/plain");
    assert_eq!(body, "hello");
    assert!(!headers.contains_key(header::AUTHORIZATION));
}

#[tokio::test]
async fn tls_is_trusted_only_if_known() {
    let receiver = Receiver::default();
    let (at, file, _folder) = receiver.serve_tls().await;
    let unknown = client().post(&at, None, &payload()).await.unwrap_err();
    assert_eq!(
        unknown,
        Failure::Certificate("nobody known has signed it"),
        "{unknown}"
    );
    let knowing = Client::new(Some(&file)).unwrap();
    knowing.post(&at, None, &payload()).await.unwrap();
    assert_eq!(receiver.bodies(), ["hello"]);
    let said = Client::new(Some("/none".as_ref())).err().unwrap();
    assert!(said.to_string().contains("/none cannot be used"), "{said}");
}

#[tokio::test]
async fn a_proxy_leads_to_both() {
    let receiver = Receiver::default();
    let (by, heads) = proxy().await;
    let plain = receiver.serve().await;
    client().post(&plain, Some(&by), &payload()).await.unwrap();
    let (secret, file, _folder) = receiver.serve_tls().await;
    let knowing = Client::new(Some(&file)).unwrap();
    knowing.post(&secret, Some(&by), &payload()).await.unwrap();
    assert_eq!(receiver.bodies(), ["hello", "hello"]);
    let heads = heads.lock().unwrap();
    assert!(heads[0].starts_with("POST http://127.0.0.1:"), "{heads:?}");
    assert!(heads[1].starts_with("CONNECT localhost:"), "{heads:?}");
    for head in heads.iter() {
        assert!(head.contains("proxy-authorization: Basic "), "{head}");
    }
}

#[tokio::test]
async fn an_alert_is_tried_again_until_it_is_taken() {
    let receiver = Receiver::answering([503, 429]);
    let metrics = Metrics::default();
    let sender = AlertSender::new(client(), alerts(receiver.serve().await), metrics.clone());
    sender.send(roll());
    sender.close(LIMIT).await;
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies[2].contains("Reloader detected changes in app"));
    let of = |result| format!("tidings_notifications_total{{sink=\"raw\",result=\"{result}\"}}");
    assert_eq!(count(&metrics, &of("refused")), 2);
    assert_eq!(count(&metrics, &of("delivered")), 1);
    assert_eq!(count(&metrics, "tidings_notifications_dropped_total"), 0);
}

#[tokio::test]
async fn an_alert_that_will_never_be_taken_is_dropped() {
    let receiver = Receiver::answering([404]);
    let metrics = Metrics::default();
    let sender = AlertSender::new(client(), alerts(receiver.serve().await), metrics.clone());
    sender.send(roll());
    sender.send(roll());
    sender.close(LIMIT).await;
    assert_eq!(receiver.bodies().len(), 2);
    assert_eq!(count(&metrics, "tidings_notifications_dropped_total"), 1);
}

#[tokio::test]
async fn who_never_answers_holds_nobody_up() {
    let metrics = Metrics::default();
    let sender = AlertSender::new(client(), alerts(silent().await), metrics.clone());
    let told = async {
        // One may be under way already.
        for _ in 0..WAITING / 2 + 5 {
            sender.send(roll());
        }
    };
    timeout(LIMIT, told).await.unwrap();
    let dropped = count(&metrics, "tidings_notifications_dropped_total");
    assert!((4..=5).contains(&dropped), "{dropped}");
    sender.close(Duration::ZERO).await;
}

#[tokio::test]
async fn another_namespaces_alert_does_not_wait_for_all_of_the_first() {
    let receiver = Receiver::default();
    let sender = AlertSender::new(client(), alerts(receiver.serve().await), Metrics::default());
    let mut of_another = roll();
    let other = &mut Arc::make_mut(&mut of_another.roll).key;
    (other.namespace, other.name) = ("quiet".into(), "quiet".into());
    for _ in 0..50 {
        sender.send(roll());
    }
    sender.send(of_another);
    sender.close(LIMIT).await;
    let bodies = receiver.bodies();
    let at = bodies.iter().position(|body| body.contains("quiet"));
    assert!(at.is_some_and(|at| at < 3), "{at:?}");
}

#[tokio::test]
async fn a_webhook_rolls_or_says_why_not() {
    let receiver = Receiver::answering([202, 500]);
    let metrics = Metrics::default();
    let webhook = Webhook::new(client(), receiver.serve().await, metrics.clone());
    let term = Term::endless();
    webhook.roll(&term, &"stage".into(), roll).await.unwrap();
    let said = webhook
        .roll(&term, &"stage".into(), roll)
        .await
        .unwrap_err();
    assert!(matches!(said, RollError::Webhook { .. }));
    assert_eq!(
        said.to_string(),
        "the webhook did not take it: it answered 500 Internal Server Error; see --webhook-url"
    );
    assert!(receiver.bodies()[0].contains(r#""webhook":"update successful""#));
}

/// Answers one request by this beginning, and then for as long as somebody takes it in;
/// tells how much was.
async fn flooding(begin: &'static str) -> (Endpoint, oneshot::Receiver<usize>) {
    let (listener, port) = listen().await;
    let (tell, taken) = oneshot::channel();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.read_buf(&mut Vec::with_capacity(8_192)).await.unwrap();
        tcp.write_all(begin.as_bytes()).await.unwrap();
        let (piece, mut all) = (vec![b'a'; 16_384], 0);
        while tcp.write_all(&piece).await.is_ok() {
            all += piece.len();
        }
        tell.send(all).unwrap();
    });
    (endpoint(&format!("http://127.0.0.1:{port}/hook")), taken)
}

/// So much may be on its way in the buffers of both ends.
const UNREAD: usize = 32 << 20;

#[tokio::test]
async fn of_an_answer_without_end_the_status_is_read() {
    let begin = "HTTP/1.1 200 OK\r\ncontent-length: 4000000000\r\n\r\n";
    let (url, taken) = flooding(begin).await;
    client().post(&url, None, &payload()).await.unwrap();
    let taken = timeout(LIMIT, taken).await.unwrap().unwrap();
    assert!(taken <= UNREAD, "{taken}");
}

#[tokio::test]
async fn a_header_without_end_is_no_answer() {
    let (url, taken) = flooding("HTTP/1.1 200 OK\r\nx: ").await;
    let failed = client().post(&url, None, &payload()).await.unwrap_err();
    assert!(matches!(failed, Failure::Unreachable(_)), "{failed}");
    let taken = timeout(LIMIT, taken).await.unwrap().unwrap();
    assert!(taken <= UNREAD, "{taken}");
}
