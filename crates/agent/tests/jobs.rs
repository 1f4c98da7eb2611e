//! `tidings-agent run` and the signals of job control: they are the child's, and none
//! of them stops the agent, which would not hear TERM then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::run::{run, volume};
use common::{Volume, binary, children, signal, start, until};
use std::fs;
use std::process::{Command, Stdio};

/// Says which signals of job control it gets, and what it was started with.
const IN_A_JOB: &str = "import signal as s
state = dict(line.split(':') for line in open('/proc/self/status'))
print('blocked', int(state['SigBlk'], 16), flush=True)
def got(n, _):
    print('got', n, flush=True)
    if n == s.SIGTERM: raise SystemExit(6)
for n in (s.SIGTERM, s.SIGCONT, s.SIGTSTP, s.SIGTTIN, s.SIGTTOU): s.signal(n, got)
print('up', flush=True)
while True: s.pause()
";

#[test]
fn signals_of_job_control_are_the_childs() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let options = [
        "--check",
        "grep -q SigBlk:.0000000000000000 /proc/self/status",
    ];
    let mut agent = run(root.path(), &options, &["python3", "-c", IN_A_JOB]);
    agent.says("up", 1);
    agent.says("blocked 0", 1);
    for (name, number) in [("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("CONT", 18)] {
        agent.signal(name);
        agent.says(&format!("got {number}"), 1);
    }
    volume.write(&[("a", "2")]);
    agent.says("changed: a", 1);
    agent.says("does not handle SIGHUP yet", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 6);
}

/// A child that keeps the default stops, and goes on; the agent does not stop.
#[test]
fn a_child_that_is_stopped_goes_on() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let script = "trap 'exit 6' TERM; echo up; while :; do sleep 0.02; done";
    let mut agent = run(root.path(), &[], &["sh", "-c", script]);
    agent.says("up", 1);
    let child = children(agent.pid())[0];
    for name in ["TSTP", "TTIN", "TTOU"] {
        agent.signal(name);
        until("it is stopped", || state(child) == 'T');
        assert_ne!(state(agent.pid()), 'T');
        agent.signal("CONT");
        until("it goes on", || state(child) != 'T');
    }
    agent.signal("TERM");
    assert_eq!(agent.code(), 6);
}

/// The letter that the kernel has for it.
fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
}

/// `stty tostop`: who writes from the background is stopped, or is told so again and
/// again. The agent is in the background, since the terminal is the child's.
#[test]
fn a_terminal_that_stops_who_writes_does_not_stop_the_agent() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let (dir, done) = (root.path().join("cm"), root.path().join("done"));
    let child = format!(
        "stty tostop; trap \"touch {0}; exit 6\" TERM; echo up; while :; do sleep 0.02; done",
        done.display()
    );
    let agent = format!(
        "exec {} run --watch {} --process nobody -- sh -c '{child}'",
        binary().display(),
        dir.display()
    );
    let mut script = start(
        Command::new("script")
            .args(["-qec", &agent, "/dev/null"])
            .stdin(Stdio::piped()),
    );
    script.says("up", 1);
    Volume(dir).write(&[("a", "2")]);
    script.says("changed: a", 1);
    let agent = children(script.pid())[0];
    signal(agent, "TERM");
    assert_eq!(script.code(), 6);
    assert!(done.exists());
}
