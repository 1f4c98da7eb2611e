//! What a roll that is written down is to bring: what is recorded of that with its rungs,
//! and what has changed since.
//!
//! Goes in: the record, and what differs from it. Comes out: of each source which keys the
//! pods may not have as they are now, by which it is worked out which methods can serve
//! that. Comparing content once more would not tell: what was there for a while, with which
//! pods may have started, is as it was.

use crate::compare::{Change, What};
use crate::few::Few;
use crate::ladder::changes_of;
use crate::needs::Demand;
use crate::refs::Name;
use crate::state::{DueKeys, DueWhat, KeyDigest, Outstanding, Seen, SeenKeys, SeenSource};

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

    /// These changes, with all that earlier rolls were to bring which have not come through.
    pub(super) fn brought(&self, changes: &[Change]) -> Vec<Change> {
        let mut all = changes.to_vec();
        for more in self.changes_of(&self.lacked()) {
            tell_too(&mut all, more);
        }
        all
    }

    /// What is there now and pods have not been brought, as far as it is recorded what they
    /// have: else what is due. An edit of the template has brought its pods all of it.
    fn lacked(&self) -> Outstanding {
        let open = self.entry.filter(|entry| self.is_pending(entry));
        let Some(entry) = open.filter(|_| self.same_template()) else {
            return Outstanding::new();
        };
        match entry.unreached(self.known.workload.whole) {
            Some(had) => differing(&had.seen, &self.all_seen_now()),
            None => self
                .last_climb()
                .map_or_else(Few::new, |climb| climb.due.clone()),
        }
    }

    /// The same as changes.
    pub(super) fn changes_of(&self, due: &Outstanding) -> Vec<Change> {
        changes_of(due, &self.known.workload.key.namespace)
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

/// Tells more of a source, each key once; no keys are all keys.
fn tell_too(all: &mut Vec<Change>, more: Change) {
    let is_its = |change: &&Change| change.source == more.source;
    let Some(first) = all.iter().position(|change| is_its(&change)) else {
        return all.push(more);
    };
    let its = || all.iter().filter(is_its);
    let is_whole = more.keys.is_empty() || its().any(|change| change.keys.is_empty());
    let told: Vec<_> = its().flat_map(|change| change.keys.clone()).collect();
    if is_whole {
        let its = all.iter_mut().filter(|change| change.source == more.source);
        its.for_each(|change| change.keys.clear());
    } else {
        let keys = more.keys.into_iter().filter(|key| !told.contains(key));
        all[first].keys.extend(keys);
    }
}

/// The sources that had other content, with the keys where these are recorded.
fn differing(had: &Few<Seen, SeenSource>, now: &Few<Seen, SeenSource>) -> Outstanding {
    let pairs = now.iter().filter_map(|(source, now)| {
        let keys = keys_that_differ(had.get(source)?, now)?;
        let what = DueWhat::Changed;
        Some((source.clone(), DueKeys { what, keys }))
    });
    pairs.collect()
}

/// None where the content is the same; no keys where it is not recorded which.
fn keys_that_differ(had: &SeenSource, now: &SeenSource) -> Option<Vec<Name>> {
    if had.rv == 0 || now.rv == 0 {
        return (had.rv != now.rv).then(Vec::new);
    }
    let (SeenKeys::Apart(before), SeenKeys::Apart(after)) = (&had.keys, &now.keys) else {
        return (had.keys != now.keys).then(Vec::new);
    };
    let of = |keys: &Few<Name, KeyDigest>, key: &Name| keys.get(key).and_then(|is| is.0);
    let mut keys: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
    keys.retain(|key| of(before, key) != of(after, key));
    keys.sort();
    keys.dedup();
    (!keys.is_empty()).then_some(keys)
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
