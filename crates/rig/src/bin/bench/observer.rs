//! Sees when workloads are patched: one watch of their metadata, of a client of
//! its own, for floors and Tidings alike.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use rig::fixtures::TestNamespace;
use rig::{secs, wait_until};
use tokio::task::JoinHandle;

/// A pause between two looks at what was seen; the times are the watch's.
const LOOK: Duration = Duration::from_micros(500);

type Seen = HashMap<(String, i64), Instant>;

/// When each generation of each Deployment was seen first.
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Watches a namespace; returns when so many Deployments were seen.
    pub(crate) async fn of(namespace: &TestNamespace, count: usize) -> Result<Self> {
        let client = kube::Client::try_from(namespace.config().clone())?;
        let api = Api::namespaced(client, namespace.name());
        let seen = Arc::default();
        let task = tokio::spawn(follow(api, Arc::clone(&seen)));
        let observer = Self { seen, task };
        wait_until("the observer to be ready", secs(60), async || {
            let there = observer.at(1).len();
            ensure!(there >= count, "{there} of {count}");
            Ok(())
        })
        .await?;
        Ok(observer)
    }

    /// When each Deployment was seen in this generation.
    pub(crate) fn at(&self, generation: i64) -> Vec<Instant> {
        let seen = self.lock();
        let those = seen.iter().filter(|((_, g), _)| *g == generation);
        those.map(|(_, at)| *at).collect()
    }

    /// Waits until so many were seen in this generation; gives all times, sorted.
    pub(crate) async fn wait(&self, count: usize, generation: i64) -> Result<Vec<Instant>> {
        wait_until("the workloads to be patched", secs(600), async || {
            let mut times = self.at(generation);
            ensure!(times.len() >= count, "{} of {count}", times.len());
            times.sort();
            Ok(times)
        })
        .await
    }

    /// Waits until this one was seen in this generation.
    pub(crate) async fn wait_for(&self, name: &str, generation: i64) -> Result<Instant> {
        let key = (name.to_owned(), generation);
        let start = Instant::now();
        loop {
            if let Some(at) = self.lock().get(&key) {
                return Ok(*at);
            }
            ensure!(start.elapsed() < secs(60), "{name} was not patched");
            tokio::time::sleep(LOOK).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(api: Api<PartialObjectMeta<Deployment>>, seen: Arc<Mutex<Seen>>) {
    let changes = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let noted = changes.try_for_each(|object| {
        let at = Instant::now();
        let key = (
            object.name_any(),
            object.metadata.generation.unwrap_or_default(),
        );
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(key).or_insert(at);
        std::future::ready(Ok(()))
    });
    // An error here leaves times out, which whoever waits for them tells.
    noted.await.ok();
}
