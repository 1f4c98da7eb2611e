//! Links: which workloads use which sources, and so which sources are held.

use std::collections::BTreeSet;

use crate::object::SourceFlags;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use crate::uses::Via;

use super::{Index, Known};

/// The sources that a workload uses or names, and the kinds that it names by
/// wildcard.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    literal: BTreeSet<SourceRef>,
    wild: BTreeSet<SourceKind>,
}

impl Mentions {
    pub(super) fn of(known: &Known) -> Self {
        let mut mentions = Self::default();
        if !known.policy.opted_in() {
            return mentions;
        }
        let namespace = &known.workload.key.namespace;
        for kind in SourceKind::all() {
            for pattern in known.policy.of(kind).named() {
                match pattern.literal() {
                    Some(name) => {
                        let source = SourceRef::new(kind, namespace.clone(), name.clone());
                        mentions.literal.insert(source);
                    }
                    None => {
                        mentions.wild.insert(kind);
                    }
                }
            }
        }
        let uses = known.workload.uses.iter();
        let selected = uses.filter(|u| u.via != Via::ImagePullSecret && may_count(known, u));
        mentions
            .literal
            .extend(selected.map(|u| u.source(namespace)));
        mentions
    }
}

/// Whether what is used may roll the workload, whatever is written on it.
fn may_count(known: &Known, used: &crate::uses::Use) -> bool {
    let selection = known.policy.of(used.kind);
    selection
        .select(&used.name, true, SourceFlags::ANY)
        .is_some()
}

impl Index {
    /// Replaces the links of a workload. What it mentions before and after stays
    /// as it is known.
    pub(super) fn relink(&mut self, key: &WorkloadRef, before: &Mentions, now: &Mentions) {
        for source in now.literal.difference(&before.literal) {
            let users = &mut self.hold(source).users;
            if let Err(at) = users.binary_search(key) {
                users.reserve_exact(usize::from(users.is_empty()));
                users.insert(at, key.clone());
            }
        }
        for kind in now.wild.difference(&before.wild) {
            let wild = self.wild.entry((*kind, key.namespace.clone()));
            wild.or_default().users.insert(key.clone());
        }
        for kind in before.wild.difference(&now.wild) {
            self.leave_wild(*kind, key);
        }
        for source in before.literal.difference(&now.literal) {
            self.leave(source, key);
        }
    }

    fn leave(&mut self, source: &SourceRef, key: &WorkloadRef) {
        let Some(held) = self.sources.get_mut(source) else {
            return;
        };
        held.users.retain(|user| user != key);
        let unused = held.users.is_empty();
        if unused && !self.is_wild(source.kind, &source.namespace) {
            self.sources.remove(source);
        }
    }

    fn leave_wild(&mut self, kind: SourceKind, key: &WorkloadRef) {
        let at = (kind, key.namespace.clone());
        let last = |users: &mut BTreeSet<_>| users.remove(key) && users.is_empty();
        if self.wild.get_mut(&at).is_some_and(|w| last(&mut w.users)) {
            self.wild.remove(&at);
            let held = self.held(kind, &key.namespace);
            let unused = held.filter(|(_, source)| source.users.is_empty());
            let unused: Vec<_> = unused.map(|(key, _)| key.clone()).collect();
            for source in &unused {
                self.sources.remove(source);
            }
        }
    }

    fn is_wild(&self, kind: SourceKind, namespace: &Name) -> bool {
        self.wild.contains_key(&(kind, namespace.clone()))
    }

    pub(super) fn wanted(&self, key: &SourceRef) -> bool {
        self.sources.contains_key(key) || self.is_wild(key.kind, &key.namespace)
    }

    /// Who uses a source, or names it.
    pub fn users(&self, key: &SourceRef) -> Vec<WorkloadRef> {
        let literal = self.sources.get(key).map(|source| source.users.as_slice());
        let mut users = literal.unwrap_or_default().to_vec();
        if let Some(wild) = self.wild.get(&(key.kind, key.namespace.clone())) {
            let named = wild.users.iter().filter(|user| self.names(user, key));
            users.extend(named.cloned());
            users.sort();
            users.dedup();
        }
        users
    }

    fn names(&self, user: &WorkloadRef, key: &SourceRef) -> bool {
        let matches =
            |known: &Known| (known.policy.of(key.kind).named()).any(|p| p.matches(&key.name));
        self.workloads.get(user).is_some_and(matches)
    }
}
