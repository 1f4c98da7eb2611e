//! A GET over plain HTTP on the loopback: the admin port of a program under test.

use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const LIMIT: Duration = Duration::from_secs(5);

/// The status and the text of an answer.
pub(crate) async fn get(url: &str) -> Result<(u16, String)> {
    let answer = tokio::time::timeout(LIMIT, fetch(url)).await;
    answer.with_context(|| format!("{url} did not answer"))?
}

async fn fetch(url: &str) -> Result<(u16, String)> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(url.parse()?).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
