//! What SECURITY.md promises is shown by tests that are there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            return sources(&path);
        }
        let is_source = path.extension().is_some_and(|end| end == "rs");
        is_source.then_some(path).into_iter().collect()
    };
    paths.flat_map(below).collect()
}

/// The names of functions that are marked as tests, in the agent's folders.
fn tests() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["src", "tests"]
        .map(|dir| sources(&root.join(dir)))
        .concat();
    let mut names = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let marked = text.split("#[test]\n").skip(1);
        let name = |after: &str| {
            let (_, named) = after.split_once("fn ")?;
            Some(named.split('(').next()?.to_owned())
        };
        names.extend(marked.filter_map(name));
    }
    names
}

#[test]
fn every_promise_names_tests_and_they_are_there() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../SECURITY.md");
    let page = fs::read_to_string(page).unwrap();
    let tests = tests();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows.iter().skip(1) {
        let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "nothing shows: {row}");
        for name in named {
            assert!(
                tests.iter().any(|test| test == name),
                "no test is called {name}"
            );
        }
    }
}
