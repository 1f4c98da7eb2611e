//! The Lease as an object: what of it counts, and how it is written.
//!
//! Goes in: JSON. Comes out: who holds it, for how long, since when. Anybody's hand or
//! clock may have written that, so what makes no sense is as if it were not there: no
//! number and no time on it keeps anybody from leading for ever. An answer that is no
//! Lease of this name with a version is an error: what is written over must be known.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::forms::FORMS;
use crate::api::{self, ApiError};

/// The annotation that hands on what was left unrecorded.
const UNRECORDED: &str = "tidings.dev/unrecorded-since";
/// Of a holder's name so many characters are shown.
const NAME_SHOWN: usize = 120;

/// A Lease.
#[derive(Clone, Debug)]
pub(crate) struct LeaseObject {
    metadata: Map<String, Value>,
    /// What its holder renews.
    pub(super) spec: Map<String, Value>,
}

impl LeaseObject {
    /// One that is not there yet.
    pub(super) fn new(name: &str) -> Self {
        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), name.into());
        Self {
            metadata,
            spec: Map::new(),
        }
    }

    /// The Lease of this name, as the API server has it.
    pub(crate) fn read(json: &[u8], name: &str) -> Result<Self, ApiError> {
        let mut lease: Map<String, Value> = api::read(json)?;
        let mut part = |key| match lease.remove(key) {
            Some(Value::Object(part)) => part,
            _ => Map::new(),
        };
        let (metadata, spec) = (part("metadata"), part("spec"));
        let text = |key| metadata.get(key).and_then(Value::as_str);
        let is_it = text("name") == Some(name);
        let has_version = text("resourceVersion").is_some_and(|version| !version.is_empty());
        if is_it && has_version {
            Ok(Self { metadata, spec })
        } else {
            Err(ApiError::Unreadable)
        }
    }

    /// Who holds it; nobody where it was let go of.
    pub(crate) fn holder(&self) -> Option<&str> {
        let holder = self.spec.get("holderIdentity")?.as_str()?;
        Some(holder).filter(|holder| !holder.is_empty())
    }

    /// The same as it can be shown.
    pub(crate) fn holder_shown(&self) -> Option<String> {
        let shown: String = self.holder()?.chars().take(NAME_SHOWN).collect();
        Some(tidings_shared::plain::plain(&shown).into_owned())
    }

    /// How long it holds without being renewed, as it says itself.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        let seconds = self.spec.get("leaseDurationSeconds")?.as_u64()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// When it was renewed, by its holder's clock.
    pub(crate) fn renewed(&self) -> Option<Timestamp> {
        self.time("renewTime")
    }

    /// Since when its holder has it, by its holder's clock.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.time("acquireTime")
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        self.spec.get(key)?.as_str()?.parse().ok()
    }

    /// What is written on it beside that.
    pub(super) fn forms(&self) -> &str {
        self.annotation(FORMS).unwrap_or_default()
    }

    /// When the oldest workload was made of which its holder had nothing on record yet.
    pub(super) fn unrecorded_since(&self) -> Option<i64> {
        let since: Timestamp = self.annotation(UNRECORDED)?.parse().ok()?;
        Some(since.as_second())
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata.get("annotations")?.get(key)?.as_str()
    }

    /// Holds it from now on, or goes on to, for so long.
    pub(super) fn claim(&mut self, identity: &str, now: Timestamp, lasts: Duration) {
        let is_mine = self.holder() == Some(identity);
        let since = self.since().filter(|_| is_mine).unwrap_or(now);
        let changes = self.spec.get("leaseTransitions").and_then(Value::as_i64);
        let changes = match (changes, is_mine || self.spec.is_empty()) {
            (changes, true) => changes.unwrap_or(0),
            (changes, false) => changes.unwrap_or(0).saturating_add(1),
        };
        // The API server takes no other.
        let changes = changes.clamp(0, i64::from(i32::MAX));
        let spec = json!({
            "holderIdentity": identity,
            "leaseDurationSeconds": lasts.as_secs().clamp(1, u64::from(i32::MAX.unsigned_abs())),
            "acquireTime": format!("{since:.6}"),
            "renewTime": format!("{now:.6}"),
            "leaseTransitions": changes,
        });
        if let Value::Object(spec) = spec {
            self.spec = spec;
        }
    }

    /// Nobody holds it any more.
    pub(super) fn let_go(&mut self) {
        self.spec.insert("holderIdentity".to_owned(), "".into());
        self.spec
            .insert("leaseDurationSeconds".to_owned(), 1.into());
    }

    /// Says which forms of the records are known.
    pub(super) fn say_forms(&mut self, forms: String) {
        self.annotate(FORMS, Some(forms));
    }

    /// Says since when there are workloads of which nothing is on record.
    pub(super) fn say_unrecorded(&mut self, since: Option<i64>) {
        let since = since.and_then(|since| Timestamp::from_second(since).ok());
        self.annotate(UNRECORDED, since.map(|since| since.to_string()));
    }

    fn annotate(&mut self, key: &str, value: Option<String>) {
        let mut annotations = match self.metadata.remove("annotations") {
            Some(Value::Object(annotations)) => annotations,
            _ => Map::new(),
        };
        match value {
            Some(value) => annotations.insert(key.to_owned(), value.into()),
            None => annotations.remove(key),
        };
        let annotations = Value::Object(annotations);
        self.metadata.insert("annotations".to_owned(), annotations);
    }

    /// As it is sent.
    pub(super) fn json(&self) -> String {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": self.metadata,
            "spec": self.spec,
        });
        lease.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(spec: &Value) -> LeaseObject {
        let metadata = json!({"name": "tidings", "resourceVersion": "7"});
        let json = json!({"metadata": metadata, "spec": spec}).to_string();
        LeaseObject::read(json.as_bytes(), "tidings").unwrap()
    }

    const NOW: &str = "2026-11-29T20:00:00Z";

    /// What is written over it then.
    fn claimed(spec: &Value) -> Value {
        let mut lease = lease(spec);
        lease.claim("us", NOW.parse().unwrap(), Duration::from_secs(15));
        Value::Object(lease.spec)
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        let odd = json!({
            "holderIdentity": 7,
            "leaseDurationSeconds": -3,
            "acquireTime": "9999-12-31T23:59:59.999999Z",
            "renewTime": "0000-13-41T99:00:00Z",
            "leaseTransitions": "many",
        });
        let read = lease(&odd);
        let said = (read.holder(), read.lasts(), read.since(), read.renewed());
        assert_eq!(said, (None, None, None, None));
        let written = claimed(&odd);
        assert_eq!(written["leaseTransitions"], 1);
        assert_eq!(written["acquireTime"], "2026-11-29T20:00:00.000000Z");
    }

    #[test]
    fn changes_are_counted_as_far_as_the_api_server_counts() {
        for (before, after) in [
            (i64::from(i32::MAX), i32::MAX),
            (-5, 0),
            (i64::MAX, i32::MAX),
        ] {
            let spec = json!({"holderIdentity": "ghost", "leaseTransitions": before});
            assert_eq!(claimed(&spec)["leaseTransitions"], after);
        }
        assert_eq!(claimed(&json!({}))["leaseTransitions"], 0);
        let spec = json!({"holderIdentity": "us", "leaseTransitions": 4});
        assert_eq!(claimed(&spec)["leaseTransitions"], 4);
    }

    #[test]
    fn what_is_left_unrecorded_is_handed_on() {
        let mut left = lease(&json!({}));
        assert_eq!(left.unrecorded_since(), None);
        left.say_unrecorded(Some(1_700_000_000));
        left.say_forms("us=2@1".to_owned());
        let read = LeaseObject::read(left.json().as_bytes(), "tidings").unwrap();
        assert_eq!(read.unrecorded_since(), Some(1_700_000_000));
        left.say_unrecorded(None);
        assert_eq!((left.unrecorded_since(), left.forms()), (None, "us=2@1"));
    }

    #[test]
    fn who_goes_on_has_it_since_then() {
        let since = "2026-11-29T19:00:00.5Z";
        let spec = |holder: &str| json!({"holderIdentity": holder, "acquireTime": since});
        let mine = claimed(&spec("us"));
        assert_eq!(mine["acquireTime"], "2026-11-29T19:00:00.500000Z");
        let taken = claimed(&spec("ghost"));
        assert_eq!(taken["acquireTime"], "2026-11-29T20:00:00.000000Z");
    }

    #[test]
    fn what_is_no_lease_of_this_name_with_a_version_is_not_written_over() {
        let answers = [
            "<html>sign in</html>",
            "{}",
            "[]",
            r#"{"metadata": {"name": "tidings"}}"#,
            r#"{"metadata": {"name": "tidings", "resourceVersion": ""}}"#,
            r#"{"metadata": {"name": "other", "resourceVersion": "7"}}"#,
        ];
        for answer in answers {
            let read = LeaseObject::read(answer.as_bytes(), "tidings");
            assert_eq!(read.unwrap_err(), ApiError::Unreadable, "{answer}");
        }
    }

    #[test]
    fn a_name_is_shown_in_one_short_line() {
        let spec = json!({"holderIdentity": "a\n".repeat(5_000)});
        let shown = lease(&spec).holder_shown().unwrap();
        assert!(shown.starts_with(r"a\na\n") && shown.len() < 400, "{shown}");
    }
}
