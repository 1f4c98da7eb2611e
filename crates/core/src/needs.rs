//! What a workload needs: the sources that may roll it, with the keys that
//! count.
//!
//! Goes in: a workload's uses and policy, and the index. Comes out: one [`Need`]
//! a source. A source that is used and named counts with the keys that are used,
//! one that is only named with all of its keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::bounds;
use crate::digest::Digest;
use crate::few::Few;
use crate::index::{Content, Index, Known, Presence, Source};
use crate::object::SourceFlags;
use crate::pattern::{Pattern, Steps};
use crate::policy::KeyFilter;
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceKind, SourceRef};
use crate::state::{Entry, KeyDigest, Seen, SeenKeys, SeenSource};
use crate::uses::{Keys, Under, Use, Via};

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

/// How one key is used that is used by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// Whether containers start without it.
    pub demand: Demand,
    /// Whether what it holds counts; else only whether it is there.
    pub counts: bool,
    /// Whether it is a file: `binaryData` has files, but no variables.
    file: bool,
    /// Whether it is a variable that containers do not start without.
    variable: bool,
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
    unseen: Unseen,
    /// The keys that are used by name.
    pub keys: BTreeMap<Name, KeyUse>,
    /// Which of the used keys count.
    pub filter: KeyFilter,
    /// Whether only a pattern brought it, and it is not listed any more. It stays
    /// for the sake of what was seen, until new pods have started without it.
    pub lapsed: bool,
}

/// What no process sees of a source that is used whole.
#[derive(Clone, Debug, Default, PartialEq)]
struct Unseen {
    /// Whether it is used whole as environment only, which has no `binaryData`.
    binary: bool,
    /// The keys whose place other variables take.
    replaced: BTreeSet<Name>,
    /// Whether other sources may go over it.
    under: bool,
    /// The keys whose place another source's take, now and when it was recorded, so
    /// that what became of them is no change.
    hidden: BTreeSet<Name>,
}

impl Need {
    fn new(source: SourceRef, filter: KeyFilter) -> Self {
        Self {
            source,
            via: BTreeSet::new(),
            demand: Demand::Follows,
            whole: false,
            unseen: Unseen::default(),
            keys: BTreeMap::new(),
            filter,
            lapsed: false,
        }
    }

    /// What these uses of one source need of it, whatever annotations say.
    pub fn of<'a>(source: SourceRef, uses: impl IntoIterator<Item = &'a Use>) -> Self {
        let mut need = Self::new(source, KeyFilter::default());
        uses.into_iter().for_each(|used| need.add(used));
        need
    }

    /// Whether all that it holds is seen: no other variable takes the place of a key.
    pub fn shows_all(&self) -> bool {
        self.whole && self.unseen.replaced.is_empty() && !self.unseen.under
    }

    /// Whether any of its content counts, and not only that it is there.
    pub fn reads_any(&self) -> bool {
        self.whole || self.keys.values().any(|used| used.counts)
    }

    /// Whether the content of a key counts.
    pub fn reads(&self, key: &str) -> bool {
        let named = self.keys.get(key).is_some_and(|used| used.counts);
        named || (self.whole && self.admits(key))
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
        self.unseen.under |= !used.under.is_empty();
        match &used.keys {
            Keys::All => self.add_whole(used.via, &[]),
            Keys::Except(keys) => self.add_whole(used.via, keys),
            Keys::Some(keys) => {
                // A missing file under subPath becomes an empty directory, and
                // the container starts.
                let demand = if used.via == Via::SubPath {
                    Demand::Optional
                } else {
                    demand
                };
                self.add_keys(used.via, keys, demand, true);
            }
            Keys::Present(_) if used.optional => {}
            Keys::Present(keys) => self.add_keys(used.via, keys, demand, false),
        }
    }

    fn add_whole(&mut self, via: Via, except: &[Name]) {
        let first = !self.whole;
        self.whole = true;
        // What is seen of it in one way counts, whatever another does not show.
        self.unseen.binary = via.is_environment() && (first || self.unseen.binary);
        if first {
            self.unseen.replaced = except.iter().cloned().collect();
        } else {
            let replaced = &mut self.unseen.replaced;
            replaced.retain(|key| except.contains(key));
        }
    }

    fn add_keys(&mut self, via: Via, keys: &[Name], demand: Demand, counts: bool) {
        let variable = via.is_environment() && demand == Demand::Required;
        let used = KeyUse {
            demand,
            counts,
            file: !via.is_environment(),
            variable,
        };
        for key in keys.iter().filter(|key| self.filter.admits(key)) {
            let known = self.keys.entry(key.clone()).or_insert(used);
            *known = KeyUse {
                demand: demand.max(known.demand),
                counts: counts || known.counts,
                file: used.file || known.file,
                variable: variable || known.variable,
            };
        }
    }

    /// Whether a key counts where the source is used whole.
    pub fn admits(&self, key: &str) -> bool {
        self.filter.admits(key) && !self.unseen.replaced.contains(key)
    }

    /// Whether what becomes of a key is hidden by another source. See
    /// [`Need::admits`] for what hides it whatever other sources have.
    pub fn hides(&self, key: &str) -> bool {
        self.unseen.hidden.contains(key)
    }

    /// Whether another variable takes the place of a key.
    pub fn replaces(&self, key: &str) -> bool {
        self.hides(key) || self.unseen.replaced.contains(key)
    }

    /// Whether containers could not start with this content for want of a key.
    pub fn lacks(&self, key: &str, content: &Content) -> bool {
        let used = self.keys.get(key);
        let variable = used.is_some_and(|used| used.variable);
        content.get(key).is_none() || (variable && content.is_binary(key))
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
        if self.shows_less(content) {
            seen.all = content.map(Content::digest);
        }
        let tells = self.is_open() && matches!(seen.keys, SeenKeys::Apart(_));
        seen.asked = (!tells).then(|| self.asked());
        Some(seen)
    }

    /// Whether there may be more in the source than what counts.
    fn shows_less(&self, content: Option<&Content>) -> bool {
        let binary = self.unseen.binary && content.is_some_and(|c| !c.binary().is_empty());
        !self.whole || !self.is_open() || self.unseen.under || binary
    }

    /// Whether a record was made for the same question as is asked now, so that a
    /// key which is not in it was not there.
    pub fn asks_as(&self, seen: &SeenSource) -> bool {
        let as_then = match seen.asked {
            Some(asked) => asked == self.asked(),
            None => self.is_open(),
        };
        as_then && seen.whole == self.whole
    }

    /// Whether nothing is taken away from what is used.
    fn is_open(&self) -> bool {
        self.filter.is_open() && self.unseen.replaced.is_empty()
    }

    fn asked(&self) -> Digest {
        let keys = self.keys.iter();
        let keys = keys.map(|(key, used)| (&**key, (!used.counts).then(there)));
        let replaced = self.unseen.replaced.iter();
        let replaced = replaced.map(|key| (&**key, Some(there())));
        let filter = ("", Some(self.filter.digest()));
        Digest::of_keys([filter].into_iter().chain(keys).chain(replaced))
    }

    /// The keys that count, with their digests in this content (`None`: the
    /// source is not there). A key of which only counts that it is there has the
    /// same digest whatever it holds.
    pub fn used(&self, content: Option<&Content>) -> Few<Name, KeyDigest> {
        let keys = content.map_or(0, |content| content.keys.len());
        self.filter
            .go_through(STEPS_OF_KEY * (self.keys.len() + keys));
        let named = self.keys.iter().map(|(key, used)| {
            let digest = content.and_then(|c| used.digest(key, c));
            (key.clone(), KeyDigest(digest))
        });
        let mut used: Few<_, _> = named.collect();
        if let (true, Some(content)) = (self.whole, content) {
            let counts =
                |key: &Name| self.admits(key) && !(self.unseen.binary && content.is_binary(key));
            let all = content.keys.iter().filter(|(key, _)| counts(key));
            used.extend(all.map(|(key, digest)| (key.clone(), KeyDigest(Some(*digest)))));
        }
        used
    }
}

impl KeyUse {
    fn digest(self, key: &str, content: &Content) -> Option<Digest> {
        let digest = content.get(key)?;
        let is_seen = self.file || !content.is_binary(key);
        is_seen.then(|| if self.counts { digest } else { there() })
    }
}

/// Stands for whatever a key holds.
pub(crate) fn there() -> Digest {
    Digest::of_parts(&[])
}

/// The needs of a workload.
#[derive(Debug, Default)]
pub struct Needs {
    /// One a source, in order; no more than [`bounds::SOURCES`].
    pub needs: Vec<Need>,
    /// Names that mean nothing.
    pub problems: Vec<Problem>,
    /// Whether wildcards still wait for a list of their namespace.
    pub unlisted: bool,
    /// Whether there are more sources than are followed.
    pub more: bool,
}

/// Works out what a workload needs. What was seen of it (`entry`) keeps a source
/// among the needs whose marks or name cannot be seen while it is gone.
pub fn needs_of(known: &Known, index: &Index, entry: Option<&Entry>) -> Needs {
    needs_within(known, index, entry, &Steps::default())
}

/// The same, in as many steps as are left. Where those are spent it is not known.
pub fn needs_within(known: &Known, index: &Index, entry: Option<&Entry>, steps: &Steps) -> Needs {
    let mut asking = Asking {
        known,
        index,
        entry,
        steps,
        by_source: BTreeMap::new(),
        out: Needs::default(),
    };
    asking.used();
    for kind in SourceKind::all() {
        asking.named(kind);
    }
    asking.keep_first();
    asking.hide();
    steps.take(STEPS_OF_NEED * asking.by_source.len());
    asking.out.needs = asking.by_source.into_values().collect();
    asking.out
}

/// What it takes to look at a key of a source, in steps.
const STEPS_OF_KEY: usize = 32;
/// What it takes to go through one need, in steps.
const STEPS_OF_NEED: usize = 1_024;

struct Asking<'a> {
    known: &'a Known,
    index: &'a Index,
    entry: Option<&'a Entry>,
    steps: &'a Steps,
    by_source: BTreeMap<SourceRef, Need>,
    out: Needs,
}

impl Asking<'_> {
    fn used(&mut self) {
        let namespace = &self.known.workload.key.namespace;
        let uses = self.known.workload.uses.iter();
        let uses = uses.filter(|u| u.via != Via::ImagePullSecret);
        let mut by_source: BTreeMap<SourceRef, Vec<&Use>> = BTreeMap::new();
        for used in uses {
            by_source
                .entry(used.source(namespace))
                .or_default()
                .push(used);
        }
        for (source, uses) in by_source {
            if let Some(filter) = self.select(&source, true) {
                let mut need = Need::new(source.clone(), filter);
                for used in uses {
                    need.add(used);
                }
                self.by_source.insert(source, need);
            }
        }
    }

    /// What there is more than may be counts not at all, and that is said.
    fn keep_first(&mut self) {
        let most = bounds::SOURCES;
        let there = self.by_source.values().filter(|need| !need.lapsed).count();
        self.out.more |= there > most || self.known.workload.uses_more;
        if self.out.more {
            let text = format!(
                "it uses or names more than {most} sources: those after the first, in order, \
                 are not followed"
            );
            self.out.problems.push(Problem {
                reason: Reason::LimitExceeded,
                text,
            });
        }
        // What is gone, and only a pattern brought, makes room for what is there.
        let over = self.by_source.len().saturating_sub(most);
        let lapsed = self.by_source.iter().rev().filter(|(_, need)| need.lapsed);
        let lapsed: Vec<_> = lapsed
            .map(|(source, _)| source.clone())
            .take(over)
            .collect();
        for source in &lapsed {
            self.by_source.remove(source);
        }
        while self.by_source.len() > most {
            self.by_source.pop_last();
        }
    }

    /// Works out which keys of an environment others go over, where both sources
    /// count and only what the environment shows of them.
    fn hide(&mut self) {
        let mut hidden: BTreeMap<SourceRef, BTreeSet<Name>> = BTreeMap::new();
        let workload = &self.known.workload;
        let whole = |used: &&Use| matches!(used.keys, Keys::All | Keys::Except(_));
        for used in workload.uses.iter().filter(whole) {
            let source = used.source(&workload.key.namespace);
            let under = used.under.iter().flat_map(|under| self.replaced_by(under));
            let under = under.collect();
            match hidden.get_mut(&source) {
                // What one container sees counts, whatever another does not.
                Some(known) => known.retain(|key| BTreeSet::contains(&under, key)),
                None => drop(hidden.insert(source, under)),
            }
        }
        for (source, keys) in hidden {
            if let Some(need) = self.by_source.get_mut(&source) {
                let named = |key: &Name| need.keys.contains_key(key);
                need.unseen.hidden = keys.into_iter().filter(|key| !named(key)).collect();
            }
        }
    }

    /// The keys that a later source of an environment replaces, now and when it was
    /// recorded. A source that has changed since is read before anything is
    /// compared.
    fn replaced_by(&self, under: &Under) -> Vec<Name> {
        let namespace = self.known.workload.key.namespace.clone();
        let source = SourceRef::new(under.kind, namespace, under.name.clone());
        let Some(need) = self
            .by_source
            .get(&source)
            .filter(|need| need.unseen.binary)
        else {
            return Vec::new();
        };
        let seen = self.entry.and_then(|e| e.seen.get(&Seen::of(&source)));
        let Some(SeenKeys::Apart(then)) = seen.map(|seen| &seen.keys) else {
            return Vec::new();
        };
        let now = match self.index.view(&source) {
            held if held.present().map(|p| p.version) == seen.map(|seen| seen.rv) => None,
            held => Some(need.used(held.current())),
        };
        let is_there = |keys: &Few<Name, KeyDigest>, key: &Name| {
            keys.get(key)
                .is_some_and(|digest: &KeyDigest| digest.0.is_some())
        };
        let both = then.keys().filter(|key| {
            need.admits(key)
                && is_there(then, key)
                && now.as_ref().is_none_or(|now| is_there(now, key))
        });
        both.filter_map(|key| under.replaces(key)).collect()
    }

    fn named(&mut self, kind: SourceKind) {
        let known = self.known;
        for name in known.policy.of(kind).plain_names() {
            let namespace = known.workload.key.namespace.clone();
            self.name(SourceRef::new(kind, namespace, name.clone()), false);
        }
        if known.policy.of(kind).has_patterns() {
            self.wild(kind);
        }
    }

    fn wild(&mut self, kind: SourceKind) {
        let (index, key) = (self.index, &self.known.workload.key);
        let selection = self.known.policy.of(kind);
        let what = |pattern: &Pattern| format!("{}/{pattern}", kind.row().word);
        if !index.watches(kind, &key.namespace) {
            let problems = selection
                .patterns()
                .map(|pattern| not_watched(&what(pattern)));
            return self.out.problems.extend(problems);
        }
        let Some((mut listed, more)) = index.named_by(kind, key) else {
            self.out.unlisted = true;
            return;
        };
        self.out.more |= more;
        listed.retain(|source| selection.finds(&source.name, self.steps));
        for pattern in selection.patterns() {
            let finds = |source: &SourceRef| pattern.matches(&source.name, self.steps);
            if !listed.iter().any(finds) {
                self.out
                    .problems
                    .push(nothing_matches(kind, &what(pattern)));
            }
        }
        for source in &listed {
            self.name(source.clone(), false);
        }
        for seen in self.seen_matching(kind) {
            let source = SourceRef::new(kind, key.namespace.clone(), seen.name);
            if listed.binary_search(&source).is_err() {
                self.name(source, true);
            }
        }
    }

    fn seen_matching(&self, kind: SourceKind) -> Vec<Seen> {
        let selection = self.known.policy.of(kind);
        let seen = self.entry.iter().flat_map(|entry| entry.seen.keys());
        let seen = seen.filter(|seen| seen.kind == kind);
        seen.filter(|seen| selection.finds(&seen.name, self.steps))
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
        selection.select(&source.name, used, self.marks(source), self.steps)
    }

    /// The marks of a source. One that has not been read may have any. One that
    /// is gone has none to be seen: what counted before counts on, so that it is
    /// compared when it comes back.
    fn marks(&self, source: &SourceRef) -> SourceFlags {
        match &self.index.view(source).presence {
            Presence::Present(present) => present.marks,
            Presence::Unknown => SourceFlags::ANY,
            Presence::Absent | Presence::NotWatched => SourceFlags {
                ignore: false,
                urgent: false,
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
    if kind.by_status() {
        lacking(what, "no pod of the namespace has it mounted")
    } else {
        lacking(what, "there is no such source in the namespace")
    }
}

/// A name that no object can have.
pub(crate) fn impossible(source: &SourceRef) -> Problem {
    lacking(&source.to_string(), "nothing can have this name")
}

fn lacking(what: &str, why: &str) -> Problem {
    Problem {
        reason: Reason::NothingMatches,
        text: format!("{what} is named by an annotation, but {why}"),
    }
}
