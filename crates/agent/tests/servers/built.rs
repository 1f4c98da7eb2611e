//! Servers that Debian does not package; they are brought at the first use on a
//! machine, by a script that prints their folder.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// One that is built from its Go module.
pub(crate) fn go_server(name: &str) -> String {
    static FOLDER: OnceLock<String> = OnceLock::new();
    format!("{}/{name}", FOLDER.get_or_init(|| printed_by("go-servers")))
}

/// One that is installed from its Python package.
pub(crate) fn python_server(name: &str) -> String {
    static FOLDER: OnceLock<String> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| printed_by("python-servers"));
    format!("{folder}/{name}")
}

fn printed_by(script: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts");
    let output = Command::new(path.join(script))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "scripts/{script} failed");
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().last().unwrap().to_owned()
}
