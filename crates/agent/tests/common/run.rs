//! A volume `cm` below a root, and `run` with a command that watches it.

use super::{Running, Volume, agent};
use std::path::Path;

pub fn volume(root: &Path) -> Volume {
    Volume::new(root.join("cm"), &[("a", "1")])
}

pub fn run(root: &Path, options: &[&str], command: &[&str]) -> Running {
    let dir = root.join("cm");
    let mut arguments = vec!["run", "--watch", dir.to_str().unwrap()];
    arguments.extend(options);
    arguments.push("--");
    arguments.extend(command);
    agent(&arguments)
}
