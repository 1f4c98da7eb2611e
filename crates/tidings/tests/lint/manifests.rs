//! Each manifest says behind `# !` what is found on its lines, and nothing else
//! is.

use std::collections::BTreeSet;

use tidings::cli::lint::problems::CHECKS;
use tidings::cli::lint::rules::{mistakes, rules};

use super::{json, manifest};

const MIGRATE: [&str; 7] = [
    "reloader-annotations.yaml",
    "reloader-itself.yaml",
    "reloader-kinds.yaml",
    "reloader-left.yaml",
    "reloader-references.yaml",
    "sidecars.yaml",
    "wave.yaml",
];

/// What is found in these is a mistake for everybody, or good to know.
const EVERYBODYS: &str = "everybody.yaml";

type Findings = BTreeSet<(u64, String)>;

fn expected(name: &str) -> Findings {
    let text = std::fs::read_to_string(manifest(name)).unwrap();
    let lines = text
        .lines()
        .enumerate()
        .skip_while(|(_, line)| line.starts_with('#'));
    let marked = lines.filter_map(|(n, line)| Some((n, line.split_once("# ! ")?.1)));
    let found = marked.flat_map(|(n, rules)| {
        rules
            .split(' ')
            .map(move |rule| (n as u64 + 1, rule.to_owned()))
    });
    found.collect()
}

fn found(args: &[&str]) -> Findings {
    let report = json(args, "");
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|f| {
            (
                f["line"].as_u64().unwrap(),
                f["rule"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn differences_are_found_where_they_are() {
    for name in MIGRATE {
        assert_eq!(found(&["--migrate", "-f", name]), expected(name), "{name}");
    }
}

#[test]
fn mistakes_are_found_where_they_are() {
    let name = "problems.yaml";
    assert_eq!(found(&["-f", name]), expected(name));
}

#[test]
fn mistakes_for_everybody_are_found_with_and_without_migrate() {
    for args in [&["-f", EVERYBODYS][..], &["--migrate", "-f", EVERYBODYS]] {
        let mut found = found(args);
        found.retain(|(_, id)| mistakes().any(|rule| rule.id == id));
        assert_eq!(found, expected(EVERYBODYS), "{args:?}");
    }
}

#[test]
fn what_is_wrong_with_a_list_of_methods_is_said_with_what_was_meant() {
    let report = json(&["-f", "problems.yaml"], "");
    let said = report.to_string();
    for text in [
        "did you mean rollout?",
        "rollout is gentler than notify",
        "hot and poke exclude each other",
        "--methods=hot,rollout,notify",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
}

#[test]
fn what_the_installation_has_enabled_is_not_found() {
    let all = "--methods=hot,restart-in-place,rollout,notify";
    let found = found(&["-f", EVERYBODYS, all]);
    let lacking = found
        .iter()
        .filter(|(_, rule)| rule == "method-not-enabled");
    // These list `poke`.
    assert_eq!(lacking.count(), 2);
}

#[test]
fn every_rule_is_found_at_least_once() {
    let all = MIGRATE.iter().chain([&EVERYBODYS]);
    let all = all.flat_map(|name| expected(name));
    let all: BTreeSet<_> = all.map(|(_, rule)| rule).collect();
    for rule in rules() {
        assert!(all.contains(rule.id), "{} is in no manifest", rule.id);
    }
    let problems = expected("problems.yaml");
    for check in CHECKS {
        assert!(
            problems.iter().any(|(_, rule)| rule == check.id),
            "{}",
            check.id
        );
    }
}
