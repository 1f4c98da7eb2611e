//! A volume, a sidecar that watches it, and programs to be told.

use super::{Running, Volume, agent, copy_program, start};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Scene {
    pub root: tempfile::TempDir,
    pub volume: Volume,
}

impl Scene {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
        Self { root, volume }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn watch(&self, options: &[&str]) -> Running {
        let mut arguments = vec!["watch", "--watch", self.volume.0.to_str().unwrap()];
        arguments.extend(options);
        agent(&arguments)
    }

    pub fn change(&self, content: &str) {
        self.volume.write(&[("a", content)]);
    }

    /// A shell under a name of its own that counts signals in a file.
    pub fn program(&self, name: &str, script: &str) -> Running {
        let program = self.path(name);
        copy_program(Path::new("/bin/dash"), &program);
        let running = start(Command::new(program).args(["-c", script]));
        running.says("up", 1);
        running
    }
}
