//! What a client carries, and whom it lets wait for whom.

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
