//! What is seen of the files, and when: the kubelet's order of steps, orders it
//! never produces, plain files, and everything that can be wrong with a place.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Running, Volume, agent, binary, free_port, get, lines, start, until};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An agent that appends what it sees at the mount to a file, at every action.
struct Watching {
    agent: Running,
    log: PathBuf,
}

fn watch(root: &Path, place: &Path, options: &[&str]) -> Watching {
    let log = root.join("log");
    let command = format!(
        "sh -c 'echo $(ls {}) >> {}'",
        place.display(),
        log.display()
    );
    let mut arguments = vec![
        "watch",
        "--watch",
        place.to_str().unwrap(),
        "--exec",
        &command,
        "--at-start",
        "never",
    ];
    arguments.extend(options);
    let agent = agent(&arguments);
    agent.says("watching", 1);
    Watching { agent, log }
}

impl Watching {
    fn acts(&self, times: usize) {
        self.agent.says("unverified", times);
        assert_eq!(lines(&self.log), times);
    }

    /// What the command saw the last time.
    fn saw(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or_default().to_owned()
    }
}

#[test]
fn it_acts_only_when_new_keys_are_linked() {
    let root = tempfile::tempdir().unwrap();
    let files: Vec<(String, String)> = (0..200)
        .map(|n| (format!("key-{n:03}"), "x".into()))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let volume = Volume::new(root.path().join("cm"), &files[..1]);
    let watching = watch(root.path(), &volume.0, &[]);
    volume.write(&files);
    watching.acts(1);
    assert_eq!(watching.saw().split(' ').count(), 200);
}

#[test]
fn while_the_old_generation_is_there_the_writer_is_not_done() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let old = volume.generation().unwrap();
    let watching = watch(root.path(), &volume.0, &[]);
    let files = [("a", "1"), ("b", "2")];
    volume.swap(&files);
    // A slow writer: links come late, and the mark of its end later still.
    std::thread::sleep(std::time::Duration::from_millis(300));
    volume.link(&files);
    fs::remove_dir_all(volume.0.join(old)).unwrap();
    watching.acts(1);
    assert_eq!(watching.saw(), "a b");
}

#[test]
fn a_writer_that_never_removes_the_old_is_not_waited_for_for_ever() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let watching = watch(root.path(), &volume.0, &[]);
    volume.swap(&[("a", "2")]);
    watching.acts(1);
}

#[test]
fn an_optional_source_that_appears_and_goes_is_seen() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[]);
    let watching = watch(root.path(), &volume.0, &[]);
    volume.write(&[("a", "1")]);
    watching.acts(1);
    volume.write(&[]);
    watching.acts(2);
}

#[test]
fn plain_files_are_seen_however_they_are_saved() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("plain");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a"), "1").unwrap();
    let watching = watch(root.path(), &dir, &[]);
    // Written in place.
    fs::write(dir.join("a"), "2").unwrap();
    watching.acts(1);
    // Written beside and renamed, as editors do.
    fs::write(dir.join(".a.swp"), "3").unwrap();
    fs::rename(dir.join(".a.swp"), dir.join("a")).unwrap();
    watching.acts(2);
    // Appended to.
    OpenOptions::new()
        .append(true)
        .open(dir.join("a"))
        .unwrap()
        .write_all(b"4")
        .unwrap();
    watching.acts(3);
    // In a directory that is made while watching.
    fs::create_dir(dir.join("conf.d")).unwrap();
    fs::write(dir.join("conf.d/x"), "5").unwrap();
    watching.acts(4);
    fs::write(dir.join("conf.d/x"), "6").unwrap();
    watching.acts(5);
    fs::remove_file(dir.join("conf.d/x")).unwrap();
    watching.acts(6);
}

#[test]
fn one_file_of_a_volume_is_watched_alone_and_through_links() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1"), ("b", "1")]);
    let link = root.path().join("app.conf");
    symlink(volume.0.join("a"), &link).unwrap();
    let watching = watch(root.path(), &link, &[]);
    volume.write(&[("a", "1"), ("b", "2")]);
    volume.write(&[("a", "2"), ("b", "2")]);
    watching.agent.says("changed: a", 1);
    watching.acts(1);
    volume.write(&[("a", "3"), ("b", "2")]);
    watching.acts(2);
}

#[test]
fn files_that_are_left_out_change_nothing() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("app.conf", "1"), ("token", "1")]);
    let watching = watch(root.path(), &volume.0, &["--exclude", "token"]);
    volume.write(&[("app.conf", "1"), ("token", "2")]);
    volume.write(&[("app.conf", "2"), ("token", "3")]);
    watching.agent.says("changed: app.conf", 1);
    watching.acts(1);
}

#[test]
fn a_directory_that_comes_later_is_waited_for_and_one_that_goes_too() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("cm");
    let port = free_port();
    let watching = watch(
        root.path(),
        &place,
        &["--listen", &format!("127.0.0.1:{port}")],
    );
    assert_eq!(get(port, "/readyz").unwrap().0, 503);
    let volume = Volume::new(place.clone(), &[("a", "1")]);
    watching.acts(1);
    until("ready", || get(port, "/readyz").unwrap().0 == 200);
    fs::remove_dir_all(&place).unwrap();
    until("missing", || {
        get(port, "/state.json").unwrap().1.contains("\"missing\"")
    });
    drop(volume);
    Volume::new(place, &[("a", "2")]);
    watching.acts(2);
}

#[test]
fn without_inotify_it_polls() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    // The limit is kept per user namespace, so a new one can have none at all.
    let line = format!(
        "echo 0 > /proc/sys/user/max_inotify_instances; exec {} watch --watch {} --exec true --at-start never",
        binary().display(),
        volume.0.display()
    );
    let agent =
        start(Command::new("unshare").args(["--user", "--map-root-user", "sh", "-c", &line]));
    agent.says("no inotify", 1);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    assert_eq!(agent.said("no inotify"), 1, "said once");
}

#[test]
fn mounts_are_found_by_themselves_and_subpaths_are_said() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("volumes/kubernetes.io~configmap/web");
    let volume = Volume::new(source.clone(), &[("a", "1")]);
    let (mount, frozen) = (root.path().join("mnt"), root.path().join("a.conf"));
    fs::create_dir(&mount).unwrap();
    fs::write(&frozen, "").unwrap();
    let port = free_port();
    let line = format!(
        "mount --bind {0} {1} && mount --bind $(readlink -f {0}/a) {2} && exec {3} watch --exec true --at-start never --listen 127.0.0.1:{4}",
        source.display(),
        mount.display(),
        frozen.display(),
        binary().display(),
        port
    );
    let agent = start(Command::new("unshare").args(["--mount", "sh", "-c", &line]));
    agent.says(&format!("watching {}", mount.display()), 1);
    agent.says(&format!("{} is mounted by subPath", frozen.display()), 1);
    let page = |name| get(port, name).unwrap().1;
    let state: serde_json::Value = serde_json::from_str(&page("/state.json")).unwrap();
    assert_eq!(state["frozen"][0], frozen.to_str().unwrap());
    assert!(page("/metrics").contains("tidings_agent_frozen_places 1"));
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
}

#[test]
fn a_mount_that_is_taken_away_and_put_back_is_watched_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let mount = root.path().join("mnt");
    fs::create_dir(&mount).unwrap();
    let line = format!(
        "mount --bind {0} {1} && {{ {2} watch --watch {1} --exec true --at-start never & \
         read go; umount {1}; read go; mount --bind {0} {1}; wait; }}",
        volume.0.display(),
        mount.display(),
        binary().display()
    );
    let (reader, mut writer) = std::io::pipe().unwrap();
    let script = format!("trap 'kill $!; wait' TERM; {line}");
    let scene = start(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(reader),
    );
    scene.says("watching", 1);
    writer.write_all(b"go\n").unwrap();
    volume.write(&[("a", "2")]);
    writer.write_all(b"go\n").unwrap();
    scene.says("changed: a", 1);
    volume.write(&[("a", "3")]);
    scene.says("changed: a", 2);
}

#[test]
fn lost_messages_are_made_up_for() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("plain");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a"), "1").unwrap();
    let watching = watch(root.path(), &dir, &["--exclude", "noise*"]);
    // Stopped, it cannot read, and the kernel keeps 16384 messages.
    watching.agent.signal("STOP");
    for n in 0..9000 {
        fs::write(dir.join(format!("noise{}", n % 2)), "x").unwrap();
    }
    fs::write(dir.join("a"), "2").unwrap();
    watching.agent.signal("CONT");
    watching.agent.says("inotify lost messages", 1);
    watching.agent.says("changed: a", 1);
}

#[test]
fn changes_in_a_row_become_few_actions_and_the_last_content_wins() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "0")]);
    let log = root.path().join("log");
    let command = format!(
        "sh -c 'cat {0}/a >> {1}; echo >> {1}'",
        volume.0.display(),
        log.display()
    );
    let agent = agent(&[
        "watch",
        "--watch",
        volume.0.to_str().unwrap(),
        "--exec",
        &command,
        "--at-start",
        "never",
        "--quiet",
        "2s",
        "--cap",
        "1h",
    ]);
    agent.says("watching", 1);
    for n in 1..=100 {
        volume.write(&[("a", &n.to_string())]);
    }
    until("the last is taken", || {
        fs::read_to_string(&log)
            .unwrap_or_default()
            .ends_with("100\n")
    });
    assert!(lines(&log) <= 2, "{} actions", lines(&log));
}

#[test]
fn state_and_metrics_name_files_and_generations_but_no_content() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("password", "hunter2")]);
    let port = free_port();
    let watching = watch(
        root.path(),
        &volume.0,
        &["--listen", &format!("127.0.0.1:{port}")],
    );
    volume.write(&[("password", "hunter3")]);
    watching.acts(1);
    let generation = volume.generation().unwrap();
    let (_, state) = get(port, "/state.json").unwrap();
    assert!(
        state.contains(&format!("\"taken\":\"{generation}\"")),
        "{state}"
    );
    assert!(state.contains("password") && !state.contains("hunter"));
    let (_, metrics) = get(port, "/metrics").unwrap();
    assert!(
        metrics.contains("tidings_agent_changes_total 1"),
        "{metrics}"
    );
    assert!(!metrics.contains("hunter"));
    assert_eq!(get(port, "/livez").unwrap().0, 200);
    assert_eq!(get(port, "/secret").unwrap().0, 404);
    assert!(!watching.agent.output().contains("hunter"));
}

/// The kubelet renews tokens each hour, and the pod's annotations change with
/// every poke: a projected volume may have both beside configuration.
#[test]
fn what_changes_by_itself_is_left_out_by_default() {
    let root = tempfile::tempdir().unwrap();
    let token = |n: u32| format!("eyJhbGciOiJSUzI1NiJ9.eyJrdWJlcm5ldGVzLmlvIjp7fX0.c2ln{n}");
    let annotations =
        |n: u32| format!("kubernetes.io/config.source=\"api\"\ntidings.dev/poke=\"{n}\"");
    let projected = |volume: &Volume, n: u32, app: &str| {
        let (token, annotations) = (token(n), annotations(n));
        volume.write(&[
            ("app.conf", app),
            ("sub/token", &token),
            ("annotations", &annotations),
        ]);
    };
    let mixed = Volume::new(root.path().join("mixed"), &[]);
    projected(&mixed, 0, "1");
    let downward = Volume::new(
        root.path().join("podinfo"),
        &[("annotations", &annotations(0))],
    );
    let mut steps = Vec::new();
    for name in ["mixed", "podinfo"] {
        let (dir, mount) = (
            root.path().join(name),
            root.path().join(format!("mnt-{name}")),
        );
        fs::create_dir(&mount).unwrap();
        steps.push(format!(
            "mount --bind {} {}",
            dir.display(),
            mount.display()
        ));
    }
    let agent = binary();
    steps.push(format!(
        "exec {} watch --exec true --at-start never",
        agent.display()
    ));
    let line = steps.join(" && ");
    let agent = start(Command::new("unshare").args(["--mount", "sh", "-c", &line]));
    let mnt = |name: &str| {
        root.path()
            .join(format!("mnt-{name}"))
            .display()
            .to_string()
    };
    agent.says(&format!("{} is not watched", mnt("podinfo")), 1);
    agent.says(&format!("watching {} (1 file, inotify)", mnt("mixed")), 1);
    agent.says(&format!("{}/sub/token is left out", mnt("mixed")), 1);
    agent.says(&format!("{}/annotations is left out", mnt("mixed")), 1);
    downward.write(&[("annotations", &annotations(1))]);
    projected(&mixed, 1, "1");
    projected(&mixed, 2, "2");
    agent.says("unverified", 1);
    agent.says("changed: app.conf", 1);
    assert_eq!(agent.said("changed:"), 1, "{}", agent.output());
    assert_eq!(agent.said("is left out"), 2);
    assert!(!agent.output().contains("eyJ"));
}
