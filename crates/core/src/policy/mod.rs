//! What the owners of a workload asked for, all annotations taken together.
//!
//! Goes in: the annotations of a workload, its pod template and its namespace,
//! and the installation's defaults. Comes out: a [`Policy`] and the
//! [`Problem`]s found on the way. Nothing here fails: what cannot be read is a
//! problem, the rest holds.
//!
//! Precedence of the opt-in: `tidings.dev/reload` on the workload, else on its
//! template; else what others' annotations say, taken together ([`reloader`],
//! [`others`]); else the namespace's `tidings.dev/reload`; else
//! `--auto-reload-all`.

mod others;
mod reader;
mod reloader;
#[cfg(test)]
mod tests;

use crate::annotations::{self, Annotations, Item, Named, OwnSettings};
use crate::digest::Digest;
use crate::object::{SourceFlags, Workload};
use crate::pattern::Pattern;
use crate::reason::Problem;
use crate::refs::SourceKind;

use reader::Reader;

/// What an installation assumes where annotations are silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// `--auto-reload-all`
    pub auto_reload_all: bool,
}

/// What the owners of a workload asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    selections: [Selection; 3],
    /// What Tidings' own annotations set beside the opt-in.
    pub own: OwnSettings,
    /// Reloader's `pause-period`, where it is set and not 0, in seconds.
    pub pause_period: Option<u64>,
    /// Whether Reloader's `rollout-strategy` is `restart`.
    pub restart_at: bool,
}

/// Which sources of one kind roll the workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    rules: Vec<Rule>,
    except: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Used,
    Searched,
    Named(Named),
}

/// The keys of a selected source that count, of those that are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFilter {
    only: Option<Vec<Pattern>>,
    except: Vec<Pattern>,
}

impl KeyFilter {
    /// Whether every key counts.
    pub fn is_open(&self) -> bool {
        self.only.is_none() && self.except.is_empty()
    }

    /// A digest of which keys count.
    pub fn digest(&self) -> Digest {
        let texts = |patterns: &[Pattern]| {
            let mut texts: Vec<_> = patterns.iter().map(ToString::to_string).collect();
            texts.sort();
            texts.join(",")
        };
        let only = self.only.as_deref().map(texts);
        Digest::of_parts(&[
            only.as_deref().unwrap_or("*").as_bytes(),
            texts(&self.except).as_bytes(),
        ])
    }

    /// Whether a key counts.
    pub fn admits(&self, key: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(key));
        self.only.as_deref().is_none_or(any) && !any(&self.except)
    }
}

impl Policy {
    /// The selection for one kind of source.
    pub fn of(&self, kind: SourceKind) -> &Selection {
        &self.selections[kind as usize]
    }

    /// Whether anything may roll the workload.
    pub fn opted_in(&self) -> bool {
        self.selections.iter().any(|s| !s.rules.is_empty())
    }

    fn of_mut(&mut self, kind: SourceKind) -> &mut Selection {
        &mut self.selections[kind as usize]
    }
}

impl Selection {
    /// Which keys of a source count, or `None` where the source does not.
    pub fn select(&self, name: &str, used: bool, marks: SourceFlags) -> Option<KeyFilter> {
        let excepted = || self.except.iter().filter(|n| n.name.matches(name));
        if marks.ignore || excepted().any(|n| n.keys.is_empty()) {
            return None;
        }
        let mut only = Some(Vec::new());
        let mut selected = false;
        for rule in self.rules.iter().filter(|r| r.applies(name, used, marks)) {
            selected = true;
            match rule {
                Rule::Named(n) if !n.keys.is_empty() => {
                    if let Some(keys) = &mut only {
                        keys.extend_from_slice(&n.keys);
                    }
                }
                _ => only = None,
            }
        }
        let except = excepted().flat_map(|n| n.keys.clone()).collect();
        selected.then_some(KeyFilter { only, except })
    }

    /// The names that annotations name, used or not.
    pub fn named(&self) -> impl Iterator<Item = &Pattern> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Named(named) => Some(&named.name),
            _ => None,
        })
    }
}

impl Rule {
    fn applies(&self, name: &str, used: bool, marks: SourceFlags) -> bool {
        match self {
            Self::Used => used,
            Self::Searched => used && marks.matched,
            Self::Named(named) => named.name.matches(name),
        }
    }
}

/// Reads the policy of a workload.
pub fn read(
    workload: &Workload,
    namespace: &Annotations,
    defaults: Defaults,
) -> (Policy, Vec<Problem>) {
    let mut reader = Reader::new(workload, namespace);
    reader.unknown_keys();
    let mut policy = Policy::default();
    reader.opt_in(&mut policy, defaults);
    reader.own(&mut policy.own);
    reader.reloaders_ways(&mut policy);
    (policy, reader.into_problems())
}

/// What is wrong with a namespace's own annotations. What is wrong with a default
/// for workloads is told on those that it would hold for.
pub fn on_namespace(annotations: &Annotations) -> Vec<Problem> {
    let keys = annotations.keys();
    keys.filter_map(|key| annotations::problem_of_key(key))
        .collect()
}

impl Policy {
    fn take(&mut self, items: &[Item]) {
        if items.contains(&Item::Off) {
            return;
        }
        let includes = |item: &Item| !matches!(item, Item::Exclude(..));
        let only_excludes = !items.is_empty() && !items.iter().any(includes);
        if only_excludes || items.contains(&Item::Auto) {
            self.selections
                .iter_mut()
                .for_each(|s| s.rules.push(Rule::Used));
        }
        for item in items {
            match item {
                Item::Include(kind, named) => {
                    self.of_mut(*kind).rules.push(Rule::Named(named.clone()));
                }
                Item::Exclude(kind, named) => self.of_mut(*kind).except.push(named.clone()),
                Item::Auto | Item::Off => {}
            }
        }
    }
}
