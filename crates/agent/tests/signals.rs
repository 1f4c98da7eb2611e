//! Signals that whoever started the agent had ignored or blocked, and signals that mean
//! nothing to it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::scene::Scene;
use common::sidecar::Scene as Sidecar;
use common::{Running, binary, start};
use std::process::Command;

/// Ignores and blocks all that can be, and starts what it is given. The C library keeps
/// 32 and 33 from everybody, and leaves them ignored in what it starts: as the kernel has
/// it they are at their defaults.
const RUDE: &str = "
import ctypes, os, platform, signal, sys
action = {'x86_64': 13, 'aarch64': 134}[platform.machine()]
for n in 32, 33: ctypes.CDLL(None).syscall(action, n, bytes(64), None, 8)
kept = {int(n) for n in sys.argv[1].split(',')}
for n in set(range(1, 65)) - {4, 5, 6, 7, 8, 9, 11, 19, 31, 32, 33} - kept: signal.signal(n, signal.SIG_IGN)
for n in kept: signal.signal(n, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})
os.execv(sys.argv[2], sys.argv[2:])
";

/// The agent, started by somebody who leaves these signals at their defaults.
fn started_rudely(kept: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", RUDE, kept]).arg(binary());
    command
}

/// Like `run`, and what its child says of its own signals.
fn childs_signals(kept: &str) -> String {
    let scene = Scene::new();
    let mut command = started_rudely(kept);
    command.args(["run", "--watch"]).arg(scene.path("d"));
    command.args(["--", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    let mut agent = start(&mut command);
    assert_eq!(agent.code(), 0, "{}", agent.output());
    agent.says("SigBlk", 1);
    agent.says("SigIgn", 1);
    agent.output()
}

#[test]
fn a_child_begins_with_nothing_ignored_or_blocked() {
    let said = childs_signals("1");
    for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
        assert!(said.contains(line), "{said}");
    }
}

#[test]
fn a_child_of_nohup_ignores_hup_and_nothing_else() {
    let said = childs_signals("2");
    assert!(said.contains("SigIgn:\t0000000000000001"), "{said}");
}

#[test]
fn what_was_ignored_or_blocked_ends_a_sidecar_all_the_same() {
    for signal in ["TERM", "INT", "QUIT"] {
        let scene = Scene::new();
        let mut watching = scene.watch_by(&mut started_rudely("1"), &["--exec", "true"]);
        watching.agent.says("unverified", 1);
        watching.agent.signal(signal);
        assert_eq!(watching.agent.code(), 0, "{signal}");
    }
}

#[test]
fn what_was_ignored_or_blocked_reaches_the_child_all_the_same() {
    for (name, code) in [
        ("TERM", 7),
        ("INT", 8),
        ("QUIT", 9),
        ("USR1", 10),
        ("TSTP", 11),
    ] {
        let scene = Scene::new();
        let script = format!("trap 'exit {code}' {name}; echo up; while :; do sleep 0.02; done");
        let mut command = started_rudely("1");
        command.args(["run", "--watch"]).arg(scene.path("d"));
        let mut agent = start(command.args(["--", "sh", "-c", &script]));
        agent.says("up", 1);
        agent.signal(name);
        assert_eq!(agent.code(), code, "{name}");
    }
}

/// The kernel's own numbers: 32 and 33 are the C library's, and of those that mean a
/// fault nobody expects anything else.
fn meaningless() -> impl Iterator<Item = i32> {
    let means_something = [2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 19, 31, 32, 33];
    (1..=64).filter(move |n| !means_something.contains(n))
}

fn takes_a_change(scene: &Sidecar, agent: &Running, times: usize) {
    scene.change(&format!("change {times}"));
    agent.says("unverified", times);
}

#[test]
fn what_means_nothing_to_a_sidecar_neither_ends_nor_stops_it() {
    let scene = Sidecar::new();
    let mut agent = scene.watch(&["--exec", "true", "--at-start", "never"]);
    agent.says("watching", 1);
    takes_a_change(&scene, &agent, 1);
    for (index, number) in meaningless().enumerate() {
        agent.signal(&number.to_string());
        if index % 10 == 0 || (18..=23).contains(&number) {
            let times = agent.said("unverified") + 1;
            takes_a_change(&scene, &agent, times);
        }
    }
    let times = agent.said("unverified") + 1;
    takes_a_change(&scene, &agent, times);
    assert_eq!(agent.said("changed:"), times, "{}", agent.output());
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
}
