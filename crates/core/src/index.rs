//! What is in the cluster now, as far as decisions rest on it.
//!
//! Goes in: facts, in any order — lists, events, fetched sources. Comes out: the
//! workloads that may have to be decided again, and views for
//! [`crate::decide`]. Nothing here fails and nothing here is guessed: what has
//! not been read is [`Presence::Unknown`].
//!
//! A source is held only while a workload uses or names it (or, for names with
//! wildcards, while its namespace has such a workload), and then only its
//! version, its marks and the digests of its keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::digest::Digest;
use crate::kinds::Kind;
use crate::object::{Mark, Marks, Seconds, SourceMeta, Strategy, Version, Workload};
use crate::policy::{self, Annotations, Defaults, Policy};
use crate::reason::Problem;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};
use crate::uses::Via;

/// One list and watch: of a kind, in one namespace or in all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// What it carries.
    pub of: StreamOf,
    /// Its namespace; `None` means all.
    pub namespace: Option<Name>,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamOf {
    /// Namespaces, for their defaults and labels.
    Namespaces,
    /// A kind of workload.
    Workloads(&'static Kind),
    /// A kind of source.
    Sources(SourceKind),
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.of {
            StreamOf::Namespaces => "namespaces",
            StreamOf::Workloads(kind) => kind.plural,
            StreamOf::Sources(kind) => kind.row().plural,
        })?;
        self.namespace
            .as_ref()
            .map_or(Ok(()), |namespace| write!(f, " in {namespace}"))
    }
}

impl Stream {
    fn covers(&self, of: StreamOf, namespace: &str) -> bool {
        self.of == of && self.namespace.as_deref().is_none_or(|n| n == namespace)
    }
}

/// How a workload came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was in a list: it may have been edited unseen.
    Listed,
    /// An event told of it: the last reading before was the one that we have.
    Event,
}

/// What is known of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Not read since it was last said to have changed or gone.
    #[default]
    Unknown,
    /// Not there.
    Absent,
    /// There, but outside what is watched.
    NotWatched,
    /// There.
    Present(Present),
}

/// A source that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its version.
    pub version: Version,
    /// What its owners wrote on it.
    pub marks: Marks,
    /// The newest write of its data.
    pub written: Option<Seconds>,
}

/// The digests of a source's keys at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Which version.
    pub version: Version,
    /// By key, in order.
    pub keys: Box<[(Name, Digest)]>,
}

impl Content {
    /// The digest of a key.
    pub fn get(&self, key: &str) -> Option<Digest> {
        let at = self.keys.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(self.keys[at].1)
    }
}

/// The answer to reading a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is there.
    Present(SourceMeta, Content),
    /// It is not there.
    Absent,
    /// It is there, but outside what is watched.
    NotWatched,
}

/// A source that is held.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// What is known of it.
    pub presence: Presence,
    /// Its digests, where it has been read.
    pub content: Option<Content>,
    /// Grows whenever the watch tells of it, so that an answer to an earlier
    /// question is not mistaken for the present.
    pub told: u32,
    epoch: u32,
}

impl Source {
    /// One that is outside what is watched.
    pub fn not_watched() -> Self {
        Self {
            presence: Presence::NotWatched,
            ..Self::default()
        }
    }

    /// Its digests, where they are those of the present version.
    pub fn current(&self) -> Option<&Content> {
        match (&self.presence, &self.content) {
            (Presence::Present(p), Some(c)) if c.version == p.version => Some(c),
            _ => None,
        }
    }

    fn marks(&self) -> Marks {
        match self.presence {
            Presence::Present(p) => p.marks,
            _ => Marks::default(),
        }
    }
}

/// A workload, with what follows from it.
#[derive(Clone, Debug)]
pub struct Known {
    /// As it was read last.
    pub workload: Workload,
    /// What its owners asked for.
    pub policy: Policy,
    /// What is wrong with what they wrote.
    pub problems: Vec<Problem>,
    /// The version at which an event showed its pod template edited.
    pub edited: Option<Version>,
    /// Every edit of its template after this version is seen as an event.
    pub since: Version,
    /// The mark of a roll that somebody took back.
    pub reverted: Option<Mark>,
    epoch: u32,
}

#[derive(Clone, Debug, Default)]
struct Namespace {
    annotations: Annotations,
    left_out: bool,
}

#[derive(Debug, Default)]
struct StreamState {
    epoch: u32,
    complete: bool,
}

/// What is in the cluster now.
#[derive(Debug, Default)]
pub struct Index {
    defaults: Defaults,
    workloads: BTreeMap<WorkloadRef, Known>,
    sources: HashMap<SourceRef, Source>,
    used_by: HashMap<SourceRef, BTreeSet<WorkloadRef>>,
    /// Namespaces in which a workload names sources by wildcard: all sources of
    /// the kind are held there. The value: whether they have been listed since.
    wild: BTreeMap<(SourceKind, Name), Wild>,
    namespaces: BTreeMap<Name, Namespace>,
    streams: BTreeMap<Stream, StreamState>,
    epoch: u32,
}

#[derive(Debug, Default)]
struct Wild {
    users: BTreeSet<WorkloadRef>,
    epoch: u32,
    listed: bool,
    asked: bool,
}

impl Index {
    /// An empty index that waits for these streams.
    pub fn new(defaults: Defaults, streams: impl IntoIterator<Item = Stream>) -> Self {
        let streams = streams.into_iter().map(|s| (s, StreamState::default()));
        Self {
            defaults,
            streams: streams.collect(),
            ..Self::default()
        }
    }

    // --- facts -----------------------------------------------------------

    /// A list of this stream begins.
    pub fn begin_list(&mut self, stream: &Stream) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.streams.entry(stream.clone()).or_default().epoch = epoch;
        if let StreamOf::Sources(kind) = stream.of {
            let wild = self.wild.iter_mut();
            let covered = wild.filter(|((k, ns), _)| *k == kind && stream.covers(stream.of, ns));
            covered.for_each(|(_, wild)| wild.epoch = epoch);
        }
    }

    /// The list of this stream has ended at this version: what it did not show is
    /// gone. Returns who is concerned, and the workloads that are gone.
    pub fn end_list(&mut self, stream: &Stream, version: Version) -> Concerned {
        let state = self.streams.entry(stream.clone()).or_default();
        let first = !state.complete;
        state.complete = true;
        let epoch = state.epoch;
        let mut concerned = Concerned::default();
        match stream.of {
            StreamOf::Workloads(_) => self.end_workloads(stream, epoch, version, &mut concerned),
            StreamOf::Sources(kind) => self.end_sources(kind, stream, epoch, &mut concerned),
            StreamOf::Namespaces => {}
        }
        if first {
            concerned.look.extend(self.within(stream));
        }
        concerned
    }

    fn end_workloads(&mut self, stream: &Stream, epoch: u32, version: Version, to: &mut Concerned) {
        for (key, known) in &mut self.workloads {
            if !stream.covers(StreamOf::Workloads(key.kind), &key.namespace) {
                continue;
            }
            if known.epoch < epoch {
                to.gone.push(key.clone());
            } else {
                known.since = known.since.max(version);
            }
        }
        for key in &to.gone {
            self.delete_workload(key);
        }
    }

    fn end_sources(&mut self, kind: SourceKind, stream: &Stream, epoch: u32, to: &mut Concerned) {
        let covered =
            |key: &SourceRef| key.kind == kind && stream.covers(stream.of, &key.namespace);
        let mut gone = Vec::new();
        for (key, source) in &mut self.sources {
            let present = matches!(source.presence, Presence::Present(_));
            if present && covered(key) && source.epoch < epoch {
                source.forget();
                gone.push(key.clone());
            }
        }
        to.changed
            .extend(gone.iter().flat_map(|key| self.users(key)));
        for ((k, namespace), wild) in &mut self.wild {
            if *k == kind && stream.covers(stream.of, namespace) && wild.epoch >= epoch {
                wild.listed = true;
                to.look.extend(wild.users.iter().cloned());
            }
        }
    }

    /// A workload was read. Returns whether it may have to be decided again.
    pub fn apply_workload(&mut self, workload: Workload, how: How) -> bool {
        let key = workload.key.clone();
        let before = self.workloads.get(&key);
        if before.is_some_and(|b| {
            b.workload.uid == workload.uid && b.workload.version > workload.version
        }) {
            return false;
        }
        let (policy, problems) = self.policy_of(&workload);
        let known = Known {
            edited: edited(before, &workload, how),
            since: since(before, &workload, how),
            reverted: reverted(before, &workload),
            epoch: self.epoch,
            policy,
            problems,
            workload,
        };
        let dirty = before.is_none_or(|before| before.differs(&known));
        let same_needs = before
            .is_some_and(|b| b.workload.uses == known.workload.uses && b.policy == known.policy);
        if !same_needs {
            self.unlink(&key);
            self.link(&known);
        }
        self.workloads.insert(key, known);
        dirty
    }

    /// A workload is gone.
    pub fn delete_workload(&mut self, key: &WorkloadRef) {
        self.unlink(key);
        self.workloads.remove(key);
    }

    /// A source was seen. Returns the workloads for which something changed.
    pub fn apply_source(&mut self, meta: &SourceMeta) -> Vec<WorkloadRef> {
        if !self.wanted(&meta.key) {
            return Vec::new();
        }
        let epoch = self.epoch;
        let source = self.sources.entry(meta.key.clone()).or_default();
        source.epoch = epoch;
        if !source.tell(meta) {
            return Vec::new();
        }
        self.users(&meta.key)
    }

    /// A source is said to be gone. Whether it really is, or is only outside what
    /// is watched, a reading must tell.
    pub fn delete_source(&mut self, key: &SourceRef, version: Version) -> Vec<WorkloadRef> {
        let Some(source) = self.sources.get_mut(key) else {
            return Vec::new();
        };
        if matches!(source.presence, Presence::Present(p) if p.version > version) {
            return Vec::new();
        }
        source.forget();
        self.users(key)
    }

    /// A source was read, as an answer to the question that was asked when the
    /// watch had told of it `told` times. Returns who waits for it.
    pub fn apply_fetched(
        &mut self,
        key: &SourceRef,
        told: u32,
        fetched: Fetched,
    ) -> Vec<WorkloadRef> {
        let Some(source) = self.sources.get_mut(key) else {
            return Vec::new();
        };
        match fetched {
            Fetched::Present(meta, content) => {
                source.tell(&meta);
                source.content = Some(content);
            }
            _ if source.told != told => {}
            Fetched::Absent => source.set(Presence::Absent),
            Fetched::NotWatched => source.set(Presence::NotWatched),
        }
        self.users(key)
    }

    /// A namespace was read. Returns the workloads whose policy it changes.
    pub fn apply_namespace(
        &mut self,
        name: &Name,
        annotations: Annotations,
        left_out: bool,
    ) -> Vec<WorkloadRef> {
        let now = Namespace {
            annotations,
            left_out,
        };
        let before = self
            .namespaces
            .insert(name.clone(), now.clone())
            .unwrap_or_default();
        if before.annotations == now.annotations && before.left_out == now.left_out {
            return Vec::new();
        }
        let stream = Stream {
            of: StreamOf::Namespaces,
            namespace: Some(name.clone()),
        };
        let keys = self.within(&stream);
        for key in &keys {
            if let Some(known) = self.workloads.get(key) {
                self.apply_workload(known.workload.clone(), How::Event);
            }
        }
        keys
    }

    /// All sources of a namespace were listed for the sake of wildcards.
    pub fn apply_listing(
        &mut self,
        kind: SourceKind,
        namespace: &Name,
        sources: &[SourceMeta],
    ) -> Vec<WorkloadRef> {
        for meta in sources {
            self.apply_source(meta);
        }
        let Some(wild) = self.wild.get_mut(&(kind, namespace.clone())) else {
            return Vec::new();
        };
        wild.listed = true;
        wild.users.iter().cloned().collect()
    }

    /// The namespaces whose sources must be listed for the sake of wildcards,
    /// each returned once.
    pub fn take_listings(&mut self) -> Vec<(SourceKind, Name)> {
        let mut listings = Vec::new();
        for (key, wild) in &mut self.wild {
            let started = self
                .streams
                .iter()
                .any(|(s, state)| s.covers(StreamOf::Sources(key.0), &key.1) && state.epoch > 0);
            if started && !wild.listed && !wild.asked && wild.epoch == 0 {
                wild.asked = true;
                listings.push(key.clone());
            }
        }
        listings
    }

    /// A listing failed: ask for it again.
    pub fn retry_listing(&mut self, kind: SourceKind, namespace: &Name) {
        if let Some(wild) = self.wild.get_mut(&(kind, namespace.clone())) {
            wild.asked = false;
        }
    }

    // --- views -----------------------------------------------------------

    /// A workload.
    pub fn get(&self, key: &WorkloadRef) -> Option<&Known> {
        self.workloads.get(key)
    }

    /// All workloads, in order.
    pub fn workloads(&self) -> impl Iterator<Item = (&WorkloadRef, &Known)> {
        self.workloads.iter()
    }

    /// A source, if it is held.
    pub fn source(&self, key: &SourceRef) -> Option<&Source> {
        self.sources.get(key)
    }

    /// How many sources are held.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The marks on a source, as far as they are known.
    pub fn marks(&self, key: &SourceRef) -> Marks {
        self.sources.get(key).map(Source::marks).unwrap_or_default()
    }

    /// Whether changes of a kind of source are watched in a namespace.
    pub fn watches(&self, kind: SourceKind, namespace: &str) -> bool {
        self.streams
            .keys()
            .any(|s| s.covers(StreamOf::Sources(kind), namespace))
    }

    /// Whether the namespace is left out by the installation's selector.
    pub fn left_out(&self, namespace: &Name) -> bool {
        self.namespaces.get(namespace).is_some_and(|n| n.left_out)
    }

    /// Whether every stream that the workload's decision rests on is complete.
    pub fn ready(&self, key: &WorkloadRef) -> bool {
        let concerns = |stream: &Stream| match stream.of {
            StreamOf::Namespaces => stream.covers(stream.of, &key.namespace),
            StreamOf::Workloads(kind) => {
                kind == key.kind && stream.covers(stream.of, &key.namespace)
            }
            StreamOf::Sources(_) => stream.covers(stream.of, &key.namespace),
        };
        self.streams
            .iter()
            .filter(|(s, _)| concerns(s))
            .all(|(_, state)| state.complete)
    }

    /// The streams, and whether each has been complete once.
    pub fn streams(&self) -> impl Iterator<Item = (&Stream, bool)> {
        self.streams
            .iter()
            .map(|(stream, state)| (stream, state.complete))
    }

    /// The sources of a namespace that a wildcard may mean, or `None` until they
    /// have been listed.
    pub fn listed(&self, kind: SourceKind, namespace: &Name) -> Option<Vec<&SourceRef>> {
        self.wild
            .get(&(kind, namespace.clone()))
            .filter(|wild| wild.listed)?;
        let held = self.sources.iter().filter(|(key, source)| {
            key.kind == kind
                && key.namespace == *namespace
                && matches!(source.presence, Presence::Present(_) | Presence::Unknown)
        });
        let mut keys: Vec<_> = held.map(|(key, _)| key).collect();
        keys.sort();
        Some(keys)
    }

    // --- links -----------------------------------------------------------

    fn policy_of(&self, workload: &Workload) -> (Policy, Vec<Problem>) {
        let none = Annotations::new();
        let namespace = self.namespaces.get(&workload.key.namespace);
        let defaults = namespace.map_or(&none, |n| &n.annotations);
        policy::read(workload, defaults, self.defaults)
    }

    fn link(&mut self, known: &Known) {
        let key = &known.workload.key;
        if !known.policy.opted_in() {
            return;
        }
        let (literal, wild) = mentions(known);
        for source in literal {
            self.sources.entry(source.clone()).or_default();
            self.used_by.entry(source).or_default().insert(key.clone());
        }
        for kind in wild {
            let at = (kind, key.namespace.clone());
            self.wild.entry(at).or_default().users.insert(key.clone());
        }
    }

    fn unlink(&mut self, key: &WorkloadRef) {
        let Some(known) = self.workloads.get(key) else {
            return;
        };
        let (literal, wild) = mentions(known);
        for kind in wild {
            let at = (kind, key.namespace.clone());
            if self
                .wild
                .get_mut(&at)
                .is_some_and(|w| w.users.remove(key) && w.users.is_empty())
            {
                self.wild.remove(&at);
                self.drop_unwanted(&at);
            }
        }
        for source in literal {
            if self
                .used_by
                .get_mut(&source)
                .is_some_and(|users| users.remove(key) && users.is_empty())
            {
                self.used_by.remove(&source);
            }
            if !self.wanted(&source) {
                self.sources.remove(&source);
            }
        }
    }

    fn drop_unwanted(&mut self, (kind, namespace): &(SourceKind, Name)) {
        let used = &self.used_by;
        self.sources.retain(|key, _| {
            key.kind != *kind || key.namespace != *namespace || used.contains_key(key)
        });
    }

    fn wanted(&self, key: &SourceRef) -> bool {
        self.used_by.contains_key(key) || self.wild.contains_key(&(key.kind, key.namespace.clone()))
    }

    fn users(&self, key: &SourceRef) -> Vec<WorkloadRef> {
        let mut users = self.used_by.get(key).cloned().unwrap_or_default();
        if let Some(wild) = self.wild.get(&(key.kind, key.namespace.clone())) {
            users.extend(wild.users.iter().cloned());
        }
        users.into_iter().collect()
    }

    fn within(&self, stream: &Stream) -> Vec<WorkloadRef> {
        let of = |key: &WorkloadRef| match stream.of {
            StreamOf::Workloads(kind) => kind == key.kind,
            _ => true,
        };
        let keys = self.workloads.keys().filter(|key| of(key));
        keys.filter(|key| stream.covers(stream.of, &key.namespace))
            .cloned()
            .collect()
    }
}

/// Who is concerned by the end of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Concerned {
    /// Something they use changed.
    pub changed: Vec<WorkloadRef>,
    /// They may be decided now.
    pub look: Vec<WorkloadRef>,
    /// They are gone.
    pub gone: Vec<WorkloadRef>,
}

/// The sources that a workload uses or names, and the kinds that it names by
/// wildcard.
fn mentions(known: &Known) -> (BTreeSet<SourceRef>, BTreeSet<SourceKind>) {
    let namespace = &known.workload.key.namespace;
    let uses = known
        .workload
        .uses
        .iter()
        .filter(|u| u.via != Via::ImagePullSecret);
    let mut literal: BTreeSet<_> = uses.map(|u| u.source(namespace)).collect();
    let mut wild = BTreeSet::new();
    for kind in SourceKind::all() {
        for pattern in known.policy.of(kind).named() {
            match pattern.literal() {
                Some(name) => {
                    literal.insert(SourceRef::new(kind, namespace.clone(), name.clone()));
                }
                None => {
                    wild.insert(kind);
                }
            }
        }
    }
    (literal, wild)
}

/// Only an event shows an edit between two readings; after a list it is
/// unknown when the edit was made.
fn edited(before: Option<&Known>, now: &Workload, how: How) -> Option<Version> {
    let before = before.filter(|b| b.workload.uid == now.uid)?;
    if before.workload.template == now.template {
        before.edited
    } else {
        (how == How::Event).then_some(now.version)
    }
}

fn since(before: Option<&Known>, now: &Workload, how: How) -> Version {
    match (before, how) {
        (Some(before), How::Event) if before.workload.uid == now.uid => before.since,
        _ => now.version,
    }
}

/// The same template with an older mark, or none, than we have seen on it.
fn reverted(before: Option<&Known>, now: &Workload) -> Option<Mark> {
    let before = before.filter(|b| b.workload.uid == now.uid)?;
    let newest = before.reverted.as_ref().or(before.workload.mark.as_ref())?;
    let older = now.mark.as_ref().is_none_or(|mark| mark.n < newest.n);
    let same = before.workload.template == now.template;
    (same && older).then(|| newest.clone())
}

impl Known {
    /// Whether another decision may follow. The version alone changes nothing,
    /// and progress only where pods wait.
    fn differs(&self, now: &Self) -> bool {
        let (a, b) = (&self.workload, &now.workload);
        let waits = |w: &Workload| w.strategy != Strategy::Rolling;
        a.uid != b.uid
            || a.template != b.template
            || a.mark != b.mark
            || a.paused != b.paused
            || a.strategy != b.strategy
            || (waits(b) && a.progress != b.progress)
            || self.policy != now.policy
            || self.problems != now.problems
    }
}

impl Source {
    /// Takes over what was told; says whether it is news.
    fn tell(&mut self, meta: &SourceMeta) -> bool {
        let now = Present {
            version: meta.version,
            marks: meta.marks,
            written: meta.written,
        };
        match self.presence {
            Presence::Present(before) if before.version >= now.version => false,
            _ => {
                self.told += 1;
                self.presence = Presence::Present(now);
                true
            }
        }
    }

    fn forget(&mut self) {
        self.told += 1;
        self.set(Presence::Unknown);
    }

    fn set(&mut self, presence: Presence) {
        self.presence = presence;
        self.content = None;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::KINDS;
    use crate::object::read_workload;

    /// A Deployment in namespace `ns` with this pod spec, as an event shows it.
    pub(crate) fn workload(name: &str, spec: &Value) -> Workload {
        let json = json!({
            "metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": "10", "generation": 1},
            "spec": {"template": {"spec": spec}},
        });
        read_workload(&KINDS[0], json.to_string().as_bytes()).unwrap()
    }
}
