//! What a workload needs: the sources that may roll it, with the keys that
//! count.
//!
//! Goes in: a workload's uses and policy, and the index. Comes out: one [`Need`]
//! a source. A source that is used and named counts with the keys that are used,
//! one that is only named with all of its keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::{Content, Index, Known};
use crate::policy::KeyFilter;
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind, SourceRef};
use crate::state::KeyDigest;
use crate::uses::{Keys, Use, Via};

/// Whether containers start without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// They do; what appears later reaches new pods only.
    Optional,
    /// They do not.
    Required,
}

/// One source that may roll a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Which source.
    pub source: SourceRef,
    /// How it is used.
    pub via: BTreeSet<Via>,
    /// Whether containers start without the source.
    pub demand: Demand,
    /// Whether all its keys are used, whatever they are.
    pub whole: bool,
    /// The keys that are used by name.
    pub keys: BTreeMap<Name, Demand>,
    /// Which of the used keys count.
    pub filter: KeyFilter,
}

impl Need {
    fn new(source: SourceRef, filter: KeyFilter) -> Self {
        let (via, keys) = (BTreeSet::new(), BTreeMap::new());
        Self {
            source,
            via,
            demand: Demand::Optional,
            whole: false,
            keys,
            filter,
        }
    }

    fn named(source: SourceRef, filter: KeyFilter) -> Self {
        let mut need = Self::new(source, filter);
        need.via.insert(Via::Named);
        need.whole = true;
        need
    }

    fn add(&mut self, used: &Use) {
        let demand = if used.optional {
            Demand::Optional
        } else {
            Demand::Required
        };
        self.via.insert(used.via);
        self.demand = self.demand.max(demand);
        match &used.keys {
            Keys::All => self.whole = true,
            Keys::Some(keys) => {
                // A missing file under subPath becomes an empty directory, and
                // the container starts.
                let demand = if used.via == Via::SubPath {
                    Demand::Optional
                } else {
                    demand
                };
                for key in keys.iter().filter(|key| self.filter.admits(key)) {
                    let known = self.keys.entry(key.clone()).or_insert(demand);
                    *known = demand.max(*known);
                }
            }
        }
    }

    /// The keys that count, with their digests in this content (`None`: the
    /// source is not there).
    pub fn used(&self, content: Option<&Content>) -> BTreeMap<Name, KeyDigest> {
        let digest = |key: &Name| KeyDigest(content.and_then(|c| c.get(key)));
        let mut used: BTreeMap<_, _> = self
            .keys
            .keys()
            .map(|key| (key.clone(), digest(key)))
            .collect();
        if let (true, Some(content)) = (self.whole, content) {
            let all = content
                .keys
                .iter()
                .filter(|(key, _)| self.filter.admits(key));
            used.extend(all.map(|(key, digest)| (key.clone(), KeyDigest(Some(*digest)))));
        }
        used
    }
}

/// The needs of a workload.
#[derive(Debug, Default)]
pub struct Needs {
    /// One a source, in order.
    pub needs: Vec<Need>,
    /// Names that mean nothing.
    pub problems: Vec<Problem>,
    /// Whether wildcards still wait for a list of their namespace.
    pub unlisted: bool,
}

/// Works out what a workload needs.
pub fn needs_of(known: &Known, index: &Index) -> Needs {
    let mut by_source = used(known, index);
    let mut out = Needs::default();
    for kind in SourceKind::all() {
        named(kind, known, index, &mut by_source, &mut out);
    }
    out.needs = by_source.into_values().collect();
    out
}

fn used(known: &Known, index: &Index) -> BTreeMap<SourceRef, Need> {
    let mut by_source = BTreeMap::new();
    let uses = known
        .workload
        .uses
        .iter()
        .filter(|u| u.via != Via::ImagePullSecret);
    for used in uses {
        let source = used.source(&known.workload.key.namespace);
        let selection = known.policy.of(source.kind);
        if let Some(filter) = selection.select(&source.name, true, index.marks(&source)) {
            let need = by_source.entry(source.clone());
            need.or_insert_with(|| Need::new(source, filter)).add(used);
        }
    }
    by_source
}

fn named(
    kind: SourceKind,
    known: &Known,
    index: &Index,
    by_source: &mut BTreeMap<SourceRef, Need>,
    out: &mut Needs,
) {
    let namespace = &known.workload.key.namespace;
    let selection = known.policy.of(kind);
    for pattern in selection.named() {
        let matching = match pattern.literal() {
            Some(name) => vec![SourceRef::new(kind, namespace.clone(), name.clone())],
            None => match index.listed(kind, namespace) {
                Some(listed) => listed
                    .into_iter()
                    .filter(|s| pattern.matches(&s.name))
                    .cloned()
                    .collect(),
                None => {
                    out.unlisted = true;
                    continue;
                }
            },
        };
        if matching.is_empty() {
            out.problems
                .push(nothing_matches(&format!("{}/{pattern}", kind.row().word)));
        }
        for source in matching {
            if let Some(filter) = selection.select(&source.name, false, index.marks(&source)) {
                let need = by_source.entry(source.clone());
                need.or_insert_with(|| Need::named(source, filter))
                    .via
                    .insert(Via::Named);
            }
        }
    }
}

/// A name or pattern that finds no source.
pub(crate) fn nothing_matches(what: &str) -> Problem {
    Problem {
        reason: Reason::NothingMatches,
        text: format!(
            "{what} is named by an annotation, but there is no such source in the namespace"
        ),
    }
}
