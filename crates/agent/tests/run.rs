//! `tidings-agent run`: the duties of PID 1, and what a change leads to.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::run::{run, volume};
use common::{Volume, binary, children, lines, signal, start, trap_script, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_childs_exit_code_is_passed_on() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
    ] {
        assert_eq!(
            run(root.path(), &[], &["sh", "-c", script]).code(),
            code,
            "{script}"
        );
    }
}

#[test]
fn a_command_that_cannot_be_started_is_126_or_127() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let mut missing = run(root.path(), &[], &["/nonexistent/command"]);
    assert_eq!(missing.code(), 127);
    missing.says("/nonexistent/command cannot be started", 1);
    let file = root.path().join("file");
    std::fs::write(&file, "exit 5").unwrap();
    let command = file.to_str().unwrap();
    assert_eq!(run(root.path(), &[], &[command]).code(), 126);
    assert_eq!(run(root.path(), &[], &["/etc"]).code(), 126);
    // One that may be executed, and does not say by what, is for the shell, as for
    // `env` and tini.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(run(root.path(), &[], &[command]).code(), 5);
}

/// A header without its option is taken for the command.
#[test]
fn what_can_be_no_command_is_not_shown() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let mut agent = run(root.path(), &["--poll", "10s"], &["Authorization: secret"]);
    assert_eq!(agent.code(), 127);
    agent.says("cannot be started", 1);
    assert!(!agent.output().contains("secret"), "{}", agent.output());
}

#[test]
fn signals_reach_the_child_and_its_answer_is_the_exit_code() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let script = "trap 'echo usr1' USR1; trap 'echo winch' WINCH; trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done";
    let mut agent = run(root.path(), &[], &["sh", "-c", script]);
    agent.says("up", 1);
    agent.signal("USR1");
    agent.says("usr1", 1);
    agent.signal("WINCH");
    agent.says("winch", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 7);
}

#[test]
fn real_time_signals_reach_the_child() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let script = "import signal,sys\nsignal.signal(signal.SIGRTMIN+3, lambda *_: sys.exit(9))\nprint('up', flush=True)\nwhile True: signal.pause()";
    let mut agent = run(root.path(), &[], &["python3", "-c", script]);
    agent.says("up", 1);
    signal(agent.pid(), "37");
    assert_eq!(agent.code(), 9);
}

/// A child that counts what it gets, and ends with the count when it is told to.
const COUNTING: &str = "import signal as s
s.pthread_sigmask(s.SIG_BLOCK, range(1, 65))
print('up', flush=True)
got = {}
while (n := s.sigwait([s.SIGTERM, 10, 37, 64])) != s.SIGTERM:
    got[n] = got.get(n, 0) + 1
    print('got', n, got[n], flush=True)
";

/// The kernel queues them, whoever is busy meanwhile.
#[test]
fn each_real_time_signal_is_passed_on() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let pid_1 = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let mut outer = start(
        Command::new("unshare")
            .args(pid_1)
            .arg(binary())
            .args(["run", "--watch", root.path().join("cm").to_str().unwrap()])
            .args(["--", "python3", "-c", COUNTING]),
    );
    outer.says("up", 1);
    let agent = children(outer.pid())[0];
    let burst = "for i in $(seq 20); do kill -37 $0; kill -64 $0; done; kill -USR1 $0";
    let sent = Command::new("sh")
        .args(["-c", burst, &agent.to_string()])
        .status();
    assert!(sent.unwrap().success());
    outer.says("got 37 20", 1);
    outer.says("got 64 20", 1);
    outer.says("got 10 1", 1);
    signal(agent, "TERM");
    assert_eq!(outer.code(), 0);
    assert_eq!(outer.said("got"), 41, "{}", outer.output());
}

#[test]
fn orphans_are_taken_in_and_waited_for() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    // The middle shell ends at once and leaves its child behind.
    let script = "(sh -c 'sleep 0.1 & echo orphan $!' &) ; while :; do sleep 0.02; done";
    let agent = run(root.path(), &[], &["sh", "-c", script]);
    agent.says("orphan", 1);
    let output = agent.output();
    let line = output
        .lines()
        .find(|line| line.starts_with("orphan"))
        .unwrap();
    let orphan: i32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    until("the orphan is gone, and no zombie", || {
        !Path::new(&format!("/proc/{orphan}")).exists()
    });
    assert_eq!(children(agent.pid()).len(), 1, "only the child is left");
}

#[test]
fn as_pid_1_it_does_the_same() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let script = "trap 'exit 7' TERM; echo up; (sleep 0.05 &) ; while :; do sleep 0.02; done";
    let mut outer = start(
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
            .args(["run", "--watch", root.path().join("cm").to_str().unwrap()])
            .args(["--", "sh", "-c", script]),
    );
    outer.says("up", 1);
    let agent = children(outer.pid())[0];
    until("only the child and what it runs is left", || {
        children(agent).len() == 1
    });
    signal(agent, "TERM");
    assert_eq!(outer.code(), 7);
}

#[test]
fn where_hup_was_ignored_it_stays_ignored_as_by_nohup() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let line = format!(
        "trap '' HUP; exec {} run --watch {} -- sh -c 'echo up; sleep 0.2; exit 4'",
        binary().display(),
        root.path().join("cm").display()
    );
    let mut agent = start(Command::new("sh").args(["-c", &line]));
    agent.says("up", 1);
    agent.signal("HUP");
    assert_eq!(agent.code(), 4);
}

#[test]
fn stdin_and_the_terminal_are_the_childs() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    let inner = format!(
        "{} run --watch {} -- sh -c 'read line; echo read:$line; ps -o stat= -p $$'",
        binary().display(),
        root.path().join("cm").display()
    );
    let mut script = start(
        Command::new("sh")
            .args(["-c", "echo hello | script -qec \"$0\" /dev/null"])
            .arg(&inner)
            .stdin(Stdio::null()),
    );
    script.ends();
    assert!(
        script.output().contains("read:hello"),
        "{}",
        script.output()
    );
    // `+`: in the foreground of its terminal.
    assert!(
        script.output().lines().any(|line| line.contains('+')),
        "{}",
        script.output()
    );
}

#[test]
fn a_change_signals_the_child_once_and_identical_content_does_not() {
    let root = tempfile::tempdir().unwrap();
    let (volume, log) = (volume(root.path()), root.path().join("log"));
    let agent = run(root.path(), &[], &["sh", "-c", &trap_script("HUP", &log)]);
    agent.says("up", 1);
    volume.write(&[("a", "1")]);
    volume.write(&[("a", "2")]);
    agent.says("unverified", 1);
    until("one signal", || lines(&log) == 1);
    volume.write(&[("a", "2")]);
    volume.write(&[("a", "3"), ("b", "new")]);
    agent.says("changed: a, b", 1);
    agent.says("unverified", 2);
    until("one more", || lines(&log) == 2);
}

#[test]
fn a_child_that_would_die_of_the_signal_does_not_get_it() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let mut agent = run(root.path(), &[], &["sleep", "600"]);
    agent.says("watching", 1);
    volume.write(&[("a", "2")]);
    agent.says("does not handle SIGHUP yet", 1);
    assert!(agent.runs());
}

#[test]
fn a_restart_takes_the_change_and_keeps_the_exit_code() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let script = format!(
        "echo serving $(cat {}/a); trap 'exit 0' TERM; while :; do sleep 0.02; done",
        volume.0.display()
    );
    let mut agent = run(
        root.path(),
        &["--on-change", "restart"],
        &["sh", "-c", &script],
    );
    agent.says("serving 1", 1);
    volume.write(&[("a", "2")]);
    agent.says("serving 2", 1);
    agent.says("applied", 1);
    assert_eq!(children(agent.pid()).len(), 1, "never two children");
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
}

#[test]
fn a_child_that_does_not_stop_is_killed_after_its_grace() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let script = format!(
        "echo serving $(cat {}/a); trap '' TERM; trap 'exit 5' INT; while :; do sleep 0.02; done",
        volume.0.display()
    );
    let options = ["--on-change", "restart", "--grace", "100ms"];
    let mut agent = run(root.path(), &options, &["sh", "-c", &script]);
    agent.says("serving 1", 1);
    volume.write(&[("a", "2")]);
    agent.says("serving 2", 1);
    agent.signal("INT");
    assert_eq!(agent.code(), 5);
}

#[test]
fn an_exit_code_hands_the_restart_to_the_kubelet() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let mut agent = run(
        root.path(),
        &["--exit-code", "90"],
        &[
            "sh",
            "-c",
            "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done",
        ],
    );
    agent.says("up", 1);
    volume.write(&[("a", "2")]);
    assert_eq!(agent.code(), 90);
}

#[test]
fn a_failed_check_changes_nothing_and_a_fix_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let (volume, log) = (volume(root.path()), root.path().join("log"));
    let check = format!("grep -vq broken {}/a", volume.0.display());
    let options = ["--check", &check, "--retry", "1h", "--retry-longest", "1h"];
    let agent = run(
        root.path(),
        &options,
        &["sh", "-c", &trap_script("HUP", &log)],
    );
    agent.says("up", 1);
    volume.write(&[("a", "broken")]);
    agent.says("rejected: the check failed", 1);
    assert_eq!(lines(&log), 0);
    volume.write(&[("a", "fixed")]);
    agent.says("unverified", 1);
    until("taken", || lines(&log) == 1);
}

#[test]
fn a_check_that_hangs_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let options = [
        "--check",
        "sh -c 'sleep 600 & sleep 600'",
        "--command-timeout",
        "100ms",
    ];
    let agent = run(
        root.path(),
        &options,
        &["sh", "-c", &trap_script("HUP", &root.path().join("log"))],
    );
    agent.says("up", 1);
    volume.write(&[("a", "2")]);
    agent.says("rejected: the check did not end within 0.1 s", 1);
}

#[test]
fn rendered_files_are_there_before_the_child_and_follow_changes() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "v1 $(HOME)")]);
    let out = root.path().join("out");
    let render = format!("{}={}", volume.0.join("a").display(), out.display());
    let script = format!(
        "cat {}; echo; {}",
        out.display(),
        trap_script("HUP", &root.path().join("log"))
    );
    let home = std::env::var("HOME").unwrap();
    let agent = run(root.path(), &["--render", &render], &["sh", "-c", &script]);
    agent.says(&format!("v1 {home}"), 1);
    agent.says("up", 1);
    volume.write(&[("a", "v2")]);
    agent.says("unverified", 1);
    assert_eq!(fs::read_to_string(&out).unwrap(), "v2");
}

/// Serves until it is told to end, unless its file says that it cannot.
fn server(volume: &Volume) -> String {
    format!(
        "echo starting $(cat {0}/a); grep -q bad {0}/a && exit 3; trap 'exit 0' TERM; echo serving $(cat {0}/a); while :; do sleep 0.02; done",
        volume.0.display()
    )
}

#[test]
fn a_new_child_that_ends_at_once_is_rejected_and_its_code_is_passed_on() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let script = server(&volume);
    let restart = ["--on-change", "restart"];
    let mut agent = run(root.path(), &restart, &["sh", "-c", &script]);
    agent.says("serving 1", 1);
    volume.write(&[("a", "bad")]);
    assert_eq!(agent.code(), 3);
    agent.says("rejected: the new process ended with exit code 3", 1);
    assert_eq!(agent.said("again in"), 0, "{}", agent.output());
    assert_eq!(agent.said("applied"), 0, "{}", agent.output());
}

#[test]
fn a_restart_that_fails_is_tried_again_where_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let script = server(&volume);
    let options = [
        "--on-change",
        "restart",
        "--on-failed-restart",
        "keep-trying",
    ];
    let mut agent = run(root.path(), &options, &["sh", "-c", &script]);
    agent.says("serving 1", 1);
    volume.write(&[("a", "bad")]);
    agent.says("rejected: the new process ended with exit code 3", 2);
    volume.write(&[("a", "fixed")]);
    agent.says("serving fixed", 1);
    agent.says("applied", 1);
    volume.write(&[("a", "bad again")]);
    agent.says("rejected: the new process ended with exit code 3", 3);
    agent.signal("TERM");
    assert_eq!(agent.code(), 3, "the last child's own");
}

#[test]
fn what_a_stopped_script_leaves_behind_is_gone_before_the_next_starts() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let pid = root.path().join("pid");
    // The server refuses to end by TERM, and the script does not wait for it. One that is
    // dead and not waited for yet has no port any more.
    let script = format!(
        "if [ -e {pid} ] && grep -qs 'State:.[^XZ]' /proc/$(cat {pid})/status; then echo address in use; exit 1; fi; \
         sh -c 'trap \"\" TERM; exec sleep 600' & echo $! > {pid}; trap 'exit 0' TERM; echo serving $(cat {cm}/a); wait",
        pid = pid.display(),
        cm = volume.0.display()
    );
    // Not the default of ten seconds, which it would take.
    let options = ["--on-change", "restart", "--grace", "300ms"];
    let mut agent = run(root.path(), &options, &["sh", "-c", &script]);
    agent.says("serving 1", 1);
    volume.write(&[("a", "2")]);
    agent.says("serving 2", 1);
    agent.says("applied", 1);
    assert_eq!(agent.said("address in use"), 0, "{}", agent.output());
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
    signal(
        fs::read_to_string(pid).unwrap().trim().parse().unwrap(),
        "KILL",
    );
}

#[test]
fn a_new_child_that_lives_and_is_not_proved_is_looked_at_and_not_started_again() {
    let root = tempfile::tempdir().unwrap();
    let volume = volume(root.path());
    let (script, ready) = (server(&volume), root.path().join("ready"));
    let proof = format!("succeeds=test -e {}", ready.display());
    // Not the default of five seconds, which it would take.
    let options = [
        "--on-change",
        "restart",
        "--prove",
        &proof,
        "--prove-timeout",
        "200ms",
    ];
    let mut agent = run(root.path(), &options, &["sh", "-c", &script]);
    agent.says("serving 1", 1);
    volume.write(&[("a", "2")]);
    agent.says("rejected: the proving command failed", 1);
    fs::write(&ready, "").unwrap();
    agent.says("applied", 1);
    assert_eq!(agent.said("starting"), 2, "{}", agent.output());
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
}

#[test]
fn a_program_that_goes_to_the_background_is_told_what_to_write() {
    let root = tempfile::tempdir().unwrap();
    volume(root.path());
    // Named as the real one, which does the same without `daemon off;`.
    let nginx = root.path().join("nginx");
    common::copy_program(Path::new("/bin/dash"), &nginx);
    let pid = root.path().join("pid");
    let script = format!("setsid sleep 600 & echo $! > {}; sleep 0.2", pid.display());
    let mut agent = run(root.path(), &[], &[nginx.to_str().unwrap(), "-c", &script]);
    assert_eq!(agent.code(), 0);
    agent.says("left a process in the background", 1);
    agent.says("nginx -g 'daemon off;'", 1);
    signal(
        fs::read_to_string(pid).unwrap().trim().parse().unwrap(),
        "KILL",
    );
    let mut quiet = run(root.path(), &[], &["sh", "-c", "exit 0"]);
    assert_eq!(quiet.code(), 0);
    assert_eq!(quiet.said("background"), 0, "{}", quiet.output());
}
