//! What applying content would do: which workloads would be rolled for it, and which use
//! it and would not be.
//!
//! Goes in: sources, and workloads that are applied with them, as they are and as they
//! would be ([`Hypothesis`]). It enters an index by the one door, as events would
//! ([`Hypothesis::happen`]), and answers what the past of that moment would be
//! ([`Hypothesis::answer`]); [`crate::decide`] decides on it as on anything else. Comes
//! out: whom it touches ([`touches`]), what the verdict means for him ([`judge`]), when it
//! is his turn ([`turn`]), and what would opt him in ([`opt_in`]). Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::annotations::Annotations;
use crate::compare::{Change, compare};
use crate::evidence::{Finding, Former, Question};
use crate::index::{Fact, Fetched, How, Index, Known, Source};
use crate::needs::{Need, needs_of};
use crate::object::{Version, Workload};
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::state::Entry;
use crate::uses::{Use, Via};

mod assume;
mod judge;
mod opt_in;
#[cfg(test)]
mod tests;
mod turns;

pub use assume::{as_if, as_recorded, base, first_record, stand_in};
pub use judge::{Impact, Outcome, judge};
pub use opt_in::opt_in;
pub use turns::{TrainTurn, firsts, turn};

/// The version that the sources would get: later than any that there is.
pub const APPLIED: Version = 1 << 62;
/// The version that workloads would get which are applied after the sources.
pub const EDITED: Version = APPLIED + 1;
/// And those that are applied before a source that they use.
pub const EARLY: Version = APPLIED - 1;

/// A source as it is, and as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    before: Fetched,
    after: Fetched,
}

/// A workload that is applied too.
#[derive(Clone, Debug, PartialEq)]
struct Edit {
    before: Former,
    after: Workload,
    replaces_pods: bool,
}

/// What is written on a namespace that is applied too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamespaceEdit {
    annotations: Annotations,
    left_out: bool,
    version: Version,
}

/// When a workload is applied, or the namespace that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyOrder {
    /// Before a source that it uses, or that is in it: pods may start with what was there.
    BeforeSources,
    /// After all of them.
    AfterSources,
}

impl ApplyOrder {
    /// The version that it gets so.
    fn version(self) -> Version {
        match self {
            Self::BeforeSources => EARLY,
            Self::AfterSources => EDITED,
        }
    }
}

/// What would be applied, of what differs from what is there.
#[derive(Clone, Debug, Default)]
pub struct Hypothesis {
    sources: BTreeMap<SourceRef, Step>,
    workloads: BTreeMap<WorkloadRef, Edit>,
    settings: BTreeMap<Name, NamespaceEdit>,
}

impl Hypothesis {
    /// A source would be another. Returns whether anything that it holds would be, or
    /// what is written on it.
    pub fn source(&mut self, key: SourceRef, before: Fetched, after: Fetched) -> bool {
        let differs = !says_the_same(&before, &after);
        if differs {
            self.sources.insert(key, Step { before, after });
        }
        differs
    }

    /// A namespace would say this, in annotations that are read, or be left out.
    pub fn namespace(
        &mut self,
        name: Name,
        annotations: Annotations,
        left_out: bool,
        turn: ApplyOrder,
    ) {
        let setting = NamespaceEdit {
            annotations,
            left_out,
            version: turn.version(),
        };
        self.settings.insert(name, setting);
    }

    /// A workload would be another.
    pub fn workload(&mut self, before: &Workload, after: Workload, turn: ApplyOrder) {
        let version = turn.version();
        let edit = Edit {
            before: as_it_is(before),
            replaces_pods: before.template != after.template,
            after: Workload { version, ..after },
        };
        self.workloads.insert(before.key.clone(), edit);
    }

    /// Whether nothing would be another.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The namespaces in which something would be, each once and in order.
    pub fn namespaces(&self) -> impl Iterator<Item = &Name> {
        let all: BTreeSet<_> = self.sources.keys().map(|key| &key.namespace).collect();
        all.into_iter()
    }

    /// Whether a source would be another.
    pub fn is_about(&self, source: &SourceRef) -> bool {
        self.sources.contains_key(source)
    }

    /// Whether a workload is applied too.
    pub fn edits(&self, key: &WorkloadRef) -> bool {
        self.workloads.contains_key(key)
    }

    /// Whether a workload uses any of the sources, or names it, perhaps by a pattern.
    pub fn may_touch(&self, known: &Known) -> bool {
        let workload = &known.workload;
        let mut sources = self.sources.keys();
        let may = |source: &SourceRef| {
            let selection = known.policy.of(source.kind);
            let names = || selection.plain_names().any(|name| *name == source.name);
            uses_of(workload, source).next().is_some()
                || names()
                || selection.patterns().next().is_some()
        };
        let is_set = self.settings.contains_key(&workload.key.namespace);
        sources.any(|source| source.namespace == workload.key.namespace && (is_set || may(source)))
    }

    /// The sources as they are, as answers to having read them now.
    pub fn begin(&self, index: &mut Index) {
        for (key, step) in &self.sources {
            read(index, key, step.before.clone());
        }
    }

    /// Lets it happen: all that is applied is there, and told of as events tell.
    pub fn happen(&self, index: &mut Index) {
        self.others_happen(index, EARLY);
        for (key, step) in &self.sources {
            match &step.after {
                Fetched::Present(meta, _) => drop(index.apply(Fact::Source(meta.clone()))),
                _ => drop(index.apply(Fact::SourceGone(key.clone(), APPLIED))),
            }
            read(index, key, step.after.clone());
        }
        self.others_happen(index, EDITED);
        self.hold(index);
    }

    /// What else is applied at this version.
    fn others_happen(&self, index: &mut Index, version: Version) {
        let settings = self.settings.iter();
        for (name, setting) in settings.filter(|(_, setting)| setting.version == version) {
            setting.happen(index, name);
        }
        let edits = self.workloads.values();
        for edit in edits.filter(|edit| edit.after.version == version) {
            edit.happen(index);
        }
    }

    /// What somebody uses only now is held from here on.
    fn hold(&self, index: &mut Index) {
        for (key, step) in &self.sources {
            if index.view(key).current().is_none() {
                read(index, key, step.after.clone());
            }
        }
    }

    /// What was there just before, where a question is about that; none where it is about
    /// what really was.
    pub fn answer(&self, known: &Known, question: &Question) -> Option<Finding> {
        match question {
            Question::Source(source, version) if *version >= APPLIED - 1 => {
                let step = self.sources.get(source)?;
                let then = if *version < APPLIED {
                    &step.before
                } else {
                    &step.after
                };
                Some(Finding::Source(then.clone()))
            }
            Question::Workload(version) if *version >= EARLY - 1 => {
                let edit = self.workloads.get(&known.workload.key);
                let edit = edit.filter(|edit| *version < edit.after.version);
                let before = edit.map(|edit| &edit.before);
                let then = before.cloned().unwrap_or_else(|| as_it_is(&known.workload));
                Some(Finding::Workload(Some(then)))
            }
            Question::Now(source) => {
                let step = self.sources.get(source)?;
                Some(Finding::Source(step.after.clone()))
            }
            _ => None,
        }
    }

    /// Whether the pods of a workload are replaced by what is applied to it, whoever uses
    /// what.
    fn replaces_pods(&self, key: &WorkloadRef) -> bool {
        let edit = self.workloads.get(key);
        edit.is_some_and(|edit| edit.replaces_pods)
    }

    /// Whether a source would be marked to roll nothing.
    fn ignores(&self, source: &SourceRef) -> bool {
        match self.sources.get(source).map(|step| &step.after) {
            Some(Fetched::Present(meta, _)) => meta.marks.is_some_and(|marks| marks.ignore),
            _ => false,
        }
    }

    /// The keys that a need counts and that would be another; none where a source comes or
    /// goes.
    fn differing(&self, need: &Need) -> BTreeSet<&Name> {
        let step = self.sources.get(&need.source);
        let Some((Fetched::Present(_, was), Fetched::Present(_, is))) =
            step.map(|step| (&step.before, &step.after))
        else {
            return BTreeSet::new();
        };
        let all = was.keys.iter().chain(&is.keys).map(|(key, _)| key);
        let differs = |key: &&Name| was.get(key) != is.get(key) && need.reads(key);
        all.filter(differs).collect()
    }

    /// What becomes of a source, in what a need counts.
    fn changes(&self, need: &Need) -> Vec<Change> {
        let Some(step) = self.sources.get(&need.source) else {
            return Vec::new();
        };
        let seen = need.seen(&Source::then(&step.before));
        compare(need, seen.as_ref(), &Source::then(&step.after))
    }
}

impl NamespaceEdit {
    fn happen(&self, index: &mut Index, name: &Name) {
        index.apply(Fact::Namespace {
            name: name.clone(),
            annotations: self.annotations.clone(),
            left_out: self.left_out,
            since: Some(self.version),
        });
    }
}

impl Edit {
    fn happen(&self, index: &mut Index) {
        let after = Box::new(self.after.clone());
        index.apply(Fact::Workload(after, How::Event));
    }
}

fn as_it_is(workload: &Workload) -> Former {
    Former {
        uid: workload.uid.clone(),
        version: workload.version,
        whole: workload.whole,
        alone: workload.progress.alone,
    }
}

/// A source that was read just now.
fn read(index: &mut Index, key: &SourceRef, fetched: Fetched) {
    let told = index.view(key).told;
    index.apply(Fact::Read(key.clone(), told, fetched));
}

fn says_the_same(before: &Fetched, after: &Fetched) -> bool {
    match (before, after) {
        (Fetched::Present(was, a), Fetched::Present(is, b)) => {
            a.keys == b.keys && a.binary() == b.binary() && was.marks == is.marks
        }
        (before, after) => before == after,
    }
}

/// A source that a workload uses, or annotations name, and that would be another for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which source.
    pub source: SourceRef,
    /// Which keys; none: it as a whole, or it is not known which.
    pub keys: Vec<Name>,
    /// How these are used.
    pub via: BTreeSet<Via>,
    /// Whether the workload's owners want it to be rolled for them.
    pub counts: bool,
    /// Whether the source is marked to roll nothing.
    pub ignored: bool,
}

/// What of a hypothesis touches a workload: what counts for it, and what it only uses.
pub fn touches(
    known: &Known,
    index: &Index,
    entry: Option<&Entry>,
    hypothesis: &Hypothesis,
) -> Vec<Touch> {
    let workload = &known.workload;
    // Of who is not opted in nothing counts, whatever it needs.
    let needs = if known.policy.opted_in() && !index.left_out(&workload.key.namespace) {
        needs_of(known, index, entry).needs
    } else {
        Vec::new()
    };
    let sources = hypothesis.sources.keys();
    let sources = sources.filter(|source| source.namespace == workload.key.namespace);
    let touched = sources.filter_map(|source| {
        let uses: Vec<_> = uses_of(workload, source).collect();
        let need = needs.iter().find(|need| need.source == *source);
        let counted = need.and_then(|need| touch(hypothesis, need, &uses, true));
        let ignored = hypothesis.ignores(source);
        let touched = counted.or_else(|| {
            let used = Need::of(source.clone(), uses.iter().copied());
            let mut touch = touch(hypothesis, &used, &uses, false)?;
            let hides = |key: &Name| need.is_some_and(|need| need.hides(key));
            let any = !touch.keys.is_empty();
            touch.keys.retain(|key| !hides(key));
            (!any || !touch.keys.is_empty()).then_some(touch)
        });
        touched.map(|touch| Touch { ignored, ..touch })
    });
    touched.collect()
}

fn uses_of<'a>(
    workload: &'a Workload,
    source: &'a SourceRef,
) -> impl Iterator<Item = &'a Use> + use<'a> {
    let uses = workload.uses.iter();
    let of_it = |used: &&Use| used.kind == source.kind && used.name == source.name;
    // What is pulled is read at each pull.
    uses.filter(|used| used.via != Via::ImagePullSecret)
        .filter(of_it)
}

fn touch(hypothesis: &Hypothesis, need: &Need, uses: &[&Use], counts: bool) -> Option<Touch> {
    if need.via.is_empty() {
        return None;
    }
    let changes = hypothesis.changes(need);
    let mut keys: BTreeSet<_> = changes.iter().flat_map(|change| &change.keys).collect();
    if keys.is_empty() && !changes.is_empty() {
        // More of them than a record holds apart.
        keys = hypothesis.differing(need);
    }
    let reads = |used: &&&Use| {
        let alone = Need::of(need.source.clone(), [**used]);
        let named = |key: &&Name| alone.reads(key) || alone.keys.contains_key(*key);
        keys.is_empty() || keys.iter().any(named)
    };
    let via: BTreeSet<_> = uses.iter().filter(reads).map(|used| used.via).collect();
    (!changes.is_empty()).then(|| Touch {
        source: need.source.clone(),
        keys: keys.into_iter().cloned().collect(),
        via: if via.is_empty() {
            need.via.clone()
        } else {
            via
        },
        counts,
        ignored: false,
    })
}
