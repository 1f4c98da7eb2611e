//! A server's configuration in a volume, and the agent that brings it changes.

use crate::common::{Running, Volume, agent, free_port, get, until};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A volume with a configuration, and a place for a server's own files.
pub(crate) struct Scene {
    pub(crate) root: tempfile::TempDir,
    pub(crate) volume: Volume,
    pub(crate) port: u16,
    file: &'static str,
}

impl Scene {
    /// The first configuration; `{port}`, `{root}` and `{cm}` are filled in.
    pub(crate) fn new(file: &'static str, config: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Servers give up being root before they read some of it.
        fs::set_permissions(root.path(), Permissions::from_mode(0o777)).unwrap();
        let dir = root.path().join("cm");
        fs::create_dir(&dir).unwrap();
        let scene = Self {
            volume: Volume(dir),
            port: free_port(),
            root,
            file,
        };
        scene.put(config);
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string())
            .replace("{root}", self.root.path().to_str().unwrap())
            .replace("{cm}", self.volume.0.to_str().unwrap())
    }

    pub(crate) fn put(&self, config: &str) {
        self.volume.write(&[(self.file, &self.fill(config))]);
    }

    /// `run` with these options and this command.
    pub(crate) fn run(&self, options: &[&str], command: &str) -> Running {
        let dir = self.volume.0.to_str().unwrap().to_owned();
        let mut words = vec!["run".to_owned(), "--watch".to_owned(), dir];
        words.extend(options.iter().map(|option| self.fill(option)));
        words.push("--".to_owned());
        words.extend(self.fill(command).split(' ').map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        agent(&words)
    }

    pub(crate) fn serves(&self, body: &str) {
        until(&format!("serving {body}"), || {
            get(self.port, "/").is_some_and(|(_, got)| got.contains(body))
        });
    }
}

/// Changes, breaks and fixes a web server's configuration.
pub(crate) fn change_break_fix(scene: &Scene, agent: &Running, config: impl Fn(&str) -> String) {
    scene.serves("one");
    scene.put(&config("two"));
    agent.says("applied", 1);
    scene.serves("two");
    scene.put("this { is no configuration");
    agent.says("rejected: the check failed", 1);
    scene.serves("two");
    scene.put(&config("three"));
    agent.says("applied", 2);
    scene.serves("three");
}
