//! A GET over plain HTTP on the loopback: the admin port, or the page, of a program under
//! test.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderName, Request};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const LIMIT: Duration = Duration::from_secs(5);

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// The status and the text of an answer.
pub(crate) async fn get(url: &str) -> Result<(u16, String)> {
    let answer = ask(url, &[]).await?;
    Ok((answer.status, answer.text))
}

/// The answer to a request with these headers.
pub(crate) async fn ask(url: &str, headers: &[(HeaderName, &str)]) -> Result<Answer> {
    let answer = tokio::time::timeout(LIMIT, fetch(url, headers)).await;
    answer.with_context(|| format!("{url} did not answer"))?
}

async fn fetch(url: &str, headers: &[(HeaderName, &str)]) -> Result<Answer> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let answer = client.request(request.body(Empty::new())?).await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8_lossy(&body).into_owned(),
    })
}
