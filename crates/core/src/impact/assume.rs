//! What is taken to be so where it is not known, or not so yet.

use std::collections::BTreeSet;

use crate::decide::{Act, Verdict};
use crate::digest::Digest;
use crate::index::{Content, Fact, Fetched, Index, Known};
use crate::needs::needs_of;
use crate::object::{Seconds, SourceFlags, SourceMeta};
use crate::refs::{Name, SourceRef};
use crate::state::{Entry, Seen};
use crate::uses::{Keys, Use};

use super::APPLIED;

/// A source in which these keys, or all that it has where none is named, hold something
/// else. `None` where it is not there.
pub fn as_if(now: &Fetched, keys: &BTreeSet<Name>) -> Option<Fetched> {
    let Fetched::Present(meta, content) = now else {
        return None;
    };
    let changed = |key: &Name| keys.is_empty() || keys.contains(key);
    let other = |key: &Name, was: &[u8]| (key.clone(), Digest::of_key(&meta.key, key, was));
    let all = content.keys.iter().map(|(key, digest)| {
        if changed(key) {
            other(key, digest.to_string().as_bytes())
        } else {
            (key.clone(), *digest)
        }
    });
    let new = keys.iter().filter(|key| content.get(key).is_none());
    let mut all: Vec<_> = all.chain(new.map(|key| other(key, b""))).collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    let after = SourceMeta {
        version: APPLIED,
        rewritten: true,
        ..meta.clone()
    };
    Some(Fetched::Present(after, content.holding(APPLIED, all)))
}

/// Takes a source that may not be read to be there, with all that its users need of it, so
/// that what is asked of others can be told.
pub fn stand_in(index: &mut Index, source: &SourceRef) {
    let workloads = index.workloads();
    let uses = workloads.filter(|(key, _)| key.namespace == source.namespace);
    let uses = uses.flat_map(|(_, known)| &*known.workload.uses);
    let uses = uses.filter(|used| used.kind == source.kind && used.name == source.name);
    let keys: BTreeSet<Name> = uses.flat_map(named).cloned().collect();
    let keys = keys.into_iter().map(|key| {
        let digest = Digest::of_key(source, &key, b"");
        (key, digest)
    });
    let meta = SourceMeta {
        key: source.clone(),
        version: 1,
        marks: Some(SourceFlags::ANY),
        written: None,
        rewritten: false,
        by: None,
        only_data: false,
        problem: None,
    };
    let content = Content::new(meta.version, keys.collect::<Box<[_]>>());
    let told = index.view(source).told;
    let fetched = Fetched::Present(meta, content);
    index.apply(Fact::Read(source.clone(), told, fetched));
}

fn named(used: &Use) -> &[Name] {
    match &used.keys {
        Keys::Some(keys) | Keys::Present(keys) => keys,
        Keys::All | Keys::Except(_) => &[],
    }
}

/// A record in which sources that may not be read are as they are taken to be.
pub fn as_recorded<'a>(
    mut entry: Entry,
    known: &Known,
    index: &Index,
    unread: impl IntoIterator<Item = &'a SourceRef>,
) -> Entry {
    let unread: BTreeSet<_> = unread.into_iter().collect();
    for need in needs_of(known, index, Some(&entry)).needs {
        if unread.contains(&need.source)
            && let Some(seen) = need.seen(index.view(&need.source))
        {
            entry.seen.insert(Seen::of(&need.source), seen);
        }
    }
    entry
}

/// The first record of a workload, where that is of an earlier moment than now: it was
/// opted in before a source changed that is applied with it. Another decision follows.
pub fn first_record(verdict: &Verdict, now: Seconds) -> Option<Entry> {
    match &verdict.act {
        Act::Record(entry) if verdict.again.is_some_and(|again| again <= now) => {
            Some(entry.clone())
        }
        _ => None,
    }
}

/// The record with which a workload meets what is applied: the one that it has, or the one
/// that the controller would have written by then, as this verdict on the present says.
pub fn base(record: Option<&Entry>, now: &Verdict) -> Option<Entry> {
    match &now.act {
        Act::Record(entry) | Act::Note(entry) => Some(entry.clone()),
        Act::Roll(entry, _) if record.is_none_or(Entry::is_bare) => Some(Entry {
            done: true,
            climb: None,
            ..entry.clone()
        }),
        _ => record.cloned(),
    }
}
