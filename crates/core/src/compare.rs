//! How one source differs from what a workload was last brought to.
//!
//! Goes in: a [`Need`], what was seen, what is there. Comes out: [`Change`]s, and
//! the same key by key, to be shown.
//!
//! Keys that are used by name and keys of a source that is used whole are not
//! alike when they vanish. A named key keeps its last digest: gone and back with
//! the same content is nothing. Of a whole source the set of keys is content: a
//! key more or less is a change, as it is for the containers.

mod keys;

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::index::{Presence, Present, Source};
use crate::needs::{Demand, Need, there};
use crate::object::Version;
use crate::refs::{Name, SourceRef};
use crate::state::{KeyDigest, SeenKeys, SeenSource};

use keys::{Digests, Pair, combined, pairs};
pub use keys::{KeyRow, KeyState, rows};

/// What happened to keys of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// They have other content, or the set of keys of a whole source is another.
    Changed,
    /// They are newly used.
    New,
    /// They were not there, and now are.
    Appeared(Demand),
    /// They were there, and now are not.
    Gone(Demand),
}

/// Keys of one source to which the same happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Which source.
    pub source: SourceRef,
    /// What happened.
    pub what: What,
    /// To which keys; none: to all, or it is not known to which.
    pub keys: Vec<Name>,
    /// The version of the source as it is now; `None` where it is not there.
    pub version: Option<Version>,
    /// Whether the newest write of the source's data tells when it happened. The
    /// API server notes no time for a key that is only taken away.
    pub dated: bool,
    /// Who wrote the data last, as `managedFields` names it.
    pub by: Option<Name>,
}

/// Whether the source must be read before it can be compared.
pub fn must_read(need: &Need, seen: Option<&SeenSource>, source: &Source) -> bool {
    match &source.presence {
        Presence::Unknown => true,
        Presence::Absent | Presence::NotWatched => false,
        Presence::Present(present) if is_behind(seen, present) => true,
        Presence::Present(_) if !tells(need, seen, source) => false,
        Presence::Present(present) => {
            let covered = |seen: &SeenSource| seen.rv == present.version && covers(seen, need);
            !seen.is_some_and(covered) && source.current().is_none()
        }
    }
}

/// Whether a record knows a later version of a source than the watch has told, which may
/// be silent: what is true only a reading tells. An older one is, where the store was put
/// back.
fn is_behind(seen: Option<&SeenSource>, present: &Present) -> bool {
    !present.is_confirmed && seen.is_some_and(|seen| seen.rv > present.version)
}

/// Whether a source tells of itself more than was seen. A class of which pods have
/// been seen does only when a running pod has come to have something else, later.
pub fn tells(need: &Need, seen: Option<&SeenSource>, source: &Source) -> bool {
    let Some(seen) = seen.filter(|seen| seen.rv != 0) else {
        return true;
    };
    let rotated = |p: &Present| p.rewritten && p.version > seen.rv;
    !need.source.kind.by_status() || source.present().is_some_and(rotated)
}

/// Whether what was seen answers for every key that counts now.
fn covers(seen: &SeenSource, need: &Need) -> bool {
    need.asks_as(seen)
        && match &seen.keys {
            SeenKeys::Apart(keys) => need.keys.keys().all(|key| keys.contains_key(key)),
            SeenKeys::Together(_) => true,
        }
}

/// Compares. The source has been read where that was necessary.
pub fn compare(need: &Need, seen: Option<&SeenSource>, source: &Source) -> Vec<Change> {
    if need.source.kind.by_status() {
        return group(&need.source, source, of_class(need, seen, source));
    }
    let found = match (&source.presence, source.current()) {
        (Presence::Absent, _) => absent(need, seen),
        (Presence::Present(p), Some(content)) => {
            present(need, seen, p.version, &need.used(Some(content)))
        }
        // Not read: as it was seen, or outside what can be compared.
        _ => return Vec::new(),
    };
    group(&need.source, source, found)
}

/// Pods start with a class as it is then, and run on with it when they are gone
/// whose statuses told of it. So only a rotation is a change.
fn of_class(need: &Need, seen: Option<&SeenSource>, source: &Source) -> Vec<Found> {
    let (present, content) = match (source.present(), source.current()) {
        (Some(present), Some(content)) => (present, content),
        (None, _) if source.presence == Presence::Absent && seen.is_none() => {
            return vec![Found::dated(What::New, None)];
        }
        _ => return Vec::new(),
    };
    match seen {
        None => vec![Found::dated(What::Appeared(Demand::Follows), None)],
        Some(seen) if seen.rv == 0 && present.rewritten => {
            vec![Found::dated(What::Changed, None)]
        }
        Some(seen) if seen.rv == 0 => vec![Found::dated(What::Appeared(Demand::Follows), None)],
        Some(seen) if tells(need, Some(seen), source) => {
            self::present(need, Some(seen), present.version, &need.used(Some(content)))
        }
        Some(_) => Vec::new(),
    }
}

/// What was found of one key, or of the whole source.
struct Found {
    what: What,
    dated: bool,
    key: Option<Name>,
}

impl Found {
    fn dated(what: What, key: Option<&Name>) -> Self {
        let (dated, key) = (true, key.cloned());
        Self { what, dated, key }
    }

    fn undated(what: What, key: Option<&Name>) -> Self {
        let (dated, key) = (false, key.cloned());
        Self { what, dated, key }
    }
}

fn group(key: &SourceRef, source: &Source, found: Vec<Found>) -> Vec<Change> {
    let present = source.present();
    let mut alike: BTreeMap<(What, bool), Vec<Name>> = BTreeMap::new();
    for Found { what, dated, key } in found {
        alike.entry((what, dated)).or_default().extend(key);
    }
    let change = |((what, dated), keys)| Change {
        source: key.clone(),
        what,
        keys,
        version: present.map(|p| p.version),
        dated,
        by: present.and_then(|p| p.by.clone()),
    };
    alike.into_iter().map(change).collect()
}

fn absent(need: &Need, seen: Option<&SeenSource>) -> Vec<Found> {
    match seen {
        None => vec![Found::dated(What::New, None)],
        Some(seen) if seen.rv == 0 => Vec::new(),
        Some(seen) if need.demand == Demand::Optional && is_empty(seen) => Vec::new(),
        Some(_) => vec![Found::undated(What::Gone(need.demand), None)],
    }
}

/// Whether nothing that counts was in it, so that it can be gone unnoticed.
fn is_empty(seen: &SeenSource) -> bool {
    match &seen.keys {
        SeenKeys::Apart(keys) => keys.values().all(|digest| digest.0.is_none()),
        SeenKeys::Together(_) => false,
    }
}

fn present(need: &Need, seen: Option<&SeenSource>, rv: Version, now: &Digests) -> Vec<Found> {
    // Nothing that counts is in it yet, so there is nothing new.
    let empty = now.values().all(|digest| digest.0.is_none());
    let Some(seen) = seen else {
        let new = Found::dated(What::New, None);
        return if empty { Vec::new() } else { vec![new] };
    };
    match &seen.keys {
        _ if seen.rv == 0 && empty => Vec::new(),
        _ if seen.rv == 0 => vec![Found::dated(What::Appeared(need.demand), None)],
        SeenKeys::Together(digest) => together(need, seen, (rv, *digest), now),
        SeenKeys::Apart(before) => {
            let pairs = pairs(need, seen, before, now);
            let found = pairs.iter().filter_map(|pair| by_key(need, seen, pair));
            found.collect()
        }
    }
}

fn together(
    need: &Need,
    seen: &SeenSource,
    (rv, digest): (Version, Digest),
    now: &Digests,
) -> Vec<Found> {
    if !need.asks_as(seen) && seen.rv == rv {
        return vec![Found::dated(What::New, None)];
    }
    if need.asks_as(seen) && digest == combined(now) {
        return Vec::new();
    }
    // Which key it is cannot be told any more; a required one that is gone can.
    let gone = |(key, now): (&Name, &KeyDigest)| {
        let used = need.keys.get(key);
        let required = used.is_some_and(|used| used.demand == Demand::Required);
        let gone = What::Gone(Demand::Required);
        (required && now.0.is_none()).then(|| Found::undated(gone, Some(key)))
    };
    let mut found: Vec<_> = now.iter().filter_map(gone).collect();
    found.push(Found::undated(What::Changed, None));
    found
}

/// What became of one key for those who use it, if that is a change.
fn by_key(need: &Need, seen: &SeenSource, pair: &Pair<'_>) -> Option<Found> {
    let whole = seen.whole && need.whole;
    let used = need.keys.get(pair.key);
    let demand = used.map_or(Demand::Optional, |used| used.demand);
    // A key more or less of a whole source is a change for those who read it
    // whole; those who cannot start without it decide first.
    let of_set = whole && demand != Demand::Required;
    // What it held did not count.
    let uncounted = pair.before == Some(KeyDigest(Some(there())));
    let dated = |what| Some(Found::dated(what, Some(pair.key)));
    let undated = |what| Some(Found::undated(what, Some(pair.key)));
    match pair.state(need) {
        KeyState::Changed if uncounted => dated(What::New),
        KeyState::Changed => dated(What::Changed),
        KeyState::Gone if of_set => undated(What::Changed),
        KeyState::Gone => undated(What::Gone(demand)),
        KeyState::Appeared if of_set => dated(What::Changed),
        KeyState::Appeared => dated(What::Appeared(demand)),
        KeyState::New if whole && need.asks_as(seen) => dated(What::Changed),
        KeyState::New => dated(What::New),
        KeyState::InStep
        | KeyState::Absent
        | KeyState::Overridden
        | KeyState::NotWatched
        | KeyState::Unknown => None,
    }
}
