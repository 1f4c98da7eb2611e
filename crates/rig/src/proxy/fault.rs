//! Disturbances of single requests.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use http::Response;
use kube::client::Body;
use regex::Regex;
use serde_json::json;

use super::memory::Memory;
use super::record::Seen;
use crate::wait::wait_until;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// It is answered with this status and `Retry-After`, and goes no further.
    Answer(u16, Option<u64>),
    /// It goes on later; not at all when its client gives up before.
    Delay(Duration),
    /// It is done, and answered later.
    AnswerLate(Duration),
    /// It is done, and its connection closed without an answer.
    LoseAnswer,
    /// It goes no further, and is answered by this text, which ends.
    Say(&'static str),
    /// It goes no further: its answer begins and says nothing.
    Silence,
    /// It goes no further: its answer, with this status, has no end.
    Flood(u16),
    /// Of its answer come so many bytes; then its connection breaks.
    Cut(usize),
    /// Its answer, a list, does not show the objects of this name.
    Without(String),
    /// Its answer has the metadata alone.
    Bare,
    /// Its answer is what the first one with the same question was told.
    Older(Memory),
}

impl Effect {
    /// A cache lags behind in what is read, and answers as a whole.
    fn may_strike(&self, seen: &Seen) -> bool {
        match self {
            Self::Without(_) => !seen.is_watch() || seen.query.contains("sendInitialEvents=true"),
            Self::Older(_) => !seen.is_write() && !seen.is_watch(),
            _ => true,
        }
    }
}

/// A disturbance: of every request, any number of times, until narrowed.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    method: String,
    path: String,
    except: Option<String>,
    token: Option<String>,
    one_in: usize,
    times: usize,
}

impl Fault {
    /// Answers with a failure instead of the API server: 403, 404, 409, 410, 422, 429, 5xx.
    pub fn status(code: u16) -> Self {
        Self::new(Effect::Answer(code, None))
    }

    /// Answers 429 and asks to wait for so many seconds.
    pub fn busy(retry_after: u64) -> Self {
        Self::new(Effect::Answer(429, Some(retry_after)))
    }

    /// Holds the request back. A client that is killed meanwhile never made it.
    pub fn delay(time: Duration) -> Self {
        Self::new(Effect::Delay(time))
    }

    /// Has the request done, and holds the answer back.
    pub fn answer_late(time: Duration) -> Self {
        Self::new(Effect::AnswerLate(time))
    }

    /// Has the request done, and closes the connection instead of answering.
    pub fn lose_answer() -> Self {
        Self::new(Effect::LoseAnswer)
    }

    /// Answers 200 with a text that is none of the API server's.
    pub fn say(text: &'static str) -> Self {
        Self::new(Effect::Say(text))
    }

    /// Answers 200, and then nothing, as a watch whose events get lost.
    pub fn silence() -> Self {
        Self::new(Effect::Silence)
    }

    /// Answers with this status, and a body without an end.
    pub fn flood(code: u16) -> Self {
        Self::new(Effect::Flood(code))
    }

    /// Breaks the connection after so many bytes of the answer.
    pub fn cut(bytes: usize) -> Self {
        Self::new(Effect::Cut(bytes))
    }

    /// Leaves the objects of a name out of lists, as a cache does that lags behind.
    pub fn without(name: &str) -> Self {
        Self::new(Effect::Without(name.to_owned()))
    }

    /// Answers each reading as it was answered the first time since this is in force.
    pub fn older() -> Self {
        Self::new(Effect::Older(Memory::default()))
    }

    /// Answers with the metadata alone, as a cache does that does not heed `Accept`.
    pub fn bare() -> Self {
        Self::new(Effect::Bare)
    }

    fn new(effect: Effect) -> Self {
        Self {
            effect,
            method: "*".to_owned(),
            path: String::new(),
            except: None,
            token: None,
            one_in: 1,
            times: usize::MAX,
        }
    }

    /// Only requests with this method (`*`: any) whose path, alone or with its query,
    /// matches this regular expression.
    #[must_use]
    pub fn on(mut self, method: &str, path: &str) -> Self {
        method.clone_into(&mut self.method);
        path.clone_into(&mut self.path);
        self
    }

    /// Not those whose path, alone or with its query, matches this regular expression.
    #[must_use]
    pub fn except(mut self, path: &str) -> Self {
        self.except = Some(path.to_owned());
        self
    }

    /// Only of who brings this token.
    #[must_use]
    pub fn of(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Only one in so many of them, irregularly but always the same ones. A regular
    /// beat may meet another: that of a client which renews something before each write,
    /// say, of whose writes none would ever come through.
    #[must_use]
    pub fn one_in(mut self, so_many: usize) -> Self {
        self.one_in = so_many;
        self
    }

    /// Only the next so many of them.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}

/// A fault that is in force.
#[derive(Clone)]
pub struct Injected(Arc<Live>);

struct Live {
    effect: Effect,
    method: String,
    pattern: Regex,
    except: Option<Regex>,
    token: Option<String>,
    one_in: usize,
    matched: AtomicUsize,
    left: AtomicUsize,
    hits: AtomicUsize,
}

impl Injected {
    /// How many requests it has struck.
    pub fn hits(&self) -> usize {
        self.0.hits.load(Ordering::SeqCst)
    }

    /// Waits until it has struck so many.
    pub async fn wait_for_hits(&self, hits: usize, limit: Duration) -> Result<()> {
        wait_until("the fault to strike", limit, async || {
            let now = self.hits();
            ensure!(now >= hits, "{now} of {hits} hits");
            Ok(())
        })
        .await
    }

    /// Strikes no more.
    pub fn withdraw(&self) {
        self.0.left.store(0, Ordering::SeqCst);
    }
}

impl Live {
    fn strike(&self, seen: &Seen) -> Option<Effect> {
        let is_his = self.token.as_ref().is_none_or(|token| *token == seen.token);
        let is_meant = seen.is(&self.method, &self.pattern) && self.effect.may_strike(seen);
        let is_except = self.except.as_ref().is_some_and(|path| seen.is("*", path));
        if !is_his || !is_meant || is_except {
            return None;
        }
        let matched = self.matched.fetch_add(1, Ordering::SeqCst);
        if !is_hit(matched, self.one_in) {
            return None;
        }
        let less = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .ok()?;
        self.hits.fetch_add(1, Ordering::SeqCst);
        Some(self.effect.clone())
    }
}

/// Whether the nth is one of those few, as if by chance.
fn is_hit(nth: usize, one_in: usize) -> bool {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(nth);
    hash.is_multiple_of(one_in as u64)
}

/// All faults in force; the first that matches strikes.
#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Injected>>);

impl Faults {
    pub(super) fn add(&self, fault: Fault) -> Result<Injected> {
        let injected = Injected(Arc::new(Live {
            effect: fault.effect,
            method: fault.method,
            pattern: Regex::new(&fault.path)?,
            except: fault.except.as_deref().map(Regex::new).transpose()?,
            token: fault.token,
            one_in: fault.one_in,
            matched: AtomicUsize::new(0),
            left: AtomicUsize::new(fault.times),
            hits: AtomicUsize::new(0),
        }));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(injected.clone());
        Ok(injected)
    }

    pub(super) fn strike(&self, seen: &Seen) -> Option<Effect> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find_map(|fault| fault.0.strike(seen))
    }
}

/// A failure as the API server would write it.
pub(super) fn answer(code: u16, retry_after: Option<u64>) -> Result<Response<Body>> {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("the rig answers {code}"),
        "reason": reason(code),
        "details": {"retryAfterSeconds": retry_after.unwrap_or_default()},
        "code": code,
    });
    let mut answer = Response::builder()
        .status(code)
        .header("content-type", "application/json");
    if let Some(seconds) = retry_after {
        answer = answer.header("retry-after", seconds);
    }
    Ok(answer.body(Body::from(serde_json::to_vec(&status)?))?)
}

fn reason(code: u16) -> &'static str {
    match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
