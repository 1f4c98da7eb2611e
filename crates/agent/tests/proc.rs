//! What the kernel shows of processes where that is little.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{binary, free_port, get, lines, start, until};
use std::fs;
use std::process::Command;

/// Its first thread ends, another goes on.
const LEADERLESS: &str = r#"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static const char *log_file;
static void got(int signal) {
    int file = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (write(file, "got\n", 4) == 4) close(file);
}
static void *wait_on(void *none) { for (;;) pause(); }
int main(int count, char **words) {
    pthread_t other;
    log_file = words[1];
    signal(SIGHUP, got);
    pthread_create(&other, 0, wait_on, 0);
    puts("up");
    fflush(stdout);
    pthread_exit(0);
}
"#;

#[test]
fn where_proc_cannot_be_read_that_is_said_and_no_change_waits_for_ever() {
    let way = "--signal HUP -- sh -c 'trap : HUP; while :; do sleep 0.02; done'";
    for (line, way) in [
        ("mount -t tmpfs none /proc", format!("run {way}")),
        ("umount -l /proc", format!("run {way}")),
        ("umount -l /proc", format!("run --process sh {way}")),
        ("umount -l /proc", "watch --signal HUP --process sh".into()),
    ] {
        let scene = Scene::new();
        let port = free_port();
        let (mode, rest) = way.split_once(' ').unwrap();
        let (agent, volume) = (binary(), &scene.volume.0);
        let line = format!(
            "{line} && exec {} {mode} --listen 127.0.0.1:{port} --watch {} {rest}",
            agent.display(),
            volume.display()
        );
        let agent = start(Command::new("unshare").args(["--mount", "sh", "-c", &line]));
        let unready = || {
            get(port, "/readyz").is_some_and(|(status, body)| {
                status == 503 && body.contains("/proc cannot be read")
            })
        };
        until("not ready", unready);
        scene.change("2");
        agent.says("rejected", 1);
        assert_eq!(agent.said("just ended"), 0, "{}", agent.output());
    }
}

#[test]
fn a_process_whose_first_thread_has_ended_is_found_and_told() {
    let scene = Scene::new();
    let name = format!("tidings-{}-leaderless", std::process::id());
    let (source, program, log) = (scene.path("it.c"), scene.path(&name), scene.path("log"));
    fs::write(&source, LEADERLESS).unwrap();
    let mut made = Command::new("cc");
    let made = made.args(["-pthread", "-o"]).arg(&program).arg(&source);
    assert!(made.status().unwrap().success());
    let running = start(Command::new(&program).arg(&log));
    running.says("up", 1);
    let stat = format!("/proc/{}/stat", running.pid());
    until("its first thread has ended", || {
        fs::read_to_string(&stat).unwrap().contains(") Z ")
    });
    let path = program.to_str().unwrap();
    for (number, named) in [(1, name.as_str()), (2, path)] {
        let agent = scene.watch(&["--process", named, "--signal", "HUP", "--at-start", "never"]);
        agent.says("watching", 1);
        scene.change(&format!("changed {number}"));
        agent.says("unverified", 1);
        assert_eq!(lines(&log), number, "{}", agent.output());
        assert_eq!(agent.said("is not there yet"), 0, "{}", agent.output());
    }
}
