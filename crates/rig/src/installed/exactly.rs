//! Words for tests in which every roll counts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};

use super::{CONFIG, INSTANCE, Installed, LIMIT, QUIET};
use crate::wait::{holds, wait_until};

/// A Lease so short that the next replica need not be waited for: after a kill it
/// would be 15 s. Whose tests use it, promise nothing of how long a Lease lasts;
/// `two_replicas` has the kill and the default Lease.
pub const SHORT_LEASE: &[&str] = &[
    "--lease-duration=2s",
    "--lease-renew-deadline=1500ms",
    "--lease-retry-period=200ms",
];

impl Installed {
    /// Waits until roll `n` has reached the workload and its record, with its spec
    /// written so often and no more. The workload must have been made, and no
    /// more, by the test.
    pub async fn rolled_exactly(&self, workload: &str, n: u64) -> Result<()> {
        let what = format!("{workload} to be rolled {n} times, and that on record");
        wait_until(&what, LIMIT, async || {
            self.is_rolled_exactly(workload, n).await?;
            let entry = self.entry(workload).await?.context("no record")?;
            ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
            Ok(())
        })
        .await
    }

    /// Whether the workload, which the test only made, was rolled so often.
    pub async fn is_rolled_exactly(&self, workload: &str, n: u64) -> Result<()> {
        was_rolled(&self.ns().get(workload).await?, n)
    }

    /// The same of all Deployments of the watched namespace.
    pub async fn are_rolled_exactly(&self, n: u64) -> Result<()> {
        let all = self.ns().list("deployment").await?;
        all.iter().try_for_each(|object| was_rolled(object, n))
    }

    /// Checks that the controller, up to date, leaves it at that.
    pub async fn stays_rolled(&self, workload: &str, n: u64) -> Result<()> {
        self.caught_up().await?;
        let what = format!("{workload} being rolled {n} times");
        holds(&what, QUIET, async || {
            self.is_rolled_exactly(workload, n).await
        })
        .await
    }

    /// Who holds the Lease; `None` when nobody does.
    pub async fn leader(&self) -> Result<Option<String>> {
        let holder = self.lease().await?.and_then(|spec| spec.holder_identity);
        Ok(holder.filter(|holder| !holder.is_empty()))
    }

    async fn lease(&self) -> Result<Option<LeaseSpec>> {
        let leases: Api<Lease> = self.own().api();
        let mut all = leases.list(&ListParams::default()).await?.items;
        ensure!(all.len() < 2, "more than one Lease");
        Ok(all.pop().and_then(|lease| lease.spec))
    }

    /// Waits until somebody else holds the Lease.
    pub async fn led_by_another_than(&self, former: Option<&str>) -> Result<()> {
        wait_until("another leader", LIMIT, async || {
            let leader = self.leader().await?;
            ensure!(
                leader.is_some() && leader.as_deref() != former,
                "{leader:?}"
            );
            Ok(())
        })
        .await
    }

    /// Waits until the Lease was renewed so long after a workload was made.
    pub async fn renewed_later_than(&self, workload: &str, by: Duration) -> Result<()> {
        let made = self.ns().get(workload).await?.creation_timestamp();
        let made = made.context("no time of creation")?.0;
        wait_until("the Lease to be renewed", LIMIT + by, async || {
            let renewed = self.lease().await?.and_then(|spec| spec.renew_time);
            let renewed = renewed.context("never renewed")?.0;
            let by = i64::try_from(by.as_secs())?;
            ensure!(renewed.as_second() >= made.as_second() + by, "at {renewed}");
            Ok(())
        })
        .await
    }

    /// Deletes all records, as somebody might.
    pub async fn delete_records(&self) -> Result<()> {
        for secret in self.own().list("secret").await? {
            self.own()
                .delete(&format!("secret/{}", secret.name_any()))
                .await?;
        }
        Ok(())
    }
}

/// The generation counts every write of the spec, also those that follow each
/// other too quickly for a ReplicaSet.
fn was_rolled(object: &DynamicObject, n: u64) -> Result<()> {
    let config = &object.data["spec"]["template"]["metadata"]["annotations"][CONFIG];
    let generation = object.metadata.generation.unwrap_or_default();
    let wanted = (n > 0).then(|| format!("{INSTANCE}/{n}"));
    ensure!(
        config.as_str() == wanted.as_deref() && generation == 1 + i64::try_from(n)?,
        "{}: template {config}, generation {generation}",
        object.name_any()
    );
    Ok(())
}
