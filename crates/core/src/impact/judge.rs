//! What a verdict on a hypothesis means for a workload that it touches.

use crate::decide::{Act, Verdict};
use crate::index::Known;
use crate::kinds::Renewal;
use crate::method::Method;
use crate::object::{Seconds, Strategy};
use crate::reason::Reason;
use crate::standing::Word;
use crate::state::{Entry, told_method};

use super::{Hypothesis, Touch};

/// What would become of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It would be rolled, as soon as the change has settled.
    Rolls,
    /// It would be due, and something makes it wait.
    Waits,
    /// What is applied to the workload itself replaces its pods, once.
    Restarts,
    /// It uses what changes, and would not be rolled.
    Stays,
    /// It cannot be told.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Rolls,
        Self::Waits,
        Self::Restarts,
        Self::Stays,
        Self::Unknown,
    ];
}

/// The same with its particulars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    /// What would become of it.
    pub outcome: Outcome,
    /// Why; none where nothing of it counts though it is opted in, or it is not known.
    pub reason: Option<Reason>,
    /// The particulars. May be empty.
    pub text: String,
    /// Until when it would wait at least, where that is known.
    pub until: Option<Seconds>,
    /// How many pods would be brought to it now; none where its runs end.
    pub replaced: Option<u32>,
    /// By which method it would be brought; none where it would not.
    pub method: Option<Method>,
}

impl Impact {
    fn new(outcome: Outcome, reason: impl Into<Option<Reason>>, text: &str) -> Self {
        Self {
            outcome,
            reason: reason.into(),
            text: text.to_owned(),
            until: None,
            replaced: None,
            method: None,
        }
    }
}

/// Pods that its own manifest brings may have started before the source was applied.
const TWICE: &str = "its own manifest comes before the source: restarted by that, and rolled";

/// What is rolled is the template alone.
const NO_PODS: &str = "it has no pods now";

/// What this verdict, on a hypothesis that has happened, means for a workload that it
/// touches; no verdict: it could not be made.
pub fn judge(
    known: &Known,
    touches: &[Touch],
    verdict: Option<&Verdict>,
    hypothesis: &Hypothesis,
) -> Impact {
    let workload = &known.workload;
    let impact = outcome(known, touches, verdict, hypothesis);
    let replaced = match impact.outcome {
        _ if workload.key.kind.ends() => None,
        Outcome::Rolls if impact.method.is_some_and(Method::is_pod_wise) => {
            Some(workload.progress.desired)
        }
        Outcome::Rolls | Outcome::Restarts => Some(workload.replaced_by_itself()),
        Outcome::Waits | Outcome::Stays | Outcome::Unknown => Some(0),
    };
    Impact { replaced, ..impact }
}

fn outcome(
    known: &Known,
    touches: &[Touch],
    verdict: Option<&Verdict>,
    hypothesis: &Hypothesis,
) -> Impact {
    let restarts = replaces_pods(known, hypothesis);
    if !touches.iter().any(|touch| touch.counts) {
        return if restarts {
            Impact::new(Outcome::Restarts, None, "")
        } else {
            let reason = (!known.policy.opted_in()).then_some(Reason::NotOptedIn);
            Impact::new(Outcome::Stays, reason, "")
        };
    }
    let Some(verdict) = verdict else {
        return Impact::new(Outcome::Unknown, None, "");
    };
    let standing = verdict.standing.as_ref();
    let (reason, text) = (verdict.reason, &*verdict.text);
    match (&verdict.act, standing.map(|standing| standing.word)) {
        (Act::Roll(entry, _) | Act::Resume(entry), _) => Impact {
            method: Some(entry.method()),
            ..rolls(known, entry, verdict, restarts)
        },
        (Act::Record(entry), _) if !entry.done && !restarts => {
            Impact::new(Outcome::Stays, reason, told_method(text).unwrap_or(text))
        }
        (_, Some(Word::Waiting)) => Impact {
            until: standing.and_then(|standing| standing.until),
            ..Impact::new(Outcome::Waits, reason, text)
        },
        _ if restarts => Impact::new(Outcome::Restarts, None, ""),
        (_, Some(Word::Unknown)) => Impact::new(Outcome::Unknown, reason, text),
        _ => Impact::new(Outcome::Stays, reason, text),
    }
}

/// A roll, and how pods come to it.
fn rolls(known: &Known, entry: &Entry, verdict: &Verdict, restarts: bool) -> Impact {
    let by = told_method(&verdict.text).map(|by| format!("by {by}"));
    let by = by.unwrap_or_default();
    let workload = &known.workload;
    let (ends, none) = (workload.key.kind.ends(), workload.progress.desired == 0);
    match workload.strategy {
        _ if restarts => Impact::new(Outcome::Rolls, verdict.reason, TWICE),
        _ if none && !ends => Impact::new(Outcome::Rolls, verdict.reason, NO_PODS),
        _ if entry.method() != Method::Rollout => Impact::new(Outcome::Rolls, verdict.reason, &by),
        Strategy::OnDelete => Impact::new(Outcome::Waits, Reason::WaitsForDelete, ""),
        Strategy::Partition(from) => {
            let outcome = match workload.replaced_by_itself() {
                0 => Outcome::Waits,
                _ => Outcome::Rolls,
            };
            let text = format!("partition {from}");
            Impact::new(outcome, Reason::PartlyRolled, &text)
        }
        Strategy::Rolling => Impact::new(Outcome::Rolls, verdict.reason, &by),
    }
}

/// Whether an edit of its own brings new pods, all of them and at once.
fn replaces_pods(known: &Known, hypothesis: &Hypothesis) -> bool {
    let workload = &known.workload;
    let by_template = matches!(
        workload.key.kind.renewal,
        Renewal::Template | Renewal::TemplateOrRestartAt
    );
    hypothesis.replaces_pods(&workload.key)
        && by_template
        && !workload.paused
        && workload.strategy == Strategy::Rolling
}
