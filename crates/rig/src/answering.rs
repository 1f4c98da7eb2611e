//! A plain HTTP server of a test: each request is handed to whoever answers, with the
//! address at which it came in.

use std::convert::Infallible;
use std::net::IpAddr;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// Serves until it is dropped.
pub async fn serve<A, F, B>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    while let Ok((tcp, _)) = listener.accept().await {
        let answer = answer.clone();
        tokio::spawn(async move {
            if let Ok(local) = tcp.local_addr() {
                connection(tcp, |request| answer(request, local.ip())).await;
            }
        });
    }
}

async fn connection<F, B>(tcp: TcpStream, answer: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Response<B>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    // Whoever hangs up early is not our concern.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(tcp), service)
        .await;
}
