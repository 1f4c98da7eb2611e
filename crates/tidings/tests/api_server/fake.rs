//! An API server that says what a test tells it to say.
//!
//! Goes in: for each path the answers, in order. Comes out: a client, and what
//! was asked when. Where nothing is left to say, it says what it always says to watches
//! or to lists; or a request is never answered. What is the newest version, which is asked
//! after an outage, is answered aside, unless there is something that it always says.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tidings::api::ApiClient;
use tidings::metrics::Metrics;
use tidings::watch::scope::Filter;
use tidings::watch::{News, Watching};
use tidings_core::index::Fact;
use tidings_core::index::{Stream, StreamOf};
use tidings_core::kinds::KINDS;
use tidings_core::refs::SourceKind;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) const CONFIG_MAPS: &str = "/api/v1/configmaps";
pub(crate) const SECRETS: &str = "/api/v1/secrets";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";

/// A stream of sources in all namespaces.
pub(crate) fn sources(kind: SourceKind) -> Stream {
    Stream {
        of: StreamOf::Sources(kind),
        namespace: None,
    }
}

/// The stream of Deployments in all namespaces.
pub(crate) fn deployments() -> Stream {
    Stream {
        of: StreamOf::Workloads(&KINDS[0]),
        namespace: None,
    }
}

/// A piece of an answer's body.
#[derive(Clone, Debug)]
enum Piece {
    Bytes(String),
    Wait(Duration),
    Break,
    Stay,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    code: u16,
    headers: Vec<(&'static str, String)>,
    pieces: VecDeque<Piece>,
}

impl Answer {
    /// 200 without a body.
    pub(crate) fn ok() -> Self {
        Self {
            code: 200,
            headers: Vec::new(),
            pieces: VecDeque::new(),
        }
    }

    /// A whole object or list.
    pub(crate) fn json(value: &Value) -> Self {
        Self::ok().text(&value.to_string())
    }

    /// 404, as an API server says it of an object.
    pub(crate) fn missing(name: &str) -> Self {
        let status = json!({"kind": "Status", "code": 404, "details": {"name": name}});
        Self {
            code: 404,
            ..Self::json(&status)
        }
    }

    /// A Status.
    pub(crate) fn status(code: u16, message: &str) -> Self {
        let status = json!({"kind": "Status", "code": code, "message": message});
        Self {
            code,
            ..Self::json(&status)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.piece(Piece::Bytes(text.to_owned()))
    }

    /// A line of a watch.
    pub(crate) fn event(self, kind: &str, object: &Value) -> Self {
        self.text(&format!("{}\n", json!({"type": kind, "object": object})))
    }

    /// The mark at the end of a streaming list.
    pub(crate) fn list_end(self, version: u64) -> Self {
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        let meta = json!({"resourceVersion": version.to_string(), "annotations": annotations});
        self.event("BOOKMARK", &json!({"metadata": meta}))
    }

    pub(crate) fn bookmark(self, version: u64) -> Self {
        let meta = json!({"resourceVersion": version.to_string()});
        self.event("BOOKMARK", &json!({"metadata": meta}))
    }

    pub(crate) fn wait(self, seconds: u64) -> Self {
        self.piece(Piece::Wait(Duration::from_secs(seconds)))
    }

    /// The connection breaks.
    pub(crate) fn breaks(self) -> Self {
        self.piece(Piece::Break)
    }

    /// The connection stays open.
    pub(crate) fn stays(self) -> Self {
        self.piece(Piece::Stay)
    }

    fn piece(mut self, piece: Piece) -> Self {
        self.pieces.push_back(piece);
        self
    }

    /// With what an API server says first, where the test leaves it out: of which version
    /// it is, and of an object its name and namespace.
    fn at(mut self, path: &str) -> Self {
        if let ([Piece::Bytes(text)], 200) = (self.pieces.make_contiguous(), self.code)
            && !text.ends_with('\n')
            && let Ok(Value::Object(mut object)) = serde_json::from_str(text)
        {
            let named = Addressed::read(path);
            object
                .entry("apiVersion")
                .or_insert_with(|| named.version.into());
            if let (Some(name), Some(metadata)) = (named.name, object.get_mut("metadata")) {
                let named = [("name", Some(name)), ("namespace", named.namespace)];
                for (key, value) in named {
                    if let (Some(value), None) = (value, metadata.get(key)) {
                        metadata[key] = value.into();
                    }
                }
            }
            *text = Value::Object(object).to_string();
        }
        self
    }

    fn response(self) -> Response<axum::body::Body> {
        let mut response = Response::builder().status(self.code);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(body(self.pieces)).unwrap()
    }
}

/// What a path says of what is there.
struct Addressed<'a> {
    version: String,
    namespace: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Addressed<'a> {
    fn read(path: &'a str) -> Self {
        let parts: Vec<_> = path.split('/').skip(1).collect();
        let (version, rest) = match *parts {
            ["api", version, ref rest @ ..] => (version.to_owned(), rest),
            ["apis", group, version, ref rest @ ..] => (format!("{group}/{version}"), rest),
            _ => (String::new(), &[][..]),
        };
        let (namespace, rest) = match *rest {
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, rest),
        };
        let name = rest.get(1).copied();
        Self {
            version,
            namespace,
            name,
        }
    }
}

fn body(pieces: VecDeque<Piece>) -> axum::body::Body {
    let frames = stream::unfold(pieces, |mut pieces| async {
        loop {
            match pieces.pop_front()? {
                Piece::Bytes(text) => return Some((Ok(text), pieces)),
                Piece::Wait(time) => tokio::time::sleep(time).await,
                Piece::Break => return Some((Err(std::io::Error::other("broken")), pieces)),
                Piece::Stay => std::future::pending().await,
            }
        }
    });
    axum::body::Body::from_stream(frames)
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Since the test began.
    pub(crate) after: Duration,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) headers: http::HeaderMap,
}

impl Asked {
    /// Whether it is for a list and no watch.
    pub(crate) fn is_list(&self) -> bool {
        self.query("watch").is_none()
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, key: &str) -> Option<&str> {
        let (_, query) = self.uri.split_once('?')?;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }
}

/// The times between the questions.
pub(crate) fn waits(asked: &[Asked]) -> Vec<Duration> {
    let waits = asked.windows(2);
    waits
        .map(|w| w[1].after.saturating_sub(w[0].after))
        .collect()
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Fake {
    script: Arc<Mutex<HashMap<String, VecDeque<Answer>>>>,
    /// Of watches, and of lists.
    always: Arc<Mutex<HashMap<(String, bool), Answer>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    began: Instant,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            script: Arc::default(),
            always: Arc::default(),
            asked: Arc::default(),
            began: Instant::now(),
        }
    }

    /// What to answer, in order, at a path.
    pub(crate) fn at(self, path: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut script = self.script.lock().unwrap();
        script.entry(path.to_owned()).or_default().extend(answers);
        drop(script);
        self
    }

    /// What to answer to each watch at a path, and to each list, where nothing else is.
    pub(crate) fn always(self, path: &str, watch: Answer, list: Answer) -> Self {
        let mut always = self.always.lock().unwrap();
        always.insert((path.to_owned(), true), watch);
        always.insert((path.to_owned(), false), list);
        drop(always);
        self
    }

    pub(crate) fn client(&self) -> Client {
        let fake = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = fake.answer(&request);
            let path = request.uri().path().to_owned();
            async move {
                match answer.map(|answer| answer.at(&path)) {
                    Some(answer) => Ok::<_, std::io::Error>(answer.response()),
                    None => std::future::pending().await,
                }
            }
        });
        Client::new(service, "default")
    }

    /// The way to it that everything but the watches takes.
    pub(crate) fn api(&self) -> ApiClient {
        self.client().into()
    }

    fn answer(&self, request: &Request<Body>) -> Option<Answer> {
        let key = (request.uri().path().to_owned(), false);
        let query = request.uri().query().unwrap_or_default();
        let asks_for_newest = query.split('&').any(|option| option == "limit=1");
        if asks_for_newest && !self.always.lock().unwrap().contains_key(&key) {
            return Some(page(u64::MAX, "", &[]));
        }
        self.asked.lock().unwrap().push(Asked {
            after: self.began.elapsed(),
            uri: request.uri().to_string(),
            headers: request.headers().clone(),
        });
        let path = request.uri().path().to_owned();
        let mut script = self.script.lock().unwrap();
        let said = script.get_mut(&path).and_then(VecDeque::pop_front);
        let query = request.uri().query().unwrap_or_default();
        let always = self.always.lock().unwrap();
        said.or_else(|| always.get(&(path, query.contains("watch=true"))).cloned())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Follows streams with the default settings.
    pub(crate) fn follow(&self, streams: impl IntoIterator<Item = Stream>) -> Followed {
        self.follow_with(Filter::default(), streams)
    }

    /// Follows streams.
    pub(crate) fn follow_with(
        &self,
        filter: Filter,
        streams: impl IntoIterator<Item = Stream>,
    ) -> Followed {
        let watching = Watching {
            api: self.api(),
            filter,
            ignored: Vec::new(),
            metrics: Metrics::default(),
        };
        let (sender, facts) = channel(16);
        let tasks = watching.start(streams, &sender);
        Followed { facts, tasks }
    }
}

/// Streams that are followed.
pub(crate) struct Followed {
    facts: Receiver<News>,
    tasks: JoinSet<()>,
}

impl Followed {
    pub(crate) async fn next(&mut self) -> News {
        self.facts.recv().await.unwrap()
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<News> {
        let mut facts = Vec::new();
        while facts.len() < count {
            facts.push(self.next().await);
        }
        facts
    }

    /// Hears no more facts, and waits until nobody tells any.
    pub(crate) async fn stop_listening(mut self) {
        drop(self.facts);
        while self.tasks.join_next().await.is_some() {}
    }

    /// What is told within this time.
    pub(crate) async fn within(&mut self, seconds: u64) -> Vec<News> {
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut facts = Vec::new();
        while let Ok(fact) = tokio::time::timeout_at(until, self.next()).await {
            facts.push(fact);
        }
        facts
    }
}

/// Facts in short: `began`, `c@5`, `gone c@6`, `ended@7`.
pub(crate) fn short(news: &[News]) -> Vec<String> {
    let short = |news: &News| match news {
        News::Fact(Fact::ListBegan(_)) => "began".to_owned(),
        News::Fact(Fact::ListEnded(_, version)) => format!("ended@{version}"),
        News::Fact(Fact::Workload(workload, how)) => {
            format!("{}@{} {how:?}", workload.key.name, workload.version)
        }
        News::Fact(Fact::WorkloadGone(key, _)) => format!("gone {}", key.name),
        News::Fact(Fact::Source(meta)) => format!("{}@{}", meta.key.name, meta.version),
        News::Fact(Fact::SourceGone(key, version)) => format!("gone {}@{version}", key.name),
        News::Fact(Fact::Namespace { name, .. }) => name.to_string(),
        News::Fact(Fact::NamespaceGone(name)) => format!("gone {name}"),
        News::Fact(answer) => panic!("no watch tells {answer:?}"),
        News::Unreadable(_) => "unreadable".to_owned(),
        News::Refused(_, refusal) => format!("refused: {refusal}"),
        News::Failing(_, _, error) => format!("failing: {error}"),
        News::PutBack(_, then, now) => format!("put back: {then} to {now}"),
        News::Recovered(_) => "recovered".to_owned(),
    };
    news.iter().map(short).collect()
}

/// A source's metadata.
pub(crate) fn meta(name: &str, version: u64) -> Value {
    json!({"metadata": {"namespace": "ns", "name": name, "uid": name,
        "resourceVersion": version.to_string()}})
}

/// A page of a list.
pub(crate) fn page(version: u64, next: &str, items: &[Value]) -> Answer {
    Answer::json(&json!({
        "metadata": {"resourceVersion": version.to_string(), "continue": next},
        "items": items,
    }))
}
