//! Somebody else's server, to which alerts and webhooks are sent.
//!
//! In: POSTs. Out: what arrived, for tests to read. It answers with the statuses
//! that a test chose, one after the other, then 200; or it takes requests and
//! never answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::answering::serve;
use crate::wait::wait_until;

/// The server; it ends when dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    port: u16,
    task: JoinHandle<()>,
}

struct Shared {
    got: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<u16>>,
    silent: bool,
}

impl Receiver {
    /// One that answers with these statuses first.
    pub async fn answering(statuses: &[u16]) -> Result<Self> {
        Self::start(statuses, false).await
    }

    /// One that never answers.
    pub async fn silent() -> Result<Self> {
        Self::start(&[], true).await
    }

    async fn start(statuses: &[u16], silent: bool) -> Result<Self> {
        let shared = Arc::new(Shared {
            got: Mutex::default(),
            answers: Mutex::new(statuses.iter().copied().collect()),
            silent,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(serve(listener, {
            let shared = shared.clone();
            move |request, _| answer(request, shared.clone())
        }));
        Ok(Self { shared, port, task })
    }

    /// Where it is. The path stands for a token that nobody else may see.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/services/token-of-the-rig", self.port)
    }

    /// The bodies that arrived.
    pub fn bodies(&self) -> Vec<String> {
        lock(&self.shared.got).clone()
    }

    /// Waits until so many have arrived.
    pub async fn received(&self, count: usize, limit: Duration) -> Result<Vec<String>> {
        wait_until(&format!("{count} requests"), limit, async || {
            let bodies = self.bodies();
            anyhow::ensure!(bodies.len() >= count, "{bodies:?}");
            Ok(bodies)
        })
        .await
    }

    /// Waits for the first one and reads it as JSON.
    pub async fn first(&self, limit: Duration) -> Result<Value> {
        let bodies = self.received(1, limit).await?;
        let body = bodies.first().context("none")?;
        Ok(serde_json::from_str(body)?)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Response<Empty<Bytes>> {
    let body = request.into_body().collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    lock(&shared.got).push(String::from_utf8_lossy(&body).into_owned());
    if shared.silent {
        std::future::pending::<()>().await;
    }
    let status = lock(&shared.answers).pop_front().unwrap_or(200);
    let mut response = Response::new(Empty::new());
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
