//! Registers a node that is ready and has room for everything.

use anyhow::Result;
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

/// Creates the node, or takes over one that is there, and makes it ready.
pub(super) async fn register(client: &Client, name: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    let by = PatchParams::apply("rig-kubelet").force();
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
    });
    nodes.patch(name, &by, &Patch::Apply(node)).await?;
    let room = json!({"cpu": "1000", "memory": "4Ti", "pods": "20000", "ephemeral-storage": "4Ti"});
    let status = json!({"status": {
        "capacity": room,
        "allocatable": room,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "played by the rig"}],
        "nodeInfo": {"kubeletVersion": "v0.0.0-rig"},
    }});
    let plain = PatchParams::default();
    nodes
        .patch_status(name, &plain, &Patch::Strategic(status))
        .await?;
    // The API server taints new nodes, and the controller that would clear that is off.
    let clear = json!({"spec": {"taints": null}});
    nodes.patch(name, &plain, &Patch::Merge(clear)).await?;
    Ok(())
}
