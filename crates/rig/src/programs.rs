//! Where cargo puts the programs of this workspace.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The folder of the profile that this program was built with, such as
/// `target/debug`: a test program lies one folder deeper.
pub(crate) fn folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().context("a program without a folder")?;
    let nested = folder.ends_with("deps") || folder.ends_with("examples");
    let found = if nested {
        folder.parent()
    } else {
        Some(folder)
    };
    Ok(found.context("no target folder")?.to_owned())
}
