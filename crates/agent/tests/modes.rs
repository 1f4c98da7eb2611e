//! The permissions of a rendered file follow those of its source, at once and without an
//! action where the content is the same. The poll is put off, as in `places.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

mod common;

use common::scene::{Scene, text};
use common::{Hook, Running, agent, until};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn shell(scene: &Scene, line: &str) {
    let mut command = Command::new("sh");
    let status = command.args(["-ec", line]).current_dir(scene.root.path());
    assert!(status.status().unwrap().success(), "{line}");
}

/// What becomes of `d/a` in `out`, which is there.
fn rendering(scene: &Scene, hook: &Hook, options: &[&str]) -> Running {
    let pair = format!("{}={}", text(&scene.path("d/a")), text(&scene.path("out")));
    let url = hook.url("/");
    let line = [
        "watch",
        "--poll",
        "1h",
        "--at-start",
        "never",
        "--render",
        &pair,
        "--http",
        &url,
    ];
    let agent = agent(&[&line, options].concat());
    agent.says("watching", 1);
    until("it is rendered", || scene.path("out").exists());
    agent
}

fn has_mode(scene: &Scene, wanted: u32) {
    let out = scene.path("out");
    until("the output has the mode of its source", || {
        mode(&out) == wanted
    });
}

#[test]
fn a_source_that_gets_other_permissions_is_followed_without_an_action() {
    let (scene, hook) = (Scene::new(), Hook::new());
    shell(&scene, "chmod 644 d/a");
    let agent = rendering(&scene, &hook, &[]);
    for (word, wanted) in [("600", 0o600), ("644", 0o644), ("4640", 0o640)] {
        shell(&scene, &format!("chmod {word} d/a"));
        has_mode(&scene, wanted);
    }
    assert_eq!(fs::read_to_string(scene.path("out")).unwrap(), "1");
    // A change is taken as before.
    shell(&scene, "chmod 600 d/a; printf 2 > d/a");
    agent.says("applied", 1);
    assert_eq!(fs::read_to_string(scene.path("out")).unwrap(), "2");
    assert_eq!((mode(&scene.path("out")), hook.count()), (0o600, 1));
}

#[test]
fn a_generation_that_differs_in_its_permissions_alone_is_followed_too() {
    let (scene, hook) = (Scene::new(), Hook::new());
    let generation = |name: &str, mode: &str| {
        let make = format!("cd d; mkdir {name}; printf 1 > {name}/a; chmod {mode} {name}/a");
        format!("{make}; ln -s {name} ..data_tmp; mv -T ..data_tmp ..data")
    };
    shell(&scene, "rm d/a; ln -s ..data/a d/a");
    shell(&scene, &generation("..2026_a", "644"));
    let agent = rendering(&scene, &hook, &[]);
    let swap = generation("..2026_b", "400");
    shell(&scene, &format!("{swap}; rm -r ..2026_a"));
    has_mode(&scene, 0o400);
    assert_eq!(hook.count(), 0, "{}", agent.output());
}

#[test]
fn what_is_refused_leaves_the_old_content_with_the_new_permissions() {
    let (scene, hook) = (Scene::new(), Hook::new());
    shell(&scene, "chmod 644 d/a");
    let check = format!("grep -q 1 {}", text(&scene.path("out")));
    let agent = rendering(
        &scene,
        &hook,
        &["--check", &check, "--retry", "1h", "--retry-longest", "1h"],
    );
    shell(&scene, "printf 2 > new; chmod 600 new; mv new d/a");
    agent.says("rejected", 1);
    has_mode(&scene, 0o600);
    assert_eq!(fs::read_to_string(scene.path("out")).unwrap(), "1");
    assert_eq!(hook.count(), 0);
}
