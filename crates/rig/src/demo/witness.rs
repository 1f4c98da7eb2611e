//! Watches what happens, as anybody with `kubectl get --watch` could, and notes
//! when.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::TryStreamExt;
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::task::JoinSet;

use crate::fixtures::resource;
use crate::wait::wait_until;

/// An object as it was at some time.
struct Sight {
    at: Instant,
    object: DynamicObject,
}

/// Notes every version of the objects that it watches.
pub(super) struct Witness {
    seen: Arc<Mutex<Vec<Sight>>>,
    // Ends them when dropped.
    _watches: JoinSet<()>,
}

impl Witness {
    /// Watches these kinds, each in its namespace.
    pub(super) fn of(client: &Client, kinds: &[(&str, &str)]) -> Result<Self> {
        let seen = Arc::default();
        let mut watches = JoinSet::new();
        for (kind, namespace) in kinds {
            let api = Api::namespaced_with(client.clone(), namespace, &resource(kind)?);
            watches.spawn(follow(api, Arc::clone(&seen)));
        }
        Ok(Self {
            seen,
            _watches: watches,
        })
    }

    /// Waits for the first object of this kind, seen since then, that is it: how
    /// long it took, and the object.
    pub(super) async fn first(
        &self,
        what: &str,
        since: Instant,
        limit: Duration,
        is_it: impl Fn(&DynamicObject) -> bool,
    ) -> Result<(Duration, DynamicObject)> {
        wait_until(what, limit, async || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let mut since_then = seen.iter().filter(|sight| sight.at >= since);
            let found = since_then.find(|sight| is_it(&sight.object));
            let sight = found.context("nothing like it")?;
            Ok((sight.at - since, sight.object.clone()))
        })
        .await
    }
}

/// A watch that fails is begun again; what is then missing is told by who waits.
async fn follow(api: Api<DynamicObject>, seen: Arc<Mutex<Vec<Sight>>>) {
    let changes = watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let noted = changes.try_for_each(|object| {
        let at = Instant::now();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(Sight { at, object });
        std::future::ready(Ok(()))
    });
    noted.await.ok();
}
