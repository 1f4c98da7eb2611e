//! The connections of the admin port, and of the page: few, short, and nobody waits for
//! anybody.
//!
//! Goes in: a listener, which every pod may reach, and what answers. Comes out: one
//! answer for each connection, which is then closed. Error policy: whoever takes longer
//! than the limit in all, asks with more than a request has, or breaks off is cut off
//! without a word; but an answer that says so ([`GoesOn`]) may go on. While all seats are taken, whoever has sat there longest without
//! asking gives his to the next: so the kubelet's probe is answered beside any number
//! of idle ones, since what it asks for takes less time than taking all seats anew.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// So many at once.
const SEATS: usize = 64;
/// No probe's request is longer. It is hyper's least.
const SHORTEST: usize = 8_192;
/// Where no further connection can be had (EMFILE), how long not to try.
const BREATH: Duration = Duration::from_millis(100);

/// Among an answer's extensions: it goes on for as long as somebody listens, or until the
/// seat is needed or all are told to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoesOn;

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Nobody may take longer to ask and to listen, together.
    pub(crate) time: Duration,
    /// So many bytes, at least 8,192, may be in its head: a browser's has the cookies of
    /// every server of this machine.
    pub(crate) head: usize,
}

impl Bounds {
    /// Of short questions, as probes ask them.
    pub(crate) fn of_probes(time: Duration) -> Self {
        let head = SHORTEST;
        Self { time, head }
    }
}

/// Answers until told to stop; then finishes what was asked before.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut seats = Seats::default();
    tokio::select! {
        () = seats.fill(&listener, &router, bounds) => {}
        () = stop => {}
    }
    drop(listener);
    seats.clear().await;
}

/// Who is connected, the longest first.
#[derive(Default)]
struct Seats(VecDeque<Seat>);

struct Seat {
    use_of_it: Arc<Use>,
    task: JoinHandle<()>,
}

/// What a seat is used for.
#[derive(Default)]
struct Use {
    /// Whether a whole request has come.
    asked: AtomicBool,
    /// Whether its answer goes on.
    lasts: AtomicBool,
}

impl Seats {
    async fn fill(&mut self, listener: &TcpListener, router: &Router, bounds: Bounds) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => self.admit(stream, router.clone(), bounds),
                Err(error) => {
                    tracing::debug!(%error, "no connection can be taken");
                    sleep(BREATH).await;
                }
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, router: Router, bounds: Bounds) {
        self.0.retain(|seat| !seat.task.is_finished());
        if self.0.len() >= SEATS {
            self.free_one();
        }
        let use_of_it = Arc::<Use>::default();
        let task = tokio::spawn(sit(stream, router, bounds, use_of_it.clone()));
        self.0.push_back(Seat { use_of_it, task });
    }

    fn free_one(&mut self) {
        let idle = self.0.iter().position(|seat| !seat.has_asked());
        if let Some(seat) = self.0.remove(idle.unwrap_or_default()) {
            seat.task.abort();
        }
    }

    async fn clear(self) {
        for seat in self.0 {
            if !seat.has_asked() || seat.lasts() {
                seat.task.abort();
            }
            // One that was aborted is over, too.
            let _ = seat.task.await;
        }
    }
}

impl Seat {
    fn has_asked(&self) -> bool {
        self.use_of_it.asked.load(Ordering::Relaxed)
    }

    fn lasts(&self) -> bool {
        self.use_of_it.lasts.load(Ordering::Relaxed)
    }
}

/// What is answered too late is nobody's any more.
async fn sit(stream: TcpStream, router: Router, bounds: Bounds, use_of_it: Arc<Use>) {
    let answering = answer(stream, router, bounds.head, use_of_it.clone());
    tokio::pin!(answering);
    let is_late = timeout(bounds.time, &mut answering).await.is_err();
    if is_late && use_of_it.lasts.load(Ordering::Relaxed) {
        answering.await;
    }
}

/// Answers one request. What a body holds is read by what answers, or not at all.
async fn answer(stream: TcpStream, router: Router, head: usize, use_of_it: Arc<Use>) {
    let service = service_fn(move |request| {
        use_of_it.asked.store(true, Ordering::Relaxed);
        let (router, use_of_it) = (router.clone(), use_of_it.clone());
        async move {
            let answer = router.oneshot(request).await;
            let lasts = |answer: &Response| answer.extensions().get::<GoesOn>().is_some();
            let lasts = answer.as_ref().is_ok_and(lasts);
            use_of_it.lasts.store(lasts, Ordering::Relaxed);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(head)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    /// Longer than a test of something else may take.
    const LONG: Duration = Duration::from_mins(10);
    const SHORT: Duration = Duration::from_millis(200);
    /// More than what sockets hold for who does not read.
    const MUCH: usize = 64 << 20;

    struct Served {
        address: SocketAddr,
        tell: oneshot::Sender<()>,
        serving: JoinHandle<()>,
    }

    async fn served(limit: Duration) -> Served {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let much = Bytes::from(vec![0; MUCH]);
        let router = Router::new()
            .route("/livez", get("ok\n"))
            .route("/much", get(async move || much.clone()))
            .route("/lasting", get(lasting));
        let (tell, told) = oneshot::channel();
        let stop = async {
            let _ = told.await;
        };
        let serving = tokio::spawn(serve(listener, router, Bounds::of_probes(limit), stop));
        Served {
            address,
            tell,
            serving,
        }
    }

    /// A line every now and then, without an end.
    async fn lasting() -> Response {
        let lines = futures::stream::unfold((), async |()| {
            sleep(SHORT / 10).await;
            Some((Ok::<_, std::convert::Infallible>("line\n"), ()))
        });
        let mut answer = Response::new(axum::body::Body::from_stream(lines));
        answer.extensions_mut().insert(GoesOn);
        answer
    }

    impl Served {
        async fn connect(&self, sends: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            // It may be cut off before all is sent.
            let _ = stream.write_all(sends.as_bytes()).await;
            stream
        }

        async fn ask(&self, request: &str) -> String {
            rest(self.connect(request).await).await
        }
    }

    /// What comes until the end, however that comes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    const MUCH_ASKED: &str = "GET /much HTTP/1.1\r\nHost: a\r\n\r\n";

    #[tokio::test]
    async fn who_holds_all_connections_keeps_nobody_from_livez() {
        let served = served(LONG).await;
        let mut held = Vec::new();
        for i in 0..4 * SEATS {
            let sends = ["", "GET /livez HTTP/1.1\r\nHost:", "G"][i % 3];
            held.push(served.connect(sends).await);
            if i % SEATS == 0 {
                let answer = served.ask(LIVE).await;
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{i}: {answer}");
            }
        }
        // Not all of them: the oldest gave way.
        assert_eq!(rest(held.swap_remove(0)).await, "");
        let answer = served.ask(LIVE).await;
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }

    #[tokio::test]
    async fn who_does_not_read_the_answers_keeps_nobody_from_livez() {
        let served = served(LONG).await;
        let mut held = Vec::new();
        for _ in 0..2 * SEATS {
            let deaf = served.connect(MUCH_ASKED).await;
            deaf.readable().await.unwrap();
            held.push(deaf);
        }
        assert!(served.ask(LIVE).await.starts_with("HTTP/1.1 200 OK"));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_longer_than_the_limit() {
        let served = served(SHORT).await;
        let mut slow = served.connect("GET /livez HTTP/1.1\r\n").await;
        let dripping = tokio::spawn(async move {
            while slow.write_all(b"a: b\r\n").await.is_ok() {
                sleep(SHORT / 10).await;
            }
        });
        assert_eq!(served.ask("").await, "");
        assert_eq!(served.ask("GET /livez HTTP/1.1\r\nHost:").await, "");
        dripping.await.unwrap();
        // One that reads nothing loses the end.
        let deaf = served.connect(MUCH_ASKED).await;
        deaf.readable().await.unwrap();
        sleep(2 * SHORT).await;
        assert!(rest(deaf).await.len() < MUCH);
    }

    /// Until all are told to stop.
    #[tokio::test]
    async fn an_answer_that_goes_on_is_not_cut_off() {
        let served = served(SHORT).await;
        let mut lasting = served
            .connect("GET /lasting HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let mut some = vec![0; 1_024];
        let began = tokio::time::Instant::now();
        while began.elapsed() < 3 * SHORT {
            assert!(lasting.read(&mut some).await.unwrap() > 0);
        }
        served.tell.send(()).unwrap();
        served.serving.await.unwrap();
        rest(lasting).await;
    }

    #[tokio::test]
    async fn more_header_than_any_request_has_is_refused() {
        let served = served(LONG).await;
        let much = "a".repeat(390 << 10);
        let asked = [
            format!("GET /livez HTTP/1.1\r\nHost: a\r\nX: {much}"),
            format!("GET /{much}"),
            "a: b\r\n".repeat(50_000),
        ];
        for request in asked {
            let answer = served.ask(&request).await;
            assert!(!answer.contains("200 OK"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_body_is_not_taken_in() {
        let served = served(LONG).await;
        for method in ["POST", "PUT", "GET"] {
            let head = format!("{method} /livez HTTP/1.1\r\nHost: a\r\nContent-Length: ");
            let answer = served.ask(&format!("{head}1000000000\r\n\r\nbegins")).await;
            let status = if method == "GET" { " 200 " } else { " 405 " };
            assert!(answer.is_empty() || answer.contains(status), "{answer}");
        }
    }

    #[tokio::test]
    async fn it_stops_beside_those_who_ask_nothing() {
        let served = served(LONG).await;
        let silent = served.connect("").await;
        let begun = served.connect("GET /livez HT").await;
        assert!(served.ask(LIVE).await.contains("200 OK"));
        served.tell.send(()).unwrap();
        served.serving.await.unwrap();
        assert_eq!(rest(silent).await + &rest(begun).await, "");
    }
}
