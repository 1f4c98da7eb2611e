//! The process that a sidecar, or `run`, is to tell: which it is, and that it is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Running, binary, copy_program, free_port, get, lines, start, trap_script, until};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
/// A name that nobody else has, on a machine where these tests may run twice at once.
fn own(name: &str) -> String {
    format!("tidings-{}-{name}", std::process::id())
}

#[test]
fn a_process_is_found_by_its_name_and_signalled_once_per_change() {
    let scene = Scene::new();
    let log = scene.path("log");
    let _program = scene.program(&own("hup-by-name"), &trap_script("HUP", &log));
    let agent = scene.watch(&[
        "--signal",
        "HUP",
        "--process",
        &own("hup-by-name"),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("unverified", 1);
    scene.change("3");
    agent.says("unverified", 2);
    until("two signals", || lines(&log) == 2);
}

#[test]
fn a_pid_file_names_the_process() {
    let scene = Scene::new();
    let log = scene.path("log");
    let program = scene.program(&own("by-pid"), &trap_script("USR2", &log));
    fs::write(scene.path("pid"), format!("{}\n", program.pid())).unwrap();
    let file = scene.path("pid");
    let agent = scene.watch(&[
        "--signal",
        "USR2",
        "--pid-file",
        file.to_str().unwrap(),
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    until("signalled", || lines(&log) == 1);
}

#[test]
fn a_change_waits_for_a_process_that_is_not_there_yet() {
    let scene = Scene::new();
    let log = scene.path("log");
    let agent = scene.watch(&["--process", &own("comes-later")]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says(
        &format!(
            "waiting: a process called {} is not there yet",
            own("comes-later")
        ),
        1,
    );
    let _program = scene.program(&own("comes-later"), &trap_script("HUP", &log));
    until("told once it is there", || lines(&log) == 1);
}

#[test]
fn a_process_that_started_before_the_files_came_is_told_at_start_and_others_are_not() {
    let scene = Scene::new();
    let log = scene.path("log");
    let _program = scene.program(&own("started-before"), &trap_script("HUP", &log));
    scene.change("2");
    let agent = scene.watch(&["--process", &own("started-before")]);
    until("told at start", || lines(&log) == 1);
    agent.says("unverified", 1);

    let later = scene.path("later");
    let _program = scene.program(&own("started-after"), &trap_script("HUP", &later));
    let agent = scene.watch(&["--process", &own("started-after")]);
    agent.says("watching", 1);
    scene.change("3");
    agent.says("unverified", 1);
    assert_eq!(lines(&later), 1, "for the change alone");
}

#[test]
fn the_successor_of_a_process_that_died_of_the_signal_has_the_files_and_is_told_of_the_next() {
    let scene = Scene::new();
    let script = "trap 'exit 1' HUP; echo up; while :; do sleep 0.02; done";
    let mut program = scene.program(&own("dies-of-it"), script);
    let agent = scene.watch(&["--process", &own("dies-of-it"), "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("ended when it got SIGHUP", 1);
    program.ends();
    agent.says(
        &format!(
            "waiting: a process called {} is not there yet",
            own("dies-of-it")
        ),
        1,
    );
    let log = scene.root.path().join("log");
    let _again = scene.program(&own("dies-of-it"), &trap_script("HUP", &log));
    agent.says("applied", 1);
    assert_eq!(lines(&log), 0, "it started with them");
    scene.change("3");
    until("the successor is told", || lines(&log) == 1);
}

#[test]
fn a_process_that_hands_over_to_a_new_one_has_applied_it() {
    // As tableflip does: on HUP a new process of the same name, then the old one ends.
    let scene = Scene::new();
    let (log, pid) = (scene.root.path().join("log"), scene.root.path().join("pid"));
    let script = scene.path("script");
    let text = format!(
        "echo $$ > {pid}; echo start >> {log}; trap 'sh {script} & sleep 0.3; exit 0' HUP; echo up; while :; do sleep 0.02; done",
        pid = pid.display(),
        log = log.display(),
        script = script.display(),
    );
    fs::write(&script, &text).unwrap();
    let old = start(Command::new("sh").arg(&script));
    old.says("up", 1);
    let agent = scene.watch(&["--pid-file", pid.to_str().unwrap(), "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("applied", 1);
    assert_eq!(agent.said("rejected"), 0, "{}", agent.output());
    scene.change("3");
    agent.says("applied", 2);
    assert_eq!(lines(&log), 3);
    let last = fs::read_to_string(&pid).unwrap();
    common::signal(last.trim().parse().unwrap(), "KILL");
}

#[test]
fn go_programs_are_signalled_only_if_somebody_knows_them() {
    let scene = Scene::new();
    let dies = go_program(&scene, "go-dies");
    let agent = scene.watch(&[
        "--process",
        &own("go-dies"),
        "--at-start",
        "never",
        "--retry",
        "1h",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("is a Go program", 1);
    let mut dies = dies;
    assert!(dies.runs());

    let handles = go_program(&scene, "go-handles");
    let options = [
        "--process",
        &own("go-handles"),
        "--at-start",
        "never",
        "--signal-is-handled",
    ];
    let agent = scene.watch(&options);
    agent.says("watching", 1);
    scene.change("3");
    handles.says("reloaded", 1);
    agent.says("unverified", 1);
}

fn go_program(scene: &Scene, name: &str) -> Running {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    let program = scene.path(&own(name));
    let built = Command::new("go")
        .args(["build", "-o", program.to_str().unwrap(), "main.go"])
        .env("GO111MODULE", "off")
        .current_dir(source)
        .status();
    assert!(built.unwrap().success());
    let running = start(&mut Command::new(program));
    running.says("up", 1);
    running
}

#[test]
fn without_the_right_to_signal_it_says_what_to_do() {
    let scene = Scene::new();
    let _program = scene.program(&own("of-root"), &trap_script("HUP", &scene.path("log")));
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(scene.root.path(), open).unwrap();
    let copy = scene.path("agent");
    copy_program(&binary(), &copy);
    let agent = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy)
            .args([
                "watch",
                "--process",
                &own("of-root"),
                "--at-start",
                "never",
                "--watch",
            ])
            .arg(&scene.volume.0),
    );
    agent.says("watching", 1);
    scene.change("2");
    agent.says("no permission to send SIGHUP", 1);
    agent.says("runAsUser", 1);
}

#[test]
fn a_pid_file_that_is_older_than_its_process_is_stale() {
    let scene = Scene::new();
    let (log, pid) = (scene.path("log"), scene.path("pid"));
    let program = scene.program(&own("stale-pid"), &trap_script("HUP", &log));
    fs::write(&pid, program.pid().to_string()).unwrap();
    let made = Command::new("touch")
        .args(["-d", "1 hour ago"])
        .arg(&pid)
        .status();
    assert!(made.unwrap().success());
    let agent = scene.watch(&["--pid-file", pid.to_str().unwrap(), "--at-start", "never"]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("is older than process", 1);
    assert_eq!(lines(&log), 0);
    fs::write(&pid, program.pid().to_string()).unwrap();
    agent.says("unverified", 1);
    assert_eq!(lines(&log), 1);
}

#[test]
fn where_processes_are_not_shared_that_is_said_at_once_and_it_is_not_ready() {
    let scene = Scene::new();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let volume = scene.volume.0.to_str().unwrap();
    let hidden = start(
        Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
            ])
            .arg(binary())
            .args([
                "watch",
                "--watch",
                volume,
                "--process",
                "nginx",
                "--listen",
                &listen,
            ]),
    );
    hidden.says("shareProcessNamespace: true", 1);
    until("not ready", || {
        get(port, "/readyz").is_some_and(|(status, body)| status == 503 && body.contains("shared"))
    });
    let shared = scene.watch(&["--process", "nginx"]);
    shared.says("watching", 1);
    assert_eq!(shared.said("shared"), 0, "{}", shared.output());
}

/// What `/state.json` says of the process.
fn meant(port: u16) -> serde_json::Value {
    let (_, text) = get(port, "/state.json").unwrap_or_default();
    let mut state: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    state["process"].take()
}

#[test]
fn it_says_which_process_is_meant_and_by_what() {
    let scene = Scene::new();
    let program = scene.program(&own("meant"), &trap_script("HUP", &scene.path("log")));
    let (name, renamed_to) = (own("meant"), own("other"));
    let (path, file) = (scene.path(&name), scene.path("pid"));
    fs::write(&file, program.pid().to_string()).unwrap();
    let renamed = format!(
        "exec -a '{}: master' sh -c \"{}\"",
        own("other"),
        trap_script("HUP", &scene.path("log"))
    );
    let other = start(Command::new("bash").args(["-c", &renamed]));
    other.says("up", 1);
    let by_file = format!("pid file {}", file.display());
    for (way, pid, by) in [
        (["--process", &name], program.pid(), "executable"),
        (
            ["--process", path.to_str().unwrap()],
            program.pid(),
            "executable",
        ),
        (["--process", &renamed_to], other.pid(), "argv0"),
        (
            ["--pid-file", file.to_str().unwrap()],
            program.pid(),
            by_file.as_str(),
        ),
    ] {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let agent =
            scene.watch(&[&way[..], &["--at-start", "always", "--listen", &listen]].concat());
        agent.says(&format!("process {pid} is meant: chosen by its {by}"), 1);
        agent.says("unverified", 1);
        until("the state says it", || meant(port)["pid"] == pid);
        let meant = meant(port);
        assert_eq!(meant["by"], by);
        assert_eq!(meant["user"], 0);
        if by != "argv0" {
            assert_eq!(meant["program"], path.to_str().unwrap());
        }
        scene.change(&format!("{way:?}"));
        agent.says("unverified", 2);
        assert_eq!(agent.said("is meant"), 1, "said once");
    }
    drop(program);
    let agent = scene.watch(&["--process", &own("meant"), "--at-start", "always"]);
    agent.says("is not there yet", 1);
    let next = scene.program(&own("meant"), &trap_script("HUP", &scene.path("log")));
    agent.says(&format!("process {} is meant", next.pid()), 1);
}

/// Whoever shares the pod's processes can call his own as he likes.
#[test]
fn a_namesake_of_another_user_is_not_told_and_does_not_block() {
    let scene = Scene::new();
    let name = &own("namesake");
    let (log, theirs) = (scene.path("log"), scene.path("theirs"));
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(scene.root.path(), open).unwrap();
    copy_program(Path::new("/bin/dash"), &scene.path(name));
    let stranger = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(scene.path(name))
            .args(["-c", &trap_script("HUP", &theirs)]),
    );
    stranger.says("up", 1);
    let ours = start(Command::new(scene.path(name)).args(["-c", &trap_script("HUP", &log)]));
    ours.says("up", 1);
    let agent = scene.watch(&["--process", name, "--at-start", "always"]);
    agent.says(&format!("process {} is meant", ours.pid()), 1);
    agent.says("unverified", 1);
    until("ours is told", || lines(&log) == 1);
    assert_eq!(lines(&theirs), 0);
    // Where nobody else is, a process of another user is who was meant.
    drop(ours);
    scene.change("2");
    agent.says(&format!("process {} is meant", stranger.pid()), 1);
    until("it is told", || lines(&theirs) == 1);
}

/// A cgroup of its own, as a container has; removed at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let name = format!("tidings-test-{}", std::process::id());
        let roots = ["", "unified", "freezer", "pids"];
        let dirs = roots.map(|root| Path::new("/sys/fs/cgroup").join(root));
        let holds = |dir: &PathBuf| dir.join("cgroup.procs").exists();
        let made = |dir: PathBuf| {
            let own = dir.join(&name);
            fs::create_dir(&own).ok().map(|()| Self(own))
        };
        dirs.into_iter().filter(holds).find_map(made)
    }

    fn take_in(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        until("the cgroup is empty", || {
            fs::remove_dir(&self.0).is_ok() || !self.0.exists()
        });
    }
}

/// Only where the machine lets one make a cgroup.
#[test]
fn run_tells_a_process_of_its_own_container_alone() {
    let Some(cgroup) = Cgroup::new() else {
        return;
    };
    let scene = Scene::new();
    let name = &own("container");
    let (log, theirs) = (scene.path("log"), scene.path("theirs"));
    let stranger = scene.program(name, &trap_script("HUP", &theirs));
    cgroup.take_in(stranger.pid());
    let dir = scene.volume.0.display().to_string();
    let program = scene.path(name);
    let script = format!(
        "echo begun; read go; '{}' -c \"{}\" & trap 'kill $!' TERM; wait",
        program.display(),
        trap_script("HUP", &log)
    );
    let (reader, mut writer) = std::io::pipe().unwrap();
    let options = [
        "run",
        "--watch",
        &dir,
        "--process",
        name,
        "--",
        "sh",
        "-c",
        &script,
    ];
    let agent = start(Command::new(binary()).args(options).stdin(reader));
    agent.says("begun", 1);
    scene.change("2");
    agent.says(
        &format!("waiting: a process called {name} of this container is not there yet"),
        1,
    );
    writeln!(writer).unwrap();
    until("ours is told", || lines(&log) == 1);
    assert_eq!(lines(&theirs), 0);
    drop(agent);
    drop(stranger);
}
