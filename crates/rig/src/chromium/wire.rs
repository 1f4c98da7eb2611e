//! Requests of a WebDriver session.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// The first page of a new browser may take a while.
const LIMIT: Duration = Duration::from_mins(1);

/// The way to a driver.
pub(super) struct Wire {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Wire {
    pub(super) fn new(port: u16) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Speaks of this session from now on.
    pub(super) fn enter(&mut self, session: &str) {
        self.base = format!("{}/session/{session}", self.base);
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, body.to_string().into()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let answer = tokio::time::timeout(LIMIT, self.answer(request)).await;
        answer.with_context(|| format!("the browser did not answer to {path}"))?
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Value> {
        let answer = self.client.request(request).await?;
        let is_well = answer.status().is_success();
        let body = answer.into_body().collect().await?.to_bytes();
        let mut answer: Value = serde_json::from_slice(&body)?;
        let value = answer["value"].take();
        if !is_well {
            bail!("{}: {}", value["error"], value["message"]);
        }
        Ok(value)
    }
}
