//! Mounts that go and come, for real, in a mount namespace of the agent's own. The
//! poll is so slow that it never comes: what is seen was told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Running, binary, free_port, get, start, until};
use std::fs;
use std::io::{PipeWriter, Write};
use std::process::Command;

/// What is to be seen after a step.
#[derive(Debug, Clone, Copy)]
enum Seen {
    /// What was seen last stands.
    Missing,
    /// It is watched, and was as often another than before.
    Changed(usize),
}
use Seen::{Changed, Missing};

struct Scene {
    root: tempfile::TempDir,
    port: u16,
    shell: Running,
    steps: PipeWriter,
    taken: usize,
}

impl Scene {
    /// In `root`, with `m` to mount upon and `one` and `two` to be mounted, the agent
    /// watches `place` after the first line was run.
    fn new(place: &str, first: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (dir, content) in [("one", "1"), ("two", "2")] {
            fs::create_dir_all(root.path().join(dir).join("sub")).unwrap();
            for file in ["a", "sub/a"] {
                fs::write(root.path().join(dir).join(file), content).unwrap();
            }
        }
        fs::create_dir(root.path().join("m")).unwrap();
        let port = free_port();
        let agent = format!(
            "{} watch --watch {} --poll 10m --exec true --at-start never --listen 127.0.0.1:{port}",
            binary().display(),
            root.path().join(place).display(),
        );
        // Each line that it reads is a step. While somebody looks a mount is busy.
        let script = format!(
            "umount() {{ until command umount \"$@\" 2> /dev/null; do sleep 0.01; done; }}; \
             trap 'kill $!; wait' TERM; set -e; {first}; {agent} & \
             while read -r line; do eval \"$line\"; done; wait"
        );
        let (reader, steps) = std::io::pipe().unwrap();
        let shell = start(
            Command::new("unshare")
                .args(["--mount", "sh", "-c", &script])
                .current_dir(root.path())
                .stdin(reader),
        );
        until("it answers", || get(port, "/livez").is_some());
        Self {
            root,
            port,
            shell,
            steps,
            taken: 0,
        }
    }

    fn step(&mut self, line: &str, seen: Seen) {
        writeln!(self.steps, "{line}; echo \"done: {line}\"").unwrap();
        self.shell.says(&format!("done: {line}"), 1);
        let wanted = match seen {
            Missing => "missing",
            Changed(times) => {
                self.taken = times;
                "inotify"
            }
        };
        if self.taken > 0 {
            self.shell.says("changed: ", self.taken);
        }
        until(&format!("{wanted} after {line}"), || {
            self.mount()["watchedBy"] == wanted
        });
        let changed = self.shell.said("changed: ");
        assert_eq!(changed, self.taken, "{line}:\n{}", self.shell.output());
        assert_eq!(self.mount()["files"].as_array().unwrap().len(), 1);
    }

    fn mount(&self) -> serde_json::Value {
        let (_, text) = get(self.port, "/state.json").unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["mounts"][0].take()
    }
}

fn play(place: &str, first: &str, steps: &[(&str, Seen)]) {
    let mut scene = Scene::new(place, first);
    // What is below is not looked into everywhere.
    for (line, seen) in steps {
        scene.step(line, *seen);
    }
    drop(scene.steps);
    scene.shell.signal("TERM");
    scene.shell.ends();
    drop(scene.root);
}

/// Its inodes, and what inotify has on them, stay as they are.
#[test]
fn a_bind_mount_of_the_same_device() {
    play(
        "m",
        "rm -r one/sub two/sub; mount --bind one m",
        &[
            ("umount m", Missing),
            ("mount --bind one m", Changed(0)),
            ("echo 3 > one/a", Changed(1)),
            ("umount m; mount --bind two m", Changed(2)),
            ("echo 4 > two/a", Changed(3)),
            ("umount -l m", Missing),
            ("mount --bind two m", Changed(3)),
        ],
    );
}

#[test]
fn what_the_mount_lay_upon_is_not_taken_for_it() {
    play(
        "m",
        "rm -r one/sub two/sub; echo 0 > m/a; mount --bind one m",
        &[
            ("umount m", Missing),
            ("echo 9 > m/a", Missing),
            ("mount --bind two m", Changed(1)),
        ],
    );
}

#[test]
fn a_mount_upon_another() {
    play(
        "m",
        "rm -r one/sub two/sub; mount --bind one m",
        &[
            ("mount --bind two m", Changed(1)),
            ("umount m", Changed(2)),
            ("umount m", Missing),
        ],
    );
}

#[test]
fn a_mount_that_comes_later() {
    play(
        "m",
        "rm -r one/sub two/sub; cp two/a m/a",
        &[
            ("mount --bind one m", Changed(1)),
            ("umount m", Missing),
            ("mount --bind one m", Changed(1)),
        ],
    );
}

#[test]
fn a_mount_that_is_put_back_empty_and_filled_later() {
    let tmpfs = "mount -t tmpfs x m";
    play(
        "m",
        &format!("{tmpfs}; cp one/a m/a"),
        &[
            (&format!("umount m; {tmpfs}"), Missing),
            ("cp two/a m/a", Changed(1)),
            ("umount m", Missing),
            (&format!("{tmpfs}; cp one/a m/a"), Changed(2)),
        ],
    );
}

#[test]
fn places_in_a_mount_and_below_another() {
    for place in ["m/sub", "m/sub/a", "m/a"] {
        play(
            place,
            "cp -r one/sub one/a m; mount --bind one m",
            &[
                ("umount m", Missing),
                ("mount --bind two m", Changed(1)),
                ("umount m; mount --bind one m", Changed(2)),
            ],
        );
    }
    let inner = "mount --bind one m; mount --bind two m/sub; rm -r two/sub";
    play(
        "m/sub",
        inner,
        &[
            ("umount -R m", Missing),
            ("mount --bind one m; mount --bind two m/sub", Changed(0)),
            ("umount m/sub", Missing),
        ],
    );
}

#[test]
fn a_link_to_a_mount() {
    play(
        "link",
        "rm -r one/sub two/sub; ln -s m link; mount --bind one m",
        &[
            ("umount m", Missing),
            ("mount --bind two m", Changed(1)),
            ("ln -sfn one link", Changed(2)),
        ],
    );
}
