//! The cluster that a row is measured on, and what every row does with it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Secret};
use kube::api::{Api, ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::{Client, ResourceExt};
use rig::fixtures::TestNamespace;
use rig::process::{self, Launch, Tidings};
use rig::{Cluster, Options, secs, wait_until};
use rustix::process::Signal;
use tidings::api::connect::{Connect, Idle, connect};
use tidings::control::{Action, Patch, Roll};
use tidings_core::kinds::KINDS;
use tidings_core::reason::Reason;
use tidings_core::refs::WorkloadRef;

/// Requests under way at once: what Tidings' `--max-in-flight` is by default.
pub(crate) const AT_ONCE: usize = 32;
/// How long anything may take that is not measured.
pub(crate) const LIMIT: Duration = secs(600);
/// A pause between two looks at the records.
const LOOK: Duration = Duration::from_millis(100);
/// A Deployment that the deployment controller has dealt with has this annotation.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Progress, for who waits.
#[expect(clippy::print_stderr, reason = "progress is for the person")]
pub(crate) fn say(text: &str) {
    eprintln!("bench: {text}");
}

/// A cluster, most often without nodes: Deployments of no replicas have rollouts all the
/// same.
pub(crate) struct Lab {
    pub(crate) cluster: Cluster,
    /// The client that Tidings has.
    pub(crate) client: Client,
}

impl Lab {
    pub(crate) async fn start(controller_qps: u32) -> Result<Self> {
        Self::with_nodes(0, controller_qps).await
    }

    /// The same with nodes, so that pods run.
    pub(crate) async fn with_nodes(nodes: usize, controller_qps: u32) -> Result<Self> {
        let options = Options {
            nodes,
            controller_qps,
            ..Options::default()
        };
        let cluster = Cluster::start(options).await?;
        let kubeconfig = Some(cluster.kubeconfig().to_owned());
        let options = Connect {
            kubeconfig,
            ..Connect::default()
        };
        Ok(Self {
            client: connect(&options, Idle::Long).await?,
            cluster,
        })
    }

    pub(crate) async fn namespace(&self, name: &str) -> Result<TestNamespace> {
        TestNamespace::named(&self.cluster, name.to_owned()).await
    }

    /// The controller, ready and the leader.
    pub(crate) async fn tidings(&self, args: &[&str]) -> Result<Tidings> {
        run(&process::controller(self.cluster.kubeconfig())?.args(args)).await
    }

    /// Creates many objects of one kind.
    pub(crate) async fn create(
        &self,
        namespace: &TestNamespace,
        objects: impl IntoIterator<Item = DynamicObject>,
    ) -> Result<()> {
        let create = |object: DynamicObject| async move {
            let types = object.types.as_ref().context("an object without a type")?;
            let resource = ApiResource::from_gvk(&types.try_into()?);
            let client = namespace.client().clone();
            let api = Api::namespaced_with(client, namespace.name(), &resource);
            api.create(&PostParams::default(), &object).await?;
            anyhow::Ok(())
        };
        let created = stream::iter(objects).map(create).buffer_unordered(AT_ONCE);
        created.try_collect::<()>().await
    }

    /// Waits until the deployment controller is done with all Deployments.
    pub(crate) async fn quiet(&self, namespace: &TestNamespace) -> Result<()> {
        let before = Mutex::new(HashSet::new());
        wait_until("the deployment controller to be done", LIMIT, async || {
            tokio::time::sleep(secs(1)).await;
            let list = metadata(namespace).await?;
            let dealt_with = |one: &PartialObjectMeta<_>| one.annotations().contains_key(REVISION);
            let missing = list.iter().filter(|one| !dealt_with(one)).count();
            let now: HashSet<_> = list
                .iter()
                .filter_map(ResourceExt::resource_version)
                .collect();
            let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
            let same = *before == now;
            *before = now;
            ensure!(
                missing == 0 && same,
                "{missing} are new, or some still change"
            );
            Ok(())
        })
        .await
    }

    /// Waits until Tidings has recorded so many workloads of the namespace.
    pub(crate) async fn recorded(&self, namespace: &TestNamespace, count: usize) -> Result<()> {
        self.recorded_in(namespace.name(), count).await
    }

    /// The same in all namespaces.
    pub(crate) async fn all_recorded(&self, count: usize) -> Result<()> {
        self.recorded_in("", count).await
    }

    async fn recorded_in(&self, prefix: &str, count: usize) -> Result<()> {
        let records: Api<Secret> = Api::namespaced(self.client.clone(), "tidings");
        let prefix = format!("tidings-state.{prefix}");
        wait_until("tidings to record the workloads", LIMIT, async || {
            let start = Instant::now();
            let list = records.list(&ListParams::default()).await?;
            let ours = list.iter().filter(|s| s.name_any().starts_with(&prefix));
            let entries: usize = ours
                .filter_map(|s| s.data.as_ref())
                .map(BTreeMap::len)
                .sum();
            if entries < count {
                // Looking takes the API server from Tidings, so it is not done all the time.
                tokio::time::sleep(LOOK.max(8 * start.elapsed())).await;
            }
            ensure!(entries >= count, "{entries} of {count}");
            Ok(())
        })
        .await
    }

    /// Waits until so many Events of Tidings are there; gives when that was.
    pub(crate) async fn events(&self, namespace: &TestNamespace, count: usize) -> Result<Instant> {
        let events: Api<Event> = namespace.api();
        let ours = ListParams::default().fields("reportingComponent=tidings");
        wait_until("tidings' Events", LIMIT, async || {
            let there = events.list_metadata(&ours).await?.items.len();
            ensure!(there >= count, "{there} of {count}");
            Ok(Instant::now())
        })
        .await
    }
}

/// Starts a controller and waits until it is ready.
pub(crate) async fn run(launch: &Launch) -> Result<Tidings> {
    let tidings = launch.start()?;
    tidings.ready(LIMIT).await?;
    Ok(tidings)
}

/// Ends a controller in good order.
pub(crate) async fn end(tidings: Tidings) -> Result<()> {
    tidings.signal(Signal::TERM)?;
    let status = tidings.exit(secs(60)).await?;
    ensure!(status.success(), "tidings ended with {status}");
    Ok(())
}

/// The metadata of all Deployments.
pub(crate) async fn metadata(
    namespace: &TestNamespace,
) -> Result<Vec<PartialObjectMeta<Deployment>>> {
    let api: Api<Deployment> = namespace.api();
    Ok(api.list_metadata(&ListParams::default()).await?.items)
}

/// The generation of each Deployment: 1 and one more for each roll.
pub(crate) async fn rolls(namespace: &TestNamespace) -> Result<Vec<(String, i64)>> {
    let list = metadata(namespace).await?;
    let rolls = list.iter().map(|one| {
        let generation = one.metadata.generation.unwrap_or_default();
        (one.name_any(), generation - 1)
    });
    Ok(rolls.collect())
}

/// What Tidings would send for each Deployment.
pub(crate) async fn patches(namespace: &TestNamespace, because: &str) -> Result<Vec<Patch>> {
    let list = metadata(namespace).await?;
    let patch = |one: &PartialObjectMeta<Deployment>| {
        let version = one.resource_version().context("no version")?;
        let key = WorkloadRef::new(&KINDS[0], namespace.name(), one.name_any());
        let roll = Roll {
            key: key.clone(),
            n: 1,
            reason: Reason::Changed,
            because: because.to_owned(),
            changes: Vec::new(),
            sources: Vec::new(),
        };
        Ok(Patch {
            roll: Arc::new(roll),
            on: key,
            uid: one.uid().context("no uid")?.into(),
            version: version.parse()?,
            generation: one.metadata.generation.context("no generation")?,
            action: Action::Template {
                restart: None,
                paused_at: None,
            },
            traces: false,
        })
    };
    list.iter().map(patch).collect()
}
