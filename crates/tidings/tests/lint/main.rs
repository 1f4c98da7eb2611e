//! `tidings lint`, as people run it: the real program over the manifests in this
//! directory, without a cluster.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "../../src/cli/json_schema.rs"]
mod json_schema;
mod manifests;
mod report;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

fn manifest(name: &str) -> PathBuf {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/manifests");
    manifests.join(name)
}

/// Runs `tidings lint` with these words and this on standard input.
fn lint(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("tidings").unwrap();
    let command = command.current_dir(manifest("")).arg("lint").args(args);
    let output = command.write_stdin(input).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

fn json(args: &[&str], input: &str) -> Value {
    let (_, out, err) = lint(&[args, &["-o", "json"]].concat(), input);
    let json = serde_json::from_str(&out).unwrap_or_else(|_| unreachable!("{out}{err}"));
    json_schema::check("lint", &json);
    json
}
