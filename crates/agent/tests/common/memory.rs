//! A limit on the memory of what is started under it: by a cgroup of its own
//! where one can be made, else by what is measured.

#![allow(clippy::print_stdout, reason = "a test says by what the limit is kept")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// The limit of the examples' manifests.
pub const EXAMPLES: u64 = 16 << 20;

/// Without a cgroup: address space that is reserved and never used counts too.
const RESERVED: u64 = 512 << 20;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// How it is kept.
pub enum Limit {
    /// The kernel ends whoever passes it.
    V2(PathBuf, u64),
    V1(PathBuf, u64),
    /// No cgroup can be made here: what was used at most is compared.
    Measured(u64),
}

impl Limit {
    /// So many bytes. Says by what, in the output of the test.
    pub fn of(bytes: u64) -> Self {
        let name = format!(
            "tidings-test-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let limit = v2(&name, bytes)
            .or_else(|| v1(&name, bytes))
            .unwrap_or(Self::Measured(bytes));
        println!("{bytes} bytes of memory, kept by {}", limit.name());
        limit
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::V2(..) => "cgroup v2 (memory.max)",
            Self::V1(..) => "cgroup v1 (memory.limit_in_bytes)",
            Self::Measured(_) => {
                "RLIMIT_AS of 512 MiB and VmHWM: no memory cgroup can be made here"
            }
        }
    }

    /// A command that starts under it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::V2(group, _) | Self::V1(group, _) => {
                let mut command = Command::new("sh");
                let enter = "echo $$ > \"$0\" && exec env --default-signal \"$@\"";
                command.args(["-c", enter]).arg(group.join("cgroup.procs"));
                command
            }
            Self::Measured(_) => {
                let mut command = Command::new("prlimit");
                command.arg(format!("--as={RESERVED}"));
                command.args(["env", "--default-signal"]);
                command
            }
        };
        command.arg(program);
        command
    }

    /// Fails if it was passed. `pid`: who runs under it, and has not ended.
    pub fn held(&self, pid: i32) {
        match self {
            Self::V2(group, _) => assert_eq!(count(&group.join("memory.events")), 0),
            Self::V1(group, _) => assert_eq!(count(&group.join("memory.oom_control")), 0),
            Self::Measured(bytes) => assert!(super::peak(pid) << 10 <= *bytes),
        }
    }
}

/// Whom the kernel ended here.
fn count(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.unwrap().trim().parse().unwrap()
}

fn v2(name: &str, bytes: u64) -> Option<Limit> {
    let root = Path::new("/sys/fs/cgroup");
    if root.join("cgroup.controllers").exists() {
        let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
    }
    let group = root.join(name);
    fs::create_dir(&group).ok()?;
    set(group, "memory.max", bytes, Limit::V2)
}

fn v1(name: &str, bytes: u64) -> Option<Limit> {
    let group = Path::new("/sys/fs/cgroup/memory").join(name);
    fs::create_dir(&group).ok()?;
    set(group, "memory.limit_in_bytes", bytes, Limit::V1)
}

fn set(group: PathBuf, file: &str, bytes: u64, limit: fn(PathBuf, u64) -> Limit) -> Option<Limit> {
    let is_there = group.join(file).exists();
    let is_set = || fs::write(group.join(file), bytes.to_string()).is_ok();
    let kept = || fs::read_to_string(group.join(file)).unwrap_or_default();
    if is_there && is_set() && kept().trim() == bytes.to_string() {
        return Some(limit(group, bytes));
    }
    let _ = fs::remove_dir(group);
    None
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Self::V2(group, _) | Self::V1(group, _) = self {
            // Whoever ran here is gone, or about to be.
            for _ in 0..100 {
                if fs::remove_dir(&group).is_ok() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
    }
}
