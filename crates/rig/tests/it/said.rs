//! What commands say, of what, and that no content is in it.

use std::path::Path;
use std::process::Output;

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use rig::fixtures::{config_map, secret};
use rig::installed::text_of;
use rig::process;

/// No content may be shown, neither plain nor as Secrets encode it.
pub(crate) const CONTENTS: [&str; 2] = ["plain-content", "cGxhaW4tY29udGVudA=="];

/// A ConfigMap of two keys, of which one may change.
pub(crate) fn app(level: &str) -> DynamicObject {
    config_map("app", &[("level", level), ("other", "1")])
}

/// A Secret of one key.
pub(crate) fn db(password: &str) -> DynamicObject {
    secret("db", &[("password", password)])
}

/// Runs a command, which may say anything but content.
pub(crate) async fn run(kubeconfig: &Path, command: &str, args: &[&str]) -> Result<Output> {
    let output = process::run(kubeconfig, &[&[command], args].concat()).await?;
    let said = text_of(&output);
    for content in CONTENTS {
        ensure!(!said.contains(content), "{said}");
    }
    Ok(output)
}

/// All that was said, where it ended so.
pub(crate) fn ended(output: &Output, code: i32) -> Result<String> {
    let said = text_of(output);
    ensure!(
        output.status.code() == Some(code),
        "{:?}: {said}",
        output.status
    );
    Ok(said)
}
