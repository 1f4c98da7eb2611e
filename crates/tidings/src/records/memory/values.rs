//! What the records are, on their way between memory and the cluster. Values only.

use std::collections::BTreeMap;

use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::{Entry, Unread};

/// Bytes that one entry may have: as many as Kubernetes takes in a Secret.
pub(super) const LARGEST: usize = 1_048_576;

/// One object of the state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The namespace whose workloads it records.
    pub namespace: Name,
    /// 0 for the first.
    pub number: u32,
}

impl Shard {
    /// `tidings-state.stage`, `tidings-state.stage.1`
    pub fn object_name(&self, instance: &str) -> String {
        match self.number {
            0 => format!("{instance}-state.{}", self.namespace),
            number => format!("{instance}-state.{}.{number}", self.namespace),
        }
    }

    /// Reads what [`Shard::object_name`] wrote. Names of namespaces have no dot.
    pub fn of_object(instance: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(instance)?.strip_prefix("-state.")?;
        let (namespace, number) = match rest.split_once('.') {
            Some((namespace, number)) => (namespace, number.parse().ok()?),
            None => (rest, 0),
        };
        Some(Self {
            namespace: namespace.into(),
            number,
        })
    }
}

/// An object of the state as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Its resourceVersion.
    pub version: String,
    /// Its data: JSON by entry key.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl Stored {
    /// Whether an entry is of a form that this version does not know.
    pub fn is_newer(&self) -> bool {
        let mut entries = self.data.values();
        entries.any(|json| matches!(Entry::read(json), Err(Unread::Newer(_))))
    }
}

/// A write to one object of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which object.
    pub shard: Shard,
    /// The version that it must have; `None`: it must not exist.
    pub version: Option<String>,
    /// JSON by entry key; `None` takes the entry away.
    pub changes: BTreeMap<String, Option<String>>,
    /// Whose entries they are.
    pub workloads: Vec<WorkloadRef>,
    /// Whether none is left: then the object goes.
    pub deletes: bool,
}

/// Why an entry is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// No Secret can hold so many bytes.
    #[error(
        "it would take {0} bytes, and Kubernetes takes {LARGEST}: use fewer sources or keys, \
         or name fewer by patterns"
    )]
    TooLarge(usize),
    /// Those of its namespace take so many bytes that there is no room for more.
    #[error(
        "those of its namespace take {0} bytes, and with it more than they may: use fewer \
         sources or keys, or name fewer by patterns; it is tried again each minute"
    )]
    Full(usize),
}

/// The resourceVersions of objects.
pub type Versions = BTreeMap<Shard, String>;
