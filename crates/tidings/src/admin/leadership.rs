//! Who leads, as far as this replica knows, and since when it does not know.
//!
//! Goes in: what the candidate for the Lease asks and hears. Comes out: a line for
//! `/readyz`, a word for the metrics. Pure; it knows no time but what it is told.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What is not known for this long is said to be not known.
pub(super) const BLIND: Duration = Duration::from_secs(10);

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// This replica.
    Us,
    /// Another, and this one waits.
    Other(String),
    /// Nobody, as it seems: this one has the Lease, and has not renewed it in time. How
    /// long that is borne with.
    Silent(String, Duration),
    /// Nobody, and this is why not we.
    Nobody(&'static str),
}

/// What is known of the Lease.
#[derive(Debug, Default)]
pub(super) struct Leadership {
    /// What it stands for: none where none is needed.
    lease: Option<String>,
    known: Option<(Leads, Option<Timestamp>)>,
    /// Since when no answer has said anything of it.
    asked: Option<Instant>,
    error: Option<String>,
}

impl Leadership {
    pub(super) fn stands_for(&mut self, lease: String) {
        self.lease = Some(lease);
    }

    pub(super) fn asks(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    pub(super) fn heard(&mut self) {
        (self.asked, self.error) = (None, None);
    }

    pub(super) fn failed(&mut self, error: String) {
        self.error = Some(error);
    }

    pub(super) fn led_by(&mut self, leads: Leads, since: Option<Timestamp>) {
        self.known = Some((leads, since));
    }

    /// Since when who leads is not known, and why, if that is so for long enough.
    pub(super) fn blind(&self, now: Instant) -> Option<(Instant, String)> {
        let asked = self.asked?;
        let long = now.saturating_duration_since(asked);
        let why = || self.error.clone().unwrap_or_else(|| NO_ANSWER.to_owned());
        (long >= BLIND).then(|| (asked, why()))
    }

    /// Whether somebody leads: a line of who, or of why nobody is known to.
    pub(super) fn line(&self, now: Instant) -> Result<Option<String>, String> {
        let Some(lease) = &self.lease else {
            return Ok(None);
        };
        if let Some((since, why)) = self.blind(now) {
            let seconds = now.saturating_duration_since(since).as_secs();
            return Err(format!(
                "the Lease {lease} could not be read and renewed for {seconds} s, so who leads is not known: {why}"
            ));
        }
        let Some((leads, since)) = &self.known else {
            return Err(format!("the Lease {lease}: being read; wait for it"));
        };
        let since = since.map(|since| format!(" since {since:.0}"));
        let since = since.unwrap_or_default();
        match leads {
            Leads::Us => Ok(Some(format!("this replica leads{since}"))),
            Leads::Other(name) => Ok(Some(format!("{name} leads{since}; this replica waits"))),
            Leads::Silent(name, borne) => {
                let seconds = borne.as_secs();
                Err(format!(
                    "nobody leads: {name} has the Lease {lease}{since} and does not renew it; this replica leads when that has lasted {seconds} s"
                ))
            }
            Leads::Nobody(why) => Err(format!("nobody leads: {why}")),
        }
    }

    /// One of [`LEADERSHIP`](crate::metrics::LEADERSHIP).
    pub(super) fn word(&self, now: Instant) -> &'static str {
        let known = self.known.as_ref().filter(|_| self.blind(now).is_none());
        match known {
            Some((Leads::Us, _)) => "leads",
            Some((Leads::Other(_), _)) => "follows",
            Some((Leads::Silent(..) | Leads::Nobody(_), _)) => "nobody",
            None if self.lease.is_none() => "leads",
            None => "unknown",
        }
    }

    /// Since when who leads does, in Unix time; 0 where that is not known.
    pub(super) fn since(&self) -> i64 {
        let since = self.known.as_ref().and_then(|(_, since)| *since);
        since.map_or(0, Timestamp::as_second)
    }
}

const NO_ANSWER: &str = "the API server does not answer; check its address and the network";

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Leadership {
        let mut lease = Leadership::default();
        lease.stands_for("own/tidings".to_owned());
        lease
    }

    #[test]
    fn who_leads_is_said_and_why_nobody_does() {
        let (mut lease, now) = (standing(), Instant::now());
        let mut said = Vec::new();
        let since: Timestamp = "2026-11-29T20:00:00.7Z".parse().unwrap();
        let all = [
            Leads::Us,
            Leads::Other("pod-b".to_owned()),
            Leads::Silent("ghost".to_owned(), Duration::from_mins(1)),
            Leads::Nobody("a record is newer"),
        ];
        said.push(format!("{} {:?}", lease.word(now), lease.line(now)));
        for leads in all {
            lease.led_by(leads, Some(since));
            said.push(format!("{} {:?}", lease.word(now), lease.line(now)));
        }
        insta::assert_snapshot!(said.join("\n"), @r#"
        unknown Err("the Lease own/tidings: being read; wait for it")
        leads Ok(Some("this replica leads since 2026-11-29T20:00:00Z"))
        follows Ok(Some("pod-b leads since 2026-11-29T20:00:00Z; this replica waits"))
        nobody Err("nobody leads: ghost has the Lease own/tidings since 2026-11-29T20:00:00Z and does not renew it; this replica leads when that has lasted 60 s")
        nobody Err("nobody leads: a record is newer")
        "#);
    }

    #[test]
    fn it_is_not_known_when_nothing_was_heard_for_ten_seconds() {
        let (mut lease, now) = (standing(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        lease.asks(at(0));
        lease.led_by(Leads::Us, None);
        lease.heard();
        assert!(lease.line(at(1_000)).is_ok(), "nothing was asked");
        lease.asks(at(1_000));
        lease.failed("no".to_owned());
        lease.asks(at(1_002));
        assert!(lease.line(at(1_009)).is_ok());
        assert_eq!(lease.word(at(1_009)), "leads");
        insta::assert_snapshot!(lease.line(at(1_010)).unwrap_err(), @"the Lease own/tidings could not be read and renewed for 10 s, so who leads is not known: no");
        assert_eq!(lease.word(at(1_010)), "unknown");
        lease.heard();
        assert!(lease.line(at(1_011)).is_ok());
    }

    #[test]
    fn who_needs_no_lease_leads() {
        let lease = Leadership::default();
        let now = Instant::now();
        assert_eq!((lease.line(now), lease.word(now)), (Ok(None), "leads"));
    }
}
