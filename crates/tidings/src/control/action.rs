//! What a roll does to its workload: by its kind, and by what its owners asked
//! for. Pure.

use std::sync::Arc;

use tidings_core::index::Known;
use tidings_core::kinds::Renewal;
use tidings_core::object::Overlap;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::Entry;

use super::ground::Ground;
use super::{Action, Patch, Roll};

/// How a roll, of which this is the record, reaches a workload as it is known now.
pub(super) fn patch(ground: &Ground, known: &Known, entry: &Entry, roll: Arc<Roll>) -> Patch {
    let action = action(ground, known, entry);
    let (on, uid, version, generation) = target(known, &action);
    Patch {
        roll,
        on,
        uid,
        version,
        generation,
        action,
        traces: !known.workload.reloaded.is_empty(),
    }
}

fn action(ground: &Ground, known: &Known, entry: &Entry) -> Action {
    let (workload, policy) = (&known.workload, &known.policy);
    let now = ground.seconds();
    match workload.key.kind.renewal {
        Renewal::TemplateOrRestartAt if policy.restart_at => {
            Action::RestartAt(entry.at.unwrap_or(now))
        }
        Renewal::Template | Renewal::TemplateOrRestartAt => {
            let pauses = policy.pause_period.is_some_and(|period| period > 0);
            Action::Template {
                restart: entry.restart.as_ref().map(|restart| restart.at.clone()),
                paused_at: (pauses && !workload.paused).then_some(now),
            }
        }
        Renewal::Run => run(ground, known),
        Renewal::Recreate => Action::Recreate,
    }
}

fn run(ground: &Ground, known: &Known) -> Action {
    let overlap = match &known.workload.runs {
        Some(runs) if !ground.rules.strict => runs.overlap,
        // Reloader heeds no other run.
        _ => Overlap::Allow,
    };
    let replaces = match overlap {
        Overlap::Replace => ground.index.active_runs(known),
        Overlap::Allow | Overlap::Forbid => Vec::new(),
    };
    Action::Run { overlap, replaces }
}

/// The object that is written.
fn target(known: &Known, action: &Action) -> (WorkloadRef, Name, u64, i64) {
    let workload = &known.workload;
    match (&workload.lender, &workload.lent, action) {
        (Some(lender), Some(lent), Action::Template { .. }) => {
            let of = (lent.uid.clone(), lent.version, lent.generation);
            ((**lender).clone(), of.0, of.1, of.2)
        }
        _ => (
            workload.key.clone(),
            workload.uid.clone(),
            workload.version,
            workload.generation,
        ),
    }
}
