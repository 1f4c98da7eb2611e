//! The facts of a roll, and Reloader's sentences for it. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings_core::compare::{Change, What};
use tidings_core::refs::{Name, SourceRef, WorkloadRef};

use crate::control::Roll;

/// What others are told of a roll that reached its workload, or that a webhook is to
/// carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollMessage {
    /// The roll.
    pub roll: Arc<Roll>,
    /// The installation.
    pub instance: Name,
    /// When.
    pub time: Timestamp,
}

impl RollMessage {
    /// What is told now.
    pub fn new(roll: &Arc<Roll>, instance: &str) -> Self {
        Self {
            roll: Arc::clone(roll),
            instance: instance.into(),
            time: Timestamp::now(),
        }
    }

    /// Each source that changed, once.
    pub fn sources(&self) -> Vec<&SourceRef> {
        let mut sources: Vec<_> = self
            .roll
            .changes
            .iter()
            .map(|change| &change.source)
            .collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    /// Reloader's sentence, once for each source that changed, with names as they are
    /// to be shown.
    pub fn sentences(&self, shown: impl Fn(&str) -> String) -> String {
        let WorkloadRef {
            namespace,
            kind,
            name,
        } = &self.roll.key;
        let own = shown(namespace);
        let end = format!(
            "Hence reloaded {} of type {} in namespace {own}",
            shown(name),
            shown(kind.api_kind)
        );
        let sources = self.sources();
        if sources.is_empty() {
            let because = shown(&self.roll.because);
            return format!("Reloader detected changes in {because} in namespace {own}. {end}");
        }
        let sentence = |source: &&SourceRef| {
            format!(
                "Reloader detected changes in {} of type {} in namespace {}. {end}",
                shown(&source.name),
                shown(&type_of(source)),
                shown(&source.namespace)
            )
        };
        let sentences: Vec<_> = sources.iter().map(sentence).collect();
        sentences.join("\n")
    }

    /// All that is known of it, for programs.
    pub fn facts(&self) -> Value {
        let workload = &self.roll.key;
        json!({
            "instance": *self.instance,
            "time": format!("{:.0}", self.time),
            "roll": self.roll.n,
            "reason": self.roll.reason.word(),
            "because": self.roll.because,
            "workload": {
                "apiVersion": workload.kind.api_version(),
                "kind": workload.kind.api_kind,
                "namespace": *workload.namespace,
                "name": *workload.name,
            },
            "changes": self.roll.changes.iter().map(change).collect::<Vec<_>>(),
        })
    }
}

/// The type of a source, as Reloader writes it.
pub fn type_of(source: &SourceRef) -> String {
    source.kind.row().word.to_uppercase()
}

fn change(change: &Change) -> Value {
    let source = &change.source;
    let keys: Vec<_> = change.keys.iter().map(|key| &**key).collect();
    let what = match change.what {
        What::Changed => "changed",
        What::New => "newly used",
        What::Appeared(_) => "appeared",
        What::Gone(_) => "deleted",
    };
    json!({
        "kind": source.kind.row().api_kind,
        "namespace": *source.namespace,
        "name": *source.name,
        "what": what,
        "keys": keys,
        "by": change.by.as_deref(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use tidings_core::kinds::KINDS;
    use tidings_core::reason::Reason;
    use tidings_core::refs::SourceKind;

    use super::*;

    /// A ConfigMap of which one key changed, and a Secret.
    pub(crate) fn roll() -> RollMessage {
        let change = |kind, name, keys: &[&str]| Change {
            source: SourceRef::new(kind, "stage", name),
            what: What::Changed,
            keys: keys.iter().map(|key| (*key).into()).collect(),
            version: Some(7),
            dated: true,
            by: keys.first().map(|_| "kubectl-edit".into()),
        };
        let roll = Roll {
            key: WorkloadRef::new(&KINDS[0], "stage", "web"),
            n: 3,
            reason: Reason::Changed,
            because: "configmap/app (a, b), secret/db".to_owned(),
            changes: vec![
                change(SourceKind::Secret, "db", &[]),
                change(SourceKind::ConfigMap, "app", &["a"]),
                change(SourceKind::ConfigMap, "app", &["b"]),
            ],
            sources: Vec::new(),
        };
        RollMessage {
            roll: Arc::new(roll),
            instance: "tidings".into(),
            time: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        }
    }

    fn bold(name: &str) -> String {
        format!("*{name}*")
    }

    #[test]
    fn a_sentence_a_source() {
        insta::assert_snapshot!(roll().sentences(bold), @r"
        Reloader detected changes in *app* of type *CONFIGMAP* in namespace *stage*. Hence reloaded *web* of type *Deployment* in namespace *stage*
        Reloader detected changes in *db* of type *SECRET* in namespace *stage*. Hence reloaded *web* of type *Deployment* in namespace *stage*
        ");
    }

    #[test]
    fn after_an_interruption_there_is_the_reason_alone() {
        let mut resumed = roll();
        Arc::make_mut(&mut resumed.roll).changes.clear();
        insta::assert_snapshot!(resumed.sentences(bold), @"Reloader detected changes in *configmap/app (a, b), secret/db* in namespace *stage*. Hence reloaded *web* of type *Deployment* in namespace *stage*");
    }
}
