//! What passed the proxy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use http::Response;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Bytes;
use regex::Regex;
use serde_json::Value;

use super::body::AnswerBody;

/// A request that a client made.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `PATCH`, …
    pub method: String,
    /// The path.
    pub path: String,
    /// The query; empty when there is none.
    pub query: String,
    /// When it came.
    pub at: Instant,
    /// What the client says it is.
    pub user_agent: String,
    /// In what form it wants the answer; empty where it does not say.
    pub accept: String,
    /// The bearer token that it brings; empty where there is none.
    pub token: String,
    /// The body; empty for reads.
    pub body: Bytes,
    status: Arc<OnceLock<u16>>,
    answered: Arc<AtomicUsize>,
}

impl Seen {
    /// Whether the method (`*`: any) is this, and the path, alone or with its
    /// query, matches.
    pub fn is(&self, method: &str, pattern: &Regex) -> bool {
        let whole = format!("{}?{}", self.path, self.query);
        (method == "*" || method == self.method)
            && (pattern.is_match(&self.path) || pattern.is_match(&whole))
    }

    /// Whether it would change something.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Whether it asks for a stream of changes.
    pub fn is_watch(&self) -> bool {
        let mut options = self.query.split('&');
        options.any(|option| matches!(option, "watch=true" | "watch=1"))
    }

    /// The status of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        self.status.get().copied()
    }

    /// How many bytes the body of the answer had so far.
    pub fn answered_bytes(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Notes an answer, and counts the bytes of its body as they pass.
    pub(super) fn answered(&self, answer: Response<AnswerBody>) -> Response<AnswerBody> {
        // A request is answered once.
        self.status.set(answer.status().as_u16()).ok();
        let answered = Arc::clone(&self.answered);
        answer.map(|body| {
            let counted = body.map_frame(move |frame| {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                answered.fetch_add(bytes, Ordering::Relaxed);
                frame
            });
            counted.boxed_unsync()
        })
    }
}

/// All requests so far.
#[derive(Default)]
pub(super) struct Record(Mutex<Vec<Seen>>);

impl Record {
    pub(super) fn add(&self, parts: &Parts, body: &Bytes) -> Seen {
        let header = |name: &str| {
            let value = parts.headers.get(name).map(http::HeaderValue::as_bytes);
            String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
        };
        let token = header("authorization");
        let seen = Seen {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            at: Instant::now(),
            user_agent: header("user-agent"),
            accept: header("accept"),
            token: token.trim_start_matches("Bearer ").to_owned(),
            body: body.clone(),
            status: Arc::default(),
            answered: Arc::default(),
        };
        self.lock().push(seen.clone());
        seen
    }

    pub(super) fn all(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
