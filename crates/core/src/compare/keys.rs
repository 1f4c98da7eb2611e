//! One source of a workload, key by key: what was recorded, what is there.
//!
//! Goes in: a [`Need`], what was seen, what is there. Comes out: a [`KeyRow`] a
//! key. [`super::compare`] makes its changes of the same pairs, so what is shown
//! of a key is what was decided on.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::digest::Digest;
use crate::few::Few;
use crate::index::{Presence, Source};
use crate::needs::Need;
use crate::refs::Name;
use crate::state::{KeyDigest, SeenKeys, SeenSource};

use super::tells;

pub(super) type Digests = Few<Name, KeyDigest>;

/// How a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::InStep,
        Self::Changed,
        Self::New,
        Self::Appeared,
        Self::Gone,
        Self::Absent,
        Self::Overridden,
        Self::NotWatched,
        Self::Unknown,
    ];

    /// The words for it in JSON: those of tables, without a blank.
    pub fn json(self) -> &'static str {
        match self {
            Self::InStep => "inStep",
            Self::NotWatched => "notWatched",
            state => state.word(),
        }
    }

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

impl Serialize for KeyState {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.json())
    }
}

/// One key, or all keys of a source where they are not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
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

impl KeyRow {
    fn whole(
        recorded: Option<KeyDigest>,
        present: Option<KeyDigest>,
        state: KeyState,
    ) -> Vec<Self> {
        vec![Self {
            key: None,
            recorded,
            present,
            state,
        }]
    }
}

/// A key that counts, as it was recorded and as it is.
pub(super) struct Pair<'a> {
    pub key: &'a Name,
    pub before: Option<KeyDigest>,
    pub now: Option<Digest>,
}

impl Pair<'_> {
    /// How the key stands for those who use it. Of some only counts that they are
    /// there.
    pub(super) fn state(&self, need: &Need) -> KeyState {
        if need.hides(self.key) {
            return KeyState::Overridden;
        }
        let counts = need.keys.get(self.key).is_none_or(|used| used.counts);
        match (self.before.map(|before| before.0), self.now) {
            (None | Some(None), None) => KeyState::Absent,
            (None, Some(_)) => KeyState::New,
            (Some(None), Some(_)) => KeyState::Appeared,
            (Some(Some(_)), None) => KeyState::Gone,
            (Some(Some(_)), Some(_)) if !counts => KeyState::Overridden,
            (Some(Some(before)), Some(now)) if before == now => KeyState::InStep,
            (Some(Some(_)), Some(_)) => KeyState::Changed,
        }
    }
}

/// The keys that count, by what was recorded of them and what is there. Of a
/// source that is used whole those count too that are recorded only.
pub(super) fn pairs<'a>(
    need: &Need,
    seen: &SeenSource,
    before: &'a Digests,
    now: &'a Digests,
) -> Vec<Pair<'a>> {
    let whole = seen.whole && need.whole;
    let counted = before.keys().filter(|key| whole && need.admits(key));
    let keys: BTreeSet<_> = counted.chain(now.keys()).collect();
    let pair = |key| Pair {
        key,
        before: before.get(key).copied(),
        now: now.get(key).and_then(|now| now.0),
    };
    keys.into_iter().map(pair).collect()
}

/// The keys of a source that count, each with its state.
pub fn rows(need: &Need, seen: Option<&SeenSource>, source: &Source) -> Vec<KeyRow> {
    let Some(now) = present(need, seen, source) else {
        let state = match source.presence {
            Presence::NotWatched => KeyState::NotWatched,
            _ => KeyState::Unknown,
        };
        return KeyRow::whole(seen.map(together), None, state);
    };
    match seen.map(|seen| (seen, &seen.keys)) {
        Some((seen, SeenKeys::Together(_))) => all_in_one(together(seen), &now),
        Some((seen, SeenKeys::Apart(before))) => {
            one_by_one(need, source, pairs(need, seen, before, &now))
        }
        None => {
            let new = |(key, now): (_, &KeyDigest)| Pair {
                key,
                before: None,
                now: now.0,
            };
            one_by_one(need, source, now.iter().map(new).collect())
        }
    }
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

fn one_by_one(need: &Need, source: &Source, pairs: Vec<Pair<'_>>) -> Vec<KeyRow> {
    if pairs.is_empty() {
        let state = where_none_counts(need, source);
        return KeyRow::whole(None, Some(KeyDigest(None)), state);
    }
    let row = |pair: Pair<'_>| KeyRow {
        key: Some(pair.key.clone()),
        recorded: pair.before,
        present: Some(KeyDigest(pair.now)),
        state: pair.state(need),
    };
    pairs.into_iter().map(row).collect()
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

fn all_in_one(before: KeyDigest, now: &Digests) -> Vec<KeyRow> {
    let now = KeyDigest(Some(combined(now)));
    let state = if before == now {
        KeyState::InStep
    } else {
        KeyState::Changed
    };
    KeyRow::whole(Some(before), Some(now), state)
}

fn together(seen: &SeenSource) -> KeyDigest {
    match &seen.keys {
        _ if seen.rv == 0 => KeyDigest(None),
        SeenKeys::Together(digest) => KeyDigest(Some(*digest)),
        SeenKeys::Apart(keys) => KeyDigest(Some(combined(keys))),
    }
}

/// One digest over several keys.
pub(super) fn combined(keys: &Digests) -> Digest {
    Digest::of_keys(keys.iter().map(|(key, digest)| (&**key, digest.0)))
}
