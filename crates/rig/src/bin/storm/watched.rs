//! The workloads that are judged: what they use, what changes, and the account of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use rig::churn::Account;
use rig::fixtures::{
    TestNamespace, Workload, config_map, daemon_set, deployment, secret, stateful_set,
};
use rig::installed::{CONFIG, RELOAD};
use rig::{secs, wait_until};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Workloads that have a source of their own.
pub(crate) const APPS: usize = 10;
type Make = fn(&str) -> Workload;

/// What they are, in turn.
const KINDS: [(&str, Make); 4] = [
    ("deployment", deployment),
    ("daemonset", daemon_set),
    ("deployment", deployment),
    ("statefulset", stateful_set),
];
/// One in so many of them uses the source of several, too.
const SHARING: usize = 3;
const SHARED: &str = "configmap/shared";
/// The workload of which the source changes and that did not ask for anything.
const OFF: &str = "off";
/// The workload of which the source does not change.
const CALM: &str = "calm";

/// A namespace whose workloads are watched.
pub(crate) struct Watched {
    pub(crate) ns: TestNamespace,
    account: Arc<Mutex<Account>>,
    apps: usize,
    follows: [JoinHandle<()>; 3],
}

impl Watched {
    /// Makes so many workloads with a source each, and some that nothing should befall.
    pub(crate) async fn make(ns: TestNamespace, apps: usize) -> Result<Self> {
        for n in 0..apps {
            ns.apply(content(&source(n), "first")).await?;
            ns.apply(idle(n)).await?;
        }
        for fixed in [SHARED, "configmap/calm"] {
            ns.apply(content(fixed, "first")).await?;
        }
        let calm = deployment(CALM).replicas(0).env_from("configmap/calm");
        ns.apply(calm.annotate(RELOAD, "auto")).await?;
        let off = deployment(OFF).replicas(0);
        ns.apply(off.env_from(&source(0)).env_from(SHARED)).await?;
        let account: Arc<Mutex<Account>> = Arc::default();
        let client = Client::try_from(ns.config().clone())?;
        let follows = ["Deployment", "StatefulSet", "DaemonSet"].map(|kind| {
            let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
            let all = Api::namespaced_with(client.clone(), ns.name(), &kind);
            tokio::spawn(follow(all, Arc::clone(&account)))
        });
        let watched = Self {
            ns,
            account,
            apps,
            follows,
        };
        watched.all_seen().await?;
        Ok(watched)
    }

    async fn all_seen(&self) -> Result<()> {
        wait_until("all workloads to be seen", secs(60), async || {
            let seen = self.account().workloads();
            ensure!(seen == self.apps + 2, "{seen}");
            Ok(())
        })
        .await
    }

    /// Waits until all that asked for it are on record.
    pub(crate) async fn recorded(&self, own: &TestNamespace) -> Result<()> {
        let prefix = format!("tidings-state.{}", self.ns.name());
        wait_until("the workloads to be on record", secs(120), async || {
            let all = own.api::<Secret>().list(&ListParams::default()).await?;
            let ours = all.iter().filter(|one| one.name_any().starts_with(&prefix));
            let entries = ours.filter_map(|one| one.data.as_ref()).map(BTreeMap::len);
            let entries: usize = entries.sum();
            ensure!(entries == self.apps + 1, "{entries}");
            Ok(())
        })
        .await
    }

    /// Changes the source of one of them.
    pub(crate) async fn change(&self, app: usize, value: &str) -> Result<()> {
        let version = version(&self.ns.apply(content(&source(app), value)).await?)?;
        self.account().changed(&name(app), version);
        Ok(())
    }

    /// Changes the source of several.
    pub(crate) async fn change_shared(&self, value: &str) -> Result<()> {
        let version = version(&self.ns.apply(content(SHARED, value)).await?)?;
        let mut account = self.account();
        for app in (0..self.apps).filter(|app| shares(*app)) {
            account.changed(&name(app), version);
        }
        Ok(())
    }

    /// Makes one more workload, and changes its source so soon after its pod runs: it is
    /// stale, whether or not anybody saw how it was before.
    pub(crate) async fn bear(&self, app: usize, soon: Duration) -> Result<()> {
        self.ns.apply(content(&source(app), "first")).await?;
        self.ns.apply(workload(app)).await?;
        self.ns.rolled_out(&reference(app), secs(60)).await?;
        sleep(soon).await;
        self.change(app, "soon").await
    }

    /// Changes the source of each of so many.
    pub(crate) async fn change_all(&self, apps: usize, value: &str) -> Result<()> {
        for app in 0..apps {
            self.change(app, value).await?;
        }
        Ok(())
    }

    pub(crate) async fn annotate(&self, app: usize, value: &str) -> Result<()> {
        let note = json!({"metadata": {"annotations": {"storm.example/note": value}}});
        self.ns.edit(&reference(app), note).await.map(drop)
    }

    /// A part of the spec of which pods have nothing.
    pub(crate) async fn edit_spec(&self, app: usize, value: usize) -> Result<()> {
        let limit = json!({"spec": {"revisionHistoryLimit": 3 + value % 5}});
        self.ns.edit(&reference(app), limit).await.map(drop)
    }

    /// The pod template, as who deploys does.
    pub(crate) async fn edit_template(&self, app: usize, value: &str) -> Result<()> {
        let workload = reference(app);
        let note = "storm.example/note";
        let edited = self.ns.edit_template(&workload, note, value).await?;
        let version = version(&edited)?;
        self.account().edited(&name(app), version);
        Ok(())
    }

    /// None waits for its roll.
    pub(crate) fn none_lost(&self) -> Result<()> {
        let account = self.account();
        self.none_of(&account, &account.lost(), "not rolled for its last change")
    }

    /// None was rolled more often than its sources changed.
    pub(crate) fn none_twice(&self) -> Result<()> {
        let account = self.account();
        self.none_of(&account, &account.twice(), "rolled without a change")
    }

    fn none_of(&self, account: &Account, names: &[&str], what: &str) -> Result<()> {
        let told = names
            .iter()
            .map(|name| format!("{name} ({})", account.story(name)));
        let told: Vec<_> = told.collect();
        ensure!(
            names.is_empty(),
            "{}: {what}: {}",
            self.ns.name(),
            told.join("; ")
        );
        Ok(())
    }

    pub(crate) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.follows.iter().for_each(JoinHandle::abort);
    }
}

fn name(app: usize) -> String {
    format!("web-{app}")
}

fn reference(app: usize) -> String {
    let (kind, _) = KINDS[app % KINDS.len()];
    format!("{kind}/{}", name(app))
}

fn source(app: usize) -> String {
    let kind = if app.is_multiple_of(2) {
        "configmap"
    } else {
        "secret"
    };
    format!("{kind}/app-{app}")
}

fn shares(app: usize) -> bool {
    app < APPS && app.is_multiple_of(SHARING)
}

fn workload(app: usize) -> Workload {
    let (_, make) = KINDS[app % KINDS.len()];
    let new = make(&name(app))
        .env_from(&source(app))
        .annotate(RELOAD, "auto");
    if shares(app) { new.mount(SHARED) } else { new }
}

/// The same without pods.
fn idle(app: usize) -> Workload {
    let nowhere = json!({"template": {"spec": {"nodeSelector": {"storm.example/node": "none"}}}});
    match KINDS[app % KINDS.len()] {
        ("daemonset", _) => workload(app).spec(&nowhere),
        _ => workload(app).replicas(0),
    }
}

fn content(source: &str, value: &str) -> DynamicObject {
    let data = [("k", value)];
    match source.split_once('/') {
        Some(("secret", name)) => secret(name, &data),
        Some((_, name)) => config_map(name, &data),
        None => config_map(source, &data),
    }
}

fn version(object: &impl ResourceExt) -> Result<u64> {
    Ok(object.resource_version().context("no version")?.parse()?)
}

/// Of these workloads only rolls by the controller change the number on the template.
async fn follow(all: Api<DynamicObject>, account: Arc<Mutex<Account>>) {
    let seen = watcher(all, watcher::Config::default())
        .default_backoff()
        .applied_objects();
    let noted = seen.try_for_each(|object| {
        let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
        // A version that is no number would leave a roll out, which is told.
        if let Ok(version) = version(&object) {
            account.seen(&object.name_any(), version, number(&object));
        }
        std::future::ready(Ok(()))
    });
    // An error here leaves rolls out, too.
    noted.await.ok();
}

fn number(object: &DynamicObject) -> Option<i64> {
    let config = &object.data["spec"]["template"]["metadata"]["annotations"][CONFIG];
    config.as_str()?.rsplit_once('/')?.1.parse().ok()
}
