//! Namespaces of the node's own, for mounts and for processes.
//!
//! With the first process in them the kernel ends all others (shims and containers too)
//! and takes away all mounts, and that first one it ends with the rig. In them the
//! folders are empty at which containerd and kubelet keep what cannot be configured.

use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::{Daemon, Program};
use crate::wait::{secs, wait_until};

/// `/run/containerd/s`, `/var/lib/kubelet/device-plugins`, `/var/log/containers`. The
/// first process reaps those that lose their parent, as an init does.
const INIT: &str = "for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done
    echo ready
    while :; do sleep 1000000 & wait; done";

/// The namespaces; they end with the value.
pub(super) struct Namespaces {
    holder: Daemon,
    first: Pid,
}

impl Namespaces {
    /// Makes them.
    pub(super) async fn make(log: &Path) -> Result<Self> {
        let unshare = Program::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child=KILL"])
            .args(["--mount-proc", "--", "sh", "-ec", INIT]);
        let holder = Daemon::spawn("namespaces", &unshare, log)?;
        let ready = wait_until("the node's namespaces", secs(10), async || {
            let lines = holder.lines()?;
            lines.iter().find(|line| *line == "ready").context("none")?;
            child_of(holder.pid())
        });
        let first = ready.await.with_context(|| holder.tail())?;
        Ok(Self { holder, first })
    }

    /// The same program, to be run in them.
    pub(super) fn inside(&self, program: Program) -> Program {
        let holder = format!("/proc/{}/ns", self.holder.pid());
        let nsenter = Program::new("nsenter")
            .arg(format!("--mount={holder}/mnt"))
            .arg(format!("--pid={holder}/pid_for_children"))
            .arg("--");
        program.under(nsenter)
    }
}

impl Drop for Namespaces {
    /// Its parent has seen its end when all others have ended.
    fn drop(&mut self) {
        kill_process(self.first, Signal::KILL).ok();
        self.holder.wait();
    }
}

fn child_of(pid: u32) -> Result<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let child = children.split_whitespace().next().context("no child")?;
    Pid::from_raw(child.parse()?).context("no pid")
}
