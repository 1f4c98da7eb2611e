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

/// A workload as it is known at this time.
pub(super) struct Sight<'a> {
    pub(super) index: &'a Index,
    pub(super) known: &'a Known,
    pub(super) now: Seconds,
    /// `--compat=strict`
    pub(super) strict: bool,
}

impl Sight<'_> {
    /// The roll of a record, and why it is rolled.
    pub(super) fn patch(&self, entry: &Entry, reason: Reason, changes: Vec<Change>) -> Patch {
        let known = self.known;
        let deed = self.deed(entry);
        let (on, uid, version, generation) = target(known, &deed);
        Patch {
            key: known.workload.key.clone(),
            on,
            uid,
            version,
            generation,
            deed,
            traces: !known.workload.reloaded.is_empty(),
            sources: sources(known, entry),
            n: entry.n,
            reason,
            because: entry.because.clone(),
            changes,
        }
    }

    fn deed(&self, entry: &Entry) -> Deed {
        let (workload, policy) = (&self.known.workload, &self.known.policy);
        match workload.key.kind.renewal {
            Renewal::TemplateOrRestartAt if policy.restart_at => {
                Deed::RestartAt(entry.at.unwrap_or(self.now))
            }
            Renewal::Template | Renewal::TemplateOrRestartAt => {
                let pauses = policy.pause_period.is_some_and(|period| period > 0);
                Deed::Template {
                    restart: entry.restart.as_ref().map(|restart| restart.at.clone()),
                    paused_at: (pauses && !workload.paused).then_some(self.now),
                }
            }
            Renewal::Run => self.run(),
            Renewal::Recreate => Deed::Recreate,
        }
    }

    fn run(&self) -> Deed {
        let runs = self.known.workload.runs.as_ref();
        let overlap = match runs {
            Some(runs) if !self.strict => runs.overlap,
            // Reloader heeds no other run.
            _ => Overlap::Allow,
        };
        let replaces = match overlap {
            Overlap::Replace => self.index.active_runs(self.known),
            Overlap::Allow | Overlap::Forbid => Vec::new(),
        };
        Deed::Run { overlap, replaces }
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

fn sources(known: &Known, entry: &Entry) -> Vec<SourceRef> {
    let namespace = &known.workload.key.namespace;
    let seen = entry.seen.keys();
    seen.map(|seen| seen.source(namespace)).collect()
}
