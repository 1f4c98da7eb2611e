//! A request to a port of a pod, through the API server's proxy.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use kube::client::Body;
use tidings_core::refs::Name;

use super::{ANSWER, ApiClient, ApiError, error, in_time, place, whole};

/// Where it goes, and what it bears: a header of one's own, since the proxy keeps
/// `Authorization` for itself.
#[derive(Clone, Copy)]
pub(crate) struct ToPod<'a> {
    /// The pod's namespace.
    pub(crate) namespace: &'a Name,
    /// Its name.
    pub(crate) pod: &'a Name,
    /// The port.
    pub(crate) port: u16,
    /// The path there.
    pub(crate) path: &'a str,
    /// A header and its value, which is not shown.
    pub(crate) header: (&'static str, &'a str),
}

impl ToPod<'_> {
    fn uri(&self) -> String {
        let (namespace, pod) = (place::escape(self.namespace), place::escape(self.pod));
        let (port, path) = (self.port, self.path);
        format!("/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}")
    }

    fn request(&self, json: Vec<u8>) -> Result<Request<Body>, ApiError> {
        let (name, value) = self.header;
        let request = Request::post(self.uri())
            .header(header::CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(Body::from(json));
        request.map_err(|error| ApiError::Unreachable(error.to_string()))
    }
}

impl ApiClient {
    /// Posts JSON. It waits for no turn of ours, since how long it takes is not the API
    /// server's to say. The answer's status, whosever it is, and no more than so many bytes
    /// of its body.
    pub(crate) async fn post_to_pod(
        &self,
        to: &ToPod<'_>,
        json: Vec<u8>,
        at_most: usize,
    ) -> Result<(StatusCode, Bytes), ApiError> {
        let request = to.request(json)?;
        let answer = async {
            let response = self.client().send(request).await;
            let response = response.map_err(|e| error::unreachable(&e))?;
            let status = response.status();
            Ok((status, whole(response.into_body(), at_most).await?))
        };
        in_time(answer, ANSWER).await
    }
}
