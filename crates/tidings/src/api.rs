//! One request to the API server, and its answer as bytes.
//!
//! Goes in: a [`Call`], which names a verb and a [`Place`]. Comes out: the bytes
//! of the answer, or an [`ApiError`] by which the caller can tell what to do.
//! Nothing is tried twice here, nothing is parsed but errors, and nothing that
//! was sent or received is logged: it may be a Secret.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use kube::Client;
use kube::client::Body;
use serde::de::DeserializeOwned;
use tidings_core::refs::Name;
use tokio::sync::Semaphore;
use tokio::time::timeout;

mod client;
pub mod connect;
mod error;
mod head;
pub(crate) mod outbox;
pub mod pace;
pub(crate) mod page;
mod place;
mod term;
mod to_pod;

pub use client::{ApiClient, TermClient};
pub use error::{ApiError, Refusal};
pub(crate) use error::{asked_pause, is_of_outage, of_event};
pub(crate) use head::{has_version, is_told_of};
pub use place::Place;
pub use term::Term;
pub(crate) use to_pod::ToPod;

/// The name under which the API server records what Tidings writes.
pub const FIELD_MANAGER: &str = "tidings";

/// How long an answer may take, to its last byte.
const ANSWER: Duration = Duration::from_secs(30);

/// What is asked of the API server, in the words of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read many.
    List,
    /// Be told of changes.
    Watch,
    /// Make a new object.
    Create,
    /// Write an object anew, as a whole.
    Update,
    /// Change an object by a JSON merge patch.
    Patch,
    /// Change an object by a JSON Patch.
    JsonPatch,
    /// Change an object by a patch that knows what tells the items of its lists apart.
    StrategicPatch,
    /// Delete an object.
    Delete,
}

impl Verb {
    /// The word for it in RBAC rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch | Self::JsonPatch | Self::StrategicPatch => "patch",
            Self::Delete => "delete",
        }
    }

    fn method(self) -> http::Method {
        match self {
            Self::Get | Self::List | Self::Watch => http::Method::GET,
            Self::Create => http::Method::POST,
            Self::Update => http::Method::PUT,
            Self::Patch | Self::JsonPatch | Self::StrategicPatch => http::Method::PATCH,
            Self::Delete => http::Method::DELETE,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Patch => "application/merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            Self::StrategicPatch => "application/strategic-merge-patch+json",
            _ => "application/json",
        }
    }

    /// What a request of it always says.
    fn query(self, manager: &'static str) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Watch => Some(("watch", "true")),
            Self::Create | Self::Update | Self::Patch | Self::JsonPatch | Self::StrategicPatch => {
                Some(("fieldManager", manager))
            }
            Self::Get | Self::List | Self::Delete => None,
        }
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    verb: Verb,
    place: Place,
    query: Vec<(&'static str, String)>,
    accept: &'static str,
    body: Bytes,
    alone: bool,
    brief: bool,
    at_most: usize,
    manager: &'static str,
}

/// No answer is taken in that is longer, in bytes: the largest object, each character of
/// it written as six, and room.
pub(crate) const LONGEST: usize = 16 << 20;
/// What is longer than this, in bytes, is taken in a few at a time: each is in memory as
/// a whole.
pub(crate) const LONG: usize = 1 << 20;
/// So many.
static LONG_ANSWERS: Semaphore = Semaphore::const_new(4);

impl Call {
    /// A request without parameters. Writes carry [`FIELD_MANAGER`].
    pub fn new(verb: Verb, place: Place) -> Self {
        Self {
            verb,
            place,
            query: Vec::new(),
            accept: "application/json",
            body: Bytes::new(),
            alone: false,
            brief: false,
            at_most: LONGEST,
            manager: FIELD_MANAGER,
        }
    }

    /// Takes in no more of the answer than so many bytes.
    #[must_use]
    pub(crate) fn at_most(mut self, bytes: usize) -> Self {
        self.at_most = bytes;
        self
    }

    /// Writes under this name instead of [`FIELD_MANAGER`].
    #[must_use]
    pub(crate) fn managed_by(mut self, manager: &'static str) -> Self {
        self.manager = manager;
        self
    }

    /// Adds a parameter, unless its value is empty.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.query.push((key, value));
        }
        self
    }

    /// Asks for this media type.
    #[must_use]
    pub fn accept(mut self, media: &'static str) -> Self {
        self.accept = media;
        self
    }

    /// Sends this JSON.
    #[must_use]
    pub fn body(mut self, json: impl Into<Bytes>) -> Self {
        self.body = json.into();
        self
    }

    /// On a connection that nothing else will use, so that its buffers are freed
    /// with the answer.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// On a connection that does not stay open, for the answer may carry bytes of a
    /// Secret.
    #[must_use]
    pub fn briefly(mut self) -> Self {
        self.brief = true;
        self
    }

    fn request(&self) -> Result<Request<Body>, ApiError> {
        let mut request = Request::builder()
            .method(self.verb.method())
            .uri(self.uri())
            .header(header::ACCEPT, self.accept);
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, self.verb.content_type());
        }
        if self.alone {
            request = request.header(header::CONNECTION, "close");
        }
        let request = request.body(Body::from(self.body.clone()));
        request.map_err(|error| ApiError::Unreachable(error.to_string()))
    }

    fn uri(&self) -> String {
        let mut uri = self.place.path();
        let given = self.query.iter().map(|(key, value)| (*key, value.as_str()));
        for (i, (key, value)) in self
            .verb
            .query(self.manager)
            .into_iter()
            .chain(given)
            .enumerate()
        {
            uri.push(if i == 0 { '?' } else { '&' });
            uri.push_str(key);
            uri.push('=');
            uri.push_str(&place::escape(value));
        }
        uri
    }

    fn refusal(&self, message: String) -> Refusal {
        Refusal {
            verb: self.verb.word(),
            resource: self.place.resource(),
            namespace: self.place.namespace().cloned(),
            message,
        }
    }
}

/// Sends a request and returns the whole answer.
pub async fn call(client: &Client, call: &Call) -> Result<Bytes, ApiError> {
    call_within(client, call, ANSWER).await
}

/// The same, waiting for no longer than this.
async fn call_within(client: &Client, call: &Call, limit: Duration) -> Result<Bytes, ApiError> {
    let answer = async { whole(send(client, call).await?, call.at_most).await };
    let answer = in_time(answer, limit).await?;
    head::is_of(call, &answer)?;
    Ok(answer)
}

/// Takes in a body that is no longer than so many bytes.
async fn whole(mut body: Body, at_most: usize) -> Result<Bytes, ApiError> {
    let (mut all, mut turn) = (Vec::new(), None);
    let announced = body.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|length| length > at_most) {
        return Err(ApiError::TooLong(at_most));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::Unreachable(error.to_string()))?;
        let piece = frame.into_data().unwrap_or_default();
        let length = all.len() + piece.len();
        if length > at_most {
            return Err(ApiError::TooLong(at_most));
        }
        if length > LONG && turn.is_none() {
            turn = LONG_ANSWERS.acquire().await.ok();
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}

/// Sends a request and returns its answer as it comes. Only the beginning of it
/// has a time limit.
pub(crate) async fn open(client: &Client, call: &Call) -> Result<Body, ApiError> {
    in_time(send(client, call), ANSWER).await
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, ApiError>>,
    limit: Duration,
) -> Result<T, ApiError> {
    let late = |_| ApiError::Unreachable(format!("no answer in {} s", limit.as_secs_f64()));
    timeout(limit, answer).await.map_err(late).flatten()
}

async fn send(client: &Client, call: &Call) -> Result<Body, ApiError> {
    let response = client.send(call.request()?).await;
    let response = response.map_err(|e| error::unreachable(&e))?;
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    Err(error::read(call, response).await)
}

/// Reads the JSON of an answer. The error quotes nothing of it.
pub fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(json).map_err(|_| ApiError::Unreadable)
}

/// The namespace as it is written in messages.
fn show(namespace: Option<&Name>) -> String {
    namespace.map_or_else(
        || "in all namespaces".to_owned(),
        |name| format!("in namespace {name}"),
    )
}
