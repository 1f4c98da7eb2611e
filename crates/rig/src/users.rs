//! The users of a cluster of the rig: who they are and their kubeconfigs.
//!
//! All but `admin` and the kubelet may do nothing until a test grants it to them. A service
//! account is the better identity for a program under test: any number of them,
//! and on every cluster.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{kubeconfig, random};

/// The user that may do everything.
pub(crate) const ADMIN: &str = "admin";

/// The user that the kubelet of the real node is: the Node authorizer goes by the name.
pub(crate) const KUBELET: &str = "system:node:rig";

/// User and group. `tidings` and `tidings-b` are for programs, the others play people.
const USERS: &[(&str, &str)] = &[
    (ADMIN, "system:masters"),
    ("tidings", "tidings"),
    ("tidings-b", "tidings"),
    ("alice", "people"),
    ("bob", "people"),
    (KUBELET, "system:nodes"),
];

/// Writes the API server's token file and one kubeconfig per user.
pub(crate) fn write(folder: &Path, url: &str, ca: &str) -> Result<()> {
    let mut file = String::new();
    for (user, group) in USERS {
        let token = format!("{:016x}{:016x}", random::number(), random::number());
        writeln!(file, "{token},{user},{user},{group}")?;
        kubeconfig::write(&kubeconfig(folder, user), url, ca, &token)?;
    }
    Ok(std::fs::write(tokens(folder), file)?)
}

/// Where the token file lies.
pub(crate) fn tokens(folder: &Path) -> PathBuf {
    folder.join("tokens.csv")
}

/// Where a user's kubeconfig lies.
pub(crate) fn kubeconfig(folder: &Path, user: &str) -> PathBuf {
    folder.join(format!("{user}.kubeconfig"))
}
