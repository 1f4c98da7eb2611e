//! Who uses what, as a picture: sources → workloads → pods.
//!
//! Goes in: an index, how its workloads stand and which of its pods are stale ([`Beside`]),
//! and what is to be looked at ([`Focus`]). Comes out: nodes in three layers, edges named
//! by use and key, and what had to be put together because nobody reads more than
//! [`READABLE`] nodes ([`Graph`]); and where each of them is ([`Graph::lay_out`]).
//!
//! Pure, in whole units, and the same for the same input. What is drawn is what the index
//! knows: nothing is compared here, and no standing is worked out.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::Index;
use crate::object::Group;
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::stale::{Certainty, StaleUse};
use crate::standing::Word;
use crate::uses::Via;

mod fold;
mod layout;
mod order;
mod read;
#[cfg(test)]
mod tests;

pub use fold::{Fold, Folded};
pub use layout::{Area, Route, Sheet};
pub use read::used;

/// So many nodes are shown at most; beyond, some are put together.
pub const READABLE: usize = 200;

/// What is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Focus {
    /// All of a namespace.
    Namespace(Name),
    /// One workload, with what it uses and its pods.
    Workload(Group),
    /// One source: whom a change of it concerns.
    Source(SourceRef),
}

/// What is known beside the index.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// How the workloads stand that are opted in.
    pub standings: &'a BTreeMap<WorkloadRef, Word>,
    /// Which pods have, or may have, older data.
    pub stale: &'a [StaleUse],
}

/// Sources, workloads and pods, and who uses what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// In the order of their layers.
    pub nodes: Vec<Node>,
    /// Each once, in order.
    pub edges: Vec<Edge>,
    /// What was put together; empty where everything is shown by itself.
    pub folded: Vec<Folded>,
    /// How many workloads are left out since they use nothing.
    pub idle: usize,
}

/// One thing, or several that were put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it stands for.
    pub what: Subject,
    /// What is to be seen of it at a glance.
    pub mark: Glance,
}

/// What a node stands for: of several, at least two, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A source.
    Source(SourceRef),
    /// Sources that were put together.
    Sources(Vec<SourceRef>),
    /// A workload, or what else has made pods.
    Workload(Group),
    /// Workloads that were put together.
    Workloads(Vec<Group>),
    /// A pod by its name.
    Pod(Name),
    /// Pods that were put together, and how many of them are stale, or may be.
    Pods(Vec<Name>, usize),
}

/// What is to be seen of a node at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Glance {
    /// Nothing in particular.
    None,
    /// A workload that stands so.
    Standing(Word),
    /// A pod that has, or may have, older data.
    Stale(Certainty),
    /// A source that is not there.
    Absent,
}

/// The layer of a node, from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What is used.
    Sources,
    /// Who uses it.
    Workloads,
    /// What runs of it.
    Pods,
}

/// From a node to one of the next layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The number of the node that it begins at.
    pub from: usize,
    /// The number of the node that it ends at.
    pub to: usize,
    /// How the source is used; none from a workload to its pods.
    pub ways: Vec<WayOfUse>,
    /// Whether the workload's owners want it to be rolled for the source.
    pub counts: bool,
    /// Whether the newest content has not reached all pods.
    pub stale: bool,
}

/// One way in which a source is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WayOfUse {
    /// Which one.
    pub via: Via,
    /// Which keys, where not all are.
    pub keys: Used,
}

/// The keys that are used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Used {
    /// Whatever keys there are.
    All,
    /// These, in order; none where something only has to be there.
    Keys(BTreeSet<Name>),
}

/// The graph of what is looked at.
pub fn graph(index: &Index, seen: Beside<'_>, focus: &Focus) -> Graph {
    let facts = read::facts(index, seen, focus);
    fold::fold(&facts, READABLE)
}

impl Node {
    /// The layer that it belongs to.
    pub fn layer(&self) -> Layer {
        match self.what {
            Subject::Source(_) | Subject::Sources(_) => Layer::Sources,
            Subject::Workload(_) | Subject::Workloads(_) => Layer::Workloads,
            Subject::Pod(_) | Subject::Pods(..) => Layer::Pods,
        }
    }

    /// How many things it stands for.
    pub fn count(&self) -> usize {
        match &self.what {
            Subject::Source(_) | Subject::Workload(_) | Subject::Pod(_) => 1,
            Subject::Sources(all) => all.len(),
            Subject::Workloads(all) => all.len(),
            Subject::Pods(all, _) => all.len(),
        }
    }
}

impl Graph {
    /// Where everything is.
    pub fn lay_out(&self) -> Sheet {
        layout::lay_out(self)
    }
}
