use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::*;

const TIMINGS: Timings = Timings {
    duration: Duration::from_secs(1),
    renew: Duration::from_millis(400),
    retry: Duration::from_millis(20),
};

/// The Lease as it is stored, how often it was written, and what is in the way.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Value>,
    version: u64,
    writes: usize,
    /// Others write on it as often before our next writes come.
    meddled: usize,
    /// How long an answer takes.
    slow: Duration,
}

impl Server {
    /// With a Lease on which somebody has written this.
    fn with(spec: &Value) -> Self {
        let server = Self::default();
        let lease = json!({"metadata": {"name": "tidings"}, "spec": spec});
        server.lock().lease = Some(lease);
        server
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap()
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let method = request.method().clone();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let slow = self.lock().slow;
        sleep(slow).await;
        let stored = &mut *self.lock();
        match (method, &stored.lease) {
            (Method::GET, _) => {}
            (Method::PUT, Some(_)) if stored.meddled > 0 => {
                (stored.meddled, stored.version) = (stored.meddled - 1, stored.version + 1);
                return status(409);
            }
            _ => match stored.write(&body) {
                Ok(()) => {}
                Err(code) => return status(code),
            },
        }
        match &stored.lease {
            Some(lease) => {
                let mut lease = lease.clone();
                lease["apiVersion"] = "coordination.k8s.io/v1".into();
                lease["metadata"]["namespace"] = "default".into();
                lease["metadata"]["resourceVersion"] = stored.version.to_string().into();
                Response::new(Body::from(lease.to_string().into_bytes()))
            }
            None => status(404),
        }
    }

    fn writes(&self) -> usize {
        self.lock().writes
    }

    /// What its holder wrote.
    fn spec(&self, key: &str) -> Value {
        let stored = self.lock();
        stored
            .lease
            .as_ref()
            .map(|lease| lease["spec"][key].clone())
            .unwrap_or_default()
    }
}

impl Stored {
    /// As the API server does (`ValidateLease` of Kubernetes).
    fn write(&mut self, body: &[u8]) -> Result<(), u16> {
        let lease: Value = serde_json::from_slice(body).map_err(|_| 400_u16)?;
        let version = lease["metadata"]["resourceVersion"].as_str();
        if self.lease.is_some() && version != Some(&self.version.to_string()) {
            return Err(409);
        }
        let number = |key: &str| lease["spec"][key].as_i64();
        let is_right = |number: Option<i64>, least: i64| {
            number.is_none_or(|n| (least..=i64::from(i32::MAX)).contains(&n))
        };
        if !is_right(number("leaseDurationSeconds"), 1) || !is_right(number("leaseTransitions"), 0)
        {
            return Err(422);
        }
        self.lease = Some(lease);
        self.version += 1;
        self.writes += 1;
        Ok(())
    }
}

fn status(code: u16) -> Response<Body> {
    let details = json!({"name": "tidings"});
    let status = json!({"kind": "Status", "code": code, "message": "", "details": details});
    let answer = Response::builder().status(code);
    answer
        .body(Body::from(status.to_string().into_bytes()))
        .unwrap()
}

/// A candidate for as long as the sender is kept.
fn stand(server: &Server, health: &Arc<Health>) -> (mpsc::Receiver<Election>, oneshot::Sender<()>) {
    let (news, elections) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel();
    let candidate = Candidate::new(
        server.client().into(),
        (&"default".into(), &"tidings".into()),
        "us",
        TIMINGS,
        (Arc::default(), health.clone()),
    );
    tokio::spawn(candidate.run(news, async {
        let _ = stopped.await;
    }));
    (elections, stop)
}

/// A candidate whose loop turns.
fn stand_well(server: &Server) -> (mpsc::Receiver<Election>, oneshot::Sender<()>, Arc<Health>) {
    let health = Arc::<Health>::default();
    let (elections, stop) = stand(server, &health);
    (elections, stop, health)
}

async fn next(elections: &mut mpsc::Receiver<Election>) -> Election {
    let next = timeout(Duration::from_secs(10), elections.recv()).await;
    next.unwrap().unwrap()
}

#[tokio::test]
async fn a_leader_whose_loop_hangs_lets_the_lease_run_out() {
    let (server, health) = (Server::default(), Arc::new(Health::hanging()));
    health.turn();
    let (mut elections, _stop) = stand(&server, &health);
    let Election::Won(term) = next(&mut elections).await else {
        panic!("nobody else is there");
    };
    health.hang();
    assert!(matches!(next(&mut elections).await, Election::Lost));
    assert!(!term.is_valid());
    // Not released: what was under way may still arrive.
    let writes = server.writes();
    sleep(TIMINGS.retry * 5).await;
    assert_eq!(
        (server.writes(), server.spec("holderIdentity")),
        (writes, "us".into())
    );

    health.turn();
    assert!(matches!(next(&mut elections).await, Election::Won(_)));
}

#[tokio::test]
async fn who_hangs_from_the_start_claims_nothing() {
    let server = Server::default();
    let (_elections, _stop) = stand(&server, &Arc::new(Health::hanging()));
    sleep(TIMINGS.retry * 10).await;
    assert_eq!(server.writes(), 0);
}

#[tokio::test]
async fn a_ghost_that_says_it_holds_for_68_years_is_waited_for_a_while() {
    let ghost = json!({
        "holderIdentity": "ghost",
        "leaseDurationSeconds": i32::MAX,
        "leaseTransitions": i32::MAX,
        "acquireTime": "9999-12-31T23:59:59.999999Z",
        "renewTime": "9999-12-30T00:00:00.000000Z",
    });
    let server = Server::with(&ghost);
    let began = Instant::now();
    let (mut elections, _stop, health) = stand_well(&server);
    let mut words = Vec::new();
    let term = loop {
        words.push(health.leadership().0);
        if let Ok(Some(Election::Won(term))) = timeout(TIMINGS.retry, elections.recv()).await {
            break term;
        }
    };
    words.dedup();
    words.retain(|word| *word != "leads");
    assert_eq!(words, ["unknown", "follows", "nobody"]);
    assert!(began.elapsed() >= TIMINGS.duration * 4, "it may be there");
    // By its clock it was renewed in the far future, and no later than we saw it.
    assert!(term.unled_since.unwrap() <= Timestamp::now().as_second());
    assert_eq!(server.spec("leaseTransitions"), i32::MAX);
    timeout(Duration::from_secs(10), async {
        while health.leadership().0 != "leads" {
            sleep(TIMINGS.retry).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn who_says_not_for_how_long_is_believed_for_as_long_as_we() {
    let server = Server::with(&json!({"holderIdentity": "ghost", "leaseDurationSeconds": 0}));
    let began = Instant::now();
    let (mut elections, _stop, _) = stand_well(&server);
    while !matches!(next(&mut elections).await, Election::Won(_)) {}
    assert!(began.elapsed() >= TIMINGS.duration);
}

#[tokio::test]
async fn a_lease_that_others_write_on_all_the_time_is_taken() {
    let server = Server::with(&json!({}));
    server.lock().meddled = ATTEMPTS - 1;
    let (mut elections, _stop, _) = stand_well(&server);
    assert!(matches!(next(&mut elections).await, Election::Won(_)));
}

#[tokio::test]
async fn slow_answers_cost_no_term() {
    let server = Server::default();
    server.lock().slow = Duration::from_millis(300);
    let (mut elections, _stop, _) = stand_well(&server);
    let Election::Won(term) = next(&mut elections).await else {
        panic!("nobody else is there");
    };
    assert!(
        timeout(Duration::from_secs(5), elections.recv())
            .await
            .is_err()
    );
    assert!(term.is_valid());
}

#[tokio::test]
async fn it_ends_while_nothing_is_answered() {
    let server = Server::default();
    let (mut elections, stop, _) = stand_well(&server);
    assert!(matches!(next(&mut elections).await, Election::Won(_)));
    server.lock().slow = Duration::from_hours(1);
    sleep(TIMINGS.retry * 2).await;
    drop(stop);
    let ended = timeout(TIMINGS.duration, async {
        while elections.recv().await.is_some() {}
    });
    ended.await.unwrap();
}
