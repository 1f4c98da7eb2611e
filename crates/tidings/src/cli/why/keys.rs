//! One source of a workload, key by key: what was recorded, what is there.
//!
//! Goes in: a need, the record of its source, the source as it is known. Comes
//! out: [`KeyReport`]s. It only shows; what follows from a difference is
//! [`tidings_core::decide`]'s.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tidings_core::compare::tells;
use tidings_core::digest::Digest;
use tidings_core::index::{Presence, Source};
use tidings_core::needs::Need;
use tidings_core::refs::Name;
use tidings_core::state::{KeyDigest, SeenKeys, SeenSource};

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyState {
    /// Its content is what was recorded.
    InStep,
    /// Its content is another.
    Changed,
    /// It is not recorded yet.
    New,
    /// It was recorded as not there, and is there.
    Appeared,
    /// It was there, and is not.
    Gone,
    /// It was recorded as not there, and is not.
    Absent,
    /// Another variable takes its place, so it does not count.
    Overridden,
    /// The source is outside what the installation watches.
    NotWatched,
    /// It could not be read.
    Unknown,
}

impl KeyState {
    /// The words for it in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::InStep => "in step",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Appeared => "appeared",
            Self::Gone => "gone",
            Self::Absent => "absent",
            Self::Overridden => "overridden",
            Self::NotWatched => "not watched",
            Self::Unknown => "unknown",
        }
    }
}

/// One key, or all keys of a source where they are not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Its name; none where one digest stands for all keys.
    pub key: Option<Name>,
    /// The digest that was recorded, `-` if it was not there; none where nothing
    /// was recorded or the record cannot be read.
    pub recorded: Option<KeyDigest>,
    /// The digest now, `-` if it is not there; none where it is not known.
    pub present: Option<KeyDigest>,
    /// What follows from the two.
    pub state: KeyState,
}

/// What was recorded of a source.
#[derive(Clone, Copy, Debug)]
pub enum Recorded<'a> {
    /// The record cannot be read.
    Unreadable,
    /// Nothing.
    Nothing,
    /// This.
    Seen(&'a SeenSource),
}

type Digests = BTreeMap<Name, KeyDigest>;

/// The keys of a source that count, each with its state.
pub fn compare(need: &Need, recorded: Recorded<'_>, source: &Source) -> Vec<KeyReport> {
    let seen = match recorded {
        Recorded::Seen(seen) => Some(seen),
        Recorded::Unreadable | Recorded::Nothing => None,
    };
    let Some(present) = present(need, seen, source) else {
        let state = match source.presence {
            Presence::NotWatched => KeyState::NotWatched,
            _ => KeyState::Unknown,
        };
        return vec![whole(seen.map(together), None, state)];
    };
    let mut reports = match seen.map(|seen| (seen, &seen.keys)) {
        Some((seen, SeenKeys::Together(_))) => all_in_one(seen, &present),
        Some((seen, SeenKeys::Apart(keys))) => {
            let recorded = if seen.whole && need.whole {
                keys.iter()
                    .filter(|(key, _)| need.admits(key))
                    .map(|(key, digest)| (key.clone(), *digest))
                    .collect()
            } else {
                keys.clone()
                    .into_iter()
                    .filter(|(key, _)| present.contains_key(key))
                    .collect()
            };
            one_by_one(need, &recorded, &present, source)
        }
        None => one_by_one(need, &Digests::new(), &present, source),
    };
    for report in &mut reports {
        report.state = seen_by(need, report);
    }
    if matches!(recorded, Recorded::Unreadable) {
        for report in &mut reports {
            report.state = KeyState::Unknown;
        }
    }
    reports
}

/// The digests now; none where they are not known. A source that tells no more
/// than was recorded is as it was recorded.
fn present(need: &Need, seen: Option<&SeenSource>, source: &Source) -> Option<Digests> {
    let untold = seen.filter(|_| source.presence != Presence::NotWatched);
    let untold = untold.filter(|seen| !tells(need, Some(seen), source));
    match (&source.presence, source.current(), seen) {
        _ if untold.is_some() => untold.and_then(apart),
        (Presence::Absent, ..) => Some(need.used(None)),
        (Presence::Present(_), Some(content), _) => Some(need.used(Some(content))),
        (Presence::Present(now), None, Some(seen)) if now.version == seen.rv => apart(seen),
        _ => None,
    }
}

fn apart(seen: &SeenSource) -> Option<Digests> {
    match &seen.keys {
        SeenKeys::Apart(keys) => Some(keys.clone()),
        SeenKeys::Together(_) => None,
    }
}

/// How a key stands for those who use it. Of some only counts that they are there.
fn seen_by(need: &Need, report: &KeyReport) -> KeyState {
    let key = report.key.as_ref();
    let is_hidden = key.is_some_and(|key| need.hides(key));
    let used = key.and_then(|key| need.keys.get(key));
    match report.state {
        _ if is_hidden => KeyState::Overridden,
        KeyState::InStep | KeyState::Changed if used.is_some_and(|used| !used.counts) => {
            KeyState::Overridden
        }
        state => state,
    }
}

fn one_by_one(
    need: &Need,
    recorded: &Digests,
    present: &Digests,
    source: &Source,
) -> Vec<KeyReport> {
    let keys: BTreeSet<_> = recorded.keys().chain(present.keys()).collect();
    if keys.is_empty() {
        return vec![whole(
            None,
            Some(KeyDigest(None)),
            where_none_counts(need, source),
        )];
    }
    let report = |key: &Name| {
        let (before, now) = (recorded.get(key).copied(), present.get(key).copied());
        KeyReport {
            key: Some(key.clone()),
            recorded: before,
            present: now.or(Some(KeyDigest(None))),
            state: state(before, now.and_then(|now| now.0)),
        }
    };
    keys.into_iter().map(report).collect()
}

/// How a source stands of which no key counts.
fn where_none_counts(need: &Need, source: &Source) -> KeyState {
    let Some(content) = source.current().filter(|_| source.present().is_some()) else {
        return match source.present() {
            None => KeyState::Absent,
            Some(_) => KeyState::InStep,
        };
    };
    let mut keys = content.keys.iter().map(|(key, _)| key);
    match () {
        () if content.keys.is_empty() => KeyState::InStep,
        () if keys.any(|key| need.replaces(key)) => KeyState::Overridden,
        () => KeyState::Absent,
    }
}

fn state(before: Option<KeyDigest>, now: Option<Digest>) -> KeyState {
    match (before.map(|before| before.0), now) {
        (None | Some(None), None) => KeyState::Absent,
        (None, Some(_)) => KeyState::New,
        (Some(None), Some(_)) => KeyState::Appeared,
        (Some(Some(_)), None) => KeyState::Gone,
        (Some(Some(before)), Some(now)) if before == now => KeyState::InStep,
        (Some(Some(_)), Some(_)) => KeyState::Changed,
    }
}

fn all_in_one(seen: &SeenSource, present: &Digests) -> Vec<KeyReport> {
    let before = together(seen);
    let now = KeyDigest(Some(combined(present)));
    let state = if before == now {
        KeyState::InStep
    } else {
        KeyState::Changed
    };
    vec![whole(Some(before), Some(now), state)]
}

fn whole(recorded: Option<KeyDigest>, present: Option<KeyDigest>, state: KeyState) -> KeyReport {
    KeyReport {
        key: None,
        recorded,
        present,
        state,
    }
}

fn together(seen: &SeenSource) -> KeyDigest {
    match &seen.keys {
        _ if seen.rv == 0 => KeyDigest(None),
        SeenKeys::Together(digest) => KeyDigest(Some(*digest)),
        SeenKeys::Apart(keys) => KeyDigest(Some(combined(keys))),
    }
}

/// One digest over several keys.
fn combined(keys: &Digests) -> Digest {
    Digest::of_keys(keys.iter().map(|(key, digest)| (&**key, digest.0)))
}
