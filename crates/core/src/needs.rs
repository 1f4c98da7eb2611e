//! What a workload needs: the sources that may roll it, with the keys that
//! count.
//!
//! Goes in: a workload's uses and policy, and the index. Comes out: one [`Need`]
//! a source. A source that is used and named counts with the keys that are used,
//! one that is only named with all of its keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::index::{Content, Index, Known, Presence, Source};
use crate::object::Marks;
use crate::pattern::Pattern;
use crate::policy::KeyFilter;
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind, SourceRef};
use crate::state::{Entry, KeyDigest, Seen, SeenKeys, SeenSource};
use crate::uses::{Keys, Use, Via};

/// Whether containers start without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// They do, and what appears later appears in their volumes.
    Follows,
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
    /// Whether only a pattern brought it, and it is not listed any more. It stays
    /// for the sake of what was seen, until new pods have started without it.
    pub lapsed: bool,
}

impl Need {
    fn new(source: SourceRef, filter: KeyFilter) -> Self {
        Self {
            source,
            via: BTreeSet::new(),
            demand: Demand::Follows,
            whole: false,
            keys: BTreeMap::new(),
            filter,
            lapsed: false,
        }
    }

    /// One that no container uses counts with all its keys.
    fn unused(source: SourceRef, filter: KeyFilter) -> Self {
        Self {
            whole: true,
            ..Self::new(source, filter)
        }
    }

    fn name(&mut self) {
        self.via.insert(Via::Named);
        self.demand = self.demand.max(Demand::Optional);
    }

    fn add(&mut self, used: &Use) {
        let demand = demand_of(used);
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

    /// Whether it is named only, not used by any container.
    pub fn only_named(&self) -> bool {
        self.via.iter().all(|via| *via == Via::Named)
    }

    /// The record of this source as it is now, where that is known.
    pub fn seen(&self, source: &Source) -> Option<SeenSource> {
        let present = source.present();
        let (rv, content) = match (&source.presence, source.current()) {
            (Presence::Absent, _) => (0, None),
            (Presence::Present(present), Some(content)) => (present.version, Some(content)),
            _ => return None,
        };
        let mut seen = SeenSource::new(rv, self.whole, self.used(content));
        seen.written = present.and_then(|p| p.written);
        if !(self.whole && self.filter.is_open()) {
            seen.all = content.map(Content::digest);
        }
        let tells = self.filter.is_open() && matches!(seen.keys, SeenKeys::Apart(_));
        seen.asked = (!tells).then(|| self.asked());
        Some(seen)
    }

    /// Whether a record was made for the same question as is asked now, so that a
    /// key which is not in it was not there.
    pub fn asks_as(&self, seen: &SeenSource) -> bool {
        let as_then = match seen.asked {
            Some(asked) => asked == self.asked(),
            None => self.filter.is_open(),
        };
        as_then && seen.whole == self.whole
    }

    fn asked(&self) -> Digest {
        let keys = self.keys.keys().map(|key| (&**key, None));
        let filter = ("", Some(self.filter.digest()));
        Digest::of_keys([filter].into_iter().chain(keys))
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

/// Works out what a workload needs. What was seen of it (`entry`) keeps a source
/// among the needs whose marks or name cannot be seen while it is gone.
pub fn needs_of(known: &Known, index: &Index, entry: Option<&Entry>) -> Needs {
    let mut asking = Asking {
        known,
        index,
        entry,
        by_source: BTreeMap::new(),
        out: Needs::default(),
    };
    asking.used();
    for kind in SourceKind::all() {
        asking.named(kind);
    }
    asking.out.needs = asking.by_source.into_values().collect();
    asking.out
}

struct Asking<'a> {
    known: &'a Known,
    index: &'a Index,
    entry: Option<&'a Entry>,
    by_source: BTreeMap<SourceRef, Need>,
    out: Needs,
}

impl Asking<'_> {
    fn used(&mut self) {
        let uses = self.known.workload.uses.iter();
        for used in uses.filter(|u| u.via != Via::ImagePullSecret) {
            let source = used.source(&self.known.workload.key.namespace);
            if let Some(filter) = self.select(&source, true) {
                let need = self.by_source.entry(source.clone());
                need.or_insert_with(|| Need::new(source, filter)).add(used);
            }
        }
    }

    fn named(&mut self, kind: SourceKind) {
        let known = self.known;
        for pattern in known.policy.of(kind).named() {
            match pattern.literal() {
                Some(name) => {
                    let namespace = known.workload.key.namespace.clone();
                    self.name(SourceRef::new(kind, namespace, name.clone()), false);
                }
                None => self.wild(kind, pattern),
            }
        }
    }

    fn wild(&mut self, kind: SourceKind, pattern: &Pattern) {
        let (index, namespace) = (self.index, &self.known.workload.key.namespace);
        let what = format!("{}/{pattern}", kind.row().word);
        if !index.watches(kind, namespace) {
            self.out.problems.push(not_watched(&what));
            return;
        }
        let Some(mut listed) = index.listed(kind, namespace) else {
            self.out.unlisted = true;
            return;
        };
        listed.retain(|source| pattern.matches(&source.name));
        if listed.is_empty() {
            self.out.problems.push(nothing_matches(kind, &what));
        }
        for source in &listed {
            self.name((*source).clone(), false);
        }
        for seen in self.seen_matching(kind, pattern) {
            let source = SourceRef::new(kind, namespace.clone(), seen.name);
            if listed.binary_search(&&source).is_err() {
                self.name(source, true);
            }
        }
    }

    fn seen_matching(&self, kind: SourceKind, pattern: &Pattern) -> Vec<Seen> {
        let seen = self.entry.iter().flat_map(|entry| entry.seen.keys());
        seen.filter(|seen| seen.kind == kind && pattern.matches(&seen.name))
            .cloned()
            .collect()
    }

    fn name(&mut self, source: SourceRef, lapsed: bool) {
        if let Some(filter) = self.select(&source, false) {
            let need = self.by_source.entry(source.clone());
            let new = || Need {
                lapsed,
                ..Need::unused(source, filter)
            };
            need.or_insert_with(new).name();
        }
    }

    fn select(&self, source: &SourceRef, used: bool) -> Option<KeyFilter> {
        let selection = self.known.policy.of(source.kind);
        selection.select(&source.name, used, self.marks(source))
    }

    /// The marks of a source. One that has not been read may have any. One that
    /// is gone has none to be seen: what counted before counts on, so that it is
    /// compared when it comes back.
    fn marks(&self, source: &SourceRef) -> Marks {
        match &self.index.view(source).presence {
            Presence::Present(present) => present.marks,
            Presence::Unknown => Marks::ANY,
            Presence::Absent | Presence::NotWatched => Marks {
                ignore: false,
                matched: self
                    .entry
                    .is_some_and(|e| e.seen.contains_key(&Seen::of(source))),
            },
        }
    }
}

fn demand_of(used: &Use) -> Demand {
    match (used.optional, used.via) {
        (false, _) => Demand::Required,
        (true, Via::Volume | Via::Projected | Via::Csi) => Demand::Follows,
        (true, _) => Demand::Optional,
    }
}

/// A name or pattern of a kind of source that is not watched.
pub(crate) fn not_watched(what: &str) -> Problem {
    Problem {
        reason: Reason::NotWatched,
        text: format!("{what} is named, but not watched by this installation"),
    }
}

/// A name or pattern that finds no source.
pub(crate) fn nothing_matches(kind: SourceKind, what: &str) -> Problem {
    let lacking = if kind.by_status() {
        "no pod of the namespace has it mounted"
    } else {
        "there is no such source in the namespace"
    };
    Problem {
        reason: Reason::NothingMatches,
        text: format!("{what} is named by an annotation, but {lacking}"),
    }
}
