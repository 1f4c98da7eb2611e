//! Streams: lists and watches, and what their ends tell.

use crate::kinds::{Kind, Renewal};
use crate::object::Version;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use super::{Concerned, Going, Gone, Index, Known, Presence};

/// One list and watch: of a kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// What it carries.
    pub of: StreamOf,
    /// Its namespace; `None` means all.
    pub namespace: Option<Name>,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamOf {
    /// Namespaces, for their defaults and labels.
    Namespaces,
    /// A kind of workload.
    Workloads(&'static Kind),
    /// A kind of source.
    Sources(SourceKind),
}

impl StreamOf {
    /// Whether API servers may lack it. Groups of Kubernetes' own have no dot.
    pub fn may_be_lacking(self) -> bool {
        let group = match self {
            Self::Namespaces => "",
            Self::Workloads(kind) => kind.group,
            Self::Sources(kind) => kind.row().group,
        };
        group.contains('.')
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.of {
            StreamOf::Namespaces => "namespaces",
            StreamOf::Workloads(kind) => kind.plural,
            StreamOf::Sources(kind) => kind.row().watched,
        })?;
        self.namespace
            .as_ref()
            .map_or(Ok(()), |namespace| write!(f, " in {namespace}"))
    }
}

impl Stream {
    pub(super) fn covers(&self, of: StreamOf, namespace: &str) -> bool {
        self.of == of && self.namespace.as_deref().is_none_or(|n| n == namespace)
    }

    /// The kind of workload that it tells of.
    pub(super) fn kind(&self) -> Option<&'static Kind> {
        match self.of {
            StreamOf::Workloads(kind) => Some(kind),
            StreamOf::Namespaces | StreamOf::Sources(_) => None,
        }
    }

    fn covers_workload(&self, key: &WorkloadRef) -> bool {
        self.covers(StreamOf::Workloads(key.kind), &key.namespace)
    }
}

#[derive(Debug, Default)]
pub(super) struct StreamState {
    /// Of its last list; what was seen before is from an earlier one.
    epoch: u32,
    listing: bool,
    complete: bool,
}

impl Index {
    /// A list of this stream begins.
    pub(super) fn begin_list(&mut self, stream: &Stream) {
        self.epoch += 1;
        let state = self.streams.entry(stream.clone()).or_default();
        state.epoch = self.epoch;
        state.listing = true;
        if let StreamOf::Sources(kind) = stream.of {
            self.begin_wild(kind, stream);
        }
    }

    /// The list of this stream has ended at this version: what it did not show is
    /// gone. Returns who is concerned, and the workloads that are gone.
    pub(super) fn end_list(&mut self, stream: &Stream, version: Version) -> Concerned {
        let state = self.streams.entry(stream.clone()).or_default();
        let first = !state.complete;
        (state.complete, state.listing) = (true, false);
        let epoch = state.epoch;
        let mut concerned = Concerned::default();
        match stream.of {
            StreamOf::Workloads(_) => concerned = self.end_workloads(stream, epoch, version),
            StreamOf::Sources(kind) => {
                concerned.changed = self.end_sources(kind, stream, epoch);
                concerned.look = self.end_wild(kind, stream, epoch);
            }
            StreamOf::Namespaces => {
                concerned.look = self.end_namespaces(stream, epoch);
            }
        }
        if first {
            concerned.look.extend(self.within(stream));
            if self.is_complete() {
                self.pack();
            }
        }
        concerned
    }

    /// A map that grew by one at a time, in order, is half empty; one that is made of all
    /// at once is full.
    fn pack(&mut self) {
        self.workloads = std::mem::take(&mut self.workloads).into_iter().collect();
        self.sources = std::mem::take(&mut self.sources).into_iter().collect();
    }

    fn end_workloads(&mut self, stream: &Stream, epoch: u32, version: Version) -> Concerned {
        let mut gone = Vec::new();
        for (key, known) in &mut self.workloads {
            if !stream.covers_workload(key) {
                continue;
            }
            if known.epoch < epoch {
                gone.push(key.clone());
            } else {
                known.since = known.since.max(version);
            }
        }
        let mut concerned = Concerned::default();
        for key in gone {
            concerned.extend(self.delete_workload(&key));
            concerned.gone.push(Gone {
                key,
                how: Going::Unseen,
            });
        }
        concerned
    }

    /// Returns those that are not there any more, and used.
    fn end_sources(&mut self, kind: SourceKind, stream: &Stream, epoch: u32) -> Vec<SourceRef> {
        let covered =
            |key: &SourceRef| key.kind == kind && stream.covers(stream.of, &key.namespace);
        let unseen = self
            .sources
            .iter()
            .filter(|(key, source)| source.epoch < epoch && covered(key));
        let unseen: Vec<_> = unseen
            .map(|(key, source)| (key.clone(), source.presence.clone()))
            .collect();
        let mut gone = Vec::new();
        for (key, presence) in unseen {
            match presence {
                Presence::Present(_) if self.delete_source(&key, Version::MAX) => gone.push(key),
                Presence::Present(_) => {}
                // An answer that is under way may be from before it was gone.
                unseen => self.settle(&key, unseen),
            }
        }
        gone
    }

    /// Whether changes of a kind of source are watched in a namespace.
    pub fn watches(&self, kind: SourceKind, namespace: &str) -> bool {
        self.states(StreamOf::Sources(kind), namespace)
            .next()
            .is_some()
    }

    /// Whether all is known that the workload's decision rests on: its namespace, and
    /// every stream that tells of more.
    pub fn ready(&self, key: &WorkloadRef) -> bool {
        self.knows(&key.namespace) && self.knows_home() && self.is_complete_for(key)
    }

    /// Whether every stream is complete.
    pub fn is_complete(&self) -> bool {
        self.streams().all(|(_, is_complete)| is_complete)
    }

    /// Whether every stream that the workload's decision rests on is complete:
    /// that of its namespace, of its kind and of those that tell more of it, and of the
    /// kinds of sources that it uses or names.
    pub fn is_complete_for(&self, key: &WorkloadRef) -> bool {
        let known = self.workloads.get(key);
        let rests_on = |of: StreamOf| match of {
            StreamOf::Namespaces => true,
            StreamOf::Workloads(kind) => {
                kind == key.kind || known.is_some_and(|known| is_told_by(known, kind))
            }
            StreamOf::Sources(kind) => known.is_none_or(|known| depends(known, kind)),
        };
        let streams = self.streams.iter();
        let mut needed = streams
            .filter(|(stream, _)| stream.covers(stream.of, &key.namespace) && rests_on(stream.of));
        needed.all(|(_, state)| state.complete)
    }

    /// Whether a workload's kind was listed before, so that what is new in a list
    /// was made since.
    pub(super) fn was_complete(&self, key: &WorkloadRef) -> bool {
        let mut states = self.states(StreamOf::Workloads(key.kind), &key.namespace);
        states.any(|state| state.complete)
    }

    /// The streams, and whether each has been complete once.
    pub fn streams(&self) -> impl Iterator<Item = (&Stream, bool)> {
        self.streams
            .iter()
            .map(|(stream, state)| (stream, state.complete))
    }

    fn states(&self, of: StreamOf, namespace: &str) -> impl Iterator<Item = &StreamState> {
        let streams = self.streams.iter();
        streams
            .filter(move |(stream, _)| stream.covers(of, namespace))
            .map(|(_, state)| state)
    }

    pub(super) fn has_begun(&self, of: StreamOf, namespace: &str) -> bool {
        self.states(of, namespace).any(|state| state.epoch > 0)
    }

    /// Whether a list of these sources is being taken in.
    pub fn is_listing(&self, source: &SourceRef) -> bool {
        self.listing(StreamOf::Sources(source.kind), &source.namespace)
    }

    pub(super) fn listing(&self, of: StreamOf, namespace: &str) -> bool {
        self.states(of, namespace).any(|state| state.listing)
    }

    /// The workloads whose decisions may rest on a stream.
    fn within(&self, stream: &Stream) -> Vec<WorkloadRef> {
        let of = |(key, known): &(&WorkloadRef, &Known)| match stream.of {
            StreamOf::Workloads(kind) => kind == key.kind || is_told_by(known, kind),
            StreamOf::Namespaces | StreamOf::Sources(_) => true,
        };
        let concerned = self.workloads().filter(of).map(|(key, _)| key);
        let of_all = self.is_of_home(stream);
        concerned
            .filter(|key| of_all || stream.covers(stream.of, &key.namespace))
            .cloned()
            .collect()
    }
}

/// Whether workloads of another kind tell more of this one: which pod template it
/// uses, or whether it runs.
fn is_told_by(known: &Known, kind: &Kind) -> bool {
    let workload = &known.workload;
    let lends = |lender: &WorkloadRef| lender.kind == kind;
    let runs = workload.key.kind.renewal == Renewal::Run && kind.renewal == Renewal::Recreate;
    runs || workload.lender.as_deref().is_some_and(lends)
}

fn depends(known: &Known, kind: SourceKind) -> bool {
    let uses = known.workload.uses.iter().any(|used| used.kind == kind);
    known.policy.opted_in() && (uses || known.policy.of(kind).names_any())
}
