//! Who leads, as the Lease says to somebody who looks at it once.
//!
//! Goes in: the answer of the API server. Comes out: a [`LeaderReport`]. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::api::ApiError;
use crate::cli::fields::{FieldRow, Form, field};
use crate::lease::LeaseObject;

/// Who has not renewed the Lease for as long as it says that it lasts leads no more, or his
/// clock is wrong; where it says nothing, after this.
const SILENT: Duration = Duration::from_mins(1);

/// Who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaderReport {
    /// The replica that has the Lease.
    pub name: Option<String>,
    /// Since when, by its clock.
    pub since: Option<Timestamp>,
    /// When it renewed it last, by its clock.
    pub renewed: Option<Timestamp>,
    /// Why nobody leads, or that is not known.
    pub problem: Option<String>,
    /// Whether it is only that it may not be read.
    #[serde(skip)]
    pub refused: bool,
    /// Whether it is only that the API server did not answer.
    #[serde(skip)]
    pub is_silent: bool,
}

/// The fields of a [`LeaderReport`].
pub(in crate::cli) static LEADER: &[FieldRow] = &[
    field(
        "name",
        Form::OrNull(&Form::Text),
        "The replica that leads; `null` where nobody does, or that is not known.",
    ),
    field(
        "since",
        Form::OrNull(&Form::Time),
        "Since when, by its clock; `null` likewise.",
    ),
    field(
        "renewed",
        Form::OrNull(&Form::Time),
        "When it renewed the Lease last, by its clock; `null` likewise.",
    ),
    field(
        "problem",
        Form::OrNull(&Form::Text),
        "Why nobody leads, or that is not known; else `null`.",
    ),
];

impl LeaderReport {
    /// What the Lease tells; `place` is where it should be.
    pub(crate) fn new(found: &Result<LeaseObject, ApiError>, place: &str, now: Timestamp) -> Self {
        match found {
            Ok(lease) => Self::of(lease, place, now),
            Err(ApiError::Gone) => Self::problem(format!(
                "nobody leads: there is no Lease {place}; is Tidings installed, and is it its --own-namespace?"
            )),
            Err(error) => Self {
                refused: error.refusal().is_some(),
                is_silent: matches!(error, ApiError::Unreachable(_)),
                ..Self::problem(format!(
                    "who leads is not known: the Lease {place}: {error}"
                ))
            },
        }
    }

    fn problem(text: String) -> Self {
        Self {
            problem: Some(text),
            ..Self::default()
        }
    }

    fn of(lease: &LeaseObject, place: &str, now: Timestamp) -> Self {
        let Some(name) = lease.holder_shown() else {
            return Self::problem(format!(
                "nobody leads: nobody has the Lease {place}; is Tidings running?"
            ));
        };
        let renewed = lease.renewed();
        let silent = renewed.map_or(Duration::MAX, |renewed| {
            Duration::try_from(now.duration_since(renewed)).unwrap_or_default()
        });
        let problem = (silent >= lease.lasts().unwrap_or(SILENT)).then(|| {
            let long = renewed.map(|renewed| format!(" since {renewed:.0}"));
            format!(
                "nobody leads, it seems: {name} has the Lease {place} and has not renewed it{}; its log says why, if it runs",
                long.unwrap_or_default()
            )
        });
        Self {
            name: Some(name),
            since: lease.since(),
            renewed,
            problem,
            refused: false,
            is_silent: false,
        }
    }

    /// Why nobody leads, as a line, where that is so. Who may not know it is not bothered
    /// with that.
    pub fn trouble(&self) -> String {
        match &self.problem {
            Some(problem) if !self.refused => format!("{problem}\n"),
            _ => String::new(),
        }
    }

    /// In a line.
    pub fn line(&self) -> String {
        match (&self.problem, &self.name) {
            (Some(problem), _) => problem.clone(),
            (None, Some(name)) => {
                let since = self.since.map(|since| format!(" since {since:.0}"));
                format!("{name} leads{}", since.unwrap_or_default())
            }
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(spec: &Value) -> String {
        let metadata = json!({"name": "tidings", "resourceVersion": "7"});
        let json = json!({"metadata": metadata, "spec": spec}).to_string();
        let lease = LeaseObject::read(json.as_bytes(), "tidings");
        line(&lease)
    }

    fn line(found: &Result<LeaseObject, ApiError>) -> String {
        let now = "2026-11-29T20:00:00Z".parse().unwrap();
        LeaderReport::new(found, "own/tidings", now).line()
    }

    #[test]
    fn who_leads_or_why_nobody_does() {
        let lasting = |renewed: &str, lasts: u64| {
            let since = "2026-11-29T19:00:00.1Z";
            said(
                &json!({"holderIdentity": "a", "acquireTime": since, "renewTime": renewed,
                "leaseDurationSeconds": lasts}),
            )
        };
        let held = |renewed: &str| lasting(renewed, 0);
        let said = [
            lasting("2026-11-29T19:59:50Z", 15),
            lasting("2026-11-29T19:59:44Z", 15),
            held("2026-11-29T19:59:58Z"),
            held("2026-11-29T20:04:00Z"),
            held("2026-11-29T19:58:00Z"),
            held("no time"),
            said(&json!({"holderIdentity": ""})),
            line(&Err(ApiError::Gone)),
            line(&Err(ApiError::Unreadable)),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        a leads since 2026-11-29T19:00:00Z
        nobody leads, it seems: a has the Lease own/tidings and has not renewed it since 2026-11-29T19:59:44Z; its log says why, if it runs
        a leads since 2026-11-29T19:00:00Z
        a leads since 2026-11-29T19:00:00Z
        nobody leads, it seems: a has the Lease own/tidings and has not renewed it since 2026-11-29T19:58:00Z; its log says why, if it runs
        nobody leads, it seems: a has the Lease own/tidings and has not renewed it; its log says why, if it runs
        nobody leads: nobody has the Lease own/tidings; is Tidings running?
        nobody leads: there is no Lease own/tidings; is Tidings installed, and is it its --own-namespace?
        who leads is not known: the Lease own/tidings: the API server sent an object of an unexpected shape
        ");
    }
}
