//! Agents in the pods that the played kubelet makes: one server at all addresses of this
//! machine, which answers for each pod as the agent in it would.
//!
//! Goes in: questions as the controller puts them. Comes out: answers by what the pod and
//! the source are at the API server: its token, and whether the digest that is asked for is
//! that of the content that is there. How the check of a program takes that, the test says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams};
use rig::answering::serve;
use rig::fixtures::TestNamespace;
use rig::{secs, wait_until};
use tidings_wire::digest::{Digest, Source};
use tidings_wire::holds::{Answer, FileAsked, PATH, Question, Standing, TOKEN_HEADER, Wanted};
use tidings_wire::poke::{ANNOTATION, Poke};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How all agents take what their files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// The program has it.
    Applies,
    /// Its check refuses it, with this line.
    Rejects(&'static str),
    /// It has not been taken yet.
    Pending,
    /// Nothing is answered.
    Silent,
}

/// The server; it ends when dropped.
pub(crate) struct Agents {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    pods: Api<Pod>,
    maps: Api<ConfigMap>,
    mood: Mutex<Mood>,
    /// How often each pod answered that its files hold what was asked for.
    held: Mutex<BTreeMap<String, usize>>,
}

impl Agents {
    /// Of the pods of this namespace; they take everything.
    pub(crate) async fn start(ns: &TestNamespace) -> Result<Self> {
        let shared = Arc::new(Shared {
            pods: ns.api(),
            maps: ns.api(),
            mood: Mutex::new(Mood::Applies),
            held: Mutex::default(),
        });
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(serve(listener, {
            let shared = shared.clone();
            move |request, at| respond(request, at, shared.clone())
        }));
        Ok(Self { port, shared, task })
    }

    /// Where they listen, in each pod.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on they take it so.
    pub(crate) fn are(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    /// Waits until so many pods have answered that their files hold what was asked for.
    pub(crate) async fn held_by(&self, pods: usize) -> Result<()> {
        wait_until(&format!("{pods} pods to hold it"), secs(30), async || {
            let held = lock(&self.shared.held).clone();
            ensure!(held.len() >= pods, "{held:?}");
            Ok(())
        })
        .await
    }

    /// Forgets who has answered.
    pub(crate) fn forget(&self) {
        lock(&self.shared.held).clear();
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(
    request: Request<Incoming>,
    at: IpAddr,
    shared: Arc<Shared>,
) -> Response<Full<Bytes>> {
    if shared.mood() == Mood::Silent {
        std::future::pending::<()>().await;
    }
    let (status, body) = match shared.answer(request, at).await {
        Ok(answered) => answered,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

impl Shared {
    fn mood(&self) -> Mood {
        *lock(&self.mood)
    }

    async fn answer(&self, request: Request<Incoming>, at: IpAddr) -> Result<(StatusCode, String)> {
        if request.uri().path() != PATH {
            return Ok((StatusCode::NOT_FOUND, String::new()));
        }
        let token = request.headers().get(TOKEN_HEADER).cloned();
        let pod = self.pod_at(at).await?;
        let poke = pod.metadata.annotations.unwrap_or_default();
        let poke = poke.get(ANNOTATION).and_then(|text| Poke::parse(text));
        let known = poke.is_some_and(|poke| token.is_some_and(|token| token == poke.token));
        if !known {
            return Ok((StatusCode::UNAUTHORIZED, String::new()));
        }
        let body = request.into_body().collect().await?.to_bytes();
        let question: Question = serde_json::from_slice(&body)?;
        let answer = self.take(&question).await?;
        if answer.holds {
            let name = pod.metadata.name.unwrap_or_default();
            *lock(&self.held).entry(name).or_default() += 1;
        }
        Ok((StatusCode::OK, serde_json::to_string(&answer)?))
    }

    async fn pod_at(&self, address: IpAddr) -> Result<Pod> {
        let pods = self.pods.list(&ListParams::default()).await?.items;
        let is_it = |pod: &Pod| {
            let status = pod.status.as_ref();
            status.and_then(|status| status.pod_ip.as_deref()) == Some(&*address.to_string())
        };
        pods.into_iter().find(is_it).context("no pod is there")
    }

    async fn take(&self, question: &Question) -> Result<Answer> {
        let mut holds = !question.files.is_empty();
        for file in &question.files {
            holds &= self.holds(file).await?;
        }
        let (outcome, text) = match self.mood() {
            Mood::Applies => (Standing::Applied, ""),
            Mood::Rejects(line) => (Standing::Rejected, line),
            Mood::Pending | Mood::Silent => (Standing::Pending, ""),
        };
        Ok(Answer {
            holds,
            outcome,
            restarts: false,
            text: text.to_owned(),
        })
    }

    /// The kubelet that was woken has written what is there.
    async fn holds(&self, file: &FileAsked) -> Result<bool> {
        let source = Source::parse(&file.source).context("no source")?;
        let map = self.maps.get_opt(source.name).await?.unwrap_or_default();
        let value = map.data.unwrap_or_default().remove(&file.key);
        Ok(match file.digest {
            Wanted::Any => true,
            Wanted::Absent => value.is_none(),
            Wanted::Value(digest) => {
                let now = value.map(|value| Digest::of_key(source, &file.key, value.as_bytes()));
                now == Some(digest)
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
