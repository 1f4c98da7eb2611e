//! What one container may have started with, by the record, the past, or times.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Certainty, Judgement, Looking, touched};
use crate::compare::{Change, What, compare};
use crate::evidence::{Finding, Question, STEPS};
use crate::index::{Fetched, Index, Present, Source};
use crate::needs::{Demand, Need};
use crate::object::{CLEARLY_LATER, Pod, PodContainer, Seconds, SourceMeta, Version};
use crate::refs::{Name, SourceRef};
use crate::uses::{Under, Use, Via};

/// A container that was not started clearly after the newest write of what it uses.
pub(super) struct Suspect<'a> {
    pub(super) pod: &'a Pod,
    pub(super) container: &'a PodContainer,
    pub(super) need: Need,
    /// Its uses of the source.
    uses: &'a [Use],
    lag: Seconds,
    /// Whether what is there now is what its pods were brought to, so that it may have read
    /// that before anything else was written.
    recorded: bool,
}

/// When a write was, seen from a container's start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Before it, so the container has read it.
    Before,
    /// About then: times are whole seconds, and files follow later.
    Close,
    /// After it.
    After,
}

/// One write of a source, as its metadata tells of it.
#[derive(Clone, Copy)]
struct Stamp {
    version: Version,
    written: Option<Seconds>,
    rewritten: bool,
    only_data: bool,
}

impl Stamp {
    fn of_present(present: &Present) -> Self {
        Self {
            version: present.version,
            written: present.written,
            rewritten: present.rewritten,
            only_data: present.only_data,
        }
    }

    fn of_past(meta: &SourceMeta) -> Self {
        Self {
            version: meta.version,
            written: meta.written,
            rewritten: meta.rewritten,
            only_data: meta.only_data,
        }
    }
}

/// Where the way back ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At what the container has read, if it has not read one of the later ones.
    Read,
    /// Where the source was made.
    Made,
    /// Where the store has forgotten it, or does not tell.
    Forgotten,
}

/// The way back from the present to what a container may have read.
struct Way<'a> {
    /// What it may have read, the present left out.
    candidates: Vec<&'a Fetched>,
    /// The earliest that is known, if that is not the present.
    earliest: Option<&'a Fetched>,
    /// Its write.
    stamp: Stamp,
    end: Stop,
}

impl<'a> Way<'a> {
    /// Goes one write further back.
    fn pass(&mut self, suspect: &Suspect<'_>, then: &'a Fetched) {
        let Fetched::Present(meta, _) = then else {
            return;
        };
        if meta.version >= self.stamp.version {
            return;
        }
        self.earliest = Some(then);
        self.stamp = Stamp::of_past(meta);
        let write = suspect.write(meta.written);
        if write != Write::After {
            self.candidates.push(then);
        }
        if write == Write::Before {
            self.end = Stop::Read;
        }
    }
}

/// Files are there when a pod is, but follow a write only within so many seconds (the
/// kubelet's `syncFrequency` of a minute, and half of it more): a container that is started
/// again before may read the old ones.
const FOLLOWS: Seconds = 90;

/// How long after a write a container must be started to have read it for certain, if it
/// uses it in these ways.
pub(super) fn lag(mut via: impl Iterator<Item = Via>) -> Seconds {
    if via.all(Via::is_environment) {
        CLEARLY_LATER
    } else {
        FOLLOWS
    }
}

/// Whether a container was clearly started after a write at this time. A pod that was
/// made later is newer whatever the clock of its node says.
pub(super) fn is_newer(pod: &Pod, container: &PodContainer, at: Seconds, lag: Seconds) -> bool {
    let passed = container.started - at;
    match pod.created.cmp(&at) {
        Ordering::Greater => true,
        // Its files were made when it was.
        Ordering::Equal => passed >= CLEARLY_LATER,
        Ordering::Less => passed >= lag,
    }
}

impl<'a> Suspect<'a> {
    pub(super) fn new(
        pod: &'a Pod,
        container: &'a PodContainer,
        need: Need,
        uses: &'a [Use],
    ) -> Self {
        let lag = lag(need.via.iter().copied());
        Self {
            pod,
            container,
            need,
            uses,
            lag,
            recorded: false,
        }
    }

    /// The same where a record tells that its pods were brought to what is there now.
    pub(super) fn recorded(&self) -> Self {
        Self {
            recorded: true,
            need: self.need.clone(),
            ..*self
        }
    }

    fn write(&self, at: Option<Seconds>) -> Write {
        match at {
            Some(at) if is_newer(self.pod, self.container, at, self.lag) => Write::Before,
            Some(at) if at > self.container.started => Write::After,
            _ => Write::Close,
        }
    }

    /// What all pods of its workload were brought to differs so from what is there.
    pub(super) fn by_record(&self, index: &Index, changes: &[Change]) -> Option<Judgement> {
        let keys = touched(&self.need, changes)?;
        let present = index.view(&self.need.source).present()?;
        Some(Judgement::new(self.certainty(present.written), keys))
    }

    /// How certain it is that a container has not read what was written at this time.
    fn certainty(&self, at: Option<Seconds>) -> Certainty {
        match self.write(at) {
            Write::After => Certainty::Surely,
            Write::Close | Write::Before => Certainty::Perhaps,
        }
    }

    /// By the time of a write alone.
    fn by_time(&self, stamp: Stamp) -> Option<Judgement> {
        let certainty = self.certainty(stamp.written);
        // A container that needs a source starts with what is made then.
        let needed = self.need.demand == Demand::Required && !stamp.rewritten;
        if certainty == Certainty::Perhaps && needed {
            return None;
        }
        // Made anew it may have the same content, and of some keys others may have changed.
        let sure = stamp.only_data && stamp.rewritten && self.need.shows_all() && !self.recorded;
        Some(Judgement::untold(if sure {
            certainty
        } else {
            Certainty::Perhaps
        }))
    }

    /// The keys in which the source was another than it is now; an error where that is
    /// to be read first. `None`: in none that count.
    fn differs(&self, index: &Index, then: &Fetched) -> Result<Option<BTreeSet<Name>>, ()> {
        let now = index.view(&self.need.source);
        let then = Source::then(then);
        if now.current().is_none() {
            return Err(());
        }
        let seen = self.need.seen(&then).ok_or(())?;
        let mut changes = compare(&self.need, Some(&seen), now);
        // The same is asked of both: what is new was not there.
        for change in changes.iter_mut().filter(|change| change.what == What::New) {
            change.what = What::Changed;
        }
        Ok(self.shown(index, touched(&self.need, &changes)))
    }

    /// Without the keys in whose place a later source of the environment is.
    fn shown(&self, index: &Index, keys: Option<BTreeSet<Name>>) -> Option<BTreeSet<Name>> {
        let mut keys = keys.filter(|keys| !keys.is_empty())?;
        let hidden = self.hidden(index);
        keys.retain(|key| !hidden.contains(key));
        (!keys.is_empty()).then_some(keys)
    }

    /// The sources that go over it, where it is used once.
    fn over(&self) -> impl Iterator<Item = (&'a Under, SourceRef)> {
        let under = match self.uses {
            [used] => &*used.under,
            _ => &[],
        };
        let namespace = self.pod.group.namespace.clone();
        let over =
            move |under: &Under| SourceRef::new(under.kind, namespace.clone(), under.name.clone());
        under.iter().map(move |under| (under, over(under)))
    }

    /// Those of them that are to be read.
    pub(super) fn unread(&self, index: &Index) -> Vec<SourceRef> {
        let is_unread = |over: &SourceRef| {
            let source = index.view(over);
            source.present().is_some() && source.current().is_none()
        };
        let over = self.over().map(|(_, over)| over);
        over.filter(is_unread).collect()
    }

    fn hidden(&self, index: &Index) -> BTreeSet<Name> {
        let replaced = self.over().flat_map(|(under, over)| {
            let content = index.view(&over).current();
            let keys = content.map_or(&[][..], |content| &content.keys);
            let keys = keys.iter().filter_map(|(key, _)| under.replaces(key));
            keys.collect::<Vec<_>>()
        });
        replaced.collect()
    }

    /// Whether it was started anew, so that it may have read something else than the pod
    /// was made with.
    pub(super) fn is_started_again(&self) -> bool {
        self.container.again || self.container.started - self.pod.created > FOLLOWS
    }

    /// By what it may have read.
    fn by_candidates(
        &self,
        index: &Index,
        way: &Way<'_>,
        now: bool,
    ) -> Result<Option<Judgement>, ()> {
        let differ = way.candidates.iter().map(|then| self.differs(index, then));
        let differ: Vec<_> = differ.collect::<Result<_, ()>>()?;
        let all = !now && differ.iter().all(Option::is_some);
        let certainty = if all {
            Certainty::Surely
        } else {
            Certainty::Perhaps
        };
        let any = differ.iter().any(Option::is_some);
        let keys = differ.into_iter().flatten().flatten().collect();
        Ok(any.then(|| Judgement::new(certainty, keys)))
    }

    /// By what was there at the earliest time that is told of.
    fn by_earliest(&self, index: &Index, way: &Way<'_>) -> Result<Option<Judgement>, ()> {
        let differs = match way.earliest {
            Some(earliest) => self.differs(index, earliest)?,
            None => None,
        };
        Ok(match differs {
            // Whatever was there before: this was written since.
            Some(keys) if self.recorded => Some(Judgement::new(Certainty::Perhaps, keys)),
            Some(keys) => Some(Judgement::new(self.certainty(way.stamp.written), keys)),
            None => self.by_time(way.stamp),
        })
    }

    fn by_way(&self, index: &Index, way: &Way<'_>, now: Stamp) -> Result<Option<Judgement>, ()> {
        let may_have_read = |stamp: Stamp| self.write(stamp.written) == Write::Close;
        match way.end {
            Stop::Read => self.by_candidates(index, way, may_have_read(now)),
            Stop::Made if may_have_read(way.stamp) && self.need.demand == Demand::Required => {
                self.by_candidates(index, way, may_have_read(now))
            }
            // Without it, or with what had its name before.
            Stop::Made => Ok(Some(Judgement::untold(Certainty::Perhaps))),
            Stop::Forgotten => self.by_earliest(index, way),
        }
    }
}

impl Looking<'_> {
    /// What is not known yet is noted to be asked; until then times decide.
    pub(super) fn by_past(&mut self, suspect: &Suspect<'_>) -> Option<Judgement> {
        let source = &suspect.need.source;
        let present = self.index.view(source).present()?;
        let now = Stamp::of_present(present);
        self.unread.extend(suspect.unread(self.index));
        let found = match self.way_back(suspect, now) {
            Ok(way) => suspect.by_way(self.index, &way, now).map_err(|()| {
                self.unread.insert(source.clone());
            }),
            Err(question) => {
                self.questions.insert(question);
                Err(())
            }
        };
        found.unwrap_or_else(|()| suspect.by_time(now))
    }

    /// Goes back write by write until one was there when the container started. An error
    /// is what must be asked first.
    fn way_back(&self, suspect: &Suspect<'_>, now: Stamp) -> Result<Way<'_>, Question> {
        let mut way = Way {
            candidates: Vec::new(),
            earliest: None,
            stamp: now,
            end: Stop::Forgotten,
        };
        for _ in 0..STEPS {
            let before = way.stamp.version.saturating_sub(1);
            let question = Question::Source(suspect.need.source.clone(), before);
            let Some(finding) = self.evidence.get(&question) else {
                return Err(question);
            };
            match finding {
                Finding::Source(Fetched::Absent) => way.end = Stop::Made,
                Finding::Source(then) => way.pass(suspect, then),
                _ => break,
            }
            if way.end != Stop::Forgotten || way.stamp.version > before {
                break;
            }
        }
        Ok(way)
    }
}
