//! Who is not to notice: workloads that use a source each. A change is made every half
//! second, whether or not the one before was rolled, so that one that is late hides none.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use rig::fixtures::{TestNamespace, Workload, config_map, deployment, job};
use rig::{Cluster, secs, wait_until};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_millis(500);
/// How long it is watched for what is not rolled yet when all changes are made.
const PATIENCE: Duration = secs(15);
const LOOK: Duration = Duration::from_millis(5);

/// What the neighbour has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Has {
    Deployments,
    /// Which are made again for each roll.
    Jobs,
}

/// When each workload was seen to be another than at first.
type Rolled = Arc<Mutex<HashMap<String, (State, Option<Instant>)>>>;

/// What a roll changes: the uid, or the generation.
type State = (Option<String>, Option<i64>);

/// The neighbour's namespace.
pub(crate) struct Neighbour {
    ns: TestNamespace,
    count: usize,
    rolled: Rolled,
    watch: JoinHandle<()>,
}

impl Neighbour {
    pub(crate) async fn new(cluster: &Cluster, has: Has, count: usize) -> Result<Self> {
        let ns = TestNamespace::named(cluster, "neighbour".to_owned()).await?;
        for n in 0..count {
            ns.apply(config_map(&format!("app-{n}"), &[("k", "old")]))
                .await?;
            ns.apply(workload(has, n)).await?;
        }
        let client = Client::try_from(ns.config().clone())?;
        let rolled = Rolled::default();
        let all = Api::namespaced_with(client, ns.name(), &kind(has));
        let watch = tokio::spawn(follow(all, Arc::clone(&rolled)));
        Ok(Self {
            ns,
            count,
            rolled,
            watch,
        })
    }

    /// Waits until the controller has recorded them, and notes how they are.
    pub(crate) async fn recorded(&self, own: &str) -> Result<()> {
        let records: Api<Secret> = Api::namespaced(self.ns.client().clone(), own);
        let prefix = format!("tidings-state.{}", self.ns.name());
        wait_until("the neighbour to be recorded", secs(60), async || {
            let list = records.list(&ListParams::default()).await?;
            let his = list.iter().filter(|s| s.name_any().starts_with(&prefix));
            let entries: usize = his.filter_map(|s| s.data.as_ref()).map(BTreeMap::len).sum();
            ensure!(entries >= self.count, "{entries} of {}", self.count);
            Ok(())
        })
        .await?;
        let mut all = self.ns.list("deployment").await?;
        all.extend(self.ns.list("job").await?);
        let first = |object: &DynamicObject| {
            let state = (object.uid(), object.metadata.generation);
            (object.name_any(), (state, None))
        };
        *self.lock() = all.iter().map(first).collect();
        Ok(())
    }

    /// Changes the sources of these, one after the other. Gives of each how long it took
    /// to be rolled, or how long that was waited for, and which it is.
    pub(crate) async fn change(&self, which: Range<usize>) -> Result<Vec<(Duration, bool)>> {
        let mut changed = Vec::new();
        for n in which {
            let at = Instant::now();
            let patch = json!({"data": {"k": "new"}});
            self.ns.edit(&format!("configmap/app-{n}"), patch).await?;
            changed.push((format!("web-{n}"), at));
            sleep(EVERY.saturating_sub(at.elapsed())).await;
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && changed.iter().any(|(name, _)| self.at(name).is_none()) {
            sleep(LOOK).await;
        }
        let took = |(name, at): (String, Instant)| match self.at(&name) {
            Some(rolled) => (rolled.saturating_duration_since(at), true),
            None => (at.elapsed(), false),
        };
        Ok(changed.into_iter().map(took).collect())
    }

    fn at(&self, name: &str) -> Option<Instant> {
        self.lock().get(name)?.1
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (State, Option<Instant>)>> {
        self.rolled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn kind(has: Has) -> ApiResource {
    let (group, kind) = match has {
        Has::Deployments => ("apps", "Deployment"),
        Has::Jobs => ("batch", "Job"),
    };
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind))
}

fn workload(has: Has, n: usize) -> Workload {
    let name = format!("web-{n}");
    let workload = match has {
        Has::Deployments => deployment(&name).replicas(0),
        Has::Jobs => job(&name),
    };
    let workload = workload.env_from(&format!("configmap/app-{n}"));
    let opted_in = workload.annotate("tidings.dev/reload", "auto");
    opted_in.annotate("tidings.dev/settle", "0s")
}

async fn follow(all: Api<PartialObjectMeta<DynamicObject>>, rolled: Rolled) {
    let seen = watcher(all, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let noted = seen.try_for_each(|object| {
        let at = Instant::now();
        let now = (object.uid(), object.metadata.generation);
        let mut rolled = rolled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, seen)) = rolled.get_mut(&object.name_any())
            && seen.is_none()
            && *before != now
        {
            *seen = Some(at);
        }
        std::future::ready(Ok(()))
    });
    // An error here leaves rolls out, which is told as such.
    noted.await.ok();
}
