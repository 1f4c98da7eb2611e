//! What is told of the cluster, in the order in which the API server tells it, and
//! the one door by which it comes in.

use super::{Fetched, How, Index, Stream};
use crate::annotations::Annotations;
use crate::object::{SourceMeta, Version, Workload};
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

/// Something that the API server told.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// What follows of this stream is a list. A list that broke off begins
    /// again, without having ended.
    ListBegan(Stream),
    /// The list is complete at this version: what it did not show is gone.
    ListEnded(Stream, Version),
    /// A workload is there.
    Workload(Box<Workload>, How),
    /// A workload is gone.
    WorkloadGone(WorkloadRef),
    /// A source is there.
    Source(SourceMeta),
    /// A source is gone, or is not watched any more, since this version.
    SourceGone(SourceRef, Version),
    /// A namespace is there.
    Namespace {
        /// Its name.
        name: Name,
        /// Its annotations, those that are read only.
        annotations: Annotations,
        /// Whether the installation's selector leaves it out.
        left_out: bool,
    },
    /// A namespace is gone.
    NamespaceGone(Name),
    /// A source was read, as an answer to the question that was asked when the watch
    /// had told of it by this number ([`super::Source::told`]).
    Read(SourceRef, u32, Fetched),
    /// The sources of a namespace were listed, which [`Index::take_listings`] asked
    /// for.
    Listed(SourceKind, Name, Vec<SourceMeta>),
    /// They could not be.
    NotListed(SourceKind, Name),
}

/// Who is concerned by a fact.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Something they use changed.
    pub changed: Vec<WorkloadRef>,
    /// They may be decided now, or otherwise than before.
    pub look: Vec<WorkloadRef>,
    /// They are gone.
    pub gone: Vec<Gone>,
}

/// A workload that is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone {
    /// Which one was.
    pub key: WorkloadRef,
    /// Whether its pods may stay: so it was deleted, or nobody saw how.
    pub pods_may_stay: bool,
}

impl Concerned {
    /// Whom another fact concerns too.
    pub fn extend(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.look.extend(other.look);
        self.gone.extend(other.gone);
    }

    fn changed(changed: Vec<WorkloadRef>) -> Self {
        Self {
            changed,
            ..Self::default()
        }
    }

    pub(super) fn look(look: Vec<WorkloadRef>) -> Self {
        Self {
            look,
            ..Self::default()
        }
    }
}

impl Index {
    /// Takes in what is told, and says whom it concerns.
    pub fn apply(&mut self, fact: Fact) -> Concerned {
        match fact {
            Fact::ListBegan(stream) => {
                self.begin_list(&stream);
                Concerned::default()
            }
            Fact::ListEnded(stream, version) => self.end_list(&stream, version),
            Fact::Workload(workload, how) => Concerned::look(self.apply_workload(*workload, how)),
            Fact::WorkloadGone(key) => self.workload_gone(key),
            Fact::Source(meta) => Concerned::changed(self.apply_source(&meta)),
            Fact::SourceGone(source, version) => {
                Concerned::changed(self.delete_source(&source, version))
            }
            Fact::Namespace {
                name,
                annotations,
                left_out,
            } => Concerned::look(self.apply_namespace(&name, annotations, left_out)),
            Fact::NamespaceGone(name) => Concerned::look(self.delete_namespace(&name)),
            Fact::Read(source, told, fetched) => {
                Concerned::look(self.apply_fetched(&source, told, fetched))
            }
            Fact::Listed(kind, namespace, sources) => {
                Concerned::look(self.apply_listing(kind, &namespace, &sources))
            }
            Fact::NotListed(kind, namespace) => {
                self.retry_listing(kind, &namespace);
                Concerned::default()
            }
        }
    }

    fn workload_gone(&mut self, key: WorkloadRef) -> Concerned {
        let known = self.get(&key);
        let pods_may_stay = known.is_some_and(|known| known.workload.orphans);
        Concerned {
            look: self.delete_workload(&key),
            gone: vec![Gone { key, pods_may_stay }],
            ..Concerned::default()
        }
    }
}
