//! With which code the agent ends when it cannot do what it was asked for: 2 where the
//! command line makes no sense, 1 where what it asks for cannot be had here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{agent, binary, start};
use std::fs;
use std::net::TcpListener;
use std::process::Command;

/// `@` stands for a directory with `v/a`, `%` for a port that is taken.
fn code(line: &str) -> (i32, String) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("v")).unwrap();
    fs::write(root.path().join("v/a"), "1").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let line = line.replace('@', root.path().to_str().unwrap());
    let line = line.replace('%', &port);
    let mut agent = agent(&line.split(' ').collect::<Vec<_>>());
    (agent.code(), agent.output())
}

#[test]
fn what_cannot_be_had_here_is_1_and_what_makes_no_sense_2() {
    for (line, expected) in [
        ("watch --watch @/v --exec true --listen 127.0.0.1:%", 1),
        ("watch --watch @/v --exec true --listen 256.0.0.1:1", 1),
        ("run --watch @/v --listen 127.0.0.1:% -- true", 1),
        ("watch --watch @/v --exec true --memory @/none", 1),
        ("watch --watch @/v --exec true --memory /etc/hostname", 1),
        ("watch --watch @/v --exit-code 77 --memory @/none", 1),
        ("run --watch @/v --memory @/none -- true", 1),
        ("run --watch @/v --render @/v/none=@/out -- true", 1),
        (
            "run --watch @/v --render @/v/a=@/out --check false -- true",
            1,
        ),
        ("watch --once --render @/v/none=@/out", 1),
        ("watch --once --render @/v/a=@/none/out", 1),
        ("watch --once --watch @/v --check false", 1),
        ("install @/none/agent", 1),
        ("watch --watch @/v --exec true --memory @/v", 2),
        ("watch --watch @/v --exec true --listen nonsense", 2),
        ("watch --once --render @/v/a=@/v/a", 2),
        ("watch --watch @/v", 2),
        ("install", 2),
        ("help x", 2),
        ("run --watch @/v -- ", 2),
        // No ConfigMap is mounted where tests run.
        ("watch --exec true", 1),
        ("watch --once --check true", 1),
        ("run -- true", 1),
        ("watch --once --watch @/v --check true", 0),
        ("help run", 0),
        ("watch --once --render @/v/a=@/out", 0),
        ("run --watch @/v -- false", 1),
        ("run --watch @/v -- @/none", 127),
        ("run --watch @/v -- @/v/a", 126),
    ] {
        let (code, output) = code(line);
        assert_eq!(code, expected, "{line}: {output}");
    }
}

/// The folder is there, and mounted so that nothing can be written.
#[test]
fn a_read_only_folder_of_the_memory_or_of_an_output_is_1() {
    for options in [
        "watch --exec true --memory $0/ro",
        "watch --once --render $0/v/a=$0/ro/out",
        "run --render $0/v/a=$0/ro/out -- true",
    ] {
        let root = tempfile::tempdir().unwrap();
        for dir in ["v", "ro"] {
            fs::create_dir(root.path().join(dir)).unwrap();
        }
        fs::write(root.path().join("v/a"), "1").unwrap();
        let options = options.replacen(' ', " --watch $0/v ", 1);
        let line = format!("mount -t tmpfs -o ro none $0/ro && exec \"$1\" {options}");

        let mut agent = start(
            Command::new("unshare")
                .args(["--mount", "sh", "-c", &line])
                .arg(root.path())
                .arg(binary()),
        );
        assert_eq!(agent.code(), 1, "{options}: {}", agent.output());
        agent.says("Read-only file system", 1);
    }
}

/// Without a child there is nobody else's code than that of the last.
#[test]
fn told_to_end_while_no_child_runs_it_ends_as_the_last_one_did() {
    let root = tempfile::tempdir().unwrap();
    let (dir, file) = (root.path().join("v"), root.path().join("v/a"));
    fs::create_dir(&dir).unwrap();
    fs::write(&file, "0").unwrap();
    let script = format!(
        "trap 'exit 0' TERM; test $(cat {}) = 0 || exit 9; echo up; while :; do sleep 0.02; done",
        file.display()
    );
    let mut agent = agent(&[
        "run",
        "--on-change",
        "restart",
        "--on-failed-restart",
        "keep-trying",
        "--retry",
        "1h",
        "--retry-longest",
        "1h",
        "--watch",
        dir.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        &script,
    ]);
    agent.says("up", 1);
    fs::write(&file, "1").unwrap();
    agent.says("rejected: ", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 9);
}
