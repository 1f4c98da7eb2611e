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

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::annotations::{self, Annotations, Charge, Item, Named, OwnSettings};
use crate::digest::Digest;
use crate::method::{Method, Methods};
use crate::object::{SourceFlags, Workload};
use crate::pattern::{Pattern, Steps};
use crate::reason::Problem;
use crate::refs::{Name, SourceKind};

use reader::Reader;

/// What an installation assumes where annotations are silent.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// `--auto-reload-all`
    pub auto_reload_all: bool,
    /// `--method`: by which methods a change may be brought.
    pub method: Methods,
    /// `--at-once`: how many workloads of a namespace may be under way at once with one
    /// source; none: all.
    pub at_once: Option<NonZeroU32>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            auto_reload_all: false,
            method: Method::Rollout.into(),
            at_once: None,
        }
    }
}

/// How long a pod may take to prove a change where nothing is set, in milliseconds.
pub const METHOD_TIMEOUT: u64 = 120_000;

/// What the owners of a workload asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    selections: [Selection; 3],
    /// By which methods a change may be brought: `tidings.dev/method`, or `--method`.
    pub methods: Methods,
    /// How many of its namespace may be under way at once with one source; none: all.
    pub at_once: Option<NonZeroU32>,
    /// What Tidings' own annotations set beside the opt-in.
    pub own: OwnSettings,
    /// What people in charge have written. Most workloads have none of it.
    pub charge: Option<Box<Charge>>,
    /// Reloader's `pause-period`, where it is set and not 0, in seconds.
    pub pause_period: Option<u64>,
    /// Whether Reloader's `rollout-strategy` is `restart`.
    pub restart_at: bool,
    /// The annotation that is too long to be read: what it asks for is not known.
    pub too_long: Option<&'static str>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            selections: Default::default(),
            methods: Defaults::default().method,
            at_once: None,
            own: OwnSettings::default(),
            charge: None,
            pause_period: None,
            restart_at: false,
            too_long: None,
        }
    }
}

/// Which sources of one kind roll the workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// What it uses.
    used: bool,
    /// What it uses and is marked to be found.
    searched: bool,
    named: ByName,
    except: ByName,
}

/// Sources by name, each with the keys that are meant; none means all.
#[derive(Clone, Debug, Default, PartialEq)]
struct ByName {
    plain: BTreeMap<Name, Vec<Pattern>>,
    wild: Vec<Named>,
}

impl ByName {
    fn add(&mut self, named: Named) {
        let Some(name) = named.name.literal() else {
            return self.wild.push(named);
        };
        match self.plain.get_mut(name) {
            None => drop(self.plain.insert(name.clone(), named.keys)),
            Some(keys) if keys.is_empty() || named.keys.is_empty() => keys.clear(),
            Some(keys) => keys.extend(named.keys),
        }
    }

    /// The keys that are meant of this source, by each that means it.
    fn find(&self, name: &str, steps: &Steps) -> impl Iterator<Item = &[Pattern]> {
        let wild = self.wild.iter().filter(|n| n.name.matches(name, steps));
        let wild = wild.map(|named| &*named.keys);
        self.plain
            .get(name)
            .map(|keys| &**keys)
            .into_iter()
            .chain(wild)
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.wild.is_empty()
    }

    /// About how many bytes it takes in memory.
    fn size(&self) -> usize {
        let keys = |keys: &[Pattern]| keys.iter().map(Pattern::size).sum::<usize>();
        let plain = self.plain.iter();
        let plain = plain.map(|(name, of)| 4 * size_of::<Name>() + name.len() + keys(of));
        let wild = self.wild.iter().map(|n| n.name.size() + keys(&n.keys));
        plain.sum::<usize>() + wild.sum::<usize>()
    }
}

/// The keys of a selected source that count, of those that are used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyFilter {
    only: Option<Vec<Pattern>>,
    except: Vec<Pattern>,
    steps: Steps,
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
        if self.steps.are_spent() {
            return false;
        }
        let matches = |pattern: &Pattern| pattern.matches(key, &self.steps);
        let any = |patterns: &[Pattern]| patterns.iter().any(matches);
        self.only.as_deref().is_none_or(any) && !any(&self.except)
    }

    /// A step for each of so many keys that are gone through.
    pub(crate) fn go_through(&self, keys: usize) {
        self.steps.take(keys);
    }
}

impl Policy {
    /// The selection for one kind of source.
    pub fn of(&self, kind: SourceKind) -> &Selection {
        &self.selections[kind as usize]
    }

    /// Whether anything may roll the workload.
    pub fn opted_in(&self) -> bool {
        self.selections.iter().any(Selection::selects)
    }

    /// Whether a change may go pod by pod, so that how its pods see it has to be known.
    pub fn goes_pod_by_pod(&self) -> bool {
        self.methods.iter().any(Method::is_pod_wise)
    }

    /// How long a pod may take to prove a change, in milliseconds.
    pub fn method_timeout(&self) -> u64 {
        self.own.method_timeout.unwrap_or(METHOD_TIMEOUT)
    }

    /// In which order it goes with others that use the same source: lower first.
    pub fn wave(&self) -> i32 {
        self.own.wave.unwrap_or(0)
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size(&self) -> usize {
        let sizes = |of: &Selection| of.named.size() + of.except.size();
        let charge = self.charge.as_ref();
        let charge = charge.map_or(0, |charge| size_of::<Charge>() + charge.size());
        self.selections.iter().map(sizes).sum::<usize>() + charge
    }

    fn of_mut(&mut self, kind: SourceKind) -> &mut Selection {
        &mut self.selections[kind as usize]
    }
}

impl Selection {
    fn selects(&self) -> bool {
        self.used || self.searched || !self.named.is_empty()
    }

    /// Which keys of a source count, or `None` where the source does not.
    pub fn select(
        &self,
        name: &str,
        used: bool,
        marks: SourceFlags,
        steps: &Steps,
    ) -> Option<KeyFilter> {
        if marks.ignore {
            return None;
        }
        let mut except = Vec::new();
        for keys in self.except.find(name, steps) {
            if keys.is_empty() {
                return None;
            }
            except.extend_from_slice(keys);
        }
        let whole = used && (self.used || (self.searched && marks.matched));
        let mut only = (!whole).then(Vec::new);
        let mut selected = whole;
        for keys in self.named.find(name, steps) {
            selected = true;
            match &mut only {
                Some(only) if !keys.is_empty() => only.extend_from_slice(keys),
                _ => only = None,
            }
        }
        selected.then(|| KeyFilter {
            only,
            except,
            steps: steps.clone(),
        })
    }

    /// The plain names that annotations name, used or not, in order.
    pub fn plain_names(&self) -> impl Iterator<Item = &Name> {
        self.named.plain.keys()
    }

    /// The patterns that annotations name sources by.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.named.wild.iter().map(|named| &named.name)
    }

    /// Whether annotations name any by pattern.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.named.wild.is_empty()
    }

    /// Whether annotations name any.
    pub(crate) fn names_any(&self) -> bool {
        !self.named.is_empty()
    }

    /// Whether a pattern names this source.
    pub(crate) fn finds(&self, name: &str, steps: &Steps) -> bool {
        self.patterns().any(|pattern| pattern.matches(name, steps))
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
    policy.methods = policy.own.method.unwrap_or(defaults.method);
    policy.at_once = policy.own.at_once.or(defaults.at_once);
    policy.charge = reader.charge();
    reader.reloaders_ways(&mut policy);
    policy.too_long = reader.too_long;
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
            self.selections.iter_mut().for_each(|s| s.used = true);
        }
        for item in items {
            match item {
                Item::Include(kind, named) => {
                    self.of_mut(*kind).named.add(named.clone());
                }
                Item::Exclude(kind, named) => self.of_mut(*kind).except.add(named.clone()),
                Item::Auto | Item::Off => {}
            }
        }
    }
}
