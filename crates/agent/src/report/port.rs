//! The agent's own port: four pages, read-only, and what the controller asks.
//!
//! In: requests. Out: metrics, liveness, readiness, state; and to whoever bears the
//! token of the pod, what files hold.

use crate::inquiry::Inquiry;
use crate::inquiry::token::Refusal;
use crate::report::journal::{Facts, Journal, MetricNames};
use crate::report::metrics;
use crate::report::serving::{self, Answering, Reply};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use serde_json::json;
use std::net::{Ipv6Addr, SocketAddrV6, TcpListener};
use std::sync::Arc;
use tidings_supervise::action::Outcome;
use tidings_wire::holds::{Answer, LONGEST_QUESTION, PATH, TOKEN_HEADER};

/// What the pages need.
pub(crate) struct Port {
    pub(crate) journal: Arc<Journal>,
    pub(crate) names: MetricNames,
    /// Where the metrics are; `/metrics` unless a drop-in name says otherwise.
    pub(crate) metrics_path: String,
    /// Asks the loop and the watch whether they still turn.
    pub(crate) is_alive: Box<dyn Fn() -> bool + Send>,
    /// Who answers the controller, where it may ask.
    pub(crate) inquiry: Option<Inquiry>,
}

/// As many as std asks for.
const BACKLOG: i32 = 128;

/// One answer.
struct Response {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Port {
    /// Takes the address.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) fn bind(address: &str) -> Result<TcpListener, String> {
        let bound = match address.strip_prefix(':') {
            // No host: both families, or the old one where there is no new one.
            Some(port) => {
                both_families(port).or_else(|_| TcpListener::bind(format!("0.0.0.0:{port}")))
            }
            None => TcpListener::bind(address),
        };
        bound.map_err(|error| format!("cannot listen on {address}: {error}"))
    }

    /// Answers for ever.
    pub(crate) fn serve(&self, listener: &TcpListener) {
        serving::serve(listener, self);
    }

    /// To a request without a body.
    fn plain(&self, method: &str, target: &str) -> Vec<u8> {
        let page = match method {
            "GET" | "HEAD" => self.page(target),
            _ => text(405, "only GET and HEAD are answered\n"),
        };
        written(&page, method == "HEAD")
    }

    /// To the head of a question: nothing of it is read before it is known who asks.
    fn asked(inquiry: &Inquiry, method: &str, head: &str) -> Result<usize, Response> {
        if method != "POST" {
            return Err(text(405, "only POST is answered here\n"));
        }
        inquiry.admit(field(head, TOKEN_HEADER)).map_err(refused)?;
        let length = field(head, "Content-Length").ok_or_else(no_length)?;
        let length: usize = length.parse().map_err(|_| no_length())?;
        if length > LONGEST_QUESTION {
            let most = LONGEST_QUESTION >> 10;
            return Err(text(413, &format!("a question has at most {most} KiB\n")));
        }
        Ok(length)
    }

    fn page(&self, target: &str) -> Response {
        let path = target.split('?').next().unwrap_or_default();
        match path {
            _ if path == self.metrics_path => Response {
                status: 200,
                kind: "text/plain; version=0.0.4; charset=utf-8",
                body: metrics::render(&self.journal.facts(), self.names),
            },
            "/livez" | "/healthz" => self.live(),
            "/readyz" => ready(&self.journal.facts()),
            "/state.json" => Response {
                status: 200,
                kind: "application/json",
                body: state(&self.journal.facts()),
            },
            _ => text(404, "there are /metrics, /livez, /readyz and /state.json\n"),
        }
    }

    fn live(&self) -> Response {
        match ((self.is_alive)(), self.names) {
            (false, _) => text(503, "the agent is stuck\n"),
            (true, MetricNames::Prometheus) => text(200, "{\"status\":\"up\"}"),
            (true, _) => text(200, "ok\n"),
        }
    }
}

impl Answering for Port {
    fn head(&self, head: &str) -> Reply {
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next());
        let target = target.unwrap_or_default();
        let inquiry = self.inquiry.as_ref().filter(|_| target == PATH);
        match inquiry.map(|inquiry| Self::asked(inquiry, method, head)) {
            None => Reply::Whole(self.plain(method, target)),
            Some(Ok(length)) => Reply::Body(length),
            Some(Err(refusal)) => Reply::Whole(written(&refusal, false)),
        }
    }

    fn body(&self, body: &[u8]) -> Vec<u8> {
        let answer = self.inquiry.as_ref().map(|inquiry| inquiry.answer(body));
        let page = match answer {
            Some(Ok(answer)) => Response {
                status: 200,
                kind: "application/json",
                body: sent(&answer),
            },
            Some(Err(why)) => text(400, &format!("{why}\n")),
            None => text(404, "nobody may ask here\n"),
        };
        written(&page, false)
    }
}

/// As it is sent.
fn written(page: &Response, head_alone: bool) -> Vec<u8> {
    let body = if head_alone { "" } else { &page.body };
    let answer = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        page.status,
        reason(page.status),
        page.kind,
        page.body.len(),
    );
    answer.into_bytes()
}

/// The value of a header, whatever the case of its name (RFC 9110, 5.1).
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut named = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

fn sent(answer: &Answer) -> String {
    let sent = json!({
        "holds": answer.holds,
        "outcome": answer.outcome.word(),
        "restarts": answer.restarts,
        "text": answer.text,
    });
    sent.to_string()
}

fn refused(why: Refusal) -> Response {
    match why {
        Refusal::Unknown => text(401, "the token of the pod is needed\n"),
        Refusal::TooOften => text(429, "with this token enough was asked\n"),
    }
}

fn no_length() -> Response {
    text(411, "the length of the question is needed\n")
}

/// Also where `net.ipv6.bindv6only` says otherwise.
fn both_families(port: &str) -> std::io::Result<TcpListener> {
    let port = port.parse().map_err(std::io::Error::other)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET6, SocketType::STREAM, flags, None)?;
    net::sockopt::set_ipv6_v6only(&socket, false)?;
    net::sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(
        &socket,
        &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0),
    )?;
    net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// The words of RFC 9110 for the statuses that are answered.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        _ => "Service Unavailable",
    }
}

fn text(status: u16, body: &str) -> Response {
    Response {
        status,
        kind: "text/plain; charset=utf-8",
        body: body.to_owned(),
    }
}

/// The first look is taken before the port opens; what is left is the outcome.
fn ready(facts: &Facts) -> Response {
    let state = |state: &str| facts.mounts.iter().find(|mount| mount.watched_by == state);
    if let Some(why) = state("unreadable").and_then(|mount| mount.unread.first()) {
        return text(503, &format!("{why}\n"));
    }
    let missing = state("missing");
    let rejected = facts
        .last
        .as_ref()
        .filter(|last| last.outcome == Outcome::Rejected);
    if let Some(why) = facts.hindered.as_ref().or(facts.astray.first()) {
        return text(503, &format!("{why}\n"));
    }
    match (missing, rejected) {
        (Some(mount), _) => text(503, &format!("{} is not there\n", mount.dir)),
        (_, Some(last)) => text(503, &format!("rejected: {}\n", last.why)),
        _ => text(200, "ok\n"),
    }
}

/// No digest either: that of a short password can be guessed.
fn state(facts: &Facts) -> String {
    let mounts: Vec<_> = facts
        .mounts
        .iter()
        .map(|mount| {
            json!({
                "dir": mount.dir,
                "generation": mount.generation,
                "taken": facts.taken.get(&mount.dir),
                "files": mount.files,
                "fileCount": mount.file_count,
                "watchedBy": mount.watched_by,
                "unread": mount.unread,
            })
        })
        .collect();
    let last = facts.last.as_ref().map(|last| {
        json!({
            "outcome": last.outcome.word(),
            "why": last.why,
            "tried": last.tried,
            "at": last.at,
        })
    });
    let process = facts.process.as_ref().map(|chosen| {
        json!({
            "pid": chosen.pid,
            "by": chosen.by,
            "program": chosen.program,
            "user": chosen.user,
        })
    });
    let whole = json!({
        "mounts": mounts,
        "owed": facts.owed,
        "waiting": facts.waiting,
        "frozen": facts.frozen,
        "hindered": facts.hindered,
        "astray": facts.astray,
        "process": process,
        "last": last,
        "changes": facts.changes,
        "changedAt": facts.changed_at,
        "appliedAt": facts.applied_at,
    });
    format!("{whole}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::journal::Last;

    fn rejected() -> Facts {
        Facts {
            last: Some(Last {
                outcome: Outcome::Rejected,
                why: "the check failed".into(),
                tried: std::collections::BTreeMap::default(),
                at: 1.0,
            }),
            owed: true,
            ..Facts::default()
        }
    }

    #[test]
    fn readiness_follows_the_last_outcome() {
        assert_eq!(ready(&Facts::default()).status, 200);
        let page = ready(&rejected());
        assert_eq!(page.status, 503);
        assert!(page.body.contains("the check failed"));
    }

    #[test]
    fn state_is_json_and_says_what_is_owed() {
        let state: serde_json::Value = serde_json::from_str(&state(&rejected())).unwrap();
        assert_eq!(state["owed"], true);
        assert_eq!(state["last"]["outcome"], "rejected");
    }
}
