//! The node's processes: scheduler, containerd, kubelet.
//!
//! In: a claim on the place, a cluster. Out: a node that is ready. What fails to start
//! is told with the ends of the logs.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::Api;

use super::kubelet::{self, NAME};
use super::namespaces::Namespaces;
use super::network::{self, Forward};
use super::place::Claim;
use super::{images, runtime};
use crate::assets::NodeAssets;
use crate::cluster::Cluster;
use crate::daemon::{Daemon, Program};
use crate::plane::flag;
use crate::wait::{secs, wait_until};

/// The processes of a node. Dropped in this order; with the namespaces all containers
/// end, and with the claim all traces go.
pub(super) struct Machine {
    _namespaces: Namespaces,
    _kubelet: Daemon,
    _containerd: Daemon,
    _scheduler: Daemon,
    _forward: Forward,
    _claim: Claim,
}

impl Machine {
    /// Starts everything and waits until the node is ready.
    pub(super) async fn start(claim: Claim, cluster: &Cluster) -> Result<Self> {
        let log = |name: &str| cluster.folder().join(format!("{name}.log"));
        let assets = NodeAssets::find()?;
        let forward = network::forward(cluster.api_url()).await?;
        let scheduler = scheduler(assets.scheduler, cluster);
        let scheduler = Daemon::spawn("kube-scheduler", &scheduler, &log("kube-scheduler"))?;
        let namespaces = Namespaces::make(&log("namespaces")).await?;
        let containerd = namespaces.inside(runtime::containerd()?);
        let containerd = Daemon::spawn("containerd", &containerd, &log("containerd"))?;
        runtime::answers(&containerd).await?;
        runtime::import(images::pause()?.archive()?.path()).await?;
        let kubelet = namespaces.inside(kubelet::kubelet(assets.kubelet, cluster.folder())?);
        let kubelet = Daemon::spawn("kubelet", &kubelet, &log("kubelet"))?;
        ready(cluster, &kubelet).await?;
        Ok(Self {
            _namespaces: namespaces,
            _kubelet: kubelet,
            _containerd: containerd,
            _scheduler: scheduler,
            _forward: forward,
            _claim: claim,
        })
    }
}

fn scheduler(program: Program, cluster: &Cluster) -> Program {
    program
        .arg(flag("--kubeconfig", cluster.kubeconfig()))
        .args(["--leader-elect=false", "--secure-port=0"])
}

/// Waits until pods can be put on the node.
async fn ready(cluster: &Cluster, kubelet: &Daemon) -> Result<()> {
    let nodes: Api<NodeObject> = Api::all(cluster.client().await?);
    let ready = wait_until("the node to be ready", secs(60), async || {
        if kubelet.exited()?.is_some() {
            return Ok(false);
        }
        let node = nodes.get(NAME).await?;
        let spec = node.spec.context("a node without a spec")?;
        ensure!(spec.taints.is_none(), "taints {:?}", spec.taints);
        Ok(true)
    });
    let ready = ready.await.with_context(|| kubelet.tail())?;
    ensure!(ready, "the kubelet has ended\n{}", kubelet.tail());
    Ok(())
}
