//! What is told of the cluster, in the order in which the API server tells it, and
//! the one door by which it comes in.

use super::{Fetched, How, Index, Stream};
use crate::annotations::Annotations;
use crate::object::{Pod, SourceMeta, Version, Workload};
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
    /// A workload is gone, since this version.
    WorkloadGone(WorkloadRef, Version),
    /// A pod is there. Only who looks once at a cluster lists them, so none goes.
    Pod(Box<Pod>),
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
        /// The version at which it was seen to become so; none where a list shows it, or it
        /// is read for the first time.
        since: Option<Version>,
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
    /// Sources that changed, of which whoever uses them is to be told: those may be
    /// thousands, and are told when it is the turn of their namespace
    /// ([`Index::pass_on`]).
    pub changed: Vec<SourceRef>,
    /// Sources that were read, or are known to be there, likewise.
    pub read: Vec<SourceRef>,
    /// Workloads whose pod template others use, and is another now, likewise
    /// ([`Index::borrowers`]).
    pub lent: Vec<WorkloadRef>,
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
    /// How it went.
    pub how: Going,
}

/// How a workload went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Going {
    /// It was deleted, and its pods with it.
    Deleted,
    /// It was deleted so that its pods stay.
    Orphaning,
    /// Nobody saw it go: a list did not show it any more, say, which is no proof.
    Unseen,
}

impl Concerned {
    /// Whom another fact concerns too.
    pub fn extend(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.read.extend(other.read);
        self.lent.extend(other.lent);
        self.look.extend(other.look);
        self.gone.extend(other.gone);
    }

    pub(super) fn changed(source: SourceRef) -> Self {
        Self {
            changed: vec![source],
            ..Self::default()
        }
    }

    /// Whoever uses this source is to be told that it was read, or could not be.
    pub fn read(source: SourceRef) -> Self {
        Self {
            read: vec![source],
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
            Fact::Workload(workload, how) => self.apply_workload(*workload, how),
            Fact::WorkloadGone(key, version) => self.workload_gone(&key, version),
            Fact::Pod(pod) => {
                self.apply_pod(*pod);
                Concerned::default()
            }
            Fact::Source(meta) if self.apply_source(&meta) => Concerned::changed(meta.key),
            Fact::SourceGone(source, version) if self.delete_source(&source, version) => {
                Concerned::changed(source)
            }
            Fact::Source(_) | Fact::SourceGone(..) => Concerned::default(),
            Fact::Namespace {
                name,
                annotations,
                left_out,
                since,
            } => Concerned::look(self.apply_namespace(&name, annotations, left_out, since)),
            Fact::NamespaceGone(name) => Concerned::look(self.delete_namespace(&name)),
            Fact::Read(source, told, fetched) => {
                self.apply_fetched(&source, told, fetched);
                Concerned::read(source)
            }
            Fact::Listed(kind, namespace, sources) => self.apply_listing(kind, &namespace, sources),
            Fact::NotListed(kind, namespace) => {
                self.retry_listing(kind, &namespace);
                Concerned::default()
            }
        }
    }

    /// Unless it was told of a later version: then another is there, or what told it is
    /// behind.
    fn workload_gone(&mut self, key: &WorkloadRef, version: Version) -> Concerned {
        let known = self.get(key);
        if known.is_some_and(|known| known.workload.version > version) {
            return Concerned::default();
        }
        let how = if known.is_some_and(|known| known.workload.orphans) {
            Going::Orphaning
        } else {
            Going::Deleted
        };
        Concerned {
            gone: vec![Gone {
                key: key.clone(),
                how,
            }],
            ..self.delete_workload(key)
        }
    }
}
