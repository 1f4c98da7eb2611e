//! Every request to the API server, counted and timed where it leaves.
//!
//! Goes in: requests. Comes out: the same answers; what was seen goes to
//! [`Observables`], if there are any.

use std::task::{Context, Poll};
use std::time::Instant;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::Service;

use crate::metrics::reloader::Observables;

/// A service whose requests are counted.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    observables: Option<Observables>,
}

impl<S> Counted<S> {
    pub(super) fn new(inner: S, observables: Option<Observables>) -> Self {
        Self { inner, observables }
    }
}

impl<S, In, Out> Service<Request<In>> for Counted<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let Some(observables) = self.observables.clone() else {
            return self.inner.call(request).boxed();
        };
        let began = Instant::now();
        let method = request.method().clone();
        let authority = request.uri().authority();
        let host = authority.map_or_else(String::new, ToString::to_string);
        let answer = self.inner.call(request);
        async move {
            let answer = answer.await;
            let status = answer.as_ref().ok().map(Response::status);
            observables.asked(&method, &host, status, began.elapsed());
            answer
        }
        .boxed()
    }
}
