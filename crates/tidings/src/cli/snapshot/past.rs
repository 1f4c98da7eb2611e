//! The past of one workload of a snapshot, as far as anything is left of it.

use anyhow::{Context, Result};
use tidings_core::history::{PastFacts, PastStep, history};
use tidings_core::refs::WorkloadRef;

use super::Snapshot;
use crate::fetch::{self, revisions_of};
use crate::report::events::read_rolled;

impl Snapshot {
    /// What has become of a workload that has been read, with its namespace's records. What
    /// may not be listed is a gap.
    pub async fn past(&mut self, key: &WorkloadRef) -> Result<Vec<PastStep>> {
        let owner = fetch::owner(&self.api, key).await;
        let owner = owner.with_context(|| format!("cannot read {key}"))?;
        let revisions = fetch::revisions(&self.api, key, &owner).await;
        let kept = revisions_of(key.kind.revision).unwrap_or_default();
        let revisions = self.or_none(revisions, kept, key);
        let instance = self.installation.rules.instance.clone();
        let told = fetch::told(&self.api, key, &owner, &instance, read_rolled).await;
        let told = self.or_none(told, "events", key);
        let known = self.index.get(key).context("it is gone")?;
        let record = self.record(key).ok().flatten();
        Ok(history(&PastFacts {
            instance: &instance,
            record: record.filter(|entry| entry.uid == known.workload.uid),
            told: &told,
            revisions: &revisions,
            writes: &owner.writes,
            workload: &known.workload,
            ended: owner.ended.as_ref(),
        }))
    }

    fn or_none<T>(
        &mut self,
        listed: Result<Vec<T>, crate::api::ApiError>,
        what: &str,
        key: &WorkloadRef,
    ) -> Vec<T> {
        listed.unwrap_or_else(|error| {
            self.note_gap::<()>(Err(error), what, &key.namespace);
            Vec::new()
        })
    }
}
