//! What the demos on a real node are played on: the node, a namespace, the controller.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use rustix::process::Signal;

use super::page::Page;
use crate::cluster::SHARED;
use crate::fixtures::TestNamespace;
use crate::node::Node;
use crate::process::{self, Tidings};
use crate::wait::{secs, wait_until};

pub(super) const LIMIT: Duration = secs(60);

/// What is dropped first ends first.
pub(super) struct Scene {
    tidings: Tidings,
    pub(super) stage: TestNamespace,
    node: Node,
}

/// The first step: a node of its own, or the one of the tests, made ready.
pub(super) async fn node(
    page: &Page,
    prepare: impl AsyncFnOnce(&Node) -> Result<()>,
) -> Result<Node> {
    page.step("A cluster with a real node");
    page.say("Starting a control plane, a kubelet and containerd …");
    let start = Instant::now();
    let node = match std::env::var_os(SHARED) {
        Some(folder) => Node::attach(Path::new(&folder)).await?,
        None => Node::start().await?,
    };
    prepare(&node).await?;
    page.at(start.elapsed(), "the node is ready, and has its images");
    Ok(node)
}

impl Scene {
    /// Starts the controller, with these methods.
    pub(super) async fn set(
        page: &Page,
        node: Node,
        stage: TestNamespace,
        methods: &str,
    ) -> Result<Self> {
        let args = ["--namespaces", stage.name(), "--methods", methods];
        page.quote(&format!("$ tidings controller {}", args.join(" ")));
        let launch = process::controller(node.cluster().kubeconfig())?;
        let tidings = launch.args(&args).start()?;
        tidings.ready(LIMIT).await?;
        Ok(Self {
            tidings,
            stage,
            node,
        })
    }

    fn kubeconfig(&self) -> &Path {
        self.node.cluster().kubeconfig()
    }

    /// Waits for an Event with this reason whose text contains this: when, and the text.
    pub(super) async fn told(
        &self,
        start: Instant,
        reason: &str,
        text: &str,
    ) -> Result<(Duration, String)> {
        let about = ListParams::default().fields(&format!("reason={reason}"));
        let events = self.stage.api::<Event>();
        let told = wait_until(reason, LIMIT, async || {
            let all = events.list(&about).await?.items;
            let mut said = all.into_iter().filter_map(|event| event.message);
            let said = said.find(|said| said.contains(text));
            Ok((start.elapsed(), said.context("no such Event")?))
        });
        told.await.with_context(|| self.tidings.tail())
    }

    /// Waits until a Deployment is.
    pub(super) async fn in_step(&self, name: &str) -> Result<()> {
        let workload = format!("deploy/{name}");
        let args = ["wait", "-n", self.stage.name(), &workload, "--timeout=60s"];
        let output = process::run(self.kubeconfig(), &args).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}\n{}", self.tidings.tail());
        Ok(())
    }

    /// Runs a command, and prints what it says.
    pub(super) async fn tells(&self, page: &Page, args: &[&str], code: i32) -> Result<()> {
        let output = process::run(self.kubeconfig(), args).await?;
        page.quote(&format!("$ tidings {}", args.join(" ")));
        page.quote(&String::from_utf8_lossy(&output.stdout));
        page.quote(&String::from_utf8_lossy(&output.stderr));
        let got = output.status.code();
        ensure!(got == Some(code), "{args:?} ended with {got:?}");
        Ok(())
    }

    /// Ends everything, the controller in good order; with `stay` only by an interrupt.
    pub(super) async fn end(self, page: &Page, stay: bool) -> Result<()> {
        if stay {
            let kubeconfig = self.kubeconfig().display();
            page.say(&format!(
                "\nStill up, until Ctrl-C:\n  export KUBECONFIG={kubeconfig}"
            ));
            std::future::pending::<()>().await;
        }
        self.tidings.signal(Signal::TERM)?;
        let status = self.tidings.exit(secs(15)).await?;
        ensure!(status.success(), "the controller ended with {status}");
        Ok(())
    }
}
