//! Where the node lives on this machine, and that there is one at a time.
//!
//! In: nothing. Out: a claim on a clean place. What a node that was killed has left is
//! taken away when the next one comes; all that a node keeps is in one folder, one
//! cgroup and one bridge, whose names are nobody else's.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::network;

/// Below what may be taken away at any time (FHS 5.5). It is none of the folders that
/// the node sees empty.
const FOLDER: &str = "/var/cache/tidings-node";
const LOCK: &str = "/var/cache/tidings-node.lock";
const HIERARCHIES: &str = "/sys/fs/cgroup";
/// The cgroup below which all pods are.
pub(super) const CGROUP: &str = "tidings-node";
/// How long what was killed may take to be gone.
const LIMIT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);

/// The right to be this machine's node; with its end all traces are taken away.
pub(super) struct Claim {
    // Holds the lock.
    _lock: File,
}

/// A place of the node.
pub(super) fn at(path: &str) -> PathBuf {
    Path::new(FOLDER).join(path)
}

/// Waits until no other node is there, and gives a clean place.
pub(super) async fn claim() -> Result<Claim> {
    let lock = File::create(LOCK).with_context(|| format!("make {LOCK}"))?;
    if !is_taken(&lock)? {
        let waits = "this machine has a node of the rig already; waiting for its end";
        writeln!(std::io::stderr(), "{waits} ({LOCK})")?;
        // Not by a lock that blocks: who waits may be told to end.
        while !is_taken(&lock)? {
            tokio::time::sleep(PAUSE).await;
        }
    }
    clean()?;
    make()?;
    Ok(Claim { _lock: lock })
}

/// Takes the lock unless somebody has it.
fn is_taken(lock: &File) -> Result<bool> {
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

impl Drop for Claim {
    #[expect(clippy::print_stderr, reason = "the machine is not as it was")]
    fn drop(&mut self) {
        if let Err(error) = clean() {
            eprintln!("what the node has left: {error:#}");
        }
    }
}

fn make() -> Result<()> {
    for cgroup in cgroups()? {
        std::fs::create_dir_all(cgroup)?;
    }
    for folder in ["cni", "containerd", "kubelet", "logs", "run"] {
        std::fs::create_dir_all(at(folder))?;
    }
    network::make()
}

fn clean() -> Result<()> {
    for cgroup in cgroups()? {
        remove(&cgroup, || remove_cgroup(&cgroup))?;
    }
    network::remove()?;
    remove(Path::new(FOLDER), || std::fs::remove_dir_all(FOLDER))
}

/// The node's cgroup: one, or with cgroup v1 one in each hierarchy.
pub(super) fn cgroups() -> Result<Vec<PathBuf>> {
    let top = Path::new(HIERARCHIES);
    if top.join("cgroup.controllers").exists() {
        return Ok(vec![top.join(CGROUP)]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(top)? {
        let entry = entry?;
        // Others are links to these.
        if entry.file_type()?.is_dir() {
            found.push(entry.path().join(CGROUP));
        }
    }
    Ok(found)
}

/// Tries until it is gone: what was killed takes a moment to end.
fn remove(what: &Path, attempt: impl Fn() -> std::io::Result<()>) -> Result<()> {
    let start = Instant::now();
    while what.exists() {
        match attempt() {
            Err(error) if start.elapsed() > LIMIT => {
                return Err(error).with_context(|| format!("remove {}", what.display()));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(PAUSE),
            _ => (),
        }
    }
    Ok(())
}

/// Ends what is in a cgroup, and removes it: the ones below it first.
fn remove_cgroup(cgroup: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_cgroup(&entry.path())?;
        }
    }
    let members = std::fs::read_to_string(cgroup.join("cgroup.procs"))?;
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = Pid::from_raw(pid) {
            // It fails only when the process is gone already.
            kill_process(pid, Signal::KILL).ok();
        }
    }
    std::fs::remove_dir(cgroup)
}
