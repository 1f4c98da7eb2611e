//! A real node: Kubernetes' own kubelet and scheduler, containerd, runc; pods run.
//!
//! [`Node::start`] starts a control plane and the node; what is dropped ends all of it.
//! [`Node::of_this_test`] is what a test wants: the node that the test program shares,
//! or none where the machine cannot have one, which is said by the test's name.
//! [`image`] makes images from folders, [`images`] has those that tests use, [`web`] an
//! nginx with its agent, [`shop`] what is started again in place, [`pods`] says what pods do, [`processes`] what runs in them.
//!
//! Of the machine only this is touched, and put back: the folder and lock of [`place`],
//! a bridge ([`network`]), and a cgroup. All else lies in namespaces of the node's own
//! ([`namespaces`]), which end with the rig in every way the rig can end. Needs root.

pub mod image;
pub mod images;
mod kubelet;
mod lack;
mod machine;
mod namespaces;
pub mod network;
mod place;
pub mod pods;
pub mod processes;
mod runtime;
pub mod shop;
pub mod web;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::sync::{Mutex, OnceCell};

use crate::cluster::{Cluster, SHARED};
use crate::keeper;
use crate::plane::Options;

pub use image::Image;
pub use lack::{REQUIRED, lack, leaves_out};

use machine::Machine;

/// In the folder of a cluster that has a node.
const MARK: &str = "node";

/// A cluster with a real node.
pub struct Node {
    // Dropped first: nobody is left talking to a server that is gone.
    _machine: Option<Machine>,
    cluster: Cluster,
    importing: Mutex<()>,
}

impl Node {
    /// Starts a control plane and a node that end with the value; waits until the node
    /// is ready. One node at a time on a machine: it waits for another to end.
    pub async fn start() -> Result<Self> {
        let claim = place::claim().await?;
        let cluster = Cluster::start(Options {
            real_node: true,
            nodes: 0,
            ..Options::default()
        })
        .await?;
        let machine = Machine::start(claim, &cluster).await?;
        std::fs::write(cluster.folder().join(MARK), "")?;
        Ok(Self::new(Some(machine), cluster))
    }

    /// The node of the cluster that a running `rig-cluster --node` keeps in this folder.
    pub async fn attach(folder: &Path) -> Result<Self> {
        let has = folder.join(MARK).exists();
        ensure!(has, "the shared cluster has no node: rig-cluster --node");
        Ok(Self::new(None, Cluster::attach(folder).await?))
    }

    /// The node of this test program: of the cluster that `TIDINGS_RIG_CLUSTER` names,
    /// else one that is started for it. `None`, and a line that says which test is left
    /// out and why, where the machine cannot have one; with `TIDINGS_RIG_NODE=required`
    /// that is an error.
    pub async fn of_this_test() -> Result<Option<&'static Self>> {
        static NODE: OnceCell<Node> = OnceCell::const_new();
        if lack::leaves_out_this_test()? {
            return Ok(None);
        }
        Ok(Some(NODE.get_or_try_init(Self::find).await?))
    }

    async fn find() -> Result<Self> {
        match std::env::var_os(SHARED) {
            Some(folder) => Self::attach(Path::new(&folder)).await,
            None => Self::attach(&keeper::start_for_this_program(&["--node"])?).await,
        }
    }

    fn new(machine: Option<Machine>, cluster: Cluster) -> Self {
        Self {
            _machine: machine,
            cluster,
            importing: Mutex::new(()),
        }
    }

    /// The cluster that the node is of.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Makes an image and gives it to the node, unless it has one of that name.
    pub async fn image(&self, image: &Image) -> Result<()> {
        let _one_at_a_time = self.importing.lock().await;
        if runtime::has_image(image.name()).await? {
            return Ok(());
        }
        let archive = image.archive()?;
        let imported = runtime::import(archive.path()).await;
        imported.with_context(|| format!("the image {}", image.name()))
    }

    /// The same for several.
    pub async fn images(&self, images: &[Image]) -> Result<()> {
        for image in images {
            self.image(image).await?;
        }
        Ok(())
    }
}
