//! Requests, each sent with the credentials that are valid then.
//!
//! Goes in: requests. Comes out: their answers. What is refused because nobody knows
//! who asks (401), and what could not be sent since the two ends do not trust each other
//! any more, is sent once more if there are other credentials by then: neither has been
//! carried out.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use kube::client::Body;
use tower::{BoxError, Service};

use super::Idle;
use super::credentials::Credentials;

/// A service whose credentials are renewed.
#[derive(Clone)]
pub(super) struct Renewing {
    pub(super) credentials: Arc<Credentials>,
    pub(super) idle: Idle,
}

type Sent = Result<Response<Incoming>, BoxError>;

impl Service<Request<Body>> for Renewing {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Sent>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().send(request).boxed()
    }
}

impl Renewing {
    async fn send(self, request: Request<Body>) -> Sent {
        let access = self.credentials.now().await;
        let again = copy(&request);
        let answer = access.send(self.idle, request).await;
        let Some(again) = again.filter(|_| is_not_known(&answer)) else {
            return answer;
        };
        match self.credentials.other_than(&access).await {
            Some(other) => other.send(self.idle, again).await,
            None => answer,
        }
    }
}

/// A request whose body comes in pieces could not be sent twice; there are none.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

/// Whether one of the two does not know the other.
fn is_not_known(answer: &Sent) -> bool {
    match answer {
        Ok(answer) => answer.status() == StatusCode::UNAUTHORIZED,
        Err(error) => error
            .downcast_ref::<legacy::Error>()
            .is_some_and(legacy::Error::is_connect),
    }
}
