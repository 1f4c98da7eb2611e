//! What installs Tidings, written from tables: the chart's values, options and
//! rights, the static manifests, the dashboard and the alert rules.
//!
//! In: the tables here and those of the program. Out: files, compared with those
//! in the tree; with `TIDINGS_WRITE_DOCS` set, as `make docs` sets it, they are
//! written instead.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod alerts;
mod chart;
mod dashboard;
mod deploy;

use std::path::{Path, PathBuf};

use clap::{Arg, CommandFactory};
use tidings::settings::args::Cli;

/// A file of the tree.
struct File {
    /// Its path, from the root of the tree.
    path: String,
    text: String,
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
const ORIGIN: &str = "Written by `make docs` from crates/tidings/tests/install; a test compares it";

fn tree() -> PathBuf {
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

#[test]
fn the_files_in_the_tree_are_those_of_the_tables() {
    let files = [
        chart::files(),
        deploy::files(),
        dashboard::files(),
        alerts::files(),
    ];
    let write = std::env::var_os("TIDINGS_WRITE_DOCS").is_some();
    for File { path, text } in files.into_iter().flatten() {
        if write {
            let path = tree().join(&path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        } else {
            assert!(read(&path) == text, "{path} is not up to date: `make docs`");
        }
    }
}
