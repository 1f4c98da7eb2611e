//! A memory that cannot be used, and what that keeps from whom.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::{Running, Volume, agent, binary, start};
use std::path::Path;
use std::process::Command;

/// The agent with a folder for its memory on a file system without any space.
fn with_full_memory(root: &Path, command: &str) -> Running {
    let (memory, dir) = (root.join("memory"), root.join("cm"));
    std::fs::create_dir(&memory).unwrap();
    let line = format!(
        "mount -t tmpfs -o size=4k none {0} && head -c 9000 /dev/zero > {0}/all 2> {1}/full; exec {2} {command}",
        memory.display(),
        root.display(),
        binary().display(),
    );
    let line = line
        .replace("{memory}", memory.to_str().unwrap())
        .replace("{cm}", dir.to_str().unwrap());
    start(Command::new("unshare").args(["--mount", "sh", "-c", &line]))
}

#[test]
fn without_space_for_the_memory_a_program_starts_and_is_told() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let agent = with_full_memory(
        root.path(),
        "run --watch {cm} --memory {memory} -- sh -c 'trap \"echo told\" HUP; echo up; while :; do sleep 0.02; done'",
    );
    agent.says("up", 1);
    agent.says("what was taken cannot be kept (No space left on device", 1);
    volume.write(&[("a", "2")]);
    agent.says("told", 1);
}

#[test]
fn of_two_agents_that_were_started_alike_one_has_the_memory() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let folder = root.path().join("memory");
    std::fs::create_dir(&folder).unwrap();
    let start = || {
        let agent = agent(&[
            "watch",
            "--watch",
            volume.0.to_str().unwrap(),
            "--memory",
            folder.to_str().unwrap(),
            "--exec",
            "true",
        ]);
        agent.says("watching", 1);
        agent
    };
    let (first, second) = (start(), start());
    second.says("another agent with the same task", 1);
    assert_eq!(first.said("another agent"), 0, "{}", first.output());
    for agent in [&first, &second] {
        agent.says("unverified", 1);
    }
    volume.write(&[("a", "2")]);
    for agent in [&first, &second] {
        agent.says("unverified", 2);
    }
    // Whoever comes after the end of the first, however it ended, has it.
    first.kill();
    let third = start();
    volume.write(&[("a", "3")]);
    third.says("unverified", 1);
    assert_eq!(third.said("another agent"), 0, "{}", third.output());
}

#[test]
fn a_folder_that_is_not_there_is_one_sentence() {
    let root = tempfile::tempdir().unwrap();
    let volume = Volume::new(root.path().join("cm"), &[("a", "1")]);
    let mut agent = agent(&[
        "watch",
        "--watch",
        volume.0.to_str().unwrap(),
        "--memory",
        "/nonexistent/folder",
        "--exec",
        "true",
    ]);
    assert_eq!(agent.code(), 1);
    agent.says("mount an emptyDir", 1);
}
