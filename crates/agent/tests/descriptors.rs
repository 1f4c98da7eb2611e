//! A limit of open files: said at the start where it is too low, and no reason to be
//! taken for dead where it is reached.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::scene::{Scene, text};
use common::{Running, binary, free_port, get, start, until};
use std::fs;
use std::net::TcpStream;
use std::process::Command;

fn limited(limit: u32, arguments: &[&str]) -> Running {
    let line = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).arg(binary()).args(arguments);
    start(&mut command)
}

/// As the agent says: it counts what whoever started it has left open.
fn needed(arguments: &[&str]) -> u32 {
    let agent = limited(10, arguments);
    agent.says("the agent needs ", 1);
    let said = agent.output();
    let number = said.split("the agent needs ").nth(1).unwrap();
    number.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn too_low_a_limit_is_said_with_the_number_that_is_needed() {
    let scene = Scene::new();
    let (dir, a) = (scene.path("d"), scene.path("d/a"));
    let render = format!("{}={}", text(&a), text(&scene.path("out")));
    let rendering = ["--watch", text(&dir), "--render", &render];
    for command in [
        [&["watch", "--exec", "true"], rendering.as_slice(), &[]].concat(),
        [&["watch", "--once"], rendering.as_slice(), &[]].concat(),
        [&["run"], rendering.as_slice(), &["--", "true"]].concat(),
    ] {
        let needed = needed(&command);
        for limit in [4, 6, 8, 12, needed - 1] {
            let mut agent = limited(limit, &command);
            assert_eq!(agent.code(), 1, "{limit}: {}", agent.output());
            agent.says(&format!("open at once, and may have {limit}"), 1);
        }
    }
}

#[test]
fn the_number_that_is_needed_is_enough() {
    let scene = Scene::new();
    let (dir, a, out) = (scene.path("d"), scene.path("d/a"), scene.path("out"));
    let deep = scene.path("d/1/2/3/4/5/6/7");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("b"), "1").unwrap();
    let render = format!("{}={}", text(&a), text(&out));
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let rest = ["--check", "true", "--prove", "succeeds=true"];
    let options = [
        "--watch",
        text(&dir),
        "--render",
        &render,
        "--listen",
        &listen,
    ];
    let way = ["watch", "--exec", "true", "--at-start", "never"];
    let arguments = [&way, &options[..], &rest].concat();
    let agent = limited(needed(&arguments), &arguments);
    until("it answers", || get(port, "/livez").is_some());
    let _idle: Vec<TcpStream> = (0..32)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    for n in 2..5 {
        fs::write(&a, n.to_string()).unwrap();
        fs::write(deep.join("b"), n.to_string()).unwrap();
        until("it is rendered", || {
            fs::read_to_string(&out).unwrap() == n.to_string()
        });
        assert_eq!(get(port, "/livez").unwrap().0, 200);
    }
    agent.says("applied", 1);
    assert_eq!(agent.said("Too many open files"), 0, "{}", agent.output());
}

/// Whatever took them, and be it a limit that somebody has lowered meanwhile.
#[test]
fn who_has_no_descriptor_left_still_answers() {
    let scene = Scene::new();
    let watching = scene.watch(&["--exec", "true", "--at-start", "never"]);
    let pid = watching.agent.pid();
    let fds = format!("/proc/{pid}/fd");
    let mut before = (0, 0);
    until("nobody is connected any more", || {
        let now = fs::read_dir(&fds).unwrap().count();
        before = (now, if before.0 == now { before.1 + 1 } else { 0 });
        before.1 == 20
    });
    let is_free = |number: &u32| fs::read_link(format!("{fds}/{number}")).is_err();
    let limit = (0..1000).find(is_free).unwrap();
    let mut lower = Command::new("prlimit");
    lower.args(["--pid", &pid.to_string(), &format!("--nofile={limit}:1024")]);
    assert!(lower.status().unwrap().success());
    for _ in 0..3 {
        until("it answers", || {
            get(watching.port, "/livez").is_some_and(|(status, _)| status == 200)
        });
    }
}
