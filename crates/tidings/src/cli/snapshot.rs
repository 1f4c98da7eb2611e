//! What a command knows of a cluster, asked once.
//!
//! Goes in: an installation's settings. Comes out: the controller's own index, filled by
//! its one door, with the workloads, pods and sources that a command asks for; and what
//! the controller's own decide makes of a workload. Nothing is compared here, and nothing
//! is read in another way than the controller reads it. Of sources the metadata is listed,
//! and only those that are needed are read.
//!
//! Error policy: what a command cannot do without is an error. Anything else that may not
//! be read is noted ([`Snapshot::refused`], [`Snapshot::gaps`]), and the rest is there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tidings_core::index::{Fact, Index, StreamOf};
use tidings_core::object::Group;
use tidings_core::refs::{Name, SourceRef};
use tidings_core::stale::StaleUse;
use tidings_core::train::Trains;

use crate::api::{ApiClient, ApiError, Refusal};
use crate::settings::streams::streams;
use crate::settings::{Installation, Namespaces, Target};
use crate::watch::scope::Filter;

mod decision;
mod live;
mod namespaces;
mod past;
mod pods;
mod sources;
mod turns;
mod workloads;

/// What is asked at the same time.
const READS: usize = 8;

/// What a command knows of a cluster.
pub struct Snapshot {
    /// The way to it.
    pub api: ApiClient,
    /// What is watched, and on which terms.
    pub installation: Installation,
    /// What is there.
    pub index: Index,
    /// The sources that could not be read, and what that needs.
    pub refused: BTreeMap<SourceRef, String>,
    /// What could not be listed, and what that needs.
    pub gaps: Vec<String>,
    /// The rights that were lacking for any of these.
    pub rights: Vec<Refusal>,
    filter: Filter,
    /// The namespaces of which it is known what they set.
    told: BTreeSet<Name>,
    /// The kinds of workload that may not be listed, by namespace.
    unlisted: BTreeMap<Name, Vec<&'static str>>,
    records: BTreeMap<Name, decision::Records>,
    /// By namespace, who is under way there and who waits, as far as records tell.
    trains: BTreeMap<Name, Trains>,
    /// What pods have read that is older than what is recorded, or may be.
    older: BTreeMap<Group, Vec<StaleUse>>,
}

impl Snapshot {
    /// Of nothing so far.
    pub fn new(api: ApiClient, installation: Installation) -> Self {
        // Namespaces are read one by one: who may not has no less to be told.
        let mut streams = streams(&installation);
        streams.retain(|stream| stream.of != StreamOf::Namespaces);
        let filter = installation.filter();
        let index = Index::new(installation.defaults, streams.clone());
        let mut index = index.at_home(installation.own_namespace.clone());
        // From here on the index asks for the lists that wildcards need.
        for stream in streams {
            index.apply(Fact::ListBegan(stream));
        }
        Self {
            api,
            installation,
            index,
            refused: BTreeMap::new(),
            gaps: Vec::new(),
            rights: Vec::new(),
            filter,
            told: BTreeSet::new(),
            unlisted: BTreeMap::new(),
            records: BTreeMap::new(),
            trains: BTreeMap::new(),
            older: BTreeMap::new(),
        }
    }

    /// The namespaces that the installation watches: these, or all (`None`).
    pub fn places(&self) -> Vec<Option<Name>> {
        match &self.installation.namespaces {
            Namespaces::Only(names) => names.iter().cloned().map(Some).collect(),
            Namespaces::All { .. } => vec![None],
        }
    }

    /// Those that it leaves out of all.
    pub(crate) fn ignored(&self) -> Vec<Name> {
        match &self.installation.namespaces {
            Namespaces::All { ignored, .. } => ignored.iter().cloned().collect(),
            Namespaces::Only(_) => Vec::new(),
        }
    }

    /// The namespaces that are asked about (`None`: all).
    pub fn places_of(&self, target: &Target) -> Result<Vec<Option<Name>>> {
        match target {
            Target::Within(namespace) | Target::One { namespace, .. } => {
                let namespace = self.namespace_or_own(namespace.as_ref());
                self.is_covered(&namespace)?;
                Ok(vec![Some(namespace)])
            }
            Target::All => Ok(self.places()),
        }
    }

    /// This namespace, else that of the kubeconfig's context.
    pub fn namespace_or_own(&self, namespace: Option<&Name>) -> Name {
        let own = || self.api.default_namespace().into();
        namespace.cloned().unwrap_or_else(own)
    }

    /// What reading something needs: a right, which is noted, or a server that answers.
    fn lacking(&mut self, error: &ApiError, what: &str) -> String {
        match error.refusal() {
            Some(refusal) => {
                self.rights.push(refusal.clone());
                format!("{} on {what}", refusal.verb)
            }
            None => format!("{what}: {error}"),
        }
    }
}

fn is_refused<T>(answer: &Result<T, ApiError>) -> bool {
    matches!(answer, Err(ApiError::Forbidden(_)))
}
