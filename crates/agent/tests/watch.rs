//! `tidings-agent watch`: commands, proofs, exit codes, and what is refused at the start.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::sidecar::Scene;
use common::{Hook, agent, binary, copy_program, free_port, get, start, until};
use std::fs;
use std::process::Command;
#[test]
fn a_command_is_told_what_changed() {
    let scene = Scene::new();
    let out = scene.path("out");
    let command = format!(
        "sh -c 'echo \"$TIDINGS_FILES|$TIDINGS_GENERATION\" > {}'",
        out.display()
    );
    let agent = scene.watch(&["--exec", &command, "--at-start", "never"]);
    agent.says("watching", 1);
    scene.volume.write(&[("a", "2"), ("b", "3")]);
    agent.says("unverified", 1);
    let told = fs::read_to_string(&out).unwrap();
    let generation = scene.volume.generation().unwrap();
    assert_eq!(told, format!("a\nb|{generation}\n"));
}

#[test]
fn an_exit_code_needs_no_target_and_nothing_happens_at_start() {
    let scene = Scene::new();
    let mut agent = scene.watch(&["--exit-code", "42"]);
    agent.says("watching", 1);
    scene.change("2");
    assert_eq!(agent.code(), 42);
}

#[test]
fn a_sidecar_that_is_told_to_end_ends_well() {
    let scene = Scene::new();
    let mut agent = scene.watch(&["--exec", "true", "--at-start", "never"]);
    agent.says("watching", 1);
    agent.signal("TERM");
    assert_eq!(agent.code(), 0);
}

#[test]
fn proofs_decide_the_outcome() {
    let scene = Scene::new();
    let proof = scene.path("proof");
    let command = format!("succeeds=test -e {}", proof.display());
    let agent = scene.watch(&[
        "--exec",
        "true",
        "--prove",
        &command,
        "--prove-timeout",
        "100ms",
        "--retry",
        "20ms",
        "--at-start",
        "never",
    ]);
    agent.says("watching", 1);
    scene.change("2");
    agent.says("rejected: the proving command failed", 1);
    fs::write(&proof, "").unwrap();
    agent.says("applied", 1);
}

#[test]
fn bad_command_lines_end_with_2_and_one_sentence() {
    for arguments in [
        &["watch", "--frobnicate"][..],
        &["watch", "--signal", "NOPE"],
        &["watch", "--preset", "nope"],
        &["run"],
        &[],
    ] {
        let mut agent = agent(arguments);
        assert_eq!(agent.code(), 2, "{arguments:?}");
        agent.says("tidings-agent: ", 1);
        assert_eq!(agent.output().lines().count(), 1, "{arguments:?}");
    }
}

#[test]
fn a_directory_that_may_not_be_read_is_said_at_start() {
    let scene = Scene::new();
    let open: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    let closed: fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(scene.root.path(), open).unwrap();
    fs::set_permissions(&scene.volume.0, closed).unwrap();
    let copy = scene.path("agent");
    copy_program(&binary(), &copy);
    let mut agent = start(
        Command::new("setpriv")
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(copy)
            .args(["watch", "--exec", "true", "--watch"])
            .arg(&scene.volume.0),
    );
    assert_eq!(agent.code(), 1);
    agent.says("cannot be read", 1);
}

#[test]
fn it_installs_itself_where_there_is_no_cp() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("agent");
    assert_eq!(agent(&["install", place.to_str().unwrap()]).code(), 0);
    let version = Command::new(&place).arg("version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("tidings-agent "));
    assert_eq!(agent(&["install", "/nonexistent/place"]).code(), 1);
    assert_eq!(agent(&["install"]).code(), 2);
}

#[test]
fn every_answer_about_the_state_is_of_one_moment() {
    let scene = Scene::new();
    let (hook, port) = (Hook::new(), free_port());
    let listen = format!("127.0.0.1:{port}");
    let agent = scene.watch(&[
        "--http",
        &hook.url("/"),
        "--at-start",
        "never",
        "--listen",
        &listen,
    ]);
    let dir = scene.volume.0.to_str().unwrap();
    let state = || -> serde_json::Value {
        let page = get(port, "/state.json").map(|(_, body)| body);
        page.map_or_else(Default::default, |page| {
            serde_json::from_str(&page).unwrap()
        })
    };
    until("it says what the process has", || {
        let state = state();
        state["mounts"][0]["taken"].is_string()
            && state["mounts"][0]["taken"] == state["mounts"][0]["generation"]
    });
    for count in 1..40 {
        scene.change(&count.to_string());
        until("taken", || {
            let state = state();
            let (mount, last) = (&state["mounts"][0], &state["last"]);
            let is_in_step = state["owed"] == false;
            if is_in_step {
                assert_eq!(mount["taken"], mount["generation"], "{state}");
            }
            if is_in_step && last.is_object() {
                assert_eq!(last["tried"][dir], mount["generation"], "{state}");
            }
            is_in_step
                && Some(mount["generation"].as_str().unwrap())
                    == scene.volume.generation().as_deref()
        });
    }
    assert!(agent.said("applied") >= 1);
}
