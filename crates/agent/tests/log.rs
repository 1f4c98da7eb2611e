//! A log that nobody reads: the agent goes on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Volume, free_port, get, lines, signal, until, with_default_signals};
use std::io::{PipeReader, Read, Write};
use std::path::Path;
use std::process::{Child, Stdio};

/// The agent, its log in a pipe that is full.
fn with_full_log(words: &[&str]) -> (Child, PipeReader) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&vec![b'.'; 65536]).unwrap();
    let mut command = with_default_signals();
    command.args(words).stdout(Stdio::null()).stderr(writer);
    (command.spawn().unwrap(), reader)
}

/// A program that tells in a file what it was told.
fn script(file: &Path) -> String {
    let file = file.display();
    format!(
        "trap 'echo >> {file}' HUP USR1; trap 'exit 7' TERM; echo > {file}; while :; do sleep 0.02; done"
    )
}

#[test]
fn signals_changes_and_probes_go_on_and_what_waits_is_read_later() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "0")]);
    let (file, port) = (root.path().join("told"), free_port());
    let (dir, listen) = (volume.0.to_str().unwrap(), format!("127.0.0.1:{port}"));
    let child = script(&file);
    let words = [
        "run", "--watch", dir, "--listen", &listen, "--", "sh", "-c", &child,
    ];
    let (mut agent, mut log) = with_full_log(&words);
    let told = |times| until("told", || lines(&file) == times);
    told(1);
    for (times, content) in [(2, "1"), (3, "2")] {
        volume.write(&[("a", content)]);
        told(times);
    }
    signal(agent.id().cast_signed(), "USR1");
    told(4);
    let answers = |path| get(port, path).is_some_and(|(status, _)| status == 200);
    until("taken", || answers("/livez") && answers("/readyz"));
    signal(agent.id().cast_signed(), "TERM");
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("changed: a").count(), 2, "{text}");
    assert_eq!(agent.wait().unwrap().code(), Some(7));
}

#[test]
fn a_command_line_that_is_refused_ends_it_though_nobody_reads_why() {
    let (mut agent, _log) = with_full_log(&["--no-such-option"]);
    assert_eq!(agent.wait().unwrap().code(), Some(2));
}
