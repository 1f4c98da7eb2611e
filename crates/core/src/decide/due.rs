//! What a roll that is written down is to bring: what is recorded of that with its rungs,
//! and what has changed since.
//!
//! Goes in: the record, and what differs from it. Comes out: of each source which keys the
//! pods may not have as they are now, by which it is worked out which methods can serve
//! that. Comparing content once more would not tell: what was there for a while, with which
//! pods may have started, is as it was.

use crate::compare::{Change, What};
use crate::few::Few;
use crate::needs::Demand;
use crate::refs::Name;
use crate::state::{DueKeys, DueWhat, Outstanding, Seen};

use super::Case;

impl Case<'_> {
    /// All that is to be brought. Empty where that is not known: then a rollout was decided
    /// for some of it.
    pub(super) fn due_with(&self, changes: &[Change]) -> Outstanding {
        let open = self.entry.filter(|entry| self.is_pending(entry));
        let recorded = open.map(|entry| entry.climb.as_deref().map(|climb| climb.due.clone()));
        let mut due = match recorded {
            None => Few::new(),
            Some(Some(due)) if !due.is_empty() => due,
            Some(_) => return Few::new(),
        };
        for change in changes {
            add(&mut due, change);
        }
        due
    }

    /// The same as changes.
    pub(super) fn changes_of(&self, due: &Outstanding) -> Vec<Change> {
        let namespace = &self.known.workload.key.namespace;
        let changes = due.iter().map(|(seen, due)| Change {
            source: seen.source(namespace),
            what: match due.what {
                DueWhat::Changed => What::Changed,
                DueWhat::Gone => What::Gone(Demand::Optional),
                DueWhat::Missing => What::Gone(Demand::Required),
            },
            keys: due.keys.clone(),
            version: None,
            dated: false,
            by: None,
        });
        changes.collect()
    }
}

/// The last that happened to a source counts, and all keys to which something did.
fn add(due: &mut Outstanding, change: &Change) {
    let seen = Seen::of(&change.source);
    let before = due.get(&seen).map(|due| &*due.keys);
    let keys = before.map_or_else(|| change.keys.clone(), |keys| both(keys, &change.keys));
    let what = match change.what {
        What::Changed | What::New | What::Appeared(_) => DueWhat::Changed,
        What::Gone(Demand::Required) => DueWhat::Missing,
        What::Gone(_) => DueWhat::Gone,
    };
    due.insert(seen, DueKeys { what, keys });
}

/// No keys are all keys.
fn both(some: &[Name], more: &[Name]) -> Vec<Name> {
    if some.is_empty() || more.is_empty() {
        return Vec::new();
    }
    let mut all = [some, more].concat();
    all.sort();
    all.dedup();
    all
}
