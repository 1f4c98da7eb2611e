//! What is written from tables: the reference pages, the manual pages, the tables of the
//! guides and of the agent's pages, the chart's values, options and rights, the static manifests, the dashboard and the
//! alert rules.
//!
//! In: the tables here and those of the programs. Out: [`files`], which `make docs`
//! writes, and a test compares with those in the tree.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a table that makes no sense ends it"
)]

mod agent;
mod alerts;
mod chart;
mod dashboard;
mod deploy;
mod figures;
mod growth;
mod guides;
mod man;
mod markdown;
mod marks;
mod methods;
mod pages;
mod schema;

use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory};
use tidings::settings::args::Cli;

/// A file of the tree.
#[derive(Debug)]
pub struct File {
    /// Its path, from the root of the tree.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl File {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

/// For the first lines of files that have comments.
const ORIGIN: &str = "Written by `make docs` from crates/written; a test compares it";

/// The root of the tree.
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(tree().join(path)).unwrap_or_default()
}

/// The options of `tidings controller`.
fn options() -> Vec<Arg> {
    let cli = Cli::command();
    let controller = cli.find_subcommand("controller").unwrap();
    controller.get_arguments().cloned().collect()
}

fn option(name: &str) -> Option<Arg> {
    let mut all = options().into_iter();
    all.find(|arg| arg.get_long() == Some(name))
}

/// Everything that is written.
pub fn files() -> Vec<File> {
    let files = [
        pages::files(),
        schema::files(),
        man::files(),
        guides::files(),
        agent::files(),
        methods::files(),
        chart::files(),
        deploy::files(),
        dashboard::files(),
        alerts::files(),
        figures::files(),
        growth::files(),
    ];
    files.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_in_the_tree_are_those_of_the_tables() {
        for File { path, text } in files() {
            assert!(read(&path) == text, "{path} is not up to date: `make docs`");
        }
    }
}
