//! First sight: what is there now is recorded, and nothing is rolled — but for what
//! has changed since the workload was seen being made.
//!
//! Its pods may have started with what was there then, so that is what the first
//! record says; what follows is decided as any other change.

use std::collections::BTreeSet;

use crate::compare::{Change, What};
use crate::digest::Digest;
use crate::evidence::{PodsSince, Question, STEPS};
use crate::index::{Beginning, Fetched, Known, Presence, Source};
use crate::kinds::Renewal;
use crate::needs::{Demand, Need};
use crate::object::{Seconds, Version};
use crate::reason::Reason;
use crate::refs::SourceRef;
use crate::state::{Entry, Older, Seen, SeenSource};

use super::describe::names;
use super::past::{Origin, Template};
use super::{Act, Answer, CLEARLY_LATER, Case, nothing};

/// What was made so shortly before a term ended may have been left unrecorded; and
/// clocks differ.
const LAST_MOMENTS: Seconds = 30;

/// Whether a workload of which nothing is on record was made while somebody looked, or
/// while nobody did: not before an installation, or before it was opted in.
pub fn is_new(known: &Known, unled_since: Option<Seconds>) -> bool {
    let began = beginning(known, unled_since);
    matches!(began, Beginning::Made(_) | Beginning::InGap)
}

fn beginning(known: &Known, unled_since: Option<Seconds>) -> Beginning {
    let unled = unled_since.map(|since| since.saturating_sub(LAST_MOMENTS));
    match known.beginning {
        Beginning::Found if unled.is_some_and(|since| known.workload.created >= since) => {
            Beginning::InGap
        }
        beginning => beginning,
    }
}

/// A source as it was when pods can have started.
struct Then {
    source: Source,
    /// Whether some may be older still.
    doubt: bool,
}

/// The same, as it is recorded.
struct Earlier<'a> {
    source: &'a SourceRef,
    seen: SeenSource,
    /// Whether that is another content than now.
    differs: bool,
    doubt: bool,
}

/// Whether a source is newer than the pods.
enum Newness {
    Ask(Question),
    Yes,
    No,
}

impl From<bool> for Newness {
    fn from(newer: bool) -> Self {
        if newer { Self::Yes } else { Self::No }
    }
}

impl Case<'_> {
    pub(super) fn first_sight(&self) -> Answer {
        if self.needs.needs.is_empty() {
            return nothing(Reason::UsesNothing);
        }
        if let Some(answer) = self.for_adopted_pods() {
            return answer;
        }
        let (adopt, reason, text) = self.adopt();
        if let Some(unread) = self.unread_sha1() {
            return (Act::Read(unread), Reason::NotRead, String::new());
        }
        let earlier = match self.at_its_beginning() {
            Err(questions) => return Self::ask(questions),
            Ok(earlier) => earlier,
        };
        let adopt = as_it_was(adopt, &earlier);
        let missed = self.missed();
        let newer = match self.newer_than_pods(&earlier) {
            Err(questions) => return Self::ask(questions),
            Ok(newer) => newer,
        };
        let adopt = self.with_older_pods(adopt);
        let why = if missed.is_empty() {
            Reason::MaybeStale
        } else {
            Reason::Missed
        };
        let stale: BTreeSet<_> = newer.into_iter().chain(missed).collect();
        let stale: Vec<_> = stale.into_iter().collect();
        match (stale.is_empty(), self.rules.catch_up) {
            (true, _) => (adopt, reason, text),
            (false, true) => self.catch_up(&stale),
            // A roll follows, unless that change is taken back.
            (false, false) if earlier.iter().any(|earlier| earlier.differs) => {
                (in_doubt(adopt), reason, text)
            }
            (false, false) if reason == Reason::StateLost => {
                let text = format!("{text}; its pods may be older than {}", names(&stale));
                (in_doubt(adopt), reason, text)
            }
            (false, false) => (in_doubt(adopt), why, names(&stale)),
        }
    }

    /// Whether a first record is of an earlier moment than now, so that a decision
    /// has to follow.
    pub(super) fn is_of_the_past(&self, entry: &Entry) -> bool {
        let first = self.entry.is_none_or(Entry::is_bare);
        let differs = |need: &Need| {
            let now = need.seen(self.source(need));
            let seen = entry.seen.get(&Seen::of(&need.source));
            now.is_some_and(|now| seen.is_some_and(|seen| seen.rv != now.rv))
        };
        first && self.needs.needs.iter().any(differs)
    }

    /// What was there when its first pods can have started, of what was written since.
    fn at_its_beginning(&self) -> Result<Vec<Earlier<'_>>, Vec<Question>> {
        let mut questions = Vec::new();
        let mut earlier = Vec::new();
        for need in self.needs.needs.iter().filter(|need| self.may_be_new(need)) {
            match self.beginning_of(need) {
                Err(question) => questions.push(question),
                Ok(Some(then)) => earlier.extend(self.earlier(need, &then)),
                Ok(None) => {}
            }
        }
        if questions.is_empty() {
            Ok(earlier)
        } else {
            Err(questions)
        }
    }

    fn earlier<'a>(&self, need: &'a Need, then: &Then) -> Option<Earlier<'a>> {
        let seen = need.seen(&then.source)?;
        let left = self.was_left(need, &then.source);
        Some(Earlier {
            source: &need.source,
            seen: SeenSource { left, ..seen },
            differs: self.differs(need, &then.source),
            doubt: then.doubt,
        })
    }

    /// Whether pods ran, when it was opted in, that started with something else of a
    /// source that was missing then.
    fn was_left(&self, need: &Need, then: &Source) -> bool {
        let ran = matches!(self.began(), Beginning::OptedIn(_)) && self.is_left(None);
        let content = then.current();
        let mut required = need.keys.iter();
        let lacks = required.any(|(key, used)| {
            let required = used.demand == Demand::Required;
            required && content.is_none_or(|content| need.lacks(key, content))
        });
        ran && (lacks || (need.demand == Demand::Required && content.is_none()))
    }

    /// Whether a source can have changed since the workload was made. Without pods
    /// that matters to nobody: those to come read what is there then.
    fn may_be_new(&self, need: &Need) -> bool {
        let Some(present) = self.source(need).present() else {
            return false;
        };
        let known = !need.source.kind.by_status() && self.rules.one_etcd && !self.is_of_old();
        let new = match self.began() {
            Beginning::Found => false,
            Beginning::Made(at) | Beginning::OptedIn(at) => present.version > at,
            Beginning::InGap => self.is_candidate(need),
        };
        known && new && !self.has_no_pods(present.version)
    }

    /// Whether it was rolled, so that there must have been a record.
    fn is_of_old(&self) -> bool {
        self.own_mark().is_some() && self.known.workload.generation > 1
    }

    /// How its pods began: an edit since then has made all of them anew. What was made
    /// shortly before the last term ended, or since, without a record, was made while
    /// nobody looked.
    fn began(&self) -> Beginning {
        match beginning(self.known, self.moment.unled_since) {
            Beginning::Made(at) => Beginning::Made(self.or_edited(at)),
            Beginning::OptedIn(at) => Beginning::OptedIn(self.or_edited(at)),
            beginning => beginning,
        }
    }

    fn or_edited(&self, at: Version) -> Version {
        let edited = self.known.pods.edited.filter(|_| self.makes_pods());
        edited.map_or(at, |edited| edited.max(at))
    }

    /// A Job's status counts the pods that its controller has made. Of the other kinds it
    /// counts those that the controller has been told of, which may be fewer.
    fn has_no_pods(&self, since: Version) -> bool {
        let workload = &self.known.workload;
        let run = workload.runs.as_ref().is_some_and(|runs| runs.none);
        let none = workload.version >= since && run;
        workload.key.kind.renewal == Renewal::Run || workload.progress.desired == 0 || none
    }

    /// A source as it was when the workload began.
    fn beginning_of(&self, need: &Need) -> Result<Option<Then>, Question> {
        match self.began() {
            Beginning::Found => Ok(None),
            Beginning::Made(at) | Beginning::OptedIn(at) => match self.source_at(need, at)? {
                Some(then) => self.at_that_time(need, then).map(Some),
                None => self.before_it_changed(need),
            },
            Beginning::InGap => self.before_it_changed(need),
        }
    }

    fn at_that_time(&self, need: &Need, then: &Fetched) -> Result<Then, Question> {
        let source = Source::then(then);
        let opted_in = matches!(self.began(), Beginning::OptedIn(_));
        let mut doubt = false;
        if opted_in && self.is_candidate(need) {
            doubt = match self.is_newer_than_pods(need, &self.origin_of(need, then)) {
                Newness::Ask(question) => return Err(question),
                Newness::Yes => true,
                Newness::No => false,
            };
        }
        Ok(Then { source, doubt })
    }

    /// A source as it was before it changed for the first time while the workload was
    /// there with its present template. Where that is too long ago there is a doubt.
    fn before_it_changed(&self, need: &Need) -> Result<Option<Then>, Question> {
        let (mut then, mut doubt) = (None, true);
        for _ in 0..STEPS {
            let origin = match then {
                None => self.origin(need),
                Some(then) => self.origin_of(need, then),
            };
            let (version, before) = match origin {
                Origin::Ask(question) => return Err(question),
                Origin::At(version, before) => (version, before),
                Origin::Forgotten => break,
            };
            match self.template_at(version) {
                Template::Ask(question) => return Err(question),
                Template::Same => then = Some(before),
                // Perhaps it had pods of the present one, too.
                Template::Other(other) => {
                    doubt = !other.alone;
                    break;
                }
                Template::NotMade => {
                    doubt = false;
                    break;
                }
                Template::Forgotten => break,
            }
        }
        let then = then.map(Source::then);
        Ok(then.map(|source| Then { source, doubt }))
    }

    fn differs(&self, need: &Need, then: &Source) -> bool {
        let absent = then.presence == Presence::Absent;
        absent || need.used(then.current()) != need.used(self.source(need).current())
    }

    /// The sources that were written after the pods were made, where Reloader has
    /// not recorded that the pods have them. An error: what is to be asked.
    fn newer_than_pods(&self, earlier: &[Earlier<'_>]) -> Result<Vec<&SourceRef>, Vec<Question>> {
        let (mut questions, mut newer) = (Vec::new(), Vec::new());
        for need in self
            .needs
            .needs
            .iter()
            .filter(|need| self.is_candidate(need))
        {
            let earlier = earlier.iter().find(|e| *e.source == need.source);
            let newness = match earlier {
                Some(earlier) => earlier.doubt.into(),
                None => self.is_newer_than_pods(need, &self.origin(need)),
            };
            match newness {
                Newness::Ask(question) => questions.push(question),
                Newness::Yes => newer.push(&need.source),
                Newness::No => {}
            }
        }
        if questions.is_empty() {
            Ok(newer)
        } else {
            Err(questions)
        }
    }

    /// What pods of another template may have that was there before a source changed,
    /// where nothing is recorded of them.
    pub(super) fn with_older_pods(&self, adopt: Act) -> Act {
        let Act::Record(mut entry) = adopt else {
            return adopt;
        };
        let recorded: BTreeSet<_> = entry.older.iter().map(|older| older.whole).collect();
        let alone = self.known.workload.progress.alone;
        for need in self.needs.needs.iter().filter(|_| !alone) {
            let older = self.older_pods(need);
            let unknown = older.filter(|(whole, ..)| !recorded.contains(whole));
            if let Some((whole, before, doubt)) = unknown {
                let older = entry.older(whole).cloned();
                let mut older = older.unwrap_or_else(|| Older {
                    whole,
                    doubt: false,
                    seen: entry.seen.clone(),
                });
                older.doubt |= doubt;
                older.seen.insert(Seen::of(&need.source), before);
                entry.add_older(older);
            }
        }
        Act::Record(entry)
    }

    /// The other template when a source changed, and what was there before; and whether
    /// its pods may be older than that.
    fn older_pods(&self, need: &Need) -> Option<(Digest, SeenSource, bool)> {
        let Origin::At(version, before) = self.origin(need) else {
            return None;
        };
        let Template::Other(then) = self.template_at(version) else {
            return None;
        };
        let made_since = match self.origin_of(need, before) {
            Origin::At(version, _) => match self.template_at(version) {
                Template::Other(earlier) => earlier.whole != then.whole && earlier.alone,
                template => matches!(template, Template::NotMade),
            },
            _ => false,
        };
        let seen = need.seen(&Source::then(before))?;
        Some((then.whole, seen, !made_since))
    }

    /// Whether a source was written since the workload was made, so that some pods may
    /// have what it had before.
    pub(super) fn may_differ_from_pods(&self) -> bool {
        let mut needs = self.needs.needs.iter();
        needs.any(|need| self.is_candidate(need))
    }

    /// Pods are no older than their workload, so often there is no need to ask.
    fn is_candidate(&self, need: &Need) -> bool {
        let created = self.known.workload.created - CLEARLY_LATER;
        let comparable = self.rules.one_etcd && !need.source.kind.by_status();
        let version = self.source(need).present().map(|present| present.version);
        let made = |at| comparable && !self.is_of_old() && version <= Some(at);
        let after_that = matches!(self.known.beginning, Beginning::Made(at) if made(at));
        let no_pods = version.is_some_and(|version| self.has_no_pods(version));
        self.written(&need.source).is_some_and(|at| at > created)
            && !no_pods
            && !after_that
            && self.recorded_by_reloader(&need.source) != Some(true)
    }

    /// The same of what is so since its origin.
    fn is_newer_than_pods(&self, need: &Need, origin: &Origin<'_>) -> Newness {
        let version = match origin {
            Origin::Ask(question) => return Newness::Ask(question.clone()),
            Origin::At(version, _) => *version,
            Origin::Forgotten => return self.is_later_than_pods(need),
        };
        match self.template_at(version) {
            Template::Ask(question) => Newness::Ask(question),
            Template::Other(then) if then.alone => Newness::No,
            Template::NotMade => Newness::No,
            Template::Same | Template::Other(_) => Newness::Yes,
            Template::Forgotten => self.is_later_than_pods(need),
        }
    }

    /// By times, for want of something better.
    fn is_later_than_pods(&self, need: &Need) -> Newness {
        let written = self.written(&need.source);
        let version = self.source(need).present().map(|p| p.version);
        let after = |time: Seconds| Newness::from(written > Some(time));
        if self.keeps_no_history() {
            return after(self.known.workload.created);
        }
        match self.pods_since() {
            None | Some(PodsSince::Lagging) => Newness::Ask(Question::Pods),
            Some(PodsSince::Never) => Newness::No,
            Some(PodsSince::At(_, since)) if self.rules.one_etcd && since > version => Newness::No,
            Some(PodsSince::At(since, _)) => after(since),
        }
    }

    fn adopt(&self) -> Answer {
        let n = self.number();
        let entry = self.entry_now(n, true, String::new());
        if Some(&entry) == self.stored {
            let (reason, text) = self.rest();
            return (Act::Nothing, reason, text);
        }
        let (reason, text) = match &self.known.workload.mark {
            Some(mark) if self.lost() => {
                (Reason::StateLost, format!("its template carries {mark}"))
            }
            _ => (Reason::Adopted, String::new()),
        };
        (Act::Record(entry), reason, text)
    }

    /// Whether there must have been a record: we rolled it. What was created with
    /// our mark is a copy of what we rolled.
    fn lost(&self) -> bool {
        self.is_of_old() && self.entry.is_none() && self.former.is_none()
    }

    fn catch_up(&self, newer: &[&SourceRef]) -> Answer {
        let change = |source: &&SourceRef| Change {
            source: (*source).clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: None,
            dated: true,
            by: self.writer(source),
        };
        let changes: Vec<_> = newer.iter().map(change).collect();
        self.roll(Reason::CaughtUp, &changes)
    }
}

/// The record of what was there when its first pods started.
fn as_it_was(adopt: Act, earlier: &[Earlier<'_>]) -> Act {
    let Act::Record(mut entry) = adopt else {
        return adopt;
    };
    let seen = earlier.iter();
    entry
        .seen
        .extend(seen.map(|e| (Seen::of(e.source), e.seen.clone())));
    Act::Record(entry)
}

/// The record, with what was said of it.
fn in_doubt(adopt: Act) -> Act {
    match adopt {
        Act::Record(entry) => Act::Record(Entry {
            doubt: true,
            ..entry
        }),
        act => act,
    }
}
