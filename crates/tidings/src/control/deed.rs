//! What a roll does to its workload: by its kind, and by what its owners asked
//! for. Pure.

use tidings_core::compare::Change;
use tidings_core::index::{Index, Known};
use tidings_core::kinds::Renewal;
use tidings_core::object::{Overlap, Seconds};
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceRef, WorkloadRef};
use tidings_core::state::Entry;

use super::{Deed, Patch};

/// The roll of a record, for a workload as it is known, and why it is rolled.
pub(super) fn patch(
    index: &Index,
    known: &Known,
    entry: &Entry,
    (reason, changes): (Reason, Vec<Change>),
    now: Seconds,
) -> Patch {
    let deed = deed(index, known, entry, now);
    let (on, uid, version, generation) = target(known, &deed);
    Patch {
        key: known.workload.key.clone(),
        on,
        uid,
        version,
        generation,
        deed,
        sources: sources(known, entry, &changes),
        n: entry.n,
        reason,
        because: entry.because.clone(),
        changes,
    }
}

fn deed(index: &Index, known: &Known, entry: &Entry, now: Seconds) -> Deed {
    let workload = &known.workload;
    match workload.key.kind.renewal {
        Renewal::TemplateOrRestartAt if known.policy.restart_at => {
            Deed::RestartAt(entry.at.unwrap_or(now))
        }
        Renewal::Template | Renewal::TemplateOrRestartAt => {
            let pauses = known.policy.pause_period.is_some_and(|period| period > 0);
            Deed::Template {
                paused_at: (pauses && !workload.paused).then_some(now),
            }
        }
        Renewal::Run => {
            let runs = workload.runs.as_deref();
            let replaced = runs.filter(|runs| runs.overlap == Overlap::Replace);
            Deed::Run {
                replaces: replaced
                    .map(|_| index.active_runs(known))
                    .unwrap_or_default(),
            }
        }
        Renewal::Recreate => Deed::Recreate,
    }
}

/// The object that is written.
fn target(known: &Known, deed: &Deed) -> (WorkloadRef, Name, u64, i64) {
    let workload = &known.workload;
    match (&workload.lender, &workload.lent, deed) {
        (Some(lender), Some(lent), Deed::Template { .. }) => {
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

fn sources(known: &Known, entry: &Entry, changes: &[Change]) -> Vec<SourceRef> {
    let namespace = &known.workload.key.namespace;
    let mut sources: Vec<_> = changes.iter().map(|change| change.source.clone()).collect();
    if sources.is_empty() {
        let seen = entry.seen.keys();
        let source = |seen: &tidings_core::state::Seen| {
            SourceRef::new(seen.kind, namespace.clone(), seen.name.clone())
        };
        sources.extend(seen.map(source));
    }
    sources.dedup();
    sources
}
