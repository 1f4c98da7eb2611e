//! The `rig-cluster` process that keeps a cluster for a test program.
//!
//! Tests of one program share a cluster, and a `static` is never dropped; so the
//! cluster lives in a process that ends, tidily, when its input does: at the end
//! of the test program, however that comes.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::cluster::SHARED;
use crate::programs;

/// Starts the keeper with these options too, and gives the folder of its cluster.
pub(crate) fn start_for_this_program(options: &[&str]) -> Result<PathBuf> {
    static KEEPER: OnceLock<Child> = OnceLock::new();
    let binary = programs::folder()?.join("rig-cluster");
    let mut child = Command::new(&binary)
        .arg("--until-input-ends")
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {} (cargo build -p rig)", binary.display()))?;
    let folder = read_folder(&mut child);
    // Held for ever: its input must stay open as long as this program runs.
    KEEPER.set(child).ok();
    folder
}

fn read_folder(child: &mut Child) -> Result<PathBuf> {
    let output = child.stdout.take().context("rig-cluster has no output")?;
    let prefix = format!("export {SHARED}=");
    BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix(&prefix).map(PathBuf::from))
        .context("rig-cluster ended before its cluster was ready")
}
