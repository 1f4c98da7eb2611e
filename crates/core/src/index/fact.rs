//! What is told of the cluster, in the order in which the API server tells it.

use std::collections::BTreeMap;

use super::{How, Stream};
use crate::annotations::Annotations;
use crate::object::{SourceMeta, Version, Workload};
use crate::refs::{Name, SourceRef, WorkloadRef};

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
        /// All its labels.
        labels: BTreeMap<String, String>,
    },
    /// A namespace is gone.
    NamespaceGone(Name),
}
