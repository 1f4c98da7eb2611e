//! Whatever length an answer has, a bounded part of it is taken in, and whoever asked is
//! told so.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tidings::api::{ApiClient, ApiError, Place};
use tidings::fetch;
use tidings::metrics::Metrics;
use tidings::records::cluster::{self, Home};
use tidings::records::memory::Store;
use tidings::watch::scope::Filter;
use tidings::watch::{News, Watching};
use tidings_core::kinds::Kinds;
use tidings_core::refs::{Name, SourceKind};
use tokio::sync::mpsc::channel;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::fake::{Answer, Fake, page, sources};

const MIB: usize = 1 << 20;
const PIECE: usize = 64 << 10;

/// Answers each question with this status and pieces of a body, so many and then no more,
/// without an end; counts what was taken in.
fn flood(status: u16, text: &str, pieces: usize) -> (Client, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let piece = Bytes::from(text.repeat(PIECE / text.len()));
    let service = tower::service_fn(move |_: Request<Body>| {
        let (count, piece) = (count.clone(), piece.clone());
        let all = stream::repeat(piece).take(pieces).map(move |piece| {
            count.fetch_add(piece.len(), Ordering::Relaxed);
            Ok::<_, Infallible>(piece)
        });
        let body = AxumBody::from_stream(all.chain(stream::pending()));
        let answer = Response::builder().status(status).body(body).unwrap();
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    (Client::new(service, "default"), taken)
}

/// Two gigabytes and more.
const ENDLESS: usize = usize::MAX;

fn pods(namespace: &str) -> Place {
    Place::core("pods").within(namespace)
}

#[tokio::test]
async fn a_body() {
    let (client, taken) = flood(200, " ", ENDLESS);
    let error = ApiClient::from(client).get(pods("ns")).await.unwrap_err();
    assert_eq!(error, ApiError::TooLong(16 * MIB));
    assert!(
        error.to_string().contains("longer than 16384 KiB"),
        "{error}"
    );
    assert!(taken.load(Ordering::Relaxed) <= 17 * MIB);
}

#[tokio::test]
async fn a_body_that_says_how_long_it_is() {
    let service = tower::service_fn(|_: Request<Body>| {
        let unread = AxumBody::from(Bytes::from(vec![b' '; 17 * MIB]));
        std::future::ready(Ok::<_, Infallible>(Response::new(unread)))
    });
    let api = ApiClient::from(Client::new(service, "default"));
    let error = api.get(pods("ns")).await.unwrap_err();
    assert_eq!(error, ApiError::TooLong(16 * MIB));
}

#[tokio::test]
async fn the_body_of_an_error() {
    let (client, taken) = flood(503, " ", ENDLESS);
    let error = ApiClient::from(client).get(pods("ns")).await.unwrap_err();
    assert_eq!(error.status(), Some(503));
    assert!(taken.load(Ordering::Relaxed) <= MIB);
}

#[tokio::test(start_paused = true)]
async fn a_line_of_a_watch() {
    let (client, taken) = flood(200, "a", ENDLESS);
    let watching = Watching {
        api: client.into(),
        filter: Filter::default(),
        ignored: Vec::new(),
        metrics: Metrics::default(),
    };
    let (sender, mut facts) = channel(16);
    let _tasks = watching.start([sources(SourceKind::ConfigMap)], &sender);
    let failing = loop {
        match facts.recv().await.unwrap() {
            News::Failing(_, _, why) => break why,
            News::Fact(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(failing.contains("longer than"), "{failing}");
    // It is told when it has come to that several times in a row.
    assert!(taken.load(Ordering::Relaxed) <= 5 * 17 * MIB);
}

/// All together, each within its own limit.
#[tokio::test(start_paused = true)]
async fn many_bodies_at_once() {
    let (client, taken) = flood(200, " ", 8 * MIB / PIECE);
    let api = ApiClient::from(client);
    let mut asking = JoinSet::new();
    for n in 0..64 {
        let api = api.clone();
        asking.spawn(async move { api.get(pods(&format!("n{n}"))).await });
    }
    let all = timeout(Duration::from_secs(25), asking.join_all());
    assert!(all.await.is_err(), "they have no end");
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken <= 100 * MIB, "{} MiB", taken / MIB);
}

async fn listed(pages: impl IntoIterator<Item = Answer>) -> (Result<(), ApiError>, usize) {
    let path = "/api/v1/namespaces/ns/configmaps";
    let fake = Fake::new().at(path, pages);
    let (api, filter, ns) = (fake.api(), Filter::default(), Name::from("ns"));
    let listed = fetch::metas(&api, SourceKind::ConfigMap, &ns, &filter);
    (listed.await.map(drop), fake.asked().len())
}

#[tokio::test]
async fn a_list_whose_pages_come_again() {
    let again = (0..1_000).map(|_| page(5, "again", &[]));
    assert_eq!(listed(again).await, (Err(ApiError::Endless), 2));
    let circle = (0..1_000).map(|n| page(5, ["a", "b", "c"][n % 3], &[]));
    assert_eq!(listed(circle).await, (Err(ApiError::Endless), 4));
    let long = (0..1_000).map(|n| page(5, &n.to_string(), &[]));
    let long = long.chain([page(5, "", &[])]);
    assert_eq!(listed(long).await, (Ok(()), 1_001));
}

#[tokio::test]
async fn records_in_objects_without_number() {
    let service = tower::service_fn(|request: Request<Body>| {
        let name = request.uri().path().rsplit('/').next();
        let metadata = json!({"name": name, "namespace": "tidings", "resourceVersion": "1"});
        let answer = json!({"apiVersion": "v1", "metadata": metadata, "data": {}});
        let answer = Response::new(AxumBody::from(answer.to_string()));
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let api = ApiClient::from(Client::new(service, "default"));
    let home = Home {
        namespace: "tidings".to_owned(),
        instance: "tidings".to_owned(),
    };
    let mut store = Store::new(true, Kinds::default());
    let ns = Name::from("ns");
    let read = cluster::read_all(&api, &home, &ns, &mut store);
    let (_, error) = timeout(Duration::from_mins(5), read)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error, ApiError::Endless);
}

#[tokio::test]
async fn lists_of_records_in_pages() {
    let record = |name: &str| {
        serde_json::json!({"metadata": {"name": format!("tidings-state.{name}"),
            "resourceVersion": "1"}, "data": {}})
    };
    let path = "/api/v1/namespaces/tidings/secrets";
    let pages = [page(5, "b", &[record("a")]), page(5, "", &[record("b")])];
    let fake = Fake::new().at(path, pages);
    let home = Home {
        namespace: "tidings".to_owned(),
        instance: "tidings".to_owned(),
    };
    let found = cluster::list(&fake.api(), &home).await.unwrap();
    let found: Vec<_> = found.iter().map(|(shard, _)| &*shard.namespace).collect();
    assert_eq!(found, ["a", "b"]);
    assert_eq!(fake.asked()[1].query("continue"), Some("b"));
}
