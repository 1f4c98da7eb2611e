//! One look at how workloads stand: the reading of `status`, and of `why` and `wait`.
//!
//! Goes in: a snapshot to fill, and what is asked about. Comes out: a report on each
//! workload. Workloads are listed, and the metadata of sources where one is opted in; of
//! these only those are read whose version is not the recorded one.
//!
//! Error policy: what may not be read is named, and the rest is said.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::decide::Verdict;
use tidings_core::refs::WorkloadRef;
use tokio::time::timeout;

use super::report::PausedReport;
use crate::api::{ApiError, Refusal};
use crate::cli::snapshot::Snapshot;
use crate::cli::stale;
use crate::cli::why::explain::Facts;
use crate::cli::why::leader::LeaderReport;
use crate::cli::why::report::WorkloadReport;
use crate::lease::{self, LeaseObject};
use crate::settings::Target;

/// Who leads is not waited for any longer.
const LEADER: Duration = Duration::from_secs(5);

/// What is asked about.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// Which namespaces.
    pub target: Target,
    /// Which workloads, in the API server's words; all where it is empty.
    pub labels: String,
    /// Whether all digests are to be shown, also of what nothing hangs on.
    pub digests: bool,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The workloads, in order.
    pub workloads: Vec<WorkloadReport>,
    /// Who leads.
    pub leader: LeaderReport,
    /// Whether there are records of any workload; none where that may not be asked.
    pub records: Option<bool>,
    /// Whether somebody wants nothing at all to be rolled.
    pub paused: Option<PausedReport>,
    /// The namespace in which they would be.
    pub own_namespace: String,
    /// What could not be listed.
    pub gaps: Vec<String>,
    /// The rights that were lacking.
    pub rights: Vec<Refusal>,
}

/// Looks once.
pub async fn look(snapshot: &mut Snapshot, asked: &Inquiry) -> Result<Overview> {
    let places = snapshot.places_of(&asked.target)?;
    let keys = snapshot.workloads(&places, &asked.labels).await?;
    if let ([Some(namespace)], []) = (places.as_slice(), keys.as_slice()) {
        snapshot.is_there(namespace).await?;
    }
    let followed = followed(snapshot, &keys);
    let records = snapshot.read_records_of(&followed).await;
    if !asked.digests {
        snapshot.list_sources_of(&followed).await;
        snapshot.prepare(&followed).await;
    }
    let workloads = reports(snapshot, keys, asked.digests).await;
    Ok(Overview {
        workloads: workloads.into_iter().flatten().collect(),
        leader: leader(snapshot).await,
        records,
        paused: PausedReport::of(&snapshot.index, Timestamp::now()),
        own_namespace: snapshot.installation.own_namespace.to_string(),
        gaps: std::mem::take(&mut snapshot.gaps),
        rights: std::mem::take(&mut snapshot.rights),
    })
}

/// How these stand, in their order; none of one that is not there. Where `digests` says so
/// all of them are read, also of what nothing hangs on.
pub async fn reports(
    snapshot: &mut Snapshot,
    keys: Vec<WorkloadRef>,
    digests: bool,
) -> Vec<Option<WorkloadReport>> {
    let mut verdicts = Vec::new();
    for key in keys {
        let verdict = if digests {
            snapshot.verdict(&key).await
        } else {
            snapshot.decision(&key).await
        };
        verdicts.push((key, verdict));
    }
    look_at_pods(snapshot, &verdicts).await;
    let reports = verdicts.iter();
    let reports = reports.map(|(key, verdict)| report(snapshot, key, verdict.as_ref()));
    reports.collect()
}

/// Looks at the pods of workloads that are in step by what was decided, where these may
/// have something else nevertheless.
async fn look_at_pods(snapshot: &mut Snapshot, verdicts: &[(WorkloadRef, Option<Verdict>)]) {
    let stand = verdicts.iter().filter_map(|(key, verdict)| {
        let standing = verdict.as_ref()?.standing.as_ref()?;
        Some((key.clone(), standing.word))
    });
    let stand: Vec<_> = stand.collect();
    stale::ask::beside(snapshot, &stand).await;
}

/// Those of which there may be a record.
pub(crate) fn followed(snapshot: &Snapshot, keys: &[WorkloadRef]) -> Vec<WorkloadRef> {
    let is_followed = |key: &&WorkloadRef| {
        let known = snapshot.index.get(key);
        known.is_some_and(|known| known.policy.opted_in())
    };
    keys.iter().filter(is_followed).cloned().collect()
}

/// What is to be said about a workload that the snapshot knows.
pub fn report(
    snapshot: &Snapshot,
    key: &WorkloadRef,
    verdict: Option<&Verdict>,
) -> Option<WorkloadReport> {
    Some(WorkloadReport::new(&Facts {
        known: snapshot.index.get(key)?,
        index: &snapshot.index,
        record: snapshot.record(key),
        verdict,
        refused: &snapshot.refused,
        older: snapshot.older(key),
        place: snapshot.place(key, verdict),
    }))
}

/// Who leads the installation.
pub async fn leader(snapshot: &Snapshot) -> LeaderReport {
    let namespace = &snapshot.installation.own_namespace;
    let name = &snapshot.installation.rules.instance;
    let place = lease::leases(namespace).named(name.clone());
    let found = timeout(LEADER, snapshot.api.get(place)).await;
    let late = || ApiError::Unreachable(format!("no answer in {} s", LEADER.as_secs()));
    let found = found.unwrap_or_else(|_| Err(late()));
    let found = found.and_then(|json| LeaseObject::read(&json, name));
    LeaderReport::new(&found, &format!("{namespace}/{name}"), Timestamp::now())
}
