//! The node's network: a bridge on which its pods are, reachable from the machine.
//!
//! The API server listens on the loopback. Pods know it by the address of its Service,
//! which is one of the bridge's own here, and behind it [`forward`] brings connections
//! to where it listens: no kube-proxy, and no rule in the machine's firewall.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// No longer than the kernel takes names of interfaces.
const BRIDGE: &str = "tidings-node";
/// A bridge that is given none takes the lowest of its ports, so that it changes when pods
/// come and go; the others then send to the former one until they ask anew, which may
/// take half a minute.
const MAC: &str = "02:74:69:64:69:6e";
const PODS: &str = "10.217.37.0/24";
/// The machine's address among the pods, and the node's.
pub const GATEWAY: &str = "10.217.37.1";
/// Where Services are.
pub(crate) const SERVICES: &str = "10.217.38.0/24";
/// The API server's Service, which is the first of these.
pub(crate) const API: &str = "10.217.38.1";
const API_PORT: u16 = 443;

/// Makes the bridge.
pub(super) fn make() -> Result<()> {
    ip(&["link", "add", BRIDGE, "address", MAC, "type", "bridge"])?;
    for address in [format!("{GATEWAY}/24"), format!("{API}/32")] {
        ip(&["address", "add", &address, "dev", BRIDGE])?;
    }
    ip(&["link", "set", BRIDGE, "up"])
}

/// Removes the bridge, if it is there.
pub(super) fn remove() -> Result<()> {
    if ip(&["link", "show", "dev", BRIDGE]).is_err() {
        return Ok(());
    }
    ip(&["link", "delete", BRIDGE])
}

fn ip(args: &[&str]) -> Result<()> {
    let mut command = Command::new("ip");
    let output = command.args(args).stdin(Stdio::null()).output();
    let output = output.context("run ip (iproute2)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {said}", args.join(" "));
    Ok(())
}

/// The CNI configuration: the bridge stands already, so the plugin changes nothing else
/// of the machine (as a gateway it would have it forward).
pub(super) fn cni(leases: &str) -> Value {
    let ranges = json!([[{"subnet": PODS, "gateway": GATEWAY}]]);
    let routes = json!([{"dst": "0.0.0.0/0"}]);
    let addresses =
        json!({"type": "host-local", "dataDir": leases, "ranges": ranges, "routes": routes});
    json!({
        "cniVersion": "0.4.0",
        "name": BRIDGE,
        "plugins": [{"type": "bridge", "bridge": BRIDGE, "ipam": addresses}],
    })
}

/// Brings connections to the API server's Service to the API server.
pub(super) struct Forward(JoinHandle<()>);

impl Drop for Forward {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Forwards until the value is dropped.
pub(super) async fn forward(api: &str) -> Result<Forward> {
    let uri: http::Uri = api.parse()?;
    let api = uri.authority().context("an address without a host")?;
    let api = api.as_str().to_owned();
    let listener = TcpListener::bind((API, API_PORT)).await?;
    Ok(Forward(tokio::spawn(async move {
        while let Ok((pod, _)) = listener.accept().await {
            tokio::spawn(join(pod, api.clone()));
        }
    })))
}

async fn join(mut pod: TcpStream, api: String) {
    // A connection that breaks ends on both sides: both see it.
    if let Ok(mut server) = TcpStream::connect(api).await {
        copy_bidirectional(&mut pod, &mut server).await.ok();
    }
}
