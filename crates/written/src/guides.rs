//! The parts of guides that follow from tables: below the marks
//! `<!-- rules: Reloader -->`, `<!-- options -->`, `<!-- variables -->`,
//! `<!-- fields of stale -->`, `<!-- fields of status -->`, `<!-- fields of impact -->` and
//! `<!-- fields of history -->`, `<!-- fields of approve -->`, `<!-- fields of pause -->`.
//!
//! Goes in: the text of a guide. Comes out: the text with these parts written anew.

use std::fmt::Write;

use tidings::cli::fields::{FieldRow, all};
use tidings::cli::lint::rules::{Fate, OPTIONS, Rule, Tool, rules, variables};

use crate::markdown::{cell, code, table};
use crate::marks::renewed;
use crate::{File, read, schema};

/// The guides, by their files in `docs/`.
const GUIDES: [&str; 8] = [
    "history.md",
    "impact.md",
    "migrating-from-configmap-reload.md",
    "migrating-from-reloader.md",
    "migrating-from-wave.md",
    "people.md",
    "stale.md",
    "status.md",
];

/// The guides, their parts written anew.
pub(crate) fn files() -> Vec<File> {
    let path = |guide: &str| format!("docs/{guide}");
    let renewed = |guide| File::new(path(guide), renewed(&read(&path(guide)), part));
    GUIDES.into_iter().map(renewed).collect()
}

/// What belongs below a mark.
fn part(mark: &str) -> Option<String> {
    match mark.split_once(": ") {
        Some(("rules", tools)) => Some(differences(&tools.split(' ').collect::<Vec<_>>())),
        None if mark == "options" => Some(options()),
        None if mark == "variables" => Some(heard_variables()),
        _ => {
            let command = mark.strip_prefix("fields of ")?;
            schema::fields(command).map(fields)
        }
    }
}

/// What one rule finds, what it means there and here, and what to do.
pub(crate) fn rule_cells(rule: &Rule) -> [String; 5] {
    let level = rule.level.word().to_owned();
    [
        code(rule.id),
        level,
        cell(rule.finds),
        cell(rule.differs),
        cell(rule.advice),
    ]
}

fn differences(tools: &[&str]) -> String {
    let mut text = String::from("\n");
    let of = rules().filter(|rule| tools.contains(&name(rule.tool)));
    let rows = of.map(rule_cells);
    table(
        &mut text,
        ["Rule", "", "Finds", "There, and here", "What to do"],
        rows,
    );
    text + "\n"
}

fn name(tool: Tool) -> &'static str {
    match tool {
        Tool::Reloader => "Reloader",
        Tool::Wave => "Wave",
        Tool::ConfigmapReload => "ConfigmapReload",
        Tool::PrometheusConfigReloader => "PrometheusConfigReloader",
        Tool::Any => "Any",
    }
}

fn fields(of: &'static [FieldRow]) -> String {
    let mut text = String::from("\n");
    table(&mut text, FIELD_HEADER, field_rows(of));
    text + "\n"
}

/// What stands above [`field_rows`].
pub(crate) const FIELD_HEADER: [&str; 3] = ["Field", "Type", "Meaning"];

/// The fields of a command's JSON, what may be in them, and what it means.
pub(crate) fn field_rows(of: &'static [FieldRow]) -> impl Iterator<Item = [String; 3]> {
    all(of).into_iter().map(|(path, field)| {
        let kind = schema::kind(&path, &field.form);
        [code(&path), kind, cell(field.doc)]
    })
}

fn options() -> String {
    let rows = OPTIONS.iter();
    fates(
        "Option",
        rows.map(|row| (format!("--{}", row.name), row.fate, row.note)),
    )
}

fn heard_variables() -> String {
    let rows = variables().map(|row| (row.name.to_owned(), row.fate, row.note));
    fates("Variable", rows)
}

fn fates(what: &str, rows: impl Iterator<Item = (String, Fate, &'static str)>) -> String {
    let mut text = String::from("\n");
    let rows = rows.map(|(name, fate, note)| [code(&name), word(fate).to_owned(), cell(note)]);
    table(&mut text, [what, "Here", ""], rows);
    let _ = writeln!(text);
    text
}

fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Same => "the same",
        Fate::Differs => "differs",
        Fate::Idle => "nothing to choose",
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use tidings_core::annotations::ANNOTATIONS;

    use super::*;
    use tidings::cli::input::tree;
    use tidings::cli::lint::rules::sidecar_options;
    use tidings::metrics::METRICS;

    fn docs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
    }

    fn guide(file: &str) -> String {
        std::fs::read_to_string(docs().join(file)).unwrap()
    }

    /// Fails with all words that are not in a guide.
    fn check<'a>(file: &str, words: impl Iterator<Item = &'a str>) {
        let text = guide(file);
        let missing: Vec<_> = words.filter(|word| !text.contains(*word)).collect();
        assert!(
            missing.is_empty(),
            "docs/{file} says nothing of {missing:?}"
        );
    }

    #[test]
    fn every_tool_has_a_guide_with_its_rules() {
        let all = GUIDES.iter().chain([&"lint.md"]);
        let all: String = all.map(|file| guide(file)).collect();
        for rule in rules() {
            assert!(all.contains(&code(rule.id)), "{}", rule.id);
        }
    }

    #[test]
    fn every_annotation_of_others_is_in_their_guide() {
        let of = |domain: &'static str| {
            let keys = ANNOTATIONS.iter().map(|row| row.key);
            keys.filter(move |key| key.contains(domain))
        };
        check("migrating-from-reloader.md", of("reloader.stakater.com/"));
        check("migrating-from-wave.md", of("wave.pusher.com/"));
        check("migrating-from-wave.md", of("configmap.fabric8.io/"));
    }

    #[test]
    fn every_metric_of_reloaders_is_in_its_guide() {
        let names = METRICS.iter().map(|row| row.name);
        let theirs = names.filter(|name| !name.starts_with("tidings_"));
        check("migrating-from-reloader.md", theirs);
    }

    #[test]
    fn every_option_of_a_sidecar_is_in_its_guide() {
        let options = sidecar_options().map(|name| format!("--{name}"));
        let options: Vec<_> = options.collect();
        check(
            "migrating-from-configmap-reload.md",
            options.iter().map(String::as_str),
        );
    }

    #[test]
    fn every_value_of_reloaders_chart_is_in_its_guide() {
        let values = docs().join("../chart/tidings/values.yaml");
        let values = tree::documents(&std::fs::read_to_string(values).unwrap()).remove(0);
        let values = values.unwrap();
        let groups = [
            &["reloader"][..],
            &["reloader", "deployment"],
            &["reloader", "deployment", "env"],
            &["reloader", "custom_annotations"],
            &["image"],
        ];
        let within = groups.into_iter().filter_map(|path| values.at(path));
        let names = within.flat_map(tree::Tree::entries).map(|(name, _)| name);
        // Groups of their own, and what that chart names and does not use.
        let others = ["deployment", "env", "custom_annotations", "name"];
        let names = names.filter(|name| !others.contains(name));
        check("migrating-from-reloader.md", names);
    }

    #[test]
    fn what_the_guides_link_to_exists() {
        for file in GUIDES {
            let text = guide(file);
            for link in text
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
            {
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                if path.contains("://") {
                    continue;
                }
                let target = docs().join(if path.is_empty() { file } else { path });
                assert!(target.exists(), "docs/{file} links to {link}");
                let headings = || std::fs::read_to_string(&target).unwrap();
                let found = heading.is_empty() || anchors(&headings()).any(|a| a == heading);
                assert!(found, "docs/{file} links to {link}");
            }
        }
    }

    /// The anchors of a page's headings, as forges make them.
    fn anchors(page: &str) -> impl Iterator<Item = String> {
        let headings = page.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let kept = text
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
    }
}
