//! What is in the cluster now, as far as decisions rest on it.
//!
//! Goes in: facts, in any order — lists, events, fetched sources. Comes out: the
//! workloads that may have to be decided again, and views for
//! [`crate::decide`]. Nothing here fails and nothing here is guessed: what has
//! not been read is [`Presence::Unknown`].
//!
//! A source is held only while a workload or a pod uses or names it (or, for names with
//! wildcards, while its namespace has such a workload), and then only its
//! version, its marks and the digests of its keys. So a list of sources that is
//! read before the workloads were is lost on them, and each must be read again.

mod content;
mod fact;
mod lend;
mod links;
mod listed_pods;
mod names;
mod namespace;
mod pods;
mod room;
mod runs;
mod source;
mod stream;
mod turns;
mod wild;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use content::{Content, Rare};
pub use fact::{Concerned, Fact, Going, Gone};
pub use pods::Pods;
pub use room::Crowded;
pub use source::{Fetched, Past, Presence, Present, Source};
pub use stream::{Stream, StreamOf};
pub use workload::{Beginning, How, Known};

use crate::annotations::Annotations;
use crate::object::{Pod, SourceFlags};
use crate::policy::{Defaults, Policy};
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

/// What is in the cluster now.
#[derive(Debug, Default)]
pub struct Index {
    defaults: Defaults,
    /// In boxes, as the sources are: a map may be half empty.
    workloads: BTreeMap<WorkloadRef, Box<Known>>,
    sources: BTreeMap<SourceRef, Box<Source>>,
    /// Where a workload names sources by wildcard.
    wild: BTreeMap<(SourceKind, Name), wild::Wild>,
    namespaces: BTreeMap<Name, namespace::Namespace>,
    /// Tidings' own namespace, which says whether everything waits.
    home: Option<namespace::Home>,
    streams: BTreeMap<Stream, stream::StreamState>,
    /// Who uses the pod template of whom.
    borrowers: BTreeMap<WorkloadRef, BTreeSet<WorkloadRef>>,
    names: names::Names,
    /// What the last workload asks for whose annotations were read, and what is written on
    /// it and on its template.
    last_policy: Arc<Policy>,
    last_annotations: [Arc<Annotations>; 2],
    pods: listed_pods::ListedPods,
    rooms: BTreeMap<Name, room::Held>,
    /// The namespaces that may have room for what they had none for.
    roomy: BTreeSet<Name>,
    /// Grows with each list that begins.
    epoch: u32,
    /// Grows with everything that is told of a source.
    told: u32,
}

impl Index {
    /// An empty index that waits for these streams.
    pub fn new(defaults: Defaults, streams: impl IntoIterator<Item = Stream>) -> Self {
        let states = streams
            .into_iter()
            .map(|s| (s, stream::StreamState::default()));
        Self {
            defaults,
            streams: states.collect(),
            ..Self::default()
        }
    }

    /// The same, which is told of Tidings' own namespace, too.
    #[must_use]
    pub fn at_home(self, home: Name) -> Self {
        let home = Some(namespace::Home::new(home));
        Self { home, ..self }
    }

    /// A workload.
    pub fn get(&self, key: &WorkloadRef) -> Option<&Known> {
        self.workloads.get(key).map(Box::as_ref)
    }

    /// All pods that were listed, in order.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter()
    }

    /// All workloads, in order.
    pub fn workloads(&self) -> impl Iterator<Item = (&WorkloadRef, &Known)> {
        self.workloads.iter().map(|(key, known)| (key, &**known))
    }

    /// The marks on a source, as far as they are known.
    pub fn marks(&self, key: &SourceRef) -> SourceFlags {
        let present = self.view(key).present();
        present.map(|p| p.marks).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests;
