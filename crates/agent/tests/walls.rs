//! What the agent must never be made of.

#![allow(clippy::unwrap_used, reason = "a failed step ends the test")]

use std::process::Command;

#[test]
fn the_agent_links_neither_kube_nor_tokio() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "tidings-agent",
        ])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.contains(&"tidings-supervise"), "{tree}");
    for never in [
        "kube",
        "kube-client",
        "k8s-openapi",
        "tokio",
        "hyper",
        "clap",
        "regex",
        "tidings-core",
    ] {
        assert!(!names.contains(&never), "{never} is linked");
    }
}
