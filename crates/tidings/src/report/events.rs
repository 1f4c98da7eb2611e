//! Events on workloads, as `kubectl describe` shows them.
//!
//! Goes in: what was decided or went wrong. Comes out: the text for people, and
//! a core/v1 Event. Pure. An Event is named by what it says, so that saying it
//! again meets the first one (409) instead of filling the namespace.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings_core::digest::Digest;
use tidings_core::method::Method;
use tidings_core::reason::{Problem, Reason};
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tidings_core::state::{cause_of, told_method};
use tidings_shared::plain::plain;

use crate::control::{ClimbResult, Notice, NoticeKind, Roll};
use crate::notify::roll::type_of;

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
    /// Who says so.
    pub component: Cow<'static, str>,
    /// Why, in a word.
    pub reason: &'static str,
    /// Whether a person should look at it.
    pub warning: bool,
    /// A whole sentence.
    pub message: String,
    /// Tells apart what is said in the same words; 0 where that is the same.
    pub n: u64,
    /// Whether it tells of a roll that reached its workload: those go first.
    pub is_roll: bool,
}

impl EventFact {
    /// Something that we tell in our own name.
    pub fn ours(notice: &Notice, message: &str) -> Self {
        let row = notice.reason.row();
        Self {
            workload: notice.key.clone(),
            uid: notice.uid.clone(),
            component: Cow::Borrowed("tidings"),
            reason: row.word,
            warning: row.warning,
            message: cut(message, MESSAGE_LIMIT).to_owned(),
            n: notice.n,
            is_roll: matches!(
                notice.kind,
                NoticeKind::Rolled(..) | NoticeKind::Climbed(..)
            ),
        }
    }

    /// So much more was to be told of a namespace, of this workload last.
    pub fn left_out((workload, uid): (WorkloadRef, Name), count: u64, now: u64) -> Self {
        let message = format!(
            "And {count} more of workloads in this namespace: so much was to be told that the \
             rest was left out. `tidings why -n {}` tells how they stand.",
            workload.namespace,
        );
        Self {
            workload,
            uid,
            component: Cow::Borrowed("tidings"),
            reason: "LeftOut",
            warning: false,
            message,
            n: now,
            is_roll: false,
        }
    }

    /// What Reloader tells of a source for which the workload was rolled.
    pub fn reloaded(notice: &Notice, source: &SourceRef, n: u64) -> Self {
        let WorkloadRef {
            namespace,
            kind,
            name,
        } = &notice.key;
        let message = format!(
            "Changes detected in '{}' of type '{}' in namespace '{}', \
             Updated '{name}' of type '{}' in namespace '{namespace}'",
            source.name,
            type_of(source),
            source.namespace,
            kind.api_kind,
        );
        Self {
            component: Cow::Owned(format!("reloader-{}", source.kind.row().watched)),
            reason: "Reloaded",
            warning: false,
            n,
            ..Self::ours(notice, &message)
        }
    }

    /// What Reloader tells of a roll that failed.
    pub fn not_reloaded(notice: &Notice) -> Self {
        let WorkloadRef {
            namespace,
            kind,
            name,
        } = &notice.key;
        let message = format!(
            "Update for '{name}' of type '{}' in namespace '{namespace}' failed with error {}",
            kind.api_kind, notice.text,
        );
        Self {
            component: Cow::Borrowed("reloader"),
            reason: "ReloadFail",
            warning: true,
            ..Self::ours(notice, &message)
        }
    }
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
    let by = told_method(what).map_or_else(String::new, |by| format!("; by {by}"));
    format!("Rolled (no. {n}): {} {how}{by}", cause_of(what))
}

/// How a method that goes pod by pod has ended; none where the decision that follows
/// says it.
pub fn climbed(roll: &Roll, method: Method, result: &ClimbResult) -> Option<String> {
    let (n, because) = (roll.n, cause_of(&roll.because));
    let ended = match result {
        ClimbResult::Proven => {
            let why = why_no_gentler(&roll.because);
            format!(
                "Brought by {method} (no. {n}): {because}; every pod that runs has proven it{why}"
            )
        }
        ClimbResult::Unproven => {
            format!("Brought by {method} (no. {n}): {because}; nothing proves that it was taken")
        }
        ClimbResult::NotTaken(why, Some(next)) => {
            format!("Not taken by {method} (no. {n}): {why}; {next} follows")
        }
        ClimbResult::NotTaken(_, None) | ClimbResult::Rejected | ClimbResult::Died => return None,
    };
    Some(ended)
}

/// In brackets why it was brought by no gentler method, where one was listed.
fn why_no_gentler(because: &str) -> String {
    let why = told_method(because).and_then(|by| by.split_once(" ("));
    why.map_or_else(String::new, |(_, why)| format!(" ({why}"))
}

/// The number of a roll, and what changed, of the sentence that [`rolled`] made.
pub fn read_rolled(message: &str) -> Option<(u64, &str)> {
    let (n, rest) = message.strip_prefix("Rolled (no. ")?.split_once("): ")?;
    let rest = cause_of(rest);
    let ends = [
        " appeared",
        " was deleted",
        " is newer than the pods were",
        " changed",
    ];
    let what = ends.iter().find_map(|end| rest.strip_suffix(end));
    Some((n.parse().ok()?, what.unwrap_or(rest)))
}

/// The sentences for a decision: how the workload stands, and why.
pub fn decision(notice: &Notice) -> String {
    let told = told(notice.reason, &notice.text);
    match notice.standing {
        Some(word) => format!("{word}: {told}"),
        None => told,
    }
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
    let doc = problem.reason.row().doc;
    match problem.text.as_str() {
        "" => doc.to_owned(),
        text => format!("{text}. {doc}"),
    }
}

/// The Event.
pub fn render(fact: &EventFact, instance: &str, now: Timestamp) -> Value {
    let EventFact {
        workload,
        uid,
        component,
        reason,
        warning,
        message,
        ..
    } = fact;
    let severity = if *warning { "Warning" } else { "Normal" };
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
        "reason": reason,
        "message": cut(&plain(message), MESSAGE_LIMIT),
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": component},
        "reportingComponent": component,
        "reportingInstance": instance,
    })
}

/// `<workload>.<digest of what is told>`
fn name(fact: &EventFact) -> String {
    let n = fact.n.to_string();
    let mut parts = vec![&*fact.uid, fact.reason, &fact.message];
    parts.extend((fact.n > 0).then_some(&*n));
    let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
    let digest = Digest::of_parts(&parts).to_string();
    let workload = cut(&fact.workload.name, NAME_LIMIT);
    // A name's parts end with a letter or digit.
    let workload = workload.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    format!("{workload}.{}", &digest[..16])
}

/// The longest beginning of whole characters within so many bytes.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
pub(super) mod tests {
    use tidings_core::kinds::KINDS;
    use tidings_core::reason::REASONS;
    use tidings_core::refs::SourceKind;

    use super::*;

    fn fact(name: &str, message: &str) -> EventFact {
        fact_of(WorkloadRef::new(&KINDS[0], "stage", name), message)
    }

    pub(in crate::report) fn fact_of(workload: WorkloadRef, message: &str) -> EventFact {
        EventFact {
            workload,
            uid: "1-2-3".into(),
            component: "tidings".into(),
            reason: "Changed",
            warning: false,
            message: message.to_owned(),
            n: 0,
            is_roll: false,
        }
    }

    fn notice() -> Notice {
        Notice {
            key: WorkloadRef::new(&KINDS[0], "stage", "web"),
            uid: "1-2-3".into(),
            reason: Reason::Failed,
            text: "rolling it: refused".to_owned(),
            kind: NoticeKind::Problem,
            standing: None,
            n: 0,
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
            problem(&Problem {
                reason: Reason::UsesNothing,
                text: String::new(),
            }),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        Rolled (no. 1): secret/db was deleted
        Its record had vanished, though it was rolled before: adopted again. Changes since the loss may be unseen; what was written after its pods' template is named. Roll it once, or start the controller with --catch-up. (its template carries tidings/3)
        configmap/x is named by an annotation. A name or pattern of an annotation finds no source in the namespace.
        Opted in, but its containers use no ConfigMap or Secret, and none is named.
        ");
    }

    #[test]
    fn a_roll_is_read_as_it_was_told() {
        let what = "configmap/app (level changed), secret/db";
        for row in REASONS {
            let told = rolled(row.reason, 7, what);
            assert_eq!(read_rolled(&told), Some((7, what)), "{told}");
        }
        for other in [
            "Rolled (no. x): a changed",
            "Rolled",
            "waiting: Rolled (no. 7)",
        ] {
            assert_eq!(read_rolled(other), None);
        }
    }

    #[test]
    fn reloaders_events_are_in_its_words() {
        let said = notice();
        let source = SourceRef::new(SourceKind::Secret, "stage", "db");
        let events = [
            EventFact::reloaded(&said, &source, 3),
            EventFact::not_reloaded(&said),
        ];
        let lines =
            events.map(|e| format!("{} {} {}: {}", e.warning, e.component, e.reason, e.message));
        insta::assert_snapshot!(lines.join("\n"), @r"
        false reloader-secrets Reloaded: Changes detected in 'db' of type 'SECRET' in namespace 'stage', Updated 'web' of type 'Deployment' in namespace 'stage'
        true reloader ReloadFail: Update for 'web' of type 'Deployment' in namespace 'stage' failed with error rolling it: refused
        ");
    }

    #[test]
    fn a_warning_is_one() {
        let mut fact = fact("web", "m");
        fact.warning = true;
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
        let again = EventFact {
            n: 2,
            ..fact("web", "a")
        };
        assert_ne!(same, name(&again));
        let long = format!("{}-.{}", "a".repeat(219), "b".repeat(32));
        let named = name(&fact(&long, "a"));
        assert!(named.len() <= 253 && named.contains("aa."), "{named}");
    }

    #[test]
    fn what_strangers_wrote_is_one_line_of_the_message() {
        let message = "its template carries a\n\u{1b}[2J/3";
        let event = render(&fact("web", message), "tidings", Timestamp::UNIX_EPOCH);
        let told = event["message"].as_str().unwrap();
        assert_eq!(told, r"its template carries a\n\u{1b}[2J/3");
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let said = EventFact::ours(&notice(), &format!("a{}", "é".repeat(600)));
        assert_eq!(said.message.len(), 1023);
    }
}
