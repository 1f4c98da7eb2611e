//! The processes of pods, as the machine sees them: each container is a cgroup.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rustix::io::Errno;

use super::place;

/// A process of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number on the machine (in its container it has another).
    pub pid: u32,
    /// The first 15 characters of its program's name.
    pub name: String,
    /// When it was started, in the kernel's ticks since the machine was.
    pub started: u64,
}

/// The kernel's ticks in a second, as it tells them to programs (USER_HZ).
const TICKS: f64 = 100.0;

impl Process {
    /// How long it runs.
    pub fn up(&self) -> Result<Duration> {
        let text = std::fs::read_to_string("/proc/uptime")?;
        let machine = text.split_whitespace().next().context("no uptime")?;
        let started = Duration::try_from_secs_f64(self.started_seconds())?;
        let machine = Duration::try_from_secs_f64(machine.parse()?)?;
        Ok(machine.saturating_sub(started))
    }

    #[expect(clippy::cast_precision_loss, reason = "it is for people")]
    fn started_seconds(&self) -> f64 {
        self.started as f64 / TICKS
    }
}

/// The processes of a pod's containers, the oldest first.
pub fn of(pod: &Pod) -> Result<Vec<Process>> {
    let uid = pod.uid().context("a pod without a uid")?;
    let mut all = Vec::new();
    // Not every hierarchy has them.
    for top in place::cgroups()? {
        if let Some(found) = find(&top, &format!("pod{uid}"))?
            && all.is_empty()
        {
            collect(&found, &mut all)?;
        }
    }
    all.sort_by_key(|process| (process.started, process.pid));
    Ok(all)
}

/// The oldest process of this name: a server's master.
pub fn first(pod: &Pod, name: &str) -> Result<Process> {
    let all = of(pod)?;
    let found = all.iter().find(|process| process.name == name);
    found
        .cloned()
        .with_context(|| format!("no {name} among {all:?}"))
}

/// Pods are below the cgroup of their class.
fn find(below: &Path, name: &str) -> Result<Option<PathBuf>> {
    let here = below.join(name);
    if here.is_dir() {
        return Ok(Some(here));
    }
    for folder in folders(below)? {
        if let Some(found) = find(&folder, name)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn collect(cgroup: &Path, all: &mut Vec<Process>) -> Result<()> {
    let members = std::fs::read_to_string(cgroup.join("cgroup.procs"));
    let members = unless_gone(members)?.unwrap_or_default();
    let pids = members.lines().filter_map(|line| line.parse().ok());
    // One that has ended meanwhile is none.
    all.extend(pids.filter_map(look));
    for folder in folders(cgroup)? {
        collect(&folder, all)?;
    }
    Ok(())
}

fn folders(cgroup: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in unless_gone(std::fs::read_dir(cgroup))?
        .into_iter()
        .flatten()
    {
        let entry = entry?;
        if unless_gone(entry.file_type())?.is_some_and(|of| of.is_dir()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// None where a cgroup has gone meanwhile, as those of other tests' pods do at any time.
fn unless_gone<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        // Of a file that is open the kernel says that its device is no more.
        Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_device(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_no_device(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NODEV.raw_os_error())
}

/// By proc_pid_stat(5).
fn look(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once(" (")?;
    let started = after.split(' ').nth(19)?;
    Some(Process {
        pid,
        name: name.to_owned(),
        started: started.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::look;

    #[test]
    fn a_process_has_a_name_and_a_start() {
        let own = look(std::process::id()).unwrap();
        assert_eq!(own.pid, std::process::id());
        assert!(own.started > 0 && own.name.starts_with("rig"), "{own:?}");
        assert_eq!(look(u32::MAX), None);
    }
}
