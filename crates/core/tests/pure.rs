//! The core does no I/O: it links nothing that speaks to a cluster or waits. What
//! it must not call itself is in its `clippy.toml`.

use std::process::Command;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test asks cargo; the core itself starts nothing"
)]
fn core_links_no_runtime_and_no_client() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "tidings-core"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        tree.contains("blake3"),
        "{output:?}",
        output = output.stderr
    );
    let names: Vec<_> = tree.lines().filter_map(|l| l.split(' ').next()).collect();
    for banned in [
        "kube",
        "tokio",
        "hyper",
        "k8s-openapi",
        "futures",
        "tracing",
        "rustix",
        "mio",
    ] {
        let found = names.iter().find(|name| name.starts_with(banned));
        assert_eq!(found, None, "core must not depend on {banned}");
    }
}
