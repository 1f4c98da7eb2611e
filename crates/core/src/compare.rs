//! How one source differs from what a workload was last brought to.
//!
//! Goes in: a [`Need`], what was seen, what is there. Comes out: [`Change`]s.
//!
//! Keys that are used by name and keys of a source that is used whole are not
//! alike when they vanish. A named key keeps its last digest: gone and back with
//! the same content is nothing. Of a whole source the set of keys is content: a
//! key more or less is a change, as it is for the containers.

use std::collections::BTreeMap;

use crate::index::{Presence, Source};
use crate::needs::{Demand, Need};
use crate::object::Version;
use crate::refs::{Name, SourceRef};
use crate::state::{KeyDigest, SeenKeys, SeenSource};

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
}

/// Whether the source must be read before it can be compared.
pub fn must_read(
    need: &Need,
    seen: Option<&SeenSource>,
    source: &Source,
    same_template: bool,
) -> bool {
    let version = match &source.presence {
        Presence::Unknown => return true,
        Presence::Absent | Presence::NotWatched => return false,
        Presence::Present(present) => present.version,
    };
    let covered = seen.is_some_and(|s| s.rv == version && covers(s, need, same_template));
    !covered && source.current().is_none()
}

/// Whether what was seen answers for every key that counts now.
fn covers(seen: &SeenSource, need: &Need, same_template: bool) -> bool {
    match &seen.keys {
        SeenKeys::Apart(keys) => {
            seen.whole == need.whole && need.keys.keys().all(|key| keys.contains_key(key))
        }
        SeenKeys::Together(_) => same_template,
    }
}

/// Compares. The source has been read where that was necessary.
pub fn compare(need: &Need, seen: Option<&SeenSource>, source: &Source) -> Vec<Change> {
    let found = match &source.presence {
        Presence::Unknown | Presence::NotWatched => return Vec::new(),
        Presence::Absent => absent(need, seen),
        Presence::Present(p) => match (seen, source.current()) {
            (Some(seen), None) if seen.rv == p.version => Vec::new(),
            (_, None) => return Vec::new(),
            (seen, Some(content)) => present(need, seen, &need.used(Some(content))),
        },
    };
    let version = match &source.presence {
        Presence::Present(p) => Some(p.version),
        _ => None,
    };
    group(&need.source, version, found)
}

type Found = Vec<(What, Option<Name>)>;

fn group(source: &SourceRef, version: Option<Version>, found: Found) -> Vec<Change> {
    let mut by_what: BTreeMap<What, Vec<Name>> = BTreeMap::new();
    for (what, key) in found {
        by_what.entry(what).or_default().extend(key);
    }
    let change = |(what, keys)| Change {
        source: source.clone(),
        what,
        keys,
        version,
    };
    by_what.into_iter().map(change).collect()
}

fn absent(need: &Need, seen: Option<&SeenSource>) -> Found {
    match seen {
        None => vec![(What::New, None)],
        Some(seen) if seen.rv == 0 => Vec::new(),
        Some(_) => vec![(What::Gone(need.demand), None)],
    }
}

fn present(need: &Need, seen: Option<&SeenSource>, now: &BTreeMap<Name, KeyDigest>) -> Found {
    match seen {
        None => vec![(What::New, None)],
        Some(seen) if seen.rv == 0 => vec![(What::Appeared(need.demand), None)],
        Some(seen) => match &seen.keys {
            SeenKeys::Together(_) => together(need, seen, now),
            SeenKeys::Apart(keys) => {
                let mut found = by_key(need, seen.whole, keys, now);
                found.extend(removed(need, seen.whole, keys, now));
                found
            }
        },
    }
}

fn together(need: &Need, seen: &SeenSource, now: &BTreeMap<Name, KeyDigest>) -> Found {
    let all = now.iter().map(|(key, digest)| (&**key, digest.0));
    let digest = crate::digest::Digest::of_keys(all);
    if seen.keys == SeenKeys::Together(digest) {
        return Vec::new();
    }
    // Which key it is cannot be told any more; a required one that is gone can.
    let gone = |(key, now): (&Name, &KeyDigest)| {
        let required = need.keys.get(key) == Some(&Demand::Required);
        (required && now.0.is_none()).then(|| (What::Gone(Demand::Required), Some(key.clone())))
    };
    let mut found: Found = now.iter().filter_map(gone).collect();
    found.push((What::Changed, None));
    found
}

fn by_key(
    need: &Need,
    was_whole: bool,
    seen: &BTreeMap<Name, KeyDigest>,
    now: &BTreeMap<Name, KeyDigest>,
) -> Found {
    let what = |key: &Name, now: &KeyDigest| {
        let demand = need.keys.get(key).copied().unwrap_or(Demand::Optional);
        match (seen.get(key).map(|digest| digest.0), now.0) {
            (Some(Some(before)), Some(now)) => (before != now).then_some(What::Changed),
            (Some(Some(_)), None) => Some(What::Gone(demand)),
            (Some(None), Some(_)) => Some(What::Appeared(demand)),
            (Some(None), None) => None,
            (None, _) if was_whole && need.whole => Some(What::Changed),
            (None, _) => Some(What::New),
        }
    };
    let found = now
        .iter()
        .filter_map(|(key, digest)| Some((what(key, digest)?, Some(key.clone()))));
    found.collect()
}

fn removed(
    need: &Need,
    was_whole: bool,
    seen: &BTreeMap<Name, KeyDigest>,
    now: &BTreeMap<Name, KeyDigest>,
) -> Found {
    if !(was_whole && need.whole) {
        return Vec::new();
    }
    let counted = seen.iter().filter(|(key, digest)| {
        digest.0.is_some() && need.filter.admits(key) && !now.contains_key(*key)
    });
    counted
        .map(|(key, _)| (What::Changed, Some(key.clone())))
        .collect()
}
