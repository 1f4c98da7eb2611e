//! Programs that take their signals without a handler: by sigwait(3) or signalfd(2).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Running, binary, copy_program, start};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Blocks HUP in all threads.
const BLOCKS: &str = "
import ctypes, os, signal, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
def wait(*signals):
    while True:
        signal.sigwait(signals)
        print('got', flush=True)
";

const WAITS: &str = "print('up', flush=True); wait(signal.SIGHUP)";

const WAITS_IN_A_THREAD: &str = "
threading.Thread(target=wait, args=[signal.SIGHUP], daemon=True).start()
print('up', flush=True)
time.sleep(600)
";

const READS_A_DESCRIPTOR: &str = "
mask = (ctypes.c_uint64 * 16)(1 << signal.SIGHUP - 1)
fd = ctypes.CDLL(None).signalfd(-1, mask, 0)
print('up', flush=True)
while os.read(fd, 128):
    print('got', flush=True)
";

/// What it would get by its descriptor ends it before.
const BLOCKS_IN_ONE_THREAD_ALONE: &str = "
mask = (ctypes.c_uint64 * 16)(1 << signal.SIGHUP - 1)
fd = ctypes.CDLL(None).signalfd(-1, mask, 0)
threading.Thread(target=time.sleep, args=[600], daemon=True).start()
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
print('up', flush=True)
time.sleep(600)
";

const WAITS_FOR_ANOTHER: &str = "
signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGUSR1])
print('up', flush=True)
wait(signal.SIGUSR1)
";

/// Nobody of its user may look into it.
const WAITS_IN_HIDING: &str = "
ctypes.CDLL(None).prctl(4, 0)
print('up', flush=True)
wait(signal.SIGHUP)
";

fn program(scene: &Scene, script: &str, by: &[&str]) -> Running {
    let script = format!("{BLOCKS}{script}");
    let words = [by, &["/usr/bin/env", "python3", "-c", &script]].concat();
    let running = start(Command::new(words[0]).args(&words[1..]));
    running.says("up", 1);
    fs::write(scene.path("pid"), running.pid().to_string()).unwrap();
    running
}

fn told(scene: &Scene, options: &[&str]) -> Running {
    let file = scene.path("pid");
    let named = ["--pid-file", file.to_str().unwrap(), "--at-start", "never"];
    let agent = scene.watch(&[&named, options].concat());
    agent.says("watching", 1);
    scene.change("2");
    agent
}

#[test]
fn who_waits_for_the_signal_or_reads_it_is_told() {
    for script in [WAITS, WAITS_IN_A_THREAD, READS_A_DESCRIPTOR] {
        let scene = Scene::new();
        let program = program(&scene, script, &[]);
        let agent = told(&scene, &[]);
        agent.says("unverified", 1);
        program.says("got", 1);
        scene.change("3");
        program.says("got", 2);
    }
}

#[test]
fn who_would_end_of_it_is_not_told() {
    for script in [WAITS_FOR_ANOTHER, BLOCKS_IN_ONE_THREAD_ALONE] {
        let scene = Scene::new();
        let mut program = program(&scene, script, &[]);
        let agent = told(&scene, &[]);
        agent.says("does not handle SIGHUP", 1);
        assert!(program.runs());
    }
}

const AS_NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
];

/// The agent has no rights but those of the user.
fn of_nobody(scene: &Scene, options: &[&str]) -> Running {
    let mut command = Command::new(AS_NOBODY[0]);
    command
        .args(&AS_NOBODY[1..])
        .arg(scene.path("agent"))
        .arg("watch");
    command.args(["--at-start", "never", "--pid-file"]);
    command.arg(scene.path("pid")).args(options);
    let agent = start(command.arg("--watch").arg(&scene.volume.0));
    agent.says("watching", 1);
    agent
}

#[test]
fn where_the_kernel_tells_nothing_the_option_is_named_and_counts() {
    let scene = Scene::new();
    let mut program = program(&scene, WAITS_IN_HIDING, &AS_NOBODY);
    copy_program(&binary(), &scene.path("agent"));
    fs::set_permissions(scene.root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let careful = of_nobody(&scene, &[]);
    scene.change("2");
    careful.says("cannot be seen whether", 1);
    careful.says("--signal-is-handled", 1);
    assert!(program.runs());
    assert_eq!(program.said("got"), 0);

    let believing = of_nobody(&scene, &["--signal-is-handled"]);
    scene.change("3");
    believing.says("unverified", 1);
    program.says("got", 1);
}
