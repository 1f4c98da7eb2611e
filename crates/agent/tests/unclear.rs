//! A process that cannot be told: nobody gets the signal, people are told why, and the
//! sidecar is not ready.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Running, free_port, get, lines, trap_script, until};
use std::fs;

struct Watching {
    agent: Running,
    port: u16,
}

impl Watching {
    fn new(scene: &Scene, options: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let fixed = [
            "--signal",
            "HUP",
            "--listen",
            &listen,
            "--retry-longest",
            "1s",
        ];
        let agent = scene.watch(&[&fixed[..], options].concat());
        Self { agent, port }
    }

    fn answers(&self, status: u16) {
        let is = || get(self.port, "/readyz").is_some_and(|(code, _)| code == status);
        until("the status of /readyz", is);
    }
}

#[test]
fn nonsense_in_a_pid_file_is_said_at_the_start_and_a_number_mends_it() {
    let scene = Scene::new();
    let (pid, log) = (scene.path("pid"), scene.path("log"));
    let program = scene.program("tidings-nonsense", &trap_script("HUP", &log));
    let file = pid.to_str().unwrap();
    for (content, said) in [
        ("0\n", "holds 0, which"),
        ("-5", "holds -5, which"),
        ("99999999999999999999", "holds 999999999999…, which"),
        ("hunter2\n", "holds no number"),
        ("", "is empty: the number"),
    ] {
        fs::write(&pid, content).unwrap();
        let watching = Watching::new(&scene, &["--pid-file", file]);
        watching.agent.says(&format!("rejected: {file} {said}"), 1);
        watching.answers(503);
        assert_eq!(watching.agent.said("hunter2"), 0);
        let told = lines(&log);
        fs::write(&pid, program.pid().to_string()).unwrap();
        until("told", || lines(&log) == told + 1);
        watching.answers(200);
    }
}

#[test]
fn a_pid_file_that_becomes_nonsense_is_said_at_the_next_change() {
    let scene = Scene::new();
    let pid = scene.path("pid");
    fs::write(&pid, "abc").unwrap();
    let options = ["--pid-file", pid.to_str().unwrap(), "--at-start", "never"];
    let watching = Watching::new(&scene, &options);
    watching.answers(200);
    scene.change("2");
    watching.agent.says("holds no number", 1);
    watching.answers(503);
}

#[test]
fn a_pid_file_that_comes_later_is_waited_for() {
    let scene = Scene::new();
    let (pid, log) = (scene.path("pid"), scene.path("log"));
    let program = scene.program("tidings-later", &trap_script("HUP", &log));
    let watching = Watching::new(&scene, &["--pid-file", pid.to_str().unwrap()]);
    watching.answers(200);
    scene.change("2");
    watching.agent.says("is not there yet", 1);
    fs::write(&pid, "").unwrap();
    watching.agent.says("is empty", 1);
    fs::write(&pid, program.pid().to_string()).unwrap();
    until("told", || lines(&log) == 1);
}

#[test]
fn of_two_masters_none_is_told_at_the_start_either_until_one_is_left() {
    let scene = Scene::new();
    let (log, other) = (scene.path("log"), scene.path("other"));
    let name = format!("tidings-{}-rivals", std::process::id());
    let first = scene.program(&name, &trap_script("HUP", &log));
    let mut command = std::process::Command::new(scene.path(&name));
    let second = common::start(command.args(["-c", &trap_script("HUP", &other)]));
    second.says("up", 1);
    let watching = Watching::new(&scene, &["--process", &name]);
    let names = format!("({}, {})", first.pid(), second.pid());
    let said = format!("rejected: several processes are called {name} {names}");
    watching.agent.says(&said, 1);
    watching.answers(503);
    scene.change("2");
    watching.agent.says("changed: a", 1);
    watching.agent.says(&said, 2);
    second.kill();
    until("told", || lines(&log) == 1);
    watching.answers(200);
    assert_eq!(lines(&other), 0);
}
