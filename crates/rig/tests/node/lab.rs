//! What the tests have in common: a namespace of their own on the node, and an agent in
//! a pod of it.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rig::fixtures::TestNamespace;
use rig::node::processes::{self, Process};
use rig::node::{Image, Node, pods};
use rig::{secs, wait_until};
use serde_json::Value;

/// How long anything may take, but for what the kubelet brings by itself.
pub(crate) const LIMIT: std::time::Duration = secs(90);
/// Files that nobody poked for.
pub(crate) const UNPOKED: std::time::Duration = secs(180);
/// The port of the agents of these tests.
const AGENT: u16 = 9533;

/// What makes an image.
pub(crate) type Make = fn() -> Result<Image>;

/// The node of this test, with these images; none where there cannot be one.
pub(crate) async fn node(images: &[Make]) -> Result<Option<&'static Node>> {
    let Some(node) = Node::of_this_test().await? else {
        return Ok(None);
    };
    for image in images {
        node.image(&image()?).await?;
    }
    Ok(Some(node))
}

/// The same, and a namespace.
pub(crate) async fn lab(about: &str, images: &[Make]) -> Result<Option<TestNamespace>> {
    let Some(node) = node(images).await? else {
        return Ok(None);
    };
    Ok(Some(TestNamespace::new(node.cluster(), about).await?))
}

/// Waits until the pod's agent has taken the generation that is there, with this outcome.
pub(crate) async fn agent_says(pod: &Pod, outcome: &str) -> Result<Value> {
    let what = format!("the agent of {} to say {outcome}", pod.name_any());
    wait_until(&what, LIMIT, async || {
        let state = agent_state(pod).await?;
        ensure!(state["last"]["outcome"] == outcome, "{state}");
        Ok(state)
    })
    .await
}

/// What the pod's agent says of itself.
pub(crate) async fn agent_state(pod: &Pod) -> Result<Value> {
    let (status, state) = pods::get(pod, AGENT, "/state.json").await?;
    ensure!(status == 200, "{status} {state}");
    serde_json::from_str(&state).context(state)
}

/// The agent's readiness: status and text.
pub(crate) async fn agent_readyz(pod: &Pod) -> Result<(u16, String)> {
    pods::get(pod, AGENT, "/readyz").await
}

/// The server of a pod, as it runs before something happens to it.
pub(crate) struct Server<'a> {
    ns: &'a TestNamespace,
    labels: &'a str,
    program: &'a str,
    pod: Pod,
    process: Process,
}

impl<'a> Server<'a> {
    /// The process that is the first of this program in the pod with these labels, of
    /// which there is one and which is ready.
    pub(crate) async fn running(
        ns: &'a TestNamespace,
        labels: &'a str,
        program: &'a str,
    ) -> Result<Self> {
        let pod = pods::ready_one(ns, labels, LIMIT).await?;
        // Without a probe a pod is ready before its program is there.
        let process = wait_until("the server", LIMIT, async || {
            processes::first(&pod, program)
        });
        let process = process.await?;
        Ok(Self {
            ns,
            labels,
            program,
            pod,
            process,
        })
    }

    pub(crate) fn pod(&self) -> &Pod {
        &self.pod
    }

    /// Checks that it is the same process of the same pod, of which no container was
    /// started again.
    pub(crate) async fn is_the_same(&self) -> Result<()> {
        let now = pods::ready_one(self.ns, self.labels, LIMIT).await?;
        ensure!(now.uid() == self.pod.uid(), "the pod was made again");
        let (before, restarts) = (pods::restarts(&self.pod), pods::restarts(&now));
        ensure!(restarts == before, "{before} restarts, then {restarts}");
        let (before, now) = (&self.process, processes::first(&now, self.program)?);
        ensure!(*before == now, "{before:?}, then {now:?}");
        Ok(())
    }
}
