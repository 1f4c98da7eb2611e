//! Sources that change without end, and the account of what was rolled for them.
//!
//! In: a namespace, and how quickly. Out: an [`Account`]. The API server numbers
//! changes of sources and rolls of workloads in one sequence (resource versions),
//! so that it can be told which change a roll came after. An error of the API
//! server ends the changes, and is told at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// Deployments, each with a ConfigMap of its own, of which one after the other changes.
pub struct Churn {
    seen: Arc<Mutex<Account>>,
    watch: JoinHandle<()>,
    changes: JoinHandle<Result<()>>,
    stop: oneshot::Sender<()>,
}

/// What happened, by the name of the workload.
#[derive(Clone, Debug, Default)]
pub struct Account(BTreeMap<String, Vec<Moment>>);

/// A change, or a roll, of which the number is the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    version: u64,
    roll: Option<i64>,
    at: Instant,
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
            let there = lock(&seen).0.len();
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

impl Account {
    /// How many changes there were.
    pub fn changes(&self) -> usize {
        self.count(|moment| moment.roll.is_none())
    }

    /// How many rolls there were.
    pub fn rolls(&self) -> usize {
        self.count(|moment| moment.roll.is_some())
    }

    /// Workloads whose last change no roll came after.
    pub fn lost(&self) -> Vec<&str> {
        self.those(|moments| moments.iter().max().is_some_and(|last| last.roll.is_none()))
    }

    /// Workloads that at some time were rolled more often than their source had
    /// changed.
    pub fn twice(&self) -> Vec<&str> {
        self.those(|moments| {
            let mut sorted = moments.clone();
            sorted.sort();
            let mut open = 0_i64;
            sorted.iter().any(|moment| {
                open += if moment.roll.is_some() { -1 } else { 1 };
                open < 0
            })
        })
    }

    /// When the longest pause between two rolls after this moment was over.
    pub fn went_on(&self, after: Instant) -> Option<Instant> {
        let all = self.0.values().flatten();
        let rolls = all.filter(|moment| moment.roll.is_some()).map(|m| m.at);
        let mut rolls: Vec<_> = rolls.filter(|at| *at > after).collect();
        rolls.push(after);
        rolls.sort();
        let pauses = rolls.windows(2);
        let longest = pauses.max_by_key(|pair| pair[1] - pair[0])?;
        Some(longest[1])
    }

    fn count(&self, which: impl Fn(&Moment) -> bool) -> usize {
        self.0.values().flatten().filter(|m| which(m)).count()
    }

    fn those(&self, which: impl Fn(&Vec<Moment>) -> bool) -> Vec<&str> {
        let found = self.0.iter().filter(|(_, moments)| which(moments));
        found.map(|(name, _)| name.as_str()).collect()
    }

    fn rolled(&mut self, object: &PartialObjectMeta<Deployment>) -> Result<()> {
        let generation = object.metadata.generation.context("no generation")?;
        let version = object.resource_version().context("no version")?.parse()?;
        let moments = self.0.entry(object.name_any()).or_default();
        let mut rolls = moments.iter().filter_map(|moment| moment.roll);
        // The first generation is no roll.
        if generation > 1 && !rolls.any(|n| n == generation) {
            moments.push(Moment {
                version,
                roll: Some(generation),
                at: Instant::now(),
            });
        }
        Ok(())
    }

    fn changed(&mut self, workload: &str, version: u64) {
        let at = Instant::now();
        let moments = self.0.entry(workload.to_owned()).or_default();
        moments.push(Moment {
            version,
            roll: None,
            at,
        });
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
        lock(&seen).rolled(&object).ok();
        std::future::ready(Ok(()))
    });
    noted.await.ok();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn account(order: &str) -> Account {
        let at = Instant::now();
        let moments = (1_u64..).zip(order.chars()).map(|(version, what)| Moment {
            version,
            roll: (what == 'r').then_some(version.cast_signed()),
            at: at + secs(version),
        });
        Account([("web-0".to_owned(), moments.collect())].into())
    }

    #[test]
    fn a_change_without_a_roll_after_it_is_lost() {
        assert!(account("crccr").lost().is_empty());
        assert_eq!(account("crc").lost(), ["web-0"]);
    }

    #[test]
    fn a_roll_without_a_change_of_its_own_is_one_too_many() {
        assert!(account("ccrr").twice().is_empty());
        assert_eq!(account("crrc").twice(), ["web-0"]);
    }

    #[test]
    fn it_went_on_when_the_longest_pause_was_over() {
        let account = account("crccccrcr");
        let moments = &account.0["web-0"];
        assert_eq!(account.went_on(moments[0].at), Some(moments[6].at));
    }
}
