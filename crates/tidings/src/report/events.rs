//! Events on workloads, as `kubectl describe` shows them.
//!
//! Goes in: what was decided or went wrong. Comes out: the text for people, and
//! a core/v1 Event. Pure. An Event is named by what it says, so that saying it
//! again meets the first one (409) instead of filling the namespace.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings_core::digest::Digest;
use tidings_core::reason::{Problem, Reason};
use tidings_core::refs::{Name, WorkloadRef};

/// The API server takes no longer messages.
const MESSAGE_LIMIT: usize = 1024;
/// Of an Event's name: 253, less a dot and the digest.
const NAME_LIMIT: usize = 220;

/// Something to tell on a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFact {
    /// On which workload.
    pub workload: WorkloadRef,
    /// Its uid.
    pub uid: Name,
    /// Why, in a word.
    pub reason: Reason,
    /// A whole sentence.
    pub message: String,
}

/// The sentence for a roll that reached the workload. `what` is what changed, as
/// [`tidings_core::decide::describe`] words it.
pub fn rolled(reason: Reason, n: u64, what: &str) -> String {
    let how = match reason {
        Reason::Created => "appeared",
        Reason::Deleted => "was deleted",
        Reason::CaughtUp => "is newer than the pods were",
        _ => "changed",
    };
    format!("Rolled (no. {n}): {what} {how}")
}

/// The sentence for anything else: what it means, and the particulars, if any.
pub fn told(reason: Reason, text: &str) -> String {
    let doc = reason.row().doc;
    match text {
        "" => doc.to_owned(),
        text => format!("{doc} ({text})"),
    }
}

/// The sentence for a problem: what is wrong, and what follows.
pub fn problem(problem: &Problem) -> String {
    format!("{}. {}", problem.text, problem.reason.row().doc)
}

/// The Event.
pub fn render(fact: &EventFact, instance: &str, now: Timestamp) -> Value {
    let EventFact {
        workload,
        uid,
        reason,
        message,
    } = fact;
    let severity = if reason.row().warning {
        "Warning"
    } else {
        "Normal"
    };
    let time = format!("{now:.0}");
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": *workload.namespace, "name": name(fact)},
        "involvedObject": {
            "apiVersion": workload.kind.api_version(),
            "kind": workload.kind.api_kind,
            "namespace": *workload.namespace,
            "name": *workload.name,
            "uid": **uid,
        },
        "type": severity,
        "reason": reason.word(),
        "message": cut(message, MESSAGE_LIMIT),
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": "tidings"},
        "reportingComponent": "tidings",
        "reportingInstance": instance,
    })
}

/// `<workload>.<digest of what is told>`
fn name(fact: &EventFact) -> String {
    let parts = [&*fact.uid, fact.reason.word(), &fact.message];
    let digest = Digest::of_parts(&parts.map(str::as_bytes)).to_string();
    let workload = cut(&fact.workload.name, NAME_LIMIT);
    // A name's parts end with a letter or digit.
    let workload = workload.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{workload}.{}", &digest[..16])
}

/// The longest beginning of whole characters within so many bytes.
fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use tidings_core::kinds::KINDS;

    use super::*;

    fn fact(name: &str, message: &str) -> EventFact {
        EventFact {
            workload: WorkloadRef::new(&KINDS[0], "stage", name),
            uid: "1-2-3".into(),
            reason: Reason::Changed,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_roll() {
        let message = rolled(Reason::Changed, 3, "configmap/nginx-config (nginx.conf)");
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let event = render(&fact("web", &message), "tidings", now);
        let text = serde_json::to_string_pretty(&event).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "apiVersion": "v1",
          "count": 1,
          "firstTimestamp": "2026-01-02T03:04:05Z",
          "involvedObject": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "namespace": "stage",
            "uid": "1-2-3"
          },
          "kind": "Event",
          "lastTimestamp": "2026-01-02T03:04:05Z",
          "message": "Rolled (no. 3): configmap/nginx-config (nginx.conf) changed",
          "metadata": {
            "name": "web.d741eab0d76fbdd3",
            "namespace": "stage"
          },
          "reason": "Changed",
          "reportingComponent": "tidings",
          "reportingInstance": "tidings",
          "source": {
            "component": "tidings"
          },
          "type": "Normal"
        }
        "#);
    }

    #[test]
    fn sentences() {
        let said = [
            rolled(Reason::Deleted, 1, "secret/db"),
            told(Reason::StateLost, "its template carries tidings/3"),
            problem(&Problem {
                reason: Reason::NothingMatches,
                text: "configmap/x is named by an annotation".to_owned(),
            }),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        Rolled (no. 1): secret/db was deleted
        Its record had vanished, though it was rolled before: adopted again. Changes since the loss may be unseen. (its template carries tidings/3)
        configmap/x is named by an annotation. A name or pattern of an annotation finds no source in the namespace.
        ");
    }

    #[test]
    fn a_reason_with_a_warning_is_a_warning() {
        let mut fact = fact("web", "m");
        fact.reason = Reason::Missing;
        assert_eq!(
            render(&fact, "tidings", Timestamp::UNIX_EPOCH)["type"],
            "Warning"
        );
    }

    #[test]
    fn the_name_depends_on_what_is_told_and_is_valid() {
        let same = name(&fact("web", "a"));
        assert_eq!(same, name(&fact("web", "a")));
        assert_ne!(same, name(&fact("web", "b")));
        let long = format!("{}-.{}", "a".repeat(219), "b".repeat(32));
        let named = name(&fact(&long, "a"));
        assert!(named.len() <= 253 && named.contains("aa."), "{named}");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let message = "é".repeat(600);
        let event = render(&fact("web", &message), "tidings", Timestamp::UNIX_EPOCH);
        assert_eq!(event["message"].as_str().unwrap().len(), 1024);
    }
}
