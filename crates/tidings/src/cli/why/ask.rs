//! Asks the API server what `why` needs to know, once.
//!
//! Goes in: settings. Comes out: reports. It fills the controller's own index
//! and asks the controller's own decide, by a [`Snapshot`]; only the sources that a
//! workload uses are read.
//!
//! Error policy: without the workload there is nothing to say. Anything else
//! that may not be read is named in the report, and the rest is said.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use tidings_core::refs::WorkloadRef;
use tokio::time::timeout;

use super::explain::Facts;
use super::leader::LeaderReport;
use super::report::{WhyReport, WorkloadReport};
use super::table;
use crate::api::{ApiClient, ApiError};
use crate::cli::exit::Exit;
use crate::cli::grants::grants;
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::lease::{self, LeaseObject};
use crate::settings::values::ListForm;
use crate::settings::{Target, WhySettings};

/// Who leads is not waited for any longer.
const LEADER: Duration = Duration::from_secs(5);

/// Explains the workloads that are asked about, on standard output.
pub async fn why(settings: WhySettings) -> Result<(String, Exit)> {
    let api = ApiClient::of_command(&settings.cluster).await?;
    ask(api, settings).await
}

/// The same by a client that is there already.
pub async fn ask(api: ApiClient, settings: WhySettings) -> Result<(String, Exit)> {
    let mut snapshot = Snapshot::new(api, settings.installation);
    let keys = workloads(&mut snapshot, &settings.target).await?;
    let mut reports = Vec::new();
    for key in &keys {
        reports.extend(report(&mut snapshot, key).await);
    }
    let one = matches!(settings.target, Target::One { .. });
    let alone = reports.first().filter(|_| one).cloned();
    let report = WhyReport::new(reports, leader(&snapshot).await);
    let screen = settings.output.fitting(Screen::of_stdout());
    let text = match (settings.output, &alone) {
        (ListForm::Json, _) => return Ok((report.json()?, report.exit())),
        (ListForm::Name, _) => return Ok((table::names(&report), report.exit())),
        (_, None) if settings.bare => table::lines(&report, &screen),
        (_, None) => table::summary(&report, &screen),
        (_, Some(workload)) => {
            table::workload(workload, &screen) + &table::without_leader(&report.leader)
        }
    };
    Ok((text + &grants(&snapshot.rights), report.exit()))
}

async fn workloads(snapshot: &mut Snapshot, target: &Target) -> Result<Vec<WorkloadRef>> {
    match target {
        Target::All => snapshot.workloads(snapshot.places()).await,
        Target::Within(namespace) => {
            let namespace = snapshot.namespace_or_own(namespace.as_ref());
            snapshot.is_covered(&namespace)?;
            let keys = snapshot.workloads(vec![Some(namespace.clone())]).await?;
            if keys.is_empty() {
                snapshot.is_there(&namespace).await?;
            }
            Ok(keys)
        }
        Target::One {
            kind,
            name,
            namespace,
        } => {
            let namespace = snapshot.namespace_or_own(namespace.as_ref());
            let key = WorkloadRef::new(kind, namespace, name.clone());
            snapshot.workload(&key).await?;
            Ok(vec![key])
        }
    }
}

async fn report(snapshot: &mut Snapshot, key: &WorkloadRef) -> Option<WorkloadReport> {
    snapshot.read_records(&key.namespace).await;
    let verdict = snapshot.verdict(key).await;
    Some(WorkloadReport::new(&Facts {
        known: snapshot.index.get(key)?,
        index: &snapshot.index,
        record: snapshot.record(key),
        verdict: verdict.as_ref(),
        refused: &snapshot.refused,
    }))
}

/// Who leads the installation.
async fn leader(snapshot: &Snapshot) -> LeaderReport {
    let namespace = &snapshot.installation.own_namespace;
    let name = &snapshot.installation.rules.instance;
    let place = lease::leases(namespace).named(name.clone());
    let found = timeout(LEADER, snapshot.api.get(place)).await;
    let late = || ApiError::Unreachable(format!("no answer in {} s", LEADER.as_secs()));
    let found = found.unwrap_or_else(|_| Err(late()));
    let found = found.and_then(|json| LeaseObject::read(&json, name));
    LeaderReport::new(&found, &format!("{namespace}/{name}"), Timestamp::now())
}
