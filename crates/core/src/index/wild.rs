//! Wildcards: in a namespace where a workload names sources by pattern, all
//! sources of the kind are held, and they must have been listed since.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::SourceMeta;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use super::{Index, Presence, Source, Stream, StreamOf};

#[derive(Debug, Default)]
pub(super) struct Wild {
    pub(super) users: BTreeSet<WorkloadRef>,
    /// Of the sources that are held, those that any of them names, and who does.
    pub(super) named: BTreeMap<Name, BTreeSet<WorkloadRef>>,
    /// Of the list that shows everything to it; 0: none has begun since.
    epoch: u32,
    listed: bool,
    asked: bool,
}

impl Wild {
    /// Whether this workload names that source.
    pub(super) fn note(&mut self, source: &Name, key: &WorkloadRef, is_named: bool) {
        if is_named {
            let by = self.named.entry(source.clone()).or_default();
            by.insert(key.clone());
        } else if let Some(by) = self.named.get_mut(source) {
            by.remove(key);
            if by.is_empty() {
                self.named.remove(source);
            }
        }
    }

    /// A workload names none any more.
    pub(super) fn forget(&mut self, key: &WorkloadRef) {
        self.users.remove(key);
        self.named.retain(|_, by| {
            by.remove(key);
            !by.is_empty()
        });
    }
}

impl Index {
    /// All sources of a namespace were listed for the sake of wildcards. Returns
    /// who waits for the list, and who uses what it was the first to show.
    pub(super) fn apply_listing(
        &mut self,
        kind: SourceKind,
        namespace: &Name,
        sources: &[SourceMeta],
    ) -> Vec<WorkloadRef> {
        let news = sources.iter().flat_map(|meta| self.apply_source(meta));
        let mut concerned: BTreeSet<_> = news.collect();
        if let Some(wild) = self.wild.get_mut(&(kind, namespace.clone())) {
            wild.listed = true;
            concerned.extend(wild.users.iter().cloned());
        }
        concerned.into_iter().collect()
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
    /// or `None` until those of the namespace have been listed.
    pub fn named_by(&self, kind: SourceKind, key: &WorkloadRef) -> Option<Vec<SourceRef>> {
        let wild = self.wild.get(&(kind, key.namespace.clone()))?;
        let named = wild.named.iter().filter(|(_, by)| by.contains(key));
        let named =
            named.map(|(name, _)| SourceRef::new(kind, key.namespace.clone(), name.clone()));
        let there = |source: &SourceRef| {
            let held = self.sources.get(source);
            held.is_some_and(|held| {
                matches!(held.presence, Presence::Present(_) | Presence::Unknown)
            })
        };
        wild.listed.then(|| named.filter(there).collect())
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
                wild.listed = true;
                look.extend(wild.users.iter().cloned());
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
    }
}
