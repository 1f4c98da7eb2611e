//! A fake kubelet, and the scheduler with it: gives pods a node and reports them
//! running, so that real rollouts complete. No container runs.
//!
//! In: pods, as the API server has them. Out: bindings, pod statuses, deletions.
//! What it keeps of a real kubelet's truth: a pod that needs a ConfigMap, a Secret
//! or a key of them that is not there waits for it. A test steers a pod with
//! [`READY`], [`BREAKS_WITH`], [`DONE`] and [`LOCAL`]. A failed request is tried again; nothing here ends a test.

mod breaks;
mod needs;
mod nodes;
mod status;
mod step;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::controller::{self, Action, Controller};
use kube::runtime::watcher;
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use self::step::{Step, next_step};

/// An annotation of a pod: `never`, or after how many milliseconds it is ready.
pub const READY: &str = "rig.tidings.dev/ready";

/// An annotation of a pod, such as `app/LOG_LEVEL=verbose`: where that ConfigMap holds that
/// when its containers start, they end again and again, until the pod is replaced.
pub const BREAKS_WITH: &str = "rig.tidings.dev/breaks-with";

/// An annotation of a pod, with any value: its address is one of this machine's own, at
/// which a test can listen in its place.
pub const LOCAL: &str = "rig.tidings.dev/local";

/// An annotation of a pod that is not restarted, such as a Job's: `never`, or after
/// how many milliseconds it has succeeded; without it, at once.
pub const DONE: &str = "rig.tidings.dev/done";

const RETRY: Duration = Duration::from_millis(200);
const CONCURRENCY: u16 = 32;

/// The nodes that the fake kubelet plays; gone when dropped.
pub struct Nodes {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Nodes {
    /// Registers the nodes and starts to carry pods, in a thread of its own: it
    /// must not stall when a test's runtime is busy, nor end with the first test.
    pub async fn start(config: Config, count: usize) -> Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (started, start) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("fake-kubelet".to_owned())
            .spawn(move || play(config, count, started, stopped))?;
        start.await.context("the fake kubelet ended")??;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It fails only when the thread has panicked, which was printed then.
            thread.join().ok();
        }
    }
}

fn play(
    config: Config,
    count: usize,
    started: oneshot::Sender<Result<()>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let registered = Kubelet::register(config, count).await;
        let (kubelet, answer) = match registered {
            Ok(kubelet) => (Some(kubelet), Ok(())),
            Err(error) => (None, Err(error)),
        };
        started.send(answer).ok();
        if let Some(kubelet) = kubelet {
            tokio::select! {
                () = kubelet.run() => (),
                _ = stopped => (),
            }
        }
    });
}

struct Kubelet {
    client: Client,
    nodes: Vec<String>,
}

impl Kubelet {
    async fn register(config: Config, count: usize) -> Result<Self> {
        let client = Client::try_from(config)?;
        let nodes: Vec<String> = (0..count).map(|i| format!("rig-{i}")).collect();
        for node in &nodes {
            nodes::register(&client, node).await?;
        }
        Ok(Self { client, nodes })
    }

    async fn run(self) {
        let config = controller::Config::default().concurrency(CONCURRENCY);
        Controller::new(
            Api::<Pod>::all(self.client.clone()),
            watcher::Config::default(),
        )
        .with_config(config)
        .run(
            |pod, kubelet| async move { kubelet.carry(&pod).await },
            |_, _: &kube::Error, _| Action::requeue(RETRY),
            Arc::new(self),
        )
        .for_each(|_| std::future::ready(()))
        .await;
    }

    /// Takes a pod one step on; the change that the step makes brings it back here.
    async fn carry(&self, pod: &Pod) -> Result<Action, kube::Error> {
        match next_step(pod, &self.nodes, jiff::Timestamp::now()) {
            Step::Rest => Ok(Action::await_change()),
            Step::Later(time) => Ok(Action::requeue(time)),
            Step::Bind(node) => self.bind(pod, &node).await,
            Step::Remove => self.remove(pod).await,
            Step::Start => self.start(pod).await,
            Step::MakeReady => self.report(pod, status::ready(pod)).await,
            Step::End => self.report(pod, status::succeeded(pod)).await,
        }
    }

    fn api(&self, pod: &Pod) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default())
    }

    async fn bind(&self, pod: &Pod, node: &str) -> Result<Action, kube::Error> {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod.name_any(), "uid": pod.uid()},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let bound = self
            .api(pod)
            .create_subresource::<_, Value>(
                "binding",
                &pod.name_any(),
                &PostParams::default(),
                &binding,
            )
            .await;
        settled(bound)
    }

    async fn remove(&self, pod: &Pod) -> Result<Action, kube::Error> {
        let now = DeleteParams::default()
            .grace_period(0)
            .preconditions(Preconditions {
                uid: pod.uid(),
                resource_version: None,
            });
        settled(self.api(pod).delete(&pod.name_any(), &now).await)
    }

    async fn start(&self, pod: &Pod) -> Result<Action, kube::Error> {
        let Some(missing) = needs::first_missing(&self.client, pod).await? else {
            let breaks = breaks::breaks(&self.client, pod).await?;
            let status = if breaks {
                status::broken(pod)
            } else {
                status::running(pod)
            };
            return self.report(pod, status).await;
        };
        if !status::says(pod, &missing) {
            self.report(pod, status::waiting(pod, &missing)).await?;
        }
        Ok(Action::requeue(RETRY))
    }

    async fn report(&self, pod: &Pod, status: Value) -> Result<Action, kube::Error> {
        let patch = Patch::Merge(json!({"metadata": {"uid": pod.uid()}, "status": status}));
        let api = self.api(pod);
        settled(
            api.patch_status(&pod.name_any(), &PatchParams::default(), &patch)
                .await,
        )
    }
}

/// Gone or changed meanwhile is no failure: the watch tells, if it matters still.
fn settled<T>(result: Result<T, kube::Error>) -> Result<Action, kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
            Ok(Action::await_change())
        }
        other => other.map(|_| Action::await_change()),
    }
}
