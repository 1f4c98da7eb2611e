//! The agent's own port: four pages, read-only.
//!
//! In: GET requests. Out: metrics, liveness, readiness, state.

use crate::report::journal::{Facts, Journal, MetricNames};
use crate::report::metrics;
use crate::report::serving;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use serde_json::json;
use std::net::{Ipv6Addr, SocketAddrV6, TcpListener};
use std::sync::Arc;
use tidings_supervise::action::Outcome;

/// What the pages need.
pub(crate) struct Port {
    pub(crate) journal: Arc<Journal>,
    pub(crate) names: MetricNames,
    /// Where the metrics are; `/metrics` unless a drop-in name says otherwise.
    pub(crate) metrics_path: String,
    /// Asks the loop and the watch whether they still turn.
    pub(crate) is_alive: Box<dyn Fn() -> bool + Send>,
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
        serving::serve(listener, |request| self.answer(request));
    }

    /// To the first line of a request.
    fn answer(&self, request: &str) -> Vec<u8> {
        let mut words = request.split(' ');
        let page = match (words.next(), words.next()) {
            (Some("GET" | "HEAD"), Some(target)) => self.page(target),
            _ => text(405, "only GET and HEAD are answered\n"),
        };
        let body = if request.starts_with("HEAD") {
            ""
        } else {
            &page.body
        };
        let answer = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            page.status,
            reason(page.status),
            page.kind,
            page.body.len(),
        );
        answer.into_bytes()
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
        404 => "Not Found",
        405 => "Method Not Allowed",
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
