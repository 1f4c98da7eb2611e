//! Namespaces: whether what is in one is ours, and what it sets for its workloads.
//!
//! Both are told by another object than the workload, on a stream of its own, which
//! may lag, fail, or never have begun. So there are three answers: ours, left out, and
//! not known yet, in which nothing is decided, recorded, read or held. Who names the
//! namespaces has chosen each, whatever is known of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::annotations::{self, Annotations};
use crate::approval::Pause;
use crate::object::Version;
use crate::refs::{Name, WorkloadRef};

use super::{Index, Stream, StreamOf};

/// What is known of a namespace.
#[derive(Debug)]
pub(super) struct Namespace {
    annotations: Annotations,
    left_out: bool,
    epoch: u32,
}

/// Tidings' own namespace, and what it says of all that is rolled.
#[derive(Debug)]
pub(super) struct Home {
    name: Name,
    pause: Option<Pause>,
}

impl Home {
    pub(super) fn new(name: Name) -> Self {
        Self { name, pause: None }
    }
}

/// What sets nothing.
static SILENT: LazyLock<Annotations> = LazyLock::new(Annotations::new);

impl Index {
    /// Whether the namespace is left out by the installation's selector.
    pub fn left_out(&self, namespace: &Name) -> bool {
        self.namespaces.get(namespace).is_some_and(|n| n.left_out)
    }

    /// Whether it is known whether the namespace is left out, and what it sets.
    pub(super) fn knows(&self, namespace: &Name) -> bool {
        self.namespaces.contains_key(namespace) || !self.must_be_seen(namespace)
    }

    /// Somebody's word that nothing at all is to be rolled.
    pub fn everything_paused(&self) -> Option<Pause> {
        self.home.as_ref()?.pause
    }

    /// Whether it is known whether everything waits: also where nobody tells of it.
    pub(super) fn knows_home(&self) -> bool {
        let is_told = |home: &Home| {
            let mut tellers = self.tellers_of(&home.name);
            self.namespaces.contains_key(&home.name) || tellers.all(|(_, complete)| complete)
        };
        self.home.as_ref().is_none_or(is_told)
    }

    /// Whether a stream tells whether everything waits.
    pub(super) fn is_of_home(&self, stream: &Stream) -> bool {
        let of = |home: &Home| self.tellers_of(&home.name).any(|(one, _)| one == stream);
        self.home.as_ref().is_some_and(of)
    }

    /// The streams that tell of a namespace, and whether each is complete. Where one tells
    /// of nothing else, those of all namespaces leave it out.
    fn tellers_of(&self, name: &Name) -> impl Iterator<Item = (&Stream, bool)> {
        let is_of = |stream: &Stream| stream.covers(StreamOf::Namespaces, name);
        let alone = |stream: &Stream| stream.namespace.is_some();
        let has_own = self
            .streams()
            .any(|(stream, _)| is_of(stream) && alone(stream));
        self.streams()
            .filter(move |(stream, _)| is_of(stream) && (alone(stream) || !has_own))
    }

    /// What Tidings' own namespace says now of all that is rolled. Returns the workloads
    /// that this concerns.
    fn hear_home(&mut self, name: &Name, annotations: &Annotations) -> Vec<WorkloadRef> {
        let Some(home) = self.home.as_mut().filter(|home| home.name == *name) else {
            return Vec::new();
        };
        let before = std::mem::replace(&mut home.pause, annotations::pause_of(annotations));
        if before == home.pause {
            return Vec::new();
        }
        self.workloads().map(|(key, _)| key.clone()).collect()
    }

    /// Whether the namespace is not there, and all that was in it neither, as a complete
    /// list tells.
    pub fn is_gone(&self, namespace: &Name) -> bool {
        let is_listed = |(stream, state): (&Stream, bool)| {
            let all = stream.of == StreamOf::Namespaces && stream.namespace.is_none();
            all && state
        };
        self.streams().any(is_listed) && !self.namespaces.contains_key(namespace)
    }

    /// Whether a namespace has to be seen before it is ours.
    fn must_be_seen(&self, namespace: &str) -> bool {
        let all = |stream: &Stream| stream.namespace.is_none();
        let mut streams = self.streams.keys();
        streams.any(|stream| all(stream) && stream.covers(StreamOf::Namespaces, namespace))
    }

    /// What a namespace sets, if it is ours.
    pub(super) fn defaults_of(&self, namespace: &Name) -> Option<&Annotations> {
        match self.namespaces.get(namespace) {
            Some(known) => (!known.left_out).then_some(&known.annotations),
            None => self.knows(namespace).then_some(&SILENT),
        }
    }

    /// A namespace was read, and is so since this version, where an event tells that.
    /// Returns the workloads that this concerns.
    pub(super) fn apply_namespace(
        &mut self,
        name: &Name,
        annotations: Annotations,
        left_out: bool,
        since: Option<Version>,
    ) -> Vec<WorkloadRef> {
        let all = self.hear_home(name, &annotations);
        let since = since.filter(|_| self.knows(name));
        let says_the_same = |before: &&mut Namespace| {
            before.left_out == left_out && before.annotations == annotations
        };
        let epoch = self.epoch;
        if let Some(before) = self.namespaces.get_mut(name).filter(says_the_same) {
            before.epoch = epoch;
            return all;
        }
        let now = Namespace {
            annotations,
            left_out,
            epoch,
        };
        self.namespaces.insert(name.clone(), now);
        let within = self.read_policies(name, since);
        if all.is_empty() { within } else { all }
    }

    /// A namespace is gone: what comes under its name is another.
    pub(super) fn delete_namespace(&mut self, name: &Name) -> Vec<WorkloadRef> {
        self.namespaces.remove(name);
        let all = self.hear_home(name, &SILENT);
        let within = self.read_policies(name, None);
        if all.is_empty() { within } else { all }
    }

    /// A list has ended that did not show those from before it.
    pub(super) fn end_namespaces(&mut self, stream: &Stream, epoch: u32) -> Vec<WorkloadRef> {
        let unseen = self.namespaces.iter().filter(|(name, namespace)| {
            namespace.epoch < epoch && stream.covers(StreamOf::Namespaces, name)
        });
        let unseen = unseen.filter(|(name, _)| self.tellers_of(name).any(|(one, _)| one == stream));
        let unseen: Vec<_> = unseen.map(|(name, _)| name.clone()).collect();
        let concerned = unseen.iter().flat_map(|name| self.delete_namespace(name));
        concerned.collect()
    }

    fn read_policies(&mut self, namespace: &Name, since: Option<Version>) -> Vec<WorkloadRef> {
        let kinds: BTreeSet<_> = self.streams.keys().filter_map(Stream::kind).collect();
        let within = kinds
            .into_iter()
            .flat_map(|kind| self.of_kind(namespace, kind));
        let keys: Vec<_> = within.map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.read_policy(key, since);
        }
        keys
    }
}
