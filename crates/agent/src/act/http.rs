//! One HTTP call: to make a program reload, or to ask it how it is.
//!
//! In: a [`Call`]. Out: the [`Answer`], or why there is none. Files with
//! credentials and certificates are read at every call, since they rotate like
//! any other configuration. Every call has a time limit; redirects and proxies
//! are not followed.

use super::address::{self, split_unix, take_user, user_of};
use super::resolver::NumbersFirst;
use super::sent::Sent;
use super::unix::UnixConnector;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::unversioned::transport::{Connector, RustlsConnector, TcpConnector};
use ureq::{Agent, Body};

/// How to call, apart from the address.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// `POST`, `GET`, …
    pub(crate) method: String,
    /// Names and values.
    pub(crate) headers: Vec<(String, String)>,
    /// What is sent along.
    pub(crate) body: String,
    /// Statuses that mean yes; empty: any 2xx.
    pub(crate) expect: Vec<u16>,
    /// For the whole call.
    pub(crate) timeout: Duration,
    /// PEM file of authorities to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// PEM files of a client certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Trust any certificate.
    pub(crate) insecure: bool,
    /// A file that contains `user:password`.
    pub(crate) basic: Option<PathBuf>,
    /// A file that contains a token.
    pub(crate) bearer: Option<PathBuf>,
}

/// One address, and how to call it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Where: `http`, `https`, or `unix:/socket:/path`.
    pub(crate) url: String,
    /// How.
    pub(crate) manner: Manner,
}

/// What came back.
pub(crate) struct Answer {
    response: Response<Body>,
    sent: Sent,
}

/// Why nothing came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody listens there yet.
    NotUp(String),
    /// What is needed for a call cannot be had here: nothing was called.
    Unmade(String),
    /// Anything else.
    Failed(String),
}

/// An error page is quoted up to here.
pub(crate) const QUOTED: u64 = 300;
/// No answer that is read whole may be longer.
pub(crate) const LONGEST_BODY: u64 = 1 << 20;

impl Default for Manner {
    fn default() -> Self {
        Self {
            method: "POST".into(),
            headers: Vec::new(),
            body: String::new(),
            expect: Vec::new(),
            timeout: Duration::from_secs(10),
            ca: None,
            client: None,
            insecure: false,
            basic: None,
            bearer: None,
        }
    }
}

impl Call {
    /// The address without what may be secret in it, for people.
    pub(crate) fn shown(&self) -> String {
        address::shown(&self.url)
    }

    /// Makes the call. `begun` is given the means to break it off.
    pub(crate) fn make(&self, begun: impl FnOnce(Agent)) -> Result<Answer, NoAnswer> {
        let (socket, url) = split_unix(&self.url);
        let agent = self.agent(socket).map_err(NoAnswer::Unmade)?;
        begun(agent.clone());
        let (request, sent) = self.request(&url).map_err(NoAnswer::Unmade)?;
        let bare = self.manner.body.is_empty()
            && !["POST", "PUT", "PATCH"].contains(&request.method().as_str());
        let result = if bare {
            agent.run(request.map(|_| ()))
        } else {
            agent.run(request)
        };
        let response = result.map_err(|error| no_answer(&self.shown(), error))?;
        Ok(Answer { response, sent })
    }

    /// Whether somebody listens there, found out without asking for anything.
    pub(crate) fn is_up(&self) -> bool {
        address::is_up(&self.url)
    }

    /// The request, and what of it may be secret.
    fn request(&self, url: &str) -> Result<(Request<String>, Sent), String> {
        let (mut url, mut sent) = (url.to_owned(), Sent::default());
        sent.user(user_of(&url));
        sent.query(url.split_once('?').map_or("", |(_, query)| query));
        sent.text(&self.manner.body);
        let inline = take_user(&mut url);
        let mut request = Request::builder()
            .method(self.manner.method.as_str())
            .uri(&url);
        for (name, value) in &self.manner.headers {
            sent.header(value);
            request = request.header(name, value);
        }
        if let Some(value) = self.manner.authorization(inline)? {
            sent.authorization(&value);
            request = request.header("Authorization", value);
        }
        let request = request
            .body(self.manner.body.clone())
            .map_err(|error| format!("{} cannot be called: {error}", self.shown()))?;
        Ok((request, sent))
    }

    fn agent(&self, socket: Option<PathBuf>) -> Result<Agent, String> {
        let config = Agent::config_builder()
            .timeout_global(Some(self.manner.timeout))
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent("tidings-agent")
            .tls_config(self.manner.tls(self.url.starts_with("https:"))?)
            .build();
        let connector = ().chain(UnixConnector(socket)).chain(TcpConnector::default());
        let connector = connector.chain(RustlsConnector::default());
        Ok(Agent::with_parts(
            config,
            connector,
            NumbersFirst::default(),
        ))
    }

    /// Whether a status means yes.
    pub(crate) fn accepts(&self, status: u16) -> bool {
        if self.manner.expect.is_empty() {
            (200..300).contains(&status)
        } else {
            self.manner.expect.contains(&status)
        }
    }
}

impl Answer {
    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The beginning of the body, in one line, for a person: without what the agent
    /// itself has sent.
    pub(crate) fn quote(self) -> String {
        let reader = self
            .response
            .into_body()
            .into_with_config()
            .limit(QUOTED)
            .reader();
        let mut text = Vec::new();
        // A limit that is reached is an error to ureq; what came before is kept.
        let _ = std::io::Read::read_to_end(&mut { reader }, &mut text);
        let is_cut = text.len() as u64 >= QUOTED;
        let text = String::from_utf8_lossy(&text);
        // A letter that was cut.
        let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let text = self.sent.masked(text, is_cut);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The whole body.
    pub(crate) fn text(self) -> Option<String> {
        let body = self.response.into_body().into_with_config();
        body.limit(LONGEST_BODY).read_to_string().ok()
    }
}

fn no_answer(shown: &str, error: ureq::Error) -> NoAnswer {
    match error {
        ureq::Error::Io(io) if is_not_up(io.kind()) => {
            NoAnswer::NotUp(format!("nobody listens at {shown} yet"))
        }
        ureq::Error::Timeout(_) => NoAnswer::Failed(format!("{shown} did not answer in time")),
        other => NoAnswer::Failed(format!("{shown} could not be called: {other}")),
    }
}

fn is_not_up(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str) -> Call {
        Call {
            url: url.into(),
            manner: Manner::default(),
        }
    }

    #[test]
    fn statuses_follow_what_was_asked() {
        let mut call = call("http://h/");
        assert!(call.accepts(204) && !call.accepts(302));
        call.manner.expect = vec![302];
        assert!(!call.accepts(204) && call.accepts(302));
    }
}
