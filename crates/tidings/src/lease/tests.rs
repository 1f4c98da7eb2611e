use std::convert::Infallible;
use std::sync::Mutex;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::*;

const TIMINGS: Timings = Timings {
    duration: Duration::from_secs(1),
    renew: Duration::from_millis(400),
    retry: Duration::from_millis(20),
};

/// The Lease as it is stored, and how often it was written.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<(Option<Vec<u8>>, usize)>>);

impl Server {
    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let is_write = request.method() != Method::GET;
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mut stored = self.0.lock().unwrap();
        if is_write {
            *stored = (Some(body.to_vec()), stored.1 + 1);
        }
        if let Some(lease) = &stored.0 {
            return Response::new(Body::from(lease.clone()));
        }
        let missing = json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": ""});
        let missing = serde_json::to_vec(&missing).unwrap();
        let answer = Response::builder().status(404);
        answer.body(Body::from(missing)).unwrap()
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn holder(&self) -> Option<String> {
        let lease = self.0.lock().unwrap().0.clone()?;
        let lease: Lease = serde_json::from_slice(&lease).unwrap();
        holder(&lease).map(str::to_owned)
    }
}

/// A candidate for as long as the sender is kept.
fn stand(server: &Server, health: &Arc<Health>) -> (mpsc::Receiver<Election>, oneshot::Sender<()>) {
    let (news, elections) = mpsc::channel(4);
    let (stop, stopped) = oneshot::channel();
    let leases = Api::namespaced(server.client(), "default");
    let candidate = Candidate::new(
        leases,
        "tidings",
        "us",
        TIMINGS,
        (Arc::default(), health.clone()),
    );
    tokio::spawn(candidate.run(news, async {
        let _ = stopped.await;
    }));
    (elections, stop)
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
        (server.writes(), server.holder().as_deref()),
        (writes, Some("us"))
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
