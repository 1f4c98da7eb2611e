//! A directory to be watched, and an agent that watches it with a port.

use super::{Running, free_port, get, start, until, with_default_signals};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Scene {
    pub root: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let scene = Self { root };
        fs::create_dir(scene.path("d")).unwrap();
        fs::write(scene.path("d/a"), "1").unwrap();
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn fifo(&self, name: &str) -> PathBuf {
        let made = Command::new("mkfifo").arg(self.path(name)).status();
        assert!(made.unwrap().success());
        self.path(name)
    }

    /// `watch --watch d`, with these options and a port.
    pub fn watch(&self, options: &[&str]) -> Watching {
        self.watch_by(&mut with_default_signals(), options)
    }

    /// The same, by a command that starts the agent.
    pub fn watch_by(&self, command: &mut Command, options: &[&str]) -> Watching {
        let port = free_port();
        command.arg("watch").arg("--watch").arg(self.path("d"));
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        let mut agent = start(command.args(options));
        until("it answers", || {
            assert!(agent.runs(), "{}", agent.output());
            get(port, "/livez").is_some()
        });
        Watching { agent, port }
    }
}

pub struct Watching {
    pub agent: Running,
    pub port: u16,
}

impl Watching {
    pub fn state(&self) -> serde_json::Value {
        let (_, text) = get(self.port, "/state.json").unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Of the first place.
    pub fn files(&self) -> Vec<String> {
        let state = self.state();
        let files = state["mounts"][0]["files"].as_array().unwrap().iter();
        files
            .map(|file| file.as_str().unwrap().to_owned())
            .collect()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
