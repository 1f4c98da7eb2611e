//! Links: which workloads use which sources, and so which sources are held.
//!
//! Patterns are asked here, once for each name, and not whenever a source changes or a
//! workload is decided. They have so many steps; beyond, a source counts as named until
//! the decision finds out. Which of all sources a workload names is worked out when it is
//! decided, in the turn of its namespace ([`Index::work_out`]).

use std::collections::BTreeSet;

use crate::bounds;
use crate::object::SourceFlags;
use crate::pattern::Steps;
use crate::policy::{Policy, Selection};
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use crate::uses::Via;

use super::{Index, Known, Source};

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
            let selection = known.policy.of(kind);
            let named = selection.plain_names();
            let named = named.map(|name| SourceRef::new(kind, namespace.clone(), name.clone()));
            mentions.literal.extend(named);
            if selection.has_patterns() {
                mentions.wild.insert(kind);
            }
        }
        let used = known.workload.uses.iter();
        let used = used.filter(|used| used.via != Via::ImagePullSecret);
        let mut used: BTreeSet<_> = used.map(|used| used.source(namespace)).collect();
        let steps = Steps::new(bounds::LINK_STEPS);
        used.retain(|source| may_count(&known.policy, source, &steps));
        mentions.literal.append(&mut used);
        while mentions.literal.len() > bounds::SOURCES {
            mentions.literal.pop_last();
        }
        mentions
    }
}

/// Whether what is used may roll the workload, whatever is written on it.
fn may_count(policy: &Policy, used: &SourceRef, steps: &Steps) -> bool {
    let selection = policy.of(used.kind);
    let selected = selection.select(&used.name, true, SourceFlags::ANY, steps);
    selected.is_some() || steps.are_spent()
}

/// Whether a pattern names this source, as far as there are steps to find out.
fn may_find(selection: &Selection, name: &str, steps: &Steps) -> bool {
    selection.finds(name, steps) || steps.are_spent()
}

impl Index {
    /// Replaces the links of a workload, which is known already as it is now. What it
    /// mentions before and after stays as it is known.
    pub(super) fn relink(&mut self, key: &WorkloadRef, before: &Mentions, now: &Mentions) {
        for source in now.literal.difference(&before.literal) {
            let users = &mut self.hold(source).users;
            if let Err(at) = users.binary_search(key) {
                users.reserve_exact(usize::from(users.is_empty()));
                users.insert(at, key.clone());
            }
        }
        for kind in &now.wild {
            let wild = self.wild.entry((*kind, key.namespace.clone()));
            wild.or_default().join(key);
        }
        for kind in before.wild.difference(&now.wild) {
            self.leave_wild(*kind, key);
        }
        for source in before.literal.difference(&now.literal) {
            self.leave(source, key);
        }
    }

    /// Works out what the next decision about a workload rests on and was left until then:
    /// there may be thousands of its kind, and each is to wait for its own turn. Returns
    /// how many steps it took.
    pub fn work_out(&mut self, key: &WorkloadRef) -> u32 {
        let borrowed = self.borrow_anew(key);
        let kinds = SourceKind::all();
        kinds.fold(borrowed, |steps, kind| steps + self.find_named(kind, key))
    }

    /// Which of the sources that are held a workload names by pattern.
    fn find_named(&mut self, kind: SourceKind, key: &WorkloadRef) -> u32 {
        let at = (kind, key.namespace.clone());
        let wild = self.wild.get_mut(&at);
        if !wild.is_some_and(|wild| wild.take_stale(key)) {
            return 0;
        }
        let (Some(known), Some(mut wild)) = (self.workloads.get(key), self.wild.remove(&at)) else {
            return 0;
        };
        let (selection, steps) = (known.policy.of(kind), Steps::new(bounds::LINK_STEPS));
        let held = self
            .held(kind, &key.namespace)
            .map(|(source, _)| &source.name);
        let named = held.filter(|name| may_find(selection, name, &steps));
        wild.set(key, named);
        self.wild.insert(at, wild);
        steps.taken()
    }

    /// Works out who names a source by pattern that is held from now on.
    pub(super) fn find_who_names(&mut self, source: &SourceRef) {
        let at = (source.kind, source.namespace.clone());
        let Some(wild) = self.wild.get_mut(&at).filter(|wild| wild.listed) else {
            return;
        };
        let steps = Steps::new(bounds::LINK_STEPS);
        wild.add(&source.name, |key| {
            let known = self.workloads.get(key);
            known.is_some_and(|known| may_find(known.policy.of(source.kind), &source.name, &steps))
        });
    }

    fn leave(&mut self, source: &SourceRef, key: &WorkloadRef) {
        let Some(held) = self.sources.get_mut(source) else {
            return;
        };
        held.users.retain(|user| user != key);
        let unused = held.users.is_empty() && !self.pods.use_it(source);
        if unused && !self.is_wild(source.kind, &source.namespace) {
            self.let_go(source);
        }
    }

    fn leave_wild(&mut self, kind: SourceKind, key: &WorkloadRef) {
        let at = (kind, key.namespace.clone());
        let Some(wild) = self.wild.get_mut(&at) else {
            return;
        };
        wild.forget_user(key);
        if wild.users.is_empty() {
            self.wild.remove(&at);
            let held = self.held(kind, &key.namespace);
            let unused = held.filter(|(_, source)| source.users.is_empty());
            let unused = unused.filter(|(key, _)| !self.pods.use_it(key));
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

    /// Whether anybody uses a source, or names it.
    pub(super) fn has_users(&self, key: &SourceRef) -> bool {
        let held = self.source(key);
        let wild = || self.wild.get(&(key.kind, key.namespace.clone()));
        held.is_some_and(Source::is_used)
            || self.pods.use_it(key)
            || wild().is_some_and(|wild| wild.who_names(&key.name).next().is_some())
    }

    /// Who is to be told of a source that changed or was read. With that, it is held no
    /// longer where nobody but patterns asked for it and it is not there.
    pub fn pass_on(&mut self, key: &SourceRef) -> Vec<WorkloadRef> {
        let users = self.users(key);
        self.drop_absent(key);
        users
    }

    /// One of those who use a source, or name it.
    pub(super) fn a_user(&self, key: &SourceRef) -> Option<&WorkloadRef> {
        let literal = self
            .sources
            .get(key)
            .and_then(|source| source.users.first());
        let wild = || self.wild.get(&(key.kind, key.namespace.clone()));
        literal.or_else(|| wild()?.who_names(&key.name).next())
    }

    /// Who uses a source, or names it.
    pub fn users(&self, key: &SourceRef) -> Vec<WorkloadRef> {
        let users = self.sources.get(key).map(|source| source.users.as_slice());
        let mut users = users.unwrap_or_default().to_vec();
        let wild = self.wild.get(&(key.kind, key.namespace.clone()));
        if let Some(wild) = wild {
            users.extend(wild.who_names(&key.name).cloned());
            users.sort();
            users.dedup();
        }
        users
    }
}
