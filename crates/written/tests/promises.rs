//! What pages promise is shown by tests that are there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step ends the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What the controller does is shown by the tests of these crates.
const CONTROLLER: &[&str] = &["core", "shared", "tidings", "rig"];

/// Each page's sections, and the crates whose tests show what it promises.
const PROMISED: [(&str, &str, &[&str]); 3] = [
    ("SECURITY.md", "The agent", &["agent"]),
    ("SECURITY.md", "The controller", CONTROLLER),
    ("docs/when-things-fail.md", "The table", CONTROLLER),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
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

/// The names of functions that are marked as tests.
fn tests_in(text: &str) -> Vec<String> {
    let marks = ["#[test]", "#[tokio::test", "#[rstest]"];
    let is_mark = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
    let name = |line: &str| Some(line.split_once("fn ")?.1.split('(').next()?.to_owned());
    let mut marked = false;
    let mut names = Vec::new();
    for line in text.lines().map(str::trim) {
        marked |= is_mark(line);
        if let Some(name) = name(line).filter(|_| marked && !line.starts_with("//")) {
            names.push(name);
            marked = false;
        }
    }
    names
}

fn tests_of(crates: &[&str]) -> Vec<String> {
    let folders = crates.iter().flat_map(|name| {
        let of = root().join("crates").join(name);
        ["src", "tests"].map(|folder| of.join(folder))
    });
    let files = folders.flat_map(|folder| sources(&folder));
    files
        .flat_map(|file| tests_in(&fs::read_to_string(file).unwrap()))
        .collect()
}

/// The rows of the section's table, without its header.
fn rows<'a>(page: &'a str, section: &str) -> Vec<&'a str> {
    let (_, after) = page.split_once(&format!("## {section}\n")).unwrap();
    let section = after.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1).collect()
}

#[test]
fn every_promise_names_tests_and_they_are_there() {
    for (page, section, crates) in PROMISED {
        let page = fs::read_to_string(root().join(page)).unwrap();
        let (rows, tests) = (rows(&page, section), tests_of(crates));
        assert!(!rows.is_empty() && !tests.is_empty(), "{section}");
        for row in rows {
            let shown_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            let named: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "nothing shows: {row}");
            for name in named {
                assert!(
                    tests.iter().any(|test| test == name),
                    "{section}: no test is called {name}"
                );
            }
        }
    }
}

#[test]
fn tests_are_found_by_their_marks() {
    let text = "#[test]\nfn a() {}\nfn b() {}\n#[tokio::test(start_paused = true)]\n\
                async fn c() {}\n#[rstest]\n#[case(1)]\nfn d(#[case] n: u8) {}\n";
    assert_eq!(tests_in(text), ["a", "c", "d"]);
}
