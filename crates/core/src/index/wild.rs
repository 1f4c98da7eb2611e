//! Wildcards: in a namespace where a workload names sources by pattern, all
//! sources of the kind are held, and they must have been listed since.

use std::collections::{BTreeMap, BTreeSet};

use crate::bounds;
use crate::object::SourceMeta;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use super::{Concerned, Index, Presence, Source, Stream, StreamOf};

#[derive(Debug, Default)]
pub(super) struct Wild {
    pub(super) users: BTreeMap<WorkloadRef, Matches>,
    /// How many all of them name.
    matched: usize,
    /// Those of whom it is to be worked out anew, when they are decided, what they name.
    stale: BTreeSet<WorkloadRef>,
    /// Of the list that shows everything to it; 0: none has begun since.
    epoch: u32,
    pub(super) listed: bool,
    asked: bool,
}

/// Of the sources that are held, the first that a workload names, in order: no more than
/// of one workload are followed.
#[derive(Debug, Default)]
pub(super) struct Matches {
    names: BTreeSet<Name>,
    /// Whether there were more.
    more: bool,
}

impl Matches {
    /// How many more may be added, where there is room for so many of all.
    fn room(&self, of_all: usize) -> usize {
        let own = bounds::MATCHES_OF_EACH.saturating_sub(self.names.len());
        let most = bounds::SOURCES.saturating_sub(self.names.len());
        own.max(of_all).min(most)
    }
}

impl Wild {
    /// A workload names these, in order. Returns as soon as there is no room for more.
    pub(super) fn set<'a>(&mut self, key: &WorkloadRef, names: impl Iterator<Item = &'a Name>) {
        self.forget_user(key);
        let mut matches = Matches::default();
        for name in names {
            if matches.room(bounds::MATCHES.saturating_sub(self.matched)) == 0 {
                matches.more = true;
                break;
            }
            matches.names.insert(name.clone());
            self.matched += 1;
        }
        self.users.insert(key.clone(), matches);
    }

    /// A source is held from now on: who names it follows it, in the place of the last
    /// that he names where there is no room.
    pub(super) fn add(&mut self, name: &Name, names: impl Fn(&WorkloadRef) -> bool) {
        for (key, matches) in &mut self.users {
            let room = matches.room(bounds::MATCHES.saturating_sub(self.matched));
            let is_last = matches.names.last().is_none_or(|last| last < name);
            if (room == 0 && is_last && matches.more) || !names(key) {
                continue;
            }
            if room == 0 {
                matches.more = true;
                if is_last || matches.names.pop_last().is_none() {
                    continue;
                }
                self.matched -= 1;
            }
            self.matched += usize::from(matches.names.insert(name.clone()));
        }
    }

    /// Who names this source, in order.
    pub(super) fn who_names(&self, name: &Name) -> impl Iterator<Item = &WorkloadRef> {
        let users = self.users.iter();
        users
            .filter(|(_, matches)| matches.names.contains(name))
            .map(|(key, _)| key)
    }

    /// A source is not held any more. Who names more than he follows may follow another.
    pub(super) fn forget(&mut self, name: &Name) {
        for (key, matches) in &mut self.users {
            if matches.names.remove(name) {
                self.matched -= 1;
                if matches.more {
                    self.stale.insert(key.clone());
                }
            }
        }
    }

    /// A workload names some from now on, or others than before.
    pub(super) fn join(&mut self, key: &WorkloadRef) {
        self.users.entry(key.clone()).or_default();
        self.stale.insert(key.clone());
    }

    /// All that are there are held: now it can be worked out who names which.
    fn is_listed(&mut self) -> impl Iterator<Item = WorkloadRef> {
        self.listed = true;
        self.stale = self.users.keys().cloned().collect();
        self.users.keys().cloned()
    }

    /// Whether it is to be worked out, and can be, what a workload names; then it is.
    pub(super) fn take_stale(&mut self, key: &WorkloadRef) -> bool {
        self.listed && self.stale.remove(key)
    }

    /// A workload names none any more.
    pub(super) fn forget_user(&mut self, key: &WorkloadRef) {
        self.stale.remove(key);
        let former = self.users.remove(key);
        self.matched -= former.map_or(0, |matches| matches.names.len());
    }
}

impl Index {
    /// All sources of a namespace were listed for the sake of wildcards. Who waits for
    /// the list is concerned, and who uses what it was the first to show.
    pub(super) fn apply_listing(
        &mut self,
        kind: SourceKind,
        namespace: &Name,
        sources: Vec<SourceMeta>,
    ) -> Concerned {
        let news = sources.into_iter().filter(|meta| self.learn(meta));
        let read: Vec<_> = news.map(|meta| meta.key).collect();
        let is_used = |key: &SourceRef| self.source(key).is_some_and(Source::is_used);
        let read = read.into_iter().filter(is_used).collect();
        let wild = self.wild.get_mut(&(kind, namespace.clone()));
        let look = wild.map(|wild| wild.is_listed().collect());
        Concerned {
            read,
            look: look.unwrap_or_default(),
            ..Concerned::default()
        }
    }

    /// The namespaces whose sources must be listed for the sake of wildcards,
    /// each returned once.
    pub fn take_listings(&mut self) -> Vec<(SourceKind, Name)> {
        let unlisted = self
            .wild
            .iter()
            .filter(|(_, w)| !w.listed && !w.asked && w.epoch == 0);
        let mut wanted: Vec<_> = unlisted.map(|(key, _)| key.clone()).collect();
        wanted.retain(|(kind, namespace)| self.has_begun(StreamOf::Sources(*kind), namespace));
        for key in &wanted {
            if let Some(wild) = self.wild.get_mut(key) {
                wild.asked = true;
            }
        }
        wanted
    }

    /// A listing failed: ask for it again.
    pub(super) fn retry_listing(&mut self, kind: SourceKind, namespace: &Name) {
        if let Some(wild) = self.wild.get_mut(&(kind, namespace.clone())) {
            wild.asked = false;
        }
    }

    /// The sources of a namespace that a workload names by wildcard, or may, in order,
    /// and whether there are more than are followed; `None` until those of the namespace
    /// have been listed.
    pub fn named_by(&self, kind: SourceKind, key: &WorkloadRef) -> Option<(Vec<SourceRef>, bool)> {
        let wild = self.wild.get(&(kind, key.namespace.clone()))?;
        let is_known = wild.listed && !wild.stale.contains(key);
        let matches = wild.users.get(key).filter(|_| is_known)?;
        let named = matches.names.iter();
        let named = named.map(|name| SourceRef::new(kind, key.namespace.clone(), name.clone()));
        let there = |source: &SourceRef| {
            let held = self.sources.get(source);
            held.is_some_and(|held| {
                matches!(held.presence, Presence::Present(_) | Presence::Unknown)
            })
        };
        Some((named.filter(there).collect(), matches.more))
    }

    pub(super) fn has_listed(&self, kind: SourceKind, namespace: &Name) -> bool {
        let wild = self.wild.get(&(kind, namespace.clone()));
        wild.is_some_and(|wild| wild.listed)
    }

    pub(super) fn begin_wild(&mut self, kind: SourceKind, stream: &Stream) {
        for ((k, namespace), wild) in &mut self.wild {
            if *k == kind && stream.covers(stream.of, namespace) {
                wild.epoch = self.epoch;
            }
        }
    }

    /// Returns who may be decided now.
    pub(super) fn end_wild(
        &mut self,
        kind: SourceKind,
        stream: &Stream,
        epoch: u32,
    ) -> Vec<WorkloadRef> {
        let mut look = Vec::new();
        for ((k, namespace), wild) in &mut self.wild {
            if *k == kind && stream.covers(stream.of, namespace) && wild.epoch >= epoch {
                look.extend(wild.is_listed());
            }
        }
        look
    }

    /// The held sources of a kind in a namespace, in order.
    pub(super) fn held(
        &self,
        kind: SourceKind,
        namespace: &Name,
    ) -> impl Iterator<Item = (&SourceRef, &Source)> {
        let first = SourceRef::new(kind, namespace.clone(), "");
        let within = move |key: &SourceRef| key.kind == kind && key.namespace == *namespace;
        self.sources
            .range(first..)
            .take_while(move |(key, _)| within(key))
            .map(|(key, source)| (key, &**source))
    }
}
