//! What is a mistake for everybody, and what would be different under Tidings: one row a
//! rule, by the tool that an object's annotations, flags or containers belong to.
//!
//! Goes in: one object at a time, and the cluster of the files. Comes out: hits,
//! each with its line. The tables of differences in `docs/migrating-*.md`, and a table of
//! `docs/lint.md`, follow from the rows. What no manifest shows (how a change is missed, how a refused
//! write is tried again) is in those pages only.

mod agent;
mod annotations;
mod case;
mod everybody;
mod kinds;
mod left;
mod methods;
pub(in crate::cli) mod options;
mod references;
mod wave;
mod words;

pub use agent::sidecar_options;
pub use case::{Case, Hit};
pub use options::{Fate, OPTIONS, Row, variables};

use super::report::{Level, Meaning};

/// The tools that Tidings stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// stakater/Reloader.
    Reloader,
    /// wave-k8s/wave.
    Wave,
    /// jimmidyson/configmap-reload.
    ConfigmapReload,
    /// prometheus-operator's prometheus-config-reloader.
    PrometheusConfigReloader,
    /// None of them, or any.
    Any,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its word.
    pub id: &'static str,
    /// Whose behaviour it compares.
    pub tool: Tool,
    /// How much what it finds matters.
    pub level: Level,
    /// What it finds.
    pub finds: &'static str,
    /// What the tool does, and what Tidings does.
    pub differs: &'static str,
    /// What to do. May be empty.
    pub advice: &'static str,
    /// Finds it.
    find: fn(&Case<'_>) -> Vec<Hit>,
}

/// The rules whose finds are mistakes, or good to know, whatever program reads them, and
/// which the controller does not complain of by itself.
pub fn mistakes() -> impl Iterator<Item = &'static Rule> {
    let all = [
        annotations::MISTAKES,
        wave::MISTAKES,
        everybody::RULES,
        methods::RULES,
    ];
    all.into_iter().flatten()
}

/// All rules, those above first, then in the order of their tools.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let others = [
        annotations::RULES,
        references::RULES,
        kinds::RULES,
        left::RULES,
        options::RULES,
        wave::RULES,
        agent::RULES,
    ];
    mistakes().chain(others.into_iter().flatten())
}

impl Rule {
    /// What it means, whatever it finds.
    pub fn meaning(&self) -> Meaning {
        Meaning {
            id: self.id,
            level: self.level,
            meaning: self.differs,
            advice: self.advice,
        }
    }

    /// What it finds on an object.
    pub fn hits(&self, case: &Case<'_>) -> Vec<Hit> {
        (self.find)(case)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_its_own_word_and_says_what_it_is() {
        let ids: BTreeSet<_> = rules().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), rules().count());
        for rule in rules() {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(rule.id.chars().all(plain), "{}", rule.id);
            for text in [rule.finds, rule.differs] {
                assert!(text.trim_end_matches(')').ends_with('.'), "{}", rule.id);
            }
            assert!(
                rule.advice.is_empty() || rule.advice.ends_with('.'),
                "{}",
                rule.id
            );
        }
    }
}
