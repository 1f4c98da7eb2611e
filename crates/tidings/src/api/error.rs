//! What the API server answers instead of what was asked for.
//!
//! Goes in: a response that is no success, or a transport's error. Comes out:
//! an [`ApiError`] that says what can be done. Of the answer's body only the
//! `message` of a Status is kept, cut to a line.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde::Deserialize;
use tidings_core::object::Unreadable;
use tidings_core::refs::Name;
use tidings_shared::plain::plain;

use super::{Call, show};

/// How much of an error's body is read, in bytes.
const BODY: usize = 64 * 1024;
/// No server may silence us for longer: a proxy that asks for a day is mistaken.
pub(super) const LONGEST_WISH: Duration = Duration::from_mins(1);
/// How much of its message is kept, in characters.
const MESSAGE: usize = 500;

const CANNOT_ANSWER: &str = "the API server cannot answer now";
const CANNOT_BE_REACHED: &str = "the API server cannot be reached";
const REFUSES_US: &str = "the API server does not accept our credentials";

/// Whether a text says what [`ApiError`] says of requests that were not answered, as they
/// are in an outage.
pub(crate) fn is_of_outage(text: &str) -> bool {
    let all = [CANNOT_ANSWER, CANNOT_BE_REACHED, REFUSES_US];
    all.iter().any(|said| text.contains(said))
}

/// Why a request has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// 404: what was asked for is not there, by its name.
    Gone,
    /// 404, and not of what was asked for: its kind is not served, or what answers is no
    /// API server. Nothing is known of the object. What it says.
    NotServed(String),
    /// 409: somebody else changed it, or made it, before.
    Conflict,
    /// 410: the version or the page that was asked for is forgotten.
    Expired,
    /// 400, 405, 406, 413, 415, 422: the request can never succeed. The status
    /// and what the server says.
    Invalid(u16, String),
    /// 403: these credentials may not do that.
    Forbidden(Refusal),
    /// 401: these credentials are not known, whatever they ask for. What the server says.
    Unauthenticated(String),
    /// 408, 429 and 5xx: the server, or what stands before it, is busy or broken. After 429
    /// a write has not happened; after the others it may have.
    Slow {
        /// The HTTP status.
        code: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// What it says.
        message: String,
    },
    /// 429 with the cause `DisruptionBudget`, or 500 where two budgets are one pod's: an
    /// eviction is not let now, and has not happened. What the budget says.
    Budget(String),
    /// The connection failed or the answer did not come in time; a write may
    /// have happened. The text is the transport's.
    Unreachable(String),
    /// The answer is not what the API promises.
    Unreadable,
    /// The answer is well formed, and of another object or kind than was asked for; or it
    /// sends us elsewhere.
    NotAsked,
    /// The answer, or a line of it, is longer than so many bytes, which no true one is.
    TooLong(usize),
    /// A list that goes on and on, or round in circles.
    Endless,
    /// The answer is of an earlier moment than what the server has told before.
    Late,
    /// Our term is over, so it was not sent.
    TermOver,
}

/// What is not allowed, in the words of RBAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `list`
    pub verb: &'static str,
    /// `deployments.apps`
    pub resource: String,
    /// Where; `None` means everywhere.
    pub namespace: Option<Name>,
    /// What the server says.
    pub message: String,
}

/// What answers as a missing right does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Right,
    Quota,
    Webhook,
    Ending,
}

/// By what each but a right is known, wherever it is in the server's message, with its
/// source in Kubernetes.
const CAUSES: [(&str, Cause); 4] = [
    // plugin/pkg/admission/resourcequota
    ("exceeded quota:", Cause::Quota),
    // staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go
    ("admission webhook", Cause::Webhook),
    // staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/validating
    ("ValidatingAdmissionPolicy", Cause::Webhook),
    // staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle
    ("because it is being terminated", Cause::Ending),
];

impl Cause {
    fn advice(self) -> &'static str {
        match self {
            Self::Right => "grant it as `tidings manifests` does",
            Self::Quota => "it is tried again: raise the quota, or make room in it",
            Self::Webhook => {
                "it is tried again: let that policy pass what Tidings writes; no right is missing"
            }
            Self::Ending => "the namespace is being deleted",
        }
    }
}

impl Refusal {
    /// Whether the credentials lack a right.
    pub(crate) fn is_by_right(&self) -> bool {
        self.cause() == Cause::Right
    }

    /// What to say beside other things: which right is missing, or what refuses it.
    pub(crate) fn in_short(&self) -> String {
        let Self { verb, resource, .. } = self;
        let place = show(self.namespace.as_ref());
        if self.is_by_right() {
            format!("the right to {verb} {resource} {place} is missing")
        } else {
            self.to_string()
        }
    }

    fn cause(&self) -> Cause {
        let found = CAUSES.iter().find(|(said, _)| self.message.contains(said));
        found.map_or(Cause::Right, |(_, cause)| *cause)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, .. } = self;
        let place = show(self.namespace.as_ref());
        write!(
            f,
            "not allowed to {verb} {resource} {place}: {}",
            self.message
        )
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it is not there"),
            Self::NotServed(message) => write!(
                f,
                "the answer is 404, and not of what was asked for ({message}); see whether its \
                 API is installed, and what answers in the API server's place"
            ),
            Self::Conflict => f.write_str("it was changed meanwhile; read it again"),
            Self::Expired => f.write_str("the version asked for is forgotten; list again"),
            Self::Invalid(code, message) => {
                write!(f, "the API server rejects the request ({code}): {message}")
            }
            Self::Forbidden(refusal) => write!(f, "{refusal}; {}", refusal.cause().advice()),
            Self::Unauthenticated(message) => write!(
                f,
                "{REFUSES_US} (401: {message}); renew the \
                 token or certificate that Tidings is given: it is read again by itself"
            ),
            Self::Slow { code, message, .. } => {
                write!(f, "{CANNOT_ANSWER} ({code}): {message}")
            }
            Self::Budget(said) => write!(f, "a PodDisruptionBudget holds it: {said}"),
            Self::Unreachable(text) => write!(
                f,
                "{CANNOT_BE_REACHED} ({text}); check its address and the network"
            ),
            Self::Unreadable => fmt::Display::fmt(&Unreadable, f),
            Self::NotAsked => f.write_str(
                "the answer is of something else than what was asked for; look at what answers \
                 in the API server's place",
            ),
            Self::TooLong(limit) => write!(
                f,
                "the answer is longer than {} KiB, which no true one is; look at what answers \
                 in the API server's place",
                limit >> 10
            ),
            Self::Endless => f.write_str(
                "the list has no end: its pages come again, or are more than any cluster has; \
                 look at what answers in the API server's place",
            ),
            Self::Late => f.write_str(
                "the API server answers with an older state than it has told before; it is asked again",
            ),
            Self::TermOver => f.write_str("another replica leads now"),
        }
    }
}

impl Error for ApiError {}

impl From<Unreadable> for ApiError {
    fn from(_: Unreadable) -> Self {
        Self::Unreadable
    }
}

impl ApiError {
    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Slow { retry_after, .. } => retry_after.map(|wish| wish.min(LONGEST_WISH)),
            _ => None,
        }
    }

    /// The HTTP status; `None` where there was no answer that could be read.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Gone | Self::NotServed(_) => Some(404),
            Self::Conflict => Some(409),
            Self::Expired => Some(410),
            Self::Forbidden(_) => Some(403),
            Self::Unauthenticated(_) => Some(401),
            Self::Budget(_) => Some(429),
            Self::Invalid(code, _) | Self::Slow { code, .. } => Some(*code),
            Self::Unreachable(_)
            | Self::Unreadable
            | Self::NotAsked
            | Self::TooLong(_)
            | Self::Endless
            | Self::Late
            | Self::TermOver => None,
        }
    }

    /// Whether something went wrong: not where another was there before us.
    pub fn is_failure(&self) -> bool {
        let before_us = [Self::Conflict, Self::Gone, Self::Late, Self::TermOver];
        !before_us.contains(self)
    }

    /// Whether the same request may succeed later without anybody allowing or changing
    /// what it asks for.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Slow { .. }
                | Self::Unreachable(_)
                | Self::Unauthenticated(_)
                | Self::NotServed(_)
                | Self::NotAsked
        )
    }

    /// Whether the server says that it cannot answer just now. One that ran out of time is
    /// not asked for the same at once.
    pub(super) fn is_busy(&self) -> bool {
        let codes = [429, 500, 502, 503];
        matches!(self, Self::Slow { code, .. } if codes.contains(code))
    }

    /// What is not allowed, if that is the reason.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Forbidden(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The error that a Status with this code tells of.
    fn of(call: &Call, code: u16, retry_after: Option<Duration>, status: &Status) -> Self {
        let message = match status.line() {
            line if line.is_empty() => reason(code).to_owned(),
            line => line,
        };
        match code {
            429 | 500 if status.is_of_budget() => Self::Budget(status.budget(message)),
            401 => Self::Unauthenticated(message),
            403 => Self::Forbidden(call.refusal(message)),
            404 if status.names(call) => Self::Gone,
            404 => Self::NotServed(message),
            409 => Self::Conflict,
            410 => Self::Expired,
            408 | 429 | 500.. => Self::Slow {
                code,
                retry_after,
                message,
            },
            // Redirects are not followed: credentials go to the address that was given.
            300..=399 => Self::NotAsked,
            _ => Self::Invalid(code, message),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    code: u16,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    retry_after_seconds: u64,
    name: String,
    causes: Vec<CauseTold>,
}

/// One of several things that are wrong.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CauseTold {
    reason: String,
    message: String,
}

/// The cause of an eviction that a budget does not let (`policy/v1`,
/// `DisruptionBudgetCause`).
const BUDGET: &str = "DisruptionBudget";
/// What is said of a pod that two budgets match, which no eviction may be of
/// (`pkg/registry/core/pod/storage/eviction.go`).
const TWO_BUDGETS: &str = "more than one PodDisruptionBudget";

impl Status {
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.details.as_ref()?.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// Whether a PodDisruptionBudget says it.
    fn is_of_budget(&self) -> bool {
        self.of_budget().next().is_some() || self.message.contains(TWO_BUDGETS)
    }

    fn of_budget(&self) -> impl Iterator<Item = &CauseTold> {
        let causes = self.details.iter().flat_map(|details| &details.causes);
        causes.filter(|cause| cause.reason == BUDGET)
    }

    /// What the budget says; where it says nothing, this message.
    fn budget(&self, message: String) -> String {
        let said = self.of_budget().map(|cause| one_line(&cause.message));
        said.into_iter()
            .find(|said| !said.is_empty())
            .unwrap_or(message)
    }

    /// Whether it is of the very object that was asked for, as each 404 of an API server is
    /// (`NewNotFound` in `apimachinery/pkg/api/errors`); of what is to be created it names
    /// the namespace.
    fn names(&self, call: &Call) -> bool {
        let named = self.details.as_ref().map_or("", |details| &*details.name);
        match call.place.name() {
            Some(name) => **name == *named,
            None => !named.is_empty(),
        }
    }

    fn line(&self) -> String {
        one_line(&self.message)
    }
}

/// A message as one line of plain text, of bounded length: it may quote what anybody wrote,
/// and reaches terminals.
fn one_line(message: &str) -> String {
    let words: Vec<_> = message.split_whitespace().collect();
    let line = plain(&words.join(" ")).into_owned();
    match line.char_indices().nth(MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// How long a server asks to be left alone, in seconds.
pub(crate) fn asked_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Reads a response that is no success.
pub(super) async fn read(call: &Call, response: Response<Body>) -> ApiError {
    let code = response.status();
    let asked = asked_pause(response.headers());
    let body = Limited::new(response.into_body(), BODY).collect().await;
    let status: Status = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body.to_bytes()).ok())
        .unwrap_or_default();
    let retry_after = asked.or(status.retry_after());
    ApiError::of(call, code.as_u16(), retry_after, &status)
}

fn reason(code: u16) -> &'static str {
    let code = StatusCode::from_u16(code).ok();
    code.and_then(|code| code.canonical_reason())
        .unwrap_or("no reason")
}

/// Reads the Status that a watch sends as an ERROR event.
pub(crate) fn of_event(call: &Call, json: &[u8]) -> ApiError {
    match serde_json::from_slice::<Status>(json) {
        Ok(status) => ApiError::of(call, status.code, status.retry_after(), &status),
        Err(_) => ApiError::Unreadable,
    }
}

/// A transport's error, by its innermost cause, which is the one that people
/// can act on.
pub(super) fn unreachable(error: &(dyn Error + 'static)) -> ApiError {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ApiError::Unreachable(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Place, Verb};

    #[test]
    fn what_a_server_says_is_plain_text_on_one_line() {
        let message = "\u{1b}[31mboom\nand\u{7} more".to_owned();
        let status = Status {
            message,
            ..Status::default()
        };
        assert_eq!(status.line(), r"\u{1b}[31mboom and\u{7} more");
    }

    #[test]
    fn a_budget_is_told_from_a_busy_server() {
        let call = Call::new(Verb::Create, Place::core("pods"));
        let error = |code, json: &str| {
            let status = serde_json::from_str(json).unwrap();
            ApiError::of(&call, code, None, &status)
        };
        let needs = "The disruption budget web needs 3 healthy pods and has 3 currently";
        let held = format!(
            r#"{{"message": "Cannot evict pod as it would violate the pod's disruption budget.",
                "details": {{"causes": [{{"reason": "DisruptionBudget", "message": "{needs}"}}]}}}}"#
        );
        assert_eq!(error(429, &held), ApiError::Budget(needs.to_owned()));
        let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        let two_said = format!(r#"{{"message": "{two}"}}"#);
        assert_eq!(error(500, &two_said), ApiError::Budget(two.to_owned()));
        let busy = error(429, r#"{"message": "too many requests"}"#);
        assert!(matches!(busy, ApiError::Slow { code: 429, .. }));
    }

    #[test]
    fn a_missing_right_is_named_in_short() {
        let mut refusal = Refusal {
            verb: "get",
            resource: "nodes".to_owned(),
            namespace: None,
            message: r#"nodes "n1" is forbidden: User "u" cannot get resource "nodes""#.to_owned(),
        };
        let missing = "the right to get nodes in all namespaces is missing";
        assert_eq!(refusal.in_short(), missing);
        refusal.message = r#"admission webhook "w" denied the request: no"#.to_owned();
        assert!(refusal.in_short().contains("denied the request: no"));
    }

    #[test]
    fn what_is_no_missing_right_is_not_to_be_granted() {
        let refused = |message: &str| {
            ApiError::Forbidden(Refusal {
                verb: "create",
                resource: "secrets".to_owned(),
                namespace: Some("tidings".into()),
                message: message.to_owned(),
            })
            .to_string()
        };
        let quota = refused(r#"secrets "tidings-state.a" is forbidden: exceeded quota: few"#);
        assert!(quota.contains("raise the quota") && !quota.contains("grant it"));
        let webhook = refused(r#"admission webhook "validation.gatekeeper.sh" denied the request"#);
        assert!(webhook.contains("no right is missing") && !webhook.contains("grant it"));
        let ending =
            refused("unable to create new content in namespace a because it is being terminated");
        assert!(ending.contains("is being deleted") && !ending.contains("grant it"));
        let right = refused(r#"secrets is forbidden: User "tidings" cannot create"#);
        assert!(right.contains("grant it") && !right.contains("no right"));
    }
}
