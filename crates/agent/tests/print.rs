//! What is printed reaches its reader, or that it does not is said.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::binary;
use std::fs::File;
use std::process::{Command, Stdio};

const ASKED: [&[&str]; 6] = [
    &["help"],
    &["presets"],
    &["--version"],
    &["run", "--help"],
    &["configmap-reload", "--help"],
    &["prometheus-config-reloader", "--version"],
];

#[test]
fn what_cannot_be_printed_is_a_failure_and_who_has_seen_enough_is_none() {
    for words in ASKED {
        let full = File::create("/dev/full").unwrap();
        let done = Command::new(binary())
            .args(words)
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains("cannot be printed: No space left"), "{said}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(binary());
        let done = command
            .args(words)
            .stdout(Stdio::from(writer))
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(0), "{words:?}");
        assert!(done.stderr.is_empty());
    }
}

#[test]
fn a_stand_in_prints_its_flags_under_its_own_name() {
    use std::os::unix::process::CommandExt;
    for (name, flag) in [
        ("configmap-reload", "--volume-dir"),
        ("prometheus-config-reloader", "--watched-dir"),
    ] {
        for help in ["--help", "-h"] {
            let done = Command::new(binary())
                .arg0(name)
                .arg(help)
                .output()
                .unwrap();
            assert_eq!(done.status.code(), Some(0));
            let text = String::from_utf8(done.stdout).unwrap();
            assert!(text.contains(flag) && text.contains(name), "{text}");
        }
    }
}
