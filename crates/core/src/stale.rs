//! Which running containers may have read older data than what is there now.
//!
//! Goes in: the index with the pods in it, what was found out of the past, and what the
//! records tell. Comes out: rows to be shown, and what would make them more exact. Pure,
//! and without an opinion of who is to be rolled: it asks for no annotation.
//!
//! Three witnesses, the more exact one first: the record of a workload, digest by digest;
//! the past of a source, as long as the store remembers it, which tells what its last
//! writes changed; and times, which tell that something was written. The time of a write
//! is that of the newest entry in `managedFields` that holds data. It moves with whatever
//! its manager writes, and no entry tells of a key that was only taken away.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{Change, What, compare};
use crate::evidence::{Evidence, Question};
use crate::index::{Index, Known};
use crate::needs::{Need, needs_of};
use crate::object::{Group, Pod, PodContainer, Seconds, Version};
use crate::refs::{Name, SourceRef};
use crate::standing::Word;
use crate::state::{Entry, Seen};
use crate::uses::{Keys, Use, Via};

mod beside;
mod past;
#[cfg(test)]
mod tests;

pub use beside::{is_written_since, with_pods};
use past::Suspect;

/// How a process has what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Once, at the start of its container: what was written later never reaches it.
    Once,
    /// From files that follow a change within about 90 s: it may have read them again.
    Again,
}

/// How certain it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// What it uses was written after it had started.
    Surely,
    /// Perhaps it was: another key may have been, a label, or the same again.
    Perhaps,
}

/// Pods of one workload that have, or may have, older data of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleUse {
    /// Whose pods.
    pub group: Group,
    /// Which source.
    pub source: SourceRef,
    /// How their processes have what they read.
    pub reads: Reads,
    /// How certain it is.
    pub certainty: Certainty,
    /// The ways in which they use it.
    pub via: BTreeSet<Via>,
    /// The keys that differ; none where that is not known.
    pub keys: BTreeSet<Name>,
    /// The newest write of its data, as far as is told.
    pub written: Seconds,
    /// The client that wrote it. No user is told anywhere.
    pub by: Option<Name>,
    /// The pods, in order.
    pub pods: Vec<StalePod>,
    /// How many the workload has in all.
    pub of: usize,
}

/// A pod with such containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StalePod {
    /// Its name.
    pub name: Name,
    /// Its containers.
    pub containers: Vec<Name>,
    /// When the first of these was started.
    pub started: Seconds,
}

/// What is known, and what would make it more exact.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What there is to show, as far as is known.
    pub rows: Vec<StaleUse>,
    /// What is to be asked of the past.
    pub questions: BTreeSet<Question>,
    /// What is to be read as it is now.
    pub unread: BTreeSet<SourceRef>,
}

/// By source, what all pods of a workload were brought to.
pub type Recorded = BTreeMap<SourceRef, Brought>;

/// What pods were brought to of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Its version.
    pub version: Version,
    /// How it differs from what is there.
    pub changes: Vec<Change>,
}

/// What a record tells of the pods of its workload; none where they may differ among
/// each other, or that is not known. The sources have been read.
pub fn recorded(known: &Known, index: &Index, entry: &Entry, standing: Word) -> Option<Recorded> {
    let all_have_it = matches!(standing, Word::InStep | Word::Stale | Word::Waiting)
        && entry.uid == known.workload.uid
        && entry.done
        && entry.older.is_empty()
        && !(entry.mixed || entry.doubt);
    let needs = all_have_it.then(|| needs_of(known, index, Some(entry)).needs)?;
    // Of one whose keys are chosen the rest is not recorded.
    let told = needs.into_iter().filter(|need| need.filter.is_open());
    let told = told.filter_map(|need| {
        let seen = entry.seen.get(&Seen::of(&need.source))?;
        let changes = compare(&need, Some(seen), index.view(&need.source));
        let version = seen.rv;
        Some((need.source, Brought { version, changes }))
    });
    Some(told.collect())
}

/// Looks at all pods of the index.
pub fn look(index: &Index, evidence: &Evidence, records: &BTreeMap<Group, Recorded>) -> Look {
    let mut looking = Looking {
        index,
        evidence,
        records,
        rows: BTreeMap::new(),
        pods: BTreeMap::new(),
        questions: BTreeSet::new(),
        unread: BTreeSet::new(),
    };
    for pod in index.pods() {
        looking.pod(pod);
    }
    looking.end()
}

/// What makes a row of its own.
type RowKey<'a> = (&'a Group, SourceRef, Reads, Certainty);

struct Looking<'a> {
    index: &'a Index,
    evidence: &'a Evidence,
    records: &'a BTreeMap<Group, Recorded>,
    rows: BTreeMap<RowKey<'a>, StaleUse>,
    /// How many pods each workload has.
    pods: BTreeMap<&'a Group, usize>,
    questions: BTreeSet<Question>,
    unread: BTreeSet<SourceRef>,
}

/// What was found out about a use.
#[derive(Debug, PartialEq, Eq)]
struct Judgement {
    certainty: Certainty,
    keys: BTreeSet<Name>,
}

impl Judgement {
    fn new(certainty: Certainty, keys: BTreeSet<Name>) -> Self {
        Self { certainty, keys }
    }

    /// That something was written, and not what.
    fn untold(certainty: Certainty) -> Self {
        Self::new(certainty, BTreeSet::new())
    }
}

impl<'a> Looking<'a> {
    fn pod(&mut self, pod: &'a Pod) {
        *self.pods.entry(&pod.group).or_default() += 1;
        for container in &pod.containers {
            let same = |a: &Use, b: &Use| (a.kind, &a.name) == (b.kind, &b.name);
            for uses in container.uses.chunk_by(same) {
                for reads in [Reads::Once, Reads::Again] {
                    self.uses(pod, container, uses, reads);
                }
            }
        }
    }

    /// The uses of one source by a container, as far as they read it in this way.
    fn uses(&mut self, pod: &'a Pod, container: &'a PodContainer, uses: &'a [Use], reads: Reads) {
        let used = uses.iter();
        let used = used.filter(|used| reads_by(container, used) == Some(reads));
        let Some(first) = used.clone().next() else {
            return;
        };
        let source = first.source(&pod.group.namespace);
        let present = self.index.view(&source).present();
        let Some(at) = present.and_then(|present| present.written) else {
            return;
        };
        // Most containers are newer than what they use.
        let lag = past::lag(used.clone().map(|used| used.via));
        if past::is_newer(pod, container, at, lag) {
            return;
        }
        let need = Need::of(source, used);
        if !need.reads_any() {
            return;
        }
        let suspect = Suspect::new(pod, container, need, uses);
        if let Some(found) = self.judge(&suspect) {
            self.add(&suspect, reads, found);
        }
    }

    fn judge(&mut self, suspect: &Suspect<'_>) -> Option<Judgement> {
        let records = self.records.get(&suspect.pod.group);
        let Some(brought) = records.and_then(|records| records.get(&suspect.need.source)) else {
            return self.by_past(suspect);
        };
        let found = suspect.by_record(self.index, &brought.changes);
        // While its source was another, perhaps, that is what it was before by now; whatever
        // version has been recorded since.
        if found.is_none() && suspect.is_started_again() {
            return self.by_past(&suspect.recorded());
        }
        found.map(|found| self.with_keys(suspect, found))
    }

    /// Where a record holds one digest for more keys than it keeps apart, the past tells which
    /// differ, as long as it is remembered.
    fn with_keys(&mut self, suspect: &Suspect<'_>, found: Judgement) -> Judgement {
        if !found.keys.is_empty() {
            return found;
        }
        let past = self.by_past(suspect);
        let keys = past.map(|past| past.keys).unwrap_or_default();
        Judgement { keys, ..found }
    }

    fn add(&mut self, suspect: &Suspect<'a>, reads: Reads, found: Judgement) {
        let source = &suspect.need.source;
        let group = &suspect.pod.group;
        let Some(present) = self.index.view(source).present() else {
            return;
        };
        let key = (group, source.clone(), reads, found.certainty);
        let row = self.rows.entry(key).or_insert_with(|| StaleUse {
            group: group.clone(),
            source: source.clone(),
            reads,
            certainty: found.certainty,
            via: BTreeSet::new(),
            keys: BTreeSet::new(),
            written: present.written.unwrap_or_default(),
            by: present.by.clone(),
            pods: Vec::new(),
            of: 0,
        });
        row.via.extend(&suspect.need.via);
        row.keys.extend(found.keys);
        row.add(suspect.pod, suspect.container);
    }

    fn end(self) -> Look {
        let pods = self.pods;
        let rows = self.rows.into_values().map(|mut row| {
            row.of = pods.get(&row.group).copied().unwrap_or_default();
            row
        });
        Look {
            rows: rows.collect(),
            questions: self.questions,
            unread: self.unread,
        }
    }
}

impl StaleUse {
    /// Pods come one after the other, each with all its containers.
    fn add(&mut self, pod: &Pod, container: &PodContainer) {
        let name = container.name.clone();
        match self.pods.last_mut().filter(|last| last.name == pod.name) {
            Some(last) => {
                last.containers.push(name);
                last.started = last.started.min(container.started);
            }
            None => self.pods.push(StalePod {
                name: pod.name.clone(),
                containers: vec![name],
                started: container.started,
            }),
        }
    }
}

/// How a container has what it uses in this way; none where that is no matter of its
/// start, or no content is seen.
fn reads_by(container: &PodContainer, used: &Use) -> Option<Reads> {
    match used.via {
        _ if matches!(used.keys, Keys::Present(_)) => None,
        Via::Env | Via::EnvFrom | Via::SubPath => Some(Reads::Once),
        Via::Volume | Via::Projected if container.ended => Some(Reads::Once),
        Via::Volume | Via::Projected => Some(Reads::Again),
        // What was mounted last is told by pod; what is pulled is read at each pull.
        Via::Csi | Via::ImagePullSecret | Via::Named => None,
    }
}

/// The keys of these changes that count; none at all where none of them does. An empty
/// set: it is not known which.
fn touched(need: &Need, changes: &[Change]) -> Option<BTreeSet<Name>> {
    let changes = changes.iter().filter(|change| change.what != What::New);
    let mut keys = BTreeSet::new();
    let mut any = false;
    for change in changes {
        let read = change.keys.iter().filter(|key| need.reads(key));
        let before = keys.len();
        keys.extend(read.cloned());
        any |= change.keys.is_empty() || keys.len() > before;
    }
    any.then_some(keys)
}
