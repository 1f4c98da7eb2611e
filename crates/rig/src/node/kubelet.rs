//! The kubelet's configuration: its defaults, but for where things lie and for what
//! would change the machine or depend on how full its disk is.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{network, place, runtime};
use crate::daemon::Program;
use crate::plane::{AUTHORITY, flag};
use crate::ports::free_port;
use crate::users;

/// The node's name; the kubelet's user is named after it.
pub(super) const NAME: &str = "rig";

/// What the kubelet is to be run with: its files are written.
pub(super) fn kubelet(program: Program, folder: &Path) -> Result<Program> {
    let config = place::at("kubelet.json");
    let values = configuration(&folder.join(AUTHORITY), free_port()?);
    std::fs::write(&config, values.to_string())?;
    // Pods have the machine's otherwise.
    std::fs::write(place::at("resolv.conf"), "")?;
    let kubeconfig = users::kubeconfig(folder, users::KUBELET);
    Ok(program
        .arg(flag("--config", &config))
        .arg(flag("--kubeconfig", &kubeconfig))
        .arg(flag("--root-dir", &place::at("kubelet")))
        .arg(flag("--cert-dir", &place::at("kubelet/pki")))
        .arg(format!("--hostname-override={NAME}"))
        .arg(format!("--node-ip={}", network::GATEWAY)))
}

fn configuration(authority: &Path, port: u16) -> Value {
    let never = json!({
        "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
        "imagefs.available": "0%", "imagefs.inodesFree": "0%",
    });
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{}", runtime::socket().display()),
        "address": network::GATEWAY,
        "port": port,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": false},
            "x509": {"clientCAFile": authority},
        },
        // Only who has a certificate of the cluster's authority comes as far as that.
        "authorization": {"mode": "AlwaysAllow"},
        "podLogsDir": place::at("logs"),
        "volumePluginDir": place::at("kubelet/plugins-volume"),
        "resolvConf": place::at("resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", place::CGROUP),
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "localStorageCapacityIsolation": false,
        "makeIPTablesUtilChains": false,
        "evictionHard": never,
        "imageGCHighThresholdPercent": 100,
    })
}
