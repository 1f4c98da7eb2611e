//! What `scripts/krew` prints is a manifest as krew takes it: its own checks
//! (`internal/index/validation` of krew 0.4) and those of its index
//! (<https://krew.sigs.k8s.io/docs/developer-guide/develop/naming-guide/>).

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;
use tidings::cli::input::tree::documents;

fn krew(names: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let mut script = Command::new(written::tree().join("scripts/krew"));
    let script = script.arg("https://example.test/v1/").args(names);
    script.current_dir(folder.path()).output().unwrap()
}

fn manifest(names: &[&str]) -> Value {
    let text = String::from_utf8(krew(names).stdout).unwrap();
    documents(&text).remove(0).unwrap().json()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn krew_takes_the_manifest() {
    let manifest = manifest(&["tidings-linux-amd64.tar.gz", "tidings-linux-arm64.tar.gz"]);
    let api = "krew.googlecontainertools.github.com/v1alpha2";
    assert_eq!(text(&manifest, "apiVersion"), api);
    assert_eq!(text(&manifest, "kind"), "Plugin");
    let name = text(&manifest["metadata"], "name");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(
        name.chars().all(plain) && !name.starts_with("kube"),
        "{name}"
    );

    let spec = &manifest["spec"];
    let version = text(spec, "version").strip_prefix('v').unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    let short = text(spec, "shortDescription");
    assert!((1..=50).contains(&short.chars().count()), "{short}");
    assert!(!short.ends_with('.') && !short.contains('\n'), "{short}");
    assert!(!text(spec, "description").is_empty());
    assert!(text(spec, "homepage").starts_with("https://"));
}

#[test]
fn each_platform_has_its_archive_with_its_sum() {
    let names = ["tidings-linux-amd64.tar.gz", "tidings-darwin-arm64.tar.gz"];
    let manifest = manifest(&names);
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), names.len());
    let mut seen = BTreeSet::new();
    for (platform, name) in platforms.iter().zip(names) {
        let labels = &platform["selector"]["matchLabels"];
        let (os, arch) = (text(labels, "os"), text(labels, "arch"));
        assert!(["linux", "darwin", "windows"].contains(&os), "{os}");
        assert!(seen.insert((os, arch)), "{os} {arch} is there twice");
        assert_eq!(
            text(platform, "uri"),
            format!("https://example.test/v1/{name}")
        );
        let sum = text(platform, "sha256");
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(sum.len() == 64 && sum.chars().all(hex), "{sum}");
        let files = platform["files"].as_array().unwrap();
        let holds = |file: &Value| text(file, "from") == text(platform, "bin");
        assert!(files.iter().any(holds), "{platform}");
        assert!(files.iter().any(|file| text(file, "from") == "LICENSE"));
    }
}

#[test]
fn an_archive_of_another_name_is_refused() {
    let output = krew(&["kubectl-tidings.tar.gz"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("tidings-OS-ARCH.tar.gz"), "{said}");
}
