//! A log that nobody reads: the agent goes on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Volume, agent, free_port, get, lines, signal, until, with_default_signals};
use std::fs;
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

/// Whoever may write to a watched directory chooses the names there.
#[test]
fn no_name_of_a_file_forges_another_or_a_line_or_turns_it_round() {
    let root = tempfile::tempdir().unwrap();
    let (dir, told) = (root.path().join("d"), root.path().join("told"));
    fs::create_dir(&dir).unwrap();
    let command = format!(
        "sh -c 'printf %s \"$TIDINGS_FILES\" > {0}.new; mv {0}.new {0}'",
        told.display()
    );
    let line = [
        "watch",
        "--at-start",
        "never",
        "--watch",
        dir.to_str().unwrap(),
    ];
    let agent = agent(&[&line[..], &["--exec", &command, "--settle-first"]].concat());
    agent.says("watching", 1);
    for name in ["x\ndb-password", "y\\ndb-password", "z\u{202e}cod"] {
        fs::write(dir.join(name), "").unwrap();
    }
    let said = r"changed: x\ndb-password, y\\ndb-password, z\xe2\x80\xaecod";
    agent.says(said, 1);
    let right = "y\\ndb-password\nz\u{202e}cod";
    until("told", || {
        fs::read_to_string(&told).is_ok_and(|told| told == right)
    });
    // One that cannot be read, and lies where sentences name it.
    let taken = root.path().join("t\nforged\u{2028}");
    let refused = with_default_signals()
        .arg("install")
        .arg(taken.join("none/x"))
        .output();
    let text = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(r"forged\u{2028}/none"), "{text}");
}
