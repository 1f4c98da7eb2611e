//! Sources that change without end, and the account of what was rolled for them.
//!
//! In: a namespace, and how quickly. Out: an [`Account`]. The API server numbers
//! changes of sources and rolls of workloads in one sequence (resource versions),
//! so that it can be told which change a roll came after. An error of the API
//! server ends the changes, and is told at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::fixtures::{TestNamespace, Workload, config_map, deployment};
use crate::installed::RELOAD;
use crate::wait::{secs, wait_until};

mod account;

pub use account::Account;

/// Deployments, each with a ConfigMap of its own, of which one after the other changes.
pub struct Churn {
    seen: Arc<Mutex<Account>>,
    watch: JoinHandle<()>,
    changes: JoinHandle<Result<()>>,
    stop: oneshot::Sender<()>,
}

fn name(prefix: &str, n: usize) -> String {
    format!("{prefix}-{n}")
}

/// Makes the sources; gives the workloads that use them, to be applied.
pub async fn prepare(ns: &TestNamespace, count: usize) -> Result<Vec<Workload>> {
    let mut workloads = Vec::new();
    for n in 0..count {
        let source = name("app", n);
        ns.apply(config_map(&source, &[("k", "0")])).await?;
        let workload = deployment(&name("web", n)).replicas(0);
        let workload = workload.env_from(&format!("configmap/{source}"));
        workloads.push(workload.annotate(RELOAD, "auto"));
    }
    Ok(workloads)
}

impl Churn {
    /// Changes one source after the other, one each `every`, when all workloads
    /// are seen.
    pub async fn start(ns: &TestNamespace, count: usize, every: Duration) -> Result<Self> {
        let seen: Arc<Mutex<Account>> = Arc::default();
        let client = Client::try_from(ns.config().clone())?;
        let api = Api::namespaced(client, ns.name());
        let watch = tokio::spawn(follow(api, Arc::clone(&seen)));
        wait_until("all workloads to be seen", secs(30), async || {
            let there = lock(&seen).workloads();
            ensure!(there >= count, "{there} of {count}");
            Ok(())
        })
        .await?;
        let (stop, stopped) = oneshot::channel();
        let changing = change(ns.api(), (count, every), Arc::clone(&seen), stopped);
        let changes = tokio::spawn(changing);
        Ok(Self {
            seen,
            watch,
            changes,
            stop,
        })
    }

    /// What has happened so far.
    pub fn account(&self) -> Account {
        lock(&self.seen).clone()
    }

    /// Waits for so many rolls more than there are now.
    pub async fn goes_on(&self, rolls: usize, limit: Duration) -> Result<()> {
        let before = self.account().rolls();
        wait_until("rolls amid changes", limit, async || {
            let more = self.account().rolls() - before;
            ensure!(more >= rolls, "{more} of {rolls}");
            Ok(())
        })
        .await
    }

    /// Ends the changes and waits until none lacks its roll; gives what happened.
    pub async fn end(self, limit: Duration) -> Result<Account> {
        // It has ended by itself if a change failed.
        self.stop.send(()).ok();
        self.changes.await??;
        let seen = self.seen;
        let complete = wait_until("the last changes to be rolled", limit, async || {
            let account = lock(&seen);
            let lost = account.lost();
            ensure!(lost.is_empty(), "not yet: {lost:?}");
            Ok(())
        });
        let complete = complete.await;
        self.watch.abort();
        complete?;
        Ok(lock(&seen).clone())
    }
}

fn lock(seen: &Mutex<Account>) -> MutexGuard<'_, Account> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error here leaves rolls out, which whoever waits for them tells.
async fn follow(api: Api<PartialObjectMeta<Deployment>>, seen: Arc<Mutex<Account>>) {
    let objects = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let noted = objects.try_for_each(|object| {
        note(&mut lock(&seen), &object).ok();
        std::future::ready(Ok(()))
    });
    noted.await.ok();
}

/// Of these workloads only rolls change the spec: the generation numbers them.
fn note(account: &mut Account, object: &PartialObjectMeta<Deployment>) -> Result<()> {
    let generation = object.metadata.generation.context("no generation")?;
    let version = object.resource_version().context("no version")?.parse()?;
    // The first generation is no roll.
    let number = (generation > 1).then_some(generation);
    account.seen(&object.name_any(), version, number);
    Ok(())
}

async fn change(
    sources: Api<ConfigMap>,
    (count, every): (usize, Duration),
    seen: Arc<Mutex<Account>>,
    mut stop: oneshot::Receiver<()>,
) -> Result<()> {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for value in 1_usize.. {
        tokio::select! {
            _ = tick.tick() => {}
            _ = &mut stop => break,
        }
        let n = value % count;
        let patch = Patch::Merge(json!({"data": {"k": value.to_string()}}));
        let by = PatchParams::default();
        let changed = sources.patch(&name("app", n), &by, &patch).await?;
        let version = changed.resource_version().context("no version")?.parse()?;
        lock(&seen).changed(&name("web", n), version);
    }
    Ok(())
}
