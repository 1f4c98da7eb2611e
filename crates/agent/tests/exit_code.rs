//! The end by an exit code, and who is killed just before: the mark says that the agent
//! has ended with its code, so that code must be what others see.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Volume, agent, binary, free_port, get, signal, until};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const ALL_ANEW: i32 = 77;

/// Whether the memory says that this generation was taken.
fn is_marked(folder: &Path, generation: &str) -> bool {
    let files = fs::read_dir(folder).unwrap().flatten();
    let texts = files.map(|file| fs::read_to_string(file.path()).unwrap_or_default());
    let mut marks = texts.filter(|text| text.contains(generation));
    marks.any(|text| !text.starts_with('?'))
}

/// One whose log nobody reads any more: it takes its time to end.
fn slow_to_end(arguments: &[&str]) -> Child {
    let port = free_port();
    let full = "head -c 65536 /dev/zero >&2; exec \"$0\" \"$@\"";
    let agent = Command::new("sh")
        .args(["-c", full])
        .arg(binary())
        .args(arguments)
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("it answers", || get(port, "/livez").is_some());
    agent
}

fn a_change_is_not_lost(by: &str) {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let memory = root.path().join("memory");
    fs::create_dir(&memory).unwrap();
    let (dir, folder) = (volume.0.to_str().unwrap(), memory.to_str().unwrap());
    let arguments = [
        "watch",
        "--watch",
        dir,
        "--memory",
        folder,
        "--exit-code",
        "77",
    ];
    let mut first = slow_to_end(&arguments);
    volume.write(&[("a", "2")]);
    let generation = volume.generation().unwrap();
    let pid = first.id().cast_signed();
    let mut ended = None;
    until("it is marked, or over", || {
        ended = first.try_wait().unwrap();
        ended.is_some() || is_marked(&memory, &generation)
    });
    if ended.is_none() {
        signal(pid, by);
    }
    if first.wait().unwrap().code() != Some(ALL_ANEW) {
        // Nobody was started anew: its next life has to see to that.
        assert_eq!(agent(&arguments).code(), ALL_ANEW);
    }
    let next = agent(&arguments);
    next.says("watching", 1);
    assert!(is_marked(&memory, &generation));
}

#[test]
fn who_is_killed_while_it_ends_has_not_ended() {
    a_change_is_not_lost("KILL");
}

#[test]
fn who_is_told_to_end_while_it_ends_has_not_ended_by_its_code() {
    a_change_is_not_lost("TERM");
}
