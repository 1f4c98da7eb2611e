//! What the demo plays on: the cluster, the namespace, the controller, a witness.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::core::DynamicObject;
use rustix::process::Signal;

use super::moments::{self, CONFIG, of_template};
use super::objects::{NAMESPACE, WORKLOAD};
use super::page::Page;
use super::witness::Witness;
use crate::cluster::Cluster;
use crate::fixtures::TestNamespace;
use crate::plane::Options;
use crate::process::{self, Launch, Tidings};
use crate::wait::secs;

/// Where Tidings keeps its records.
pub(super) const OWN_NAMESPACE: &str = "tidings";

/// Everything; the order is the order of the end.
pub(super) struct Scene {
    pub(super) witness: Witness,
    controller: Option<Tidings>,
    launch: Launch,
    pub(super) stage: TestNamespace,
    pub(super) cluster: Cluster,
}

impl Scene {
    /// Starts the cluster; where its programs must be built first, that is told
    /// on stderr as it goes.
    pub(super) async fn set(page: &Page) -> Result<Self> {
        page.step("A cluster");
        page.say("Starting etcd, kube-apiserver and kube-controller-manager on free ports …");
        let start = Instant::now();
        let cluster = Cluster::start(Options::default()).await?;
        let version = cluster.client().await?.apiserver_version().await?;
        let took = start.elapsed().as_secs_f64();
        page.say(&format!(
            "Kubernetes {} is up after {took:.1} s.",
            version.git_version
        ));
        page.say(
            "The nodes are played: pods get a node and report ready, but no container runs.\n\
             All else is the real thing.",
        );
        let stage = TestNamespace::named(&cluster, NAMESPACE.to_owned()).await?;
        let kinds = ["deployment", "replicaset", "pod", "event"].map(|kind| (kind, NAMESPACE));
        let records = [("secret", OWN_NAMESPACE)];
        Ok(Self {
            witness: Witness::of(stage.client(), &[&kinds[..], &records].concat())?,
            controller: None,
            launch: process::controller(cluster.kubeconfig())?,
            stage,
            cluster,
        })
    }

    /// Starts the controller and waits until it is ready.
    pub(super) async fn start_controller(&mut self) -> Result<()> {
        self.start_controller_with(&[]).await
    }

    /// The same with these options.
    pub(super) async fn start_controller_with(&mut self, options: &[&str]) -> Result<()> {
        let launch = self.launch.clone().args(options);
        let controller = launch.start()?;
        let controller = self.controller.insert(controller);
        controller.ready(secs(20)).await
    }

    /// Waits for the first record: how long it took since then, and the object.
    pub(super) async fn first_record(
        &self,
        since: Instant,
        limit: Duration,
    ) -> Result<(Duration, DynamicObject)> {
        let is_it = |object: &DynamicObject| moments::recorded(object, 0);
        let first = self.witness.first("the first record", since, limit, is_it);
        first.await.with_context(|| self.log())
    }

    /// Asks the controller to stop and waits for its end.
    pub(super) async fn stop_controller(&mut self) -> Result<()> {
        let controller = self.controller.take().context("no controller runs")?;
        controller.signal(Signal::TERM)?;
        let status = controller.exit(secs(15)).await?;
        ensure!(status.success(), "the controller ended with {status}");
        Ok(())
    }

    /// The number of the last roll; 0: it was never rolled.
    pub(super) async fn last_roll(&self) -> Result<u64> {
        let workload = self.stage.get(WORKLOAD).await?;
        let Some(mark) = of_template(&workload, CONFIG) else {
            return Ok(0);
        };
        let (_, number) = mark.split_once('/').context("a mark without a number")?;
        Ok(number.parse()?)
    }

    /// The Deployment's generation: it grows with every change of its spec.
    pub(super) async fn generation(&self) -> Result<i64> {
        let workload = self.stage.get(WORKLOAD).await?;
        workload.metadata.generation.context("no generation")
    }

    /// The end of the controller's log, for a failure's message.
    pub(super) fn log(&self) -> String {
        let controller = self.controller.as_ref();
        controller.map_or_else(String::new, Tidings::tail)
    }

    /// For who wants to go on by hand.
    pub(super) fn how_to_look(&self) -> String {
        let kubeconfig = self.cluster.kubeconfig().display();
        format!("\nStill up, until Ctrl-C:\n  export KUBECONFIG={kubeconfig}")
    }

    /// Ends everything, the controller in good order.
    pub(super) async fn end(mut self) -> Result<()> {
        self.stop_controller().await
    }
}
