//! The controller as a pod, installed by what `tidings manifests` prints: with its own
//! account, probes and limits it becomes ready, leads, and rolls.
//!
//! `--image`, since none is published; `--namespace-selector`, since other tests' workloads
//! are in the same cluster; `--own-namespace`, which is taken away with the test.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use kube::api::ListParams;
use rig::node::{images, pods};
use rig::{Cluster, Installed, manifests};

use crate::lab::{LIMIT, node};
use crate::seed::a_change_is_served;

const LABELS: &str = "app.kubernetes.io/name=tidings";

#[tokio::test]
async fn the_controller_runs_as_its_manifests_say() -> Result<()> {
    let Some(node) = node(&[images::nginx, images::controller]).await? else {
        return Ok(());
    };
    let lab = Installed::new(node.cluster(), "in-a-pod").await?;
    let documents = printed(node.cluster(), &lab).await?;
    let client = lab.own().client();
    for document in &documents {
        document.apply(client).await?;
    }
    let pod = pods::ready_one(lab.own(), LABELS, LIMIT).await?;
    leads(&lab, &pod.name_any()).await?;
    if let Err(error) = a_change_is_served(&lab).await {
        let log = pods::logs(client, &pod, "tidings").await?;
        return Err(error.context(log));
    }

    let now = pods::ready_one(lab.own(), LABELS, LIMIT).await?;
    ensure!(now.uid() == pod.uid(), "its pod was made again");
    ensure!(pods::restarts(&now) == 0, "it was restarted");
    // What no namespace of the test holds.
    for document in documents.iter().filter(|d| d.kind.starts_with("Cluster")) {
        document.delete(client).await?;
    }
    Ok(())
}

async fn printed(cluster: &Cluster, lab: &Installed) -> Result<Vec<manifests::Document>> {
    let name = lab.ns().name();
    let options = [
        format!("--image={}", images::CONTROLLER),
        format!("--namespace-selector=kubernetes.io/metadata.name={name}"),
        format!("--own-namespace={}", lab.own().name()),
    ];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    manifests::printed(cluster.kubeconfig(), &options).await
}

/// It holds the Lease by its pod's name.
async fn leads(lab: &Installed, pod: &str) -> Result<()> {
    let leases = lab.own().api::<Lease>();
    let held = rig::wait_until("the Lease to be held", LIMIT, async || {
        let leases = leases.list(&ListParams::default()).await?.items;
        let spec = leases.into_iter().find_map(|lease| lease.spec);
        spec.and_then(|spec| spec.holder_identity)
            .context("by nobody")
    });
    let holder = held.await?;
    ensure!(holder.starts_with(pod), "{holder} leads, and not {pod}");
    Ok(())
}
