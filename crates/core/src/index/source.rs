//! Sources: what is known of each, and the facts that tell of them.

use crate::bounds;
use crate::object::{Seconds, SourceFlags, SourceMeta, Version};
use crate::reason::Problem;
use crate::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use super::content::Content;
use super::{Concerned, Index, StreamOf};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Its version.
    pub version: Version,
    /// What its owners wrote on it.
    pub marks: SourceFlags,
    /// The newest write of its data.
    pub written: Option<Seconds>,
    /// Whether its data was written again after it was created.
    pub rewritten: bool,
    /// Whether this was read, and no earlier than the records were: see
    /// [`Index::doubt_contents`].
    pub is_confirmed: bool,
    /// The field manager that wrote its data last.
    pub by: Option<Name>,
    /// Whether that one writes nothing else of it.
    pub only_data: bool,
}

impl Present {
    fn of(meta: &SourceMeta, marks: SourceFlags, by: Option<Name>) -> Self {
        Self {
            version: meta.version,
            marks,
            written: meta.written,
            rewritten: meta.rewritten,
            is_confirmed: false,
            by,
            only_data: meta.only_data,
        }
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
    /// Of most nothing was told since it was listed: then it takes no room.
    past: Option<Box<Past>>,
    /// Another number whenever the watch tells of it, so that an answer to an
    /// earlier question is not mistaken for the present.
    pub told: u32,
    /// What is wrong with its annotations.
    pub problem: Option<Box<Problem>>,
    /// The workloads that use it or name it literally, in order.
    pub(super) users: Vec<WorkloadRef>,
    pub(super) epoch: u32,
}

/// What was told of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The first version that was told after the digests that are held, or after the version
    /// that a list showed, while each is told: what changed since then did not change before
    /// it. Of one that was deleted since, and not looked for meanwhile, the version of its
    /// deletion. 0 where it is not known.
    pub changed_from: Version,
    /// The version before that: a record that is older may be of something else.
    pub changed_after: Version,
    /// The version of its last deletion, looked for since or not; 0 where it is not
    /// known.
    pub gone: Version,
}

/// One that nothing is known of.
static UNKNOWN: Source = Source::bare(Presence::Unknown);
/// One that a complete list did not show.
static ABSENT: Source = Source::bare(Presence::Absent);
/// One of a kind that is not watched.
static NOT_WATCHED: Source = Source::bare(Presence::NotWatched);

impl Source {
    const fn bare(presence: Presence) -> Self {
        Self {
            presence,
            content: None,
            past: None,
            told: 0,
            problem: None,
            users: Vec::new(),
            epoch: 0,
        }
    }

    /// One as it was at another time.
    pub fn then(fetched: &Fetched) -> Self {
        let bare = Self::bare(Presence::Unknown);
        match fetched {
            Fetched::Present(meta, content) => Self {
                presence: Presence::Present(Present::of(meta, SourceFlags::ANY, meta.by.clone())),
                content: Some(content.clone()),
                ..bare
            },
            Fetched::Absent => Self::bare(Presence::Absent),
            Fetched::NotWatched => Self::bare(Presence::NotWatched),
        }
    }

    /// What was told of it.
    pub fn past(&self) -> Past {
        self.past.as_deref().copied().unwrap_or_default()
    }

    fn set_past(&mut self, past: Past) {
        self.past = (past != Past::default()).then(|| past.into());
    }

    /// Its digests, where they are those of the present version.
    pub fn current(&self) -> Option<&Content> {
        match (&self.presence, &self.content) {
            (Presence::Present(p), Some(c)) if c.version == p.version => Some(c),
            _ => None,
        }
    }

    /// Whether a workload uses it or names it literally.
    pub(super) fn is_used(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whether its keys are those that it had before.
    pub fn has_keys_of(&self, before: Option<&Content>) -> bool {
        let now = self.content.as_ref();
        before.is_some_and(|before| now.is_some_and(|now| now.keys == before.keys))
    }

    /// Its metadata, where it is there.
    pub fn present(&self) -> Option<&Present> {
        match &self.presence {
            Presence::Present(present) => Some(present),
            _ => None,
        }
    }

    fn confirm(&mut self, is_confirmed: bool) {
        if let Presence::Present(present) = &mut self.presence {
            present.is_confirmed = is_confirmed;
        }
    }

    fn set(&mut self, presence: Presence) {
        self.presence = presence;
        self.content = None;
        self.set_past(Past {
            gone: self.past().gone,
            ..Past::default()
        });
        self.problem = None;
    }
}

/// Whether what is told of a source that is there is more than is known. Of
/// several statuses of a class, those that are as they were made say no more than
/// that it is there.
fn is_news(known: &Present, meta: &SourceMeta) -> bool {
    if meta.key.kind.by_status() {
        meta.rewritten && (!known.rewritten || meta.version > known.version)
    } else {
        meta.version > known.version
    }
}

impl Index {
    /// A source was seen. Returns whether this is news to anybody who uses it.
    pub(super) fn apply_source(&mut self, meta: &SourceMeta) -> bool {
        self.learn(meta) && self.has_users(&meta.key)
    }

    /// Takes in that a source is there. Returns whether this is news.
    pub(super) fn learn(&mut self, meta: &SourceMeta) -> bool {
        if !self.wanted(&meta.key) {
            return false;
        }
        let epoch = self.epoch;
        let source = self.hold(&meta.key);
        source.epoch = epoch;
        let newest = source.present().map(|p| p.version);
        if !meta.key.kind.by_status() && newest > Some(meta.version) {
            self.disagrees(&meta.key)
        } else {
            self.tell(meta)
        }
    }

    /// A source is said to be gone. Whether it really is, or is only outside what
    /// is watched, a reading must tell. Returns whether anybody uses it.
    pub(super) fn delete_source(&mut self, key: &SourceRef, version: Version) -> bool {
        let Some(source) = self.sources.get(key) else {
            return false;
        };
        if source.present().is_some_and(|p| p.version > version) {
            return false;
        }
        self.doubt(key);
        self.note_deletion(key, version);
        let is_used = self.has_users(key);
        if !is_used {
            self.let_go(key);
        }
        is_used
    }

    /// That of a list was at no version that is known.
    fn note_deletion(&mut self, key: &SourceRef, version: Version) {
        if let Some(source) = self
            .sources
            .get_mut(key)
            .filter(|_| version != Version::MAX)
        {
            source.set_past(Past {
                changed_from: version,
                changed_after: Version::MAX,
                gone: version,
            });
        }
    }

    /// A source was read, as an answer to the question that was asked when the
    /// watch had told of it by the number `told`.
    pub(super) fn apply_fetched(&mut self, key: &SourceRef, told: u32, fetched: Fetched) {
        let Some(source) = self.sources.get_mut(key) else {
            return;
        };
        let timely = source.told == told;
        match fetched {
            Fetched::Present(meta, content) => {
                if timely {
                    self.take(&meta);
                    self.fill(key, content);
                } else if source.present().is_some() {
                    self.tell(&meta);
                    self.fill(key, content);
                }
            }
            Fetched::Absent if timely => self.settle(key, Presence::Absent),
            Fetched::NotWatched if timely => self.settle(key, Presence::NotWatched),
            Fetched::Absent | Fetched::NotWatched => {}
        }
    }

    /// Whether an answer, to the question asked at the number `told`, is of an earlier
    /// moment than what the watch has told: it comes from a cache that lags behind, and is
    /// to be asked again. That a source is gone the watch tells, too; where the watch itself
    /// has begun anew from an earlier state nothing is known of the source until it is read.
    pub fn is_late(&self, key: &SourceRef, told: u32, fetched: &Fetched) -> bool {
        let asked = self.source(key).filter(|source| source.told == told);
        let Some(known) = asked.and_then(Source::present) else {
            return false;
        };
        let is_before = match fetched {
            Fetched::Present(meta, _) => meta.version < known.version,
            Fetched::Absent | Fetched::NotWatched => true,
        };
        is_before && !key.kind.by_status()
    }

    /// What was read of a source is not what the watch tells: nothing is known of it.
    pub fn distrust(&mut self, key: &SourceRef) -> Concerned {
        self.doubt(key);
        if self.has_users(key) {
            Concerned::changed(key.clone())
        } else {
            Concerned::default()
        }
    }

    /// A term begins, with records of others: who led meanwhile may have read what our
    /// watch has not told.
    pub fn doubt_contents(&mut self) {
        let all = self.sources.values_mut();
        all.for_each(|source| source.confirm(false));
    }

    /// Whether a workload is to be compared with what Reloader recorded of this
    /// source.
    pub fn wants_sha1(&self, key: &SourceRef) -> bool {
        let compared = |user: &WorkloadRef| {
            let known = self.workloads.get(user);
            known.is_some_and(|known| !known.workload.reloaded.is_empty())
        };
        self.users(key).iter().any(compared)
    }

    /// A source, if it is held.
    pub fn source(&self, key: &SourceRef) -> Option<&Source> {
        self.sources.get(key).map(Box::as_ref)
    }

    /// What is known of a source, held or not. Where all sources of the namespace
    /// have been listed, one that is not held is not there.
    pub fn view(&self, key: &SourceRef) -> &Source {
        if !self.watches(key.kind, &key.namespace) {
            return &NOT_WATCHED;
        }
        let unheld = || {
            if self.has_listed(key.kind, &key.namespace) {
                &ABSENT
            } else {
                &UNKNOWN
            }
        };
        self.source(key).unwrap_or_else(unheld)
    }

    /// Those of a kind and a namespace that are held, may be there and have not been read
    /// as they are.
    pub fn unread(&self, kind: SourceKind, namespace: &Name) -> impl Iterator<Item = &SourceRef> {
        let may_be = |source: &Source| match source.presence {
            Presence::Unknown | Presence::Present(_) => source.current().is_none(),
            Presence::Absent | Presence::NotWatched => false,
        };
        let held = self.held(kind, namespace);
        held.filter(move |(_, source)| may_be(source))
            .map(|(key, _)| key)
    }

    /// How many sources are held.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    pub(super) fn hold(&mut self, key: &SourceRef) -> &mut Source {
        if !self.sources.contains_key(key) {
            let told = self.next_told();
            let key = SourceRef {
                kind: key.kind,
                namespace: self.names.share(&key.namespace),
                name: self.names.share(&key.name),
            };
            let presence = if key.is_possible() {
                Presence::Unknown
            } else {
                Presence::Absent
            };
            let source = Source {
                presence,
                told,
                ..Source::default()
            };
            self.find_who_names(&key);
            self.sources.insert(key, source.into());
        }
        self.sources.entry(key.clone()).or_default()
    }

    /// A number that was never a source's before, so that one which is dropped
    /// and held again does not take an old answer for its own.
    fn next_told(&mut self) -> u32 {
        self.told = self.told.wrapping_add(1);
        self.told
    }

    /// Takes over what was told, if it is news; says whether it is.
    fn tell(&mut self, meta: &SourceMeta) -> bool {
        let source = self.source(&meta.key);
        let known = source.and_then(Source::present);
        let news = known.is_none_or(|known| is_news(known, meta));
        if news {
            let (changed_after, changed_from) = self.changes_from(meta);
            self.take(meta);
            let source = self.hold(&meta.key);
            source.set_past(Past {
                changed_from,
                changed_after,
                ..source.past()
            });
        }
        news
    }

    /// The version of the digests that are held, or else the one that was known first,
    /// and the first one since then, where this one is the next that is told. A list may
    /// have left some out.
    fn changes_from(&self, meta: &SourceMeta) -> (Version, Version) {
        let listing = self.listing(StreamOf::Sources(meta.key.kind), &meta.key.namespace);
        let Some(source) = self.sources.get(&meta.key).filter(|_| !listing) else {
            return (0, 0);
        };
        let past = source.past();
        match (source.current(), source.present()) {
            (Some(content), _) => (content.version, meta.version),
            (None, Some(known)) if past.changed_from == 0 => (known.version, meta.version),
            _ => (past.changed_after, past.changed_from),
        }
    }

    /// Takes over how a source is. What it does not tell is as it was.
    fn take(&mut self, meta: &SourceMeta) {
        let told = self.next_told();
        let by = meta.by.as_ref().map(|by| self.names.share(by));
        let source = self.hold(&meta.key);
        let marks = meta.marks.or(source.present().map(|p| p.marks));
        if meta.marks.is_some() {
            source.problem.clone_from(&meta.problem);
        }
        source.told = told;
        let present = Present::of(meta, marks.unwrap_or(SourceFlags::ANY), by);
        source.presence = Presence::Present(present);
    }

    /// An older version than the one that is known. An event is only late. A list
    /// may be older than a reading during it, or the whole cluster may have been
    /// put back to an earlier state: only a reading can tell.
    fn disagrees(&mut self, key: &SourceRef) -> bool {
        let listing = self.listing(StreamOf::Sources(key.kind), &key.namespace);
        if listing {
            self.doubt(key);
        }
        listing
    }

    /// What was known of it may be so no longer.
    pub(super) fn doubt(&mut self, key: &SourceRef) {
        self.settle(key, Presence::Unknown);
    }

    /// Lets go of digests in a namespace that has more keys than are held, those of the
    /// largest sources first. What is recorded of them stays, so they are read again
    /// only when they change, or for somebody new.
    pub fn shed(&mut self, namespace: &Name) {
        let keys = |source: &Source| source.content.as_ref().map_or(0, |c| c.keys.len());
        let held = SourceKind::all().flat_map(|kind| self.held(kind, namespace));
        let mut sizes: Vec<_> = held.map(|(key, source)| (keys(source), key)).collect();
        let mut sum: usize = sizes.iter().map(|(keys, _)| keys).sum();
        sizes.sort_unstable();
        let mut large = Vec::new();
        while sum > bounds::KEYS_HELD
            && let Some((keys, key)) = sizes.pop()
        {
            sum -= keys;
            large.push(key.clone());
        }
        for key in large {
            if let Some(source) = self.sources.get_mut(&key) {
                source.content = None;
            }
        }
    }

    /// Sets what is known of it. Other answers under way are of before.
    pub(super) fn settle(&mut self, key: &SourceRef, presence: Presence) {
        let told = self.next_told();
        if let Some(source) = self.sources.get_mut(key) {
            source.told = told;
            source.set(presence);
        }
    }

    /// Keeps digests that are of no earlier version than the present one.
    fn fill(&mut self, key: &SourceRef, mut content: Content) {
        for (key, _) in &mut content.keys {
            *key = self.names.share(key);
        }
        let source = self.hold(key);
        if source
            .present()
            .is_some_and(|p| p.version <= content.version)
        {
            source.content = Some(content);
            source.confirm(true);
        }
    }

    /// What is held for the sake of patterns only is absent once it is not held.
    pub(super) fn drop_absent(&mut self, key: &SourceRef) {
        let absent = |source: &Source| !source.is_used() && source.presence == Presence::Absent;
        let absent = |source: &Source| absent(source) && !self.pods.use_it(key);
        if self.has_listed(key.kind, &key.namespace) && self.source(key).is_some_and(absent) {
            self.let_go(key);
        }
    }

    /// Holds a source no longer.
    pub(super) fn let_go(&mut self, key: &SourceRef) {
        self.sources.remove(key);
        if let Some(wild) = self.wild.get_mut(&(key.kind, key.namespace.clone())) {
            wild.forget(&key.name);
        }
    }
}
