//! Asks the API server what `history` needs to know, once.
//!
//! Goes in: settings. Comes out: what to say. The workload is read, its record, and what is
//! left of its revisions and Events.
//!
//! Error policy: without the workload there is nothing to say. What else may not be read is
//! named, and the rest is said.

use anyhow::Result;
use tidings_core::refs::WorkloadRef;

use super::report::{HasRecord, HistoryReport};
use super::table::{self, HistoryShape};
use crate::api::ApiClient;
use crate::cli::exit::Printed;
use crate::cli::grants::grants;
use crate::cli::screen::Screen;
use crate::cli::snapshot::Snapshot;
use crate::settings::HistorySettings;

/// Says what has become of a workload.
pub async fn ask(api: ApiClient, settings: HistorySettings) -> Result<Printed> {
    let mut snapshot = Snapshot::new(api, settings.installation);
    let namespace = snapshot.namespace_or_own(settings.namespace.as_ref());
    let key = WorkloadRef::new(settings.kind, namespace, settings.name);
    snapshot.workload(&key).await?;
    snapshot.read_records(&key.namespace).await;
    let report = report(&mut snapshot, &key).await?;
    let shape = HistoryShape {
        output: settings.output,
        bare: settings.bare,
        screen: Screen::of_stdout(),
    };
    let mut said = table::said(&report, &shape)?;
    if !settings.output.is_data() {
        said.err += &grants(&snapshot.rights);
    }
    Ok(said)
}

/// What has become of a workload that has been read, with its namespace's records.
pub(crate) async fn report(snapshot: &mut Snapshot, key: &WorkloadRef) -> Result<HistoryReport> {
    let steps = snapshot.past(key).await?;
    let mut gaps = std::mem::take(&mut snapshot.gaps);
    let records = match snapshot.record(key) {
        Ok(entry) => HasRecord::of(entry.is_some()),
        Err(needs) => {
            gaps.push(needs.to_owned());
            HasRecord::Unknown
        }
    };
    let own = snapshot.installation.own_namespace.to_string();
    Ok(HistoryReport::new(key, &steps, records, own, gaps))
}
