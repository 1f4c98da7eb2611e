//! What to do about a workload.
//!
//! Goes in: what it needs, what is there ([`Index`]), what it was last brought
//! to ([`Entry`]), and the installation's [`Rules`]. Comes out: a [`Verdict`]:
//! what to do, why, and what a person should mend. Pure and total: the same
//! facts give the same verdict, and after a roll has been written down and has
//! reached the workload the verdict on the same facts is `UpToDate`.
//!
//! The order of the questions is the order of the functions below:
//! whose is it → is anything asked for → has everything been read → is it seen
//! for the first time → does anything differ → are the pods newer than that
//! → may it be rolled now.

use std::collections::BTreeMap;

use crate::compare::{Change, What, compare, must_read};
use crate::index::{Index, Known, Presence, Source};
use crate::needs::{Demand, Need, Needs, needs_of, nothing_matches};
use crate::object::{Seconds, Strategy};
use crate::reason::{Problem, Reason};
use crate::refs::{Name, SourceRef, WorkloadRef};
use crate::state::{Entry, FORM, KeyDigest, Seen, SeenSource};
use crate::uses::Via;

/// Two timestamps of Kubernetes are only told apart if they differ by more than
/// the second to which they are cut, on both sides.
pub const CLEARLY_LATER: Seconds = 2;

/// What an installation was told.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its name.
    pub instance: Name,
    /// `--reload-on-create`
    pub on_create: bool,
    /// `--reload-on-delete`
    pub on_delete: bool,
    /// `--catch-up`
    pub catch_up: bool,
    /// Whether versions of workloads and sources come from one etcd and can be
    /// compared.
    pub one_etcd: bool,
}

/// When the pods' present template was made, as far as that could be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodsSince {
    /// Not asked.
    NotAsked,
    /// The revision that belongs to the template is not there yet.
    NotKnown,
    /// Its creation.
    At(Seconds),
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Read these, then decide again. Without any: a list is under way.
    Read(Vec<SourceRef>),
    /// Find out when the pods' present template was made, then decide again.
    AskPodsSince,
    /// Drop the record.
    Forget,
    /// Write the record when something else is written.
    Note(Entry),
    /// Write the record.
    Record(Entry),
    /// Write the record, then bring the workload to it.
    Roll(Entry),
    /// Bring the workload to the record, which is written already.
    Resume(Entry),
}

/// What to do and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub act: Act,
    /// Why, in a word.
    pub reason: Reason,
    /// Why, in a sentence's worth of particulars. May be empty.
    pub text: String,
    /// What a person should mend.
    pub problems: Vec<Problem>,
}

/// Decides. `None` where the workload is not known.
pub fn decide(
    key: &WorkloadRef,
    index: &Index,
    entry: Option<&Entry>,
    pods: PodsSince,
    rules: &Rules,
) -> Option<Verdict> {
    let known = index.get(key)?;
    let entry = entry.filter(|entry| entry.uid == known.workload.uid);
    let mut case = Case {
        known,
        index,
        entry,
        pods,
        rules,
        needs: Needs::default(),
    };
    let (act, reason, text) = case.decide();
    let problems = case.problems();
    Some(Verdict {
        act,
        reason,
        text,
        problems,
    })
}

type Answer = (Act, Reason, String);

fn nothing(reason: Reason) -> Answer {
    (Act::Nothing, reason, String::new())
}

struct Case<'a> {
    known: &'a Known,
    index: &'a Index,
    entry: Option<&'a Entry>,
    pods: PodsSince,
    rules: &'a Rules,
    needs: Needs,
}

impl Case<'_> {
    fn decide(&mut self) -> Answer {
        let key = &self.known.workload.key;
        if !self.known.policy.opted_in() || self.index.left_out(&key.namespace) {
            let act = if self.entry.is_some() {
                Act::Forget
            } else {
                Act::Nothing
            };
            return (act, Reason::NotOptedIn, String::new());
        }
        if let Some(other) = self.owned_by_other() {
            return (Act::Nothing, Reason::OwnedByOther, other);
        }
        self.needs = needs_of(self.known, self.index);
        if let Some(unread) = self.unread() {
            let names: Vec<_> = unread.iter().map(ToString::to_string).collect();
            return (Act::Read(unread), Reason::NotRead, names.join(", "));
        }
        match self.entry {
            None => self.first_sight(),
            Some(entry) => self.compare_with(entry),
        }
    }

    fn owned_by_other(&self) -> Option<String> {
        let mark = self.known.workload.mark.as_ref()?;
        let taken_over = self
            .entry
            .is_some_and(|e| e.over.as_deref() == Some(&mark.to_string()));
        let ours = mark.instance == self.rules.instance || taken_over;
        (!ours).then(|| format!("its template carries {mark}"))
    }

    fn unread(&self) -> Option<Vec<SourceRef>> {
        let must = |need: &&Need| {
            must_read(
                need,
                self.seen(need),
                &self.source(need),
                self.same_template(),
            )
        };
        let unread: Vec<_> = self
            .needs
            .needs
            .iter()
            .filter(must)
            .map(|need| need.source.clone())
            .collect();
        (self.needs.unlisted || !unread.is_empty()).then_some(unread)
    }

    fn same_template(&self) -> bool {
        self.entry
            .is_some_and(|entry| entry.template == self.known.workload.template)
    }

    fn seen(&self, need: &Need) -> Option<&SeenSource> {
        self.entry?.seen.get(&Seen::of(&need.source))
    }

    /// A source of a kind that is not watched is not read either.
    fn source(&self, need: &Need) -> Source {
        if !self.index.watches(need.source.kind, &need.source.namespace) {
            return Source::not_watched();
        }
        self.index.source(&need.source).cloned().unwrap_or_default()
    }

    // --- first sight -------------------------------------------------------

    fn first_sight(&self) -> Answer {
        let mark = self.known.workload.mark.as_ref();
        let lost = mark.filter(|mark| mark.instance == self.rules.instance);
        let entry = self.entry_now(lost.map_or(0, |mark| mark.n), true, String::new());
        if self.needs.needs.is_empty() {
            return nothing(Reason::UsesNothing);
        }
        if let Some(mark) = lost {
            return (
                Act::Record(entry),
                Reason::StateLost,
                format!("its template carries {mark}"),
            );
        }
        let PodsSince::At(since) = self.pods else {
            let may_be_older =
                self.sources_written_after(self.known.workload.created - CLEARLY_LATER);
            return match self.pods {
                PodsSince::NotAsked if !may_be_older.is_empty() => self.ask(),
                _ => (Act::Record(entry), Reason::Adopted, String::new()),
            };
        };
        let newer = self.sources_written_after(since);
        if newer.is_empty() {
            return (Act::Record(entry), Reason::Adopted, String::new());
        }
        let names: Vec<_> = newer.iter().map(ToString::to_string).collect();
        if !self.rules.catch_up {
            return (Act::Record(entry), Reason::MaybeStale, names.join(", "));
        }
        let changes = newer.into_iter().map(|source| Change {
            source: source.clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: None,
        });
        self.roll(Reason::CaughtUp, &changes.collect::<Vec<_>>())
    }

    fn ask(&self) -> Answer {
        (
            Act::AskPodsSince,
            Reason::NotRead,
            "when its pods' template was made".to_owned(),
        )
    }

    fn sources_written_after(&self, time: Seconds) -> Vec<&SourceRef> {
        let written = |need: &&Need| self.written(&need.source).is_some_and(|at| at > time);
        self.needs
            .needs
            .iter()
            .filter(written)
            .map(|need| &need.source)
            .collect()
    }

    fn written(&self, source: &SourceRef) -> Option<Seconds> {
        match self.index.source(source)?.presence {
            Presence::Present(present) => present.written,
            _ => None,
        }
    }

    // --- afterwards --------------------------------------------------------

    fn compare_with(&self, entry: &Entry) -> Answer {
        let changes: Vec<_> = self
            .needs
            .needs
            .iter()
            .flat_map(|need| compare(need, self.seen(need), &self.source(need)))
            .collect();
        let rolling: Vec<_> = changes.iter().filter(|c| self.rolls(c)).cloned().collect();
        if rolling.is_empty() {
            return self.record_or_rest(entry, &changes);
        }
        match self.pods_are_newer(&rolling) {
            Newer::Ask => return self.ask(),
            Newer::Yes => {
                let by_edit = rolling.iter().all(|c| c.what == What::New);
                let reason = if by_edit {
                    Reason::Recorded
                } else {
                    Reason::Absorbed
                };
                let act = self.recording(entry, &changes);
                return (act, reason, describe(&rolling));
            }
            Newer::No => {}
        }
        let reason = match rolling[0].what {
            What::Appeared(_) => Reason::Created,
            What::Gone(_) => Reason::Deleted,
            What::Changed | What::New => Reason::Changed,
        };
        self.roll(reason, &rolling)
    }

    /// Whether a change is one that new pods are needed for.
    fn rolls(&self, change: &Change) -> bool {
        let on_create = self.known.policy.on_create.unwrap_or(self.rules.on_create);
        match change.what {
            What::Changed => true,
            // Brought by an edit of the template, unless that is as it was:
            // then an annotation or a pattern brought it.
            What::New => change.version.is_some() && !self.same_template(),
            What::Appeared(demand) => demand == Demand::Optional && on_create,
            What::Gone(_) => self.rules.on_delete,
        }
    }

    fn pods_are_newer(&self, changes: &[Change]) -> Newer {
        let workload = &self.known.workload;
        if workload.paused || workload.strategy != Strategy::Rolling {
            return Newer::No;
        }
        let versions: Option<Vec<_>> = changes.iter().map(|c| c.version).collect();
        let Some(versions) = versions else {
            return Newer::No;
        };
        let (oldest, newest) = (versions.iter().min(), versions.iter().max());
        if self.rules.one_etcd && self.known.edited.as_ref() > newest {
            return Newer::Yes;
        }
        // After the last list every edit came as an event, so for what changed
        // later there is nothing more to find out.
        if self.rules.one_etcd && oldest > Some(&self.known.since) {
            return Newer::No;
        }
        match self.pods {
            PodsSince::NotAsked => Newer::Ask,
            PodsSince::NotKnown => Newer::No,
            PodsSince::At(since) => {
                let written = |c: &Change| self.written(&c.source);
                let clear = |at: Option<Seconds>| at.is_some_and(|at| since - at >= CLEARLY_LATER);
                if changes.iter().all(|c| clear(written(c))) {
                    Newer::Yes
                } else {
                    Newer::No
                }
            }
        }
    }

    fn record_or_rest(&self, entry: &Entry, changes: &[Change]) -> Answer {
        let recorded = |c: &&Change| matches!(c.what, What::New | What::Appeared(_));
        let news: Vec<_> = changes.iter().filter(recorded).cloned().collect();
        let reached = self.reached(entry);
        if !entry.done && !reached {
            return self.may_roll(&[]).unwrap_or_else(|| {
                (
                    Act::Resume(entry.clone()),
                    Reason::Resumed,
                    entry.because.clone(),
                )
            });
        }
        if !news.is_empty() {
            return (
                self.recording(entry, changes),
                Reason::Recorded,
                describe(&news),
            );
        }
        let (reason, text) = self.rest(changes);
        let noted = self.recorded(entry, changes);
        let act = if noted == *entry {
            Act::Nothing
        } else {
            Act::Note(noted)
        };
        (act, reason, text)
    }

    fn reached(&self, entry: &Entry) -> bool {
        let mark = self.known.workload.mark.as_ref();
        mark.is_some_and(|m| m.instance == self.rules.instance && m.n == entry.n)
    }

    /// In step, with what keeps it from being so entirely.
    fn rest(&self, changes: &[Change]) -> (Reason, String) {
        let workload = &self.known.workload;
        let gone: Vec<_> = changes
            .iter()
            .filter(|c| matches!(c.what, What::Gone(Demand::Required)))
            .cloned()
            .collect();
        if !gone.is_empty() {
            return (Reason::Missing, describe(&gone));
        }
        if self.needs.needs.is_empty() {
            return (Reason::UsesNothing, String::new());
        }
        let progress = workload.progress;
        let rolled = workload.mark.is_some() && progress.updated < progress.desired;
        let text = || format!("{} of {} pods updated", progress.updated, progress.desired);
        match workload.strategy {
            Strategy::OnDelete if rolled => (Reason::WaitsForDelete, text()),
            Strategy::Partition(p) if rolled => {
                (Reason::PartlyRolled, format!("{}, partition {p}", text()))
            }
            _ => (Reason::UpToDate, String::new()),
        }
    }

    // --- rolling -----------------------------------------------------------

    fn roll(&self, reason: Reason, changes: &[Change]) -> Answer {
        let because = describe(changes);
        if let Some(wait) = self.may_roll(changes) {
            return wait;
        }
        let mark = self.known.workload.mark.as_ref();
        let on_template = mark
            .filter(|m| m.instance == self.rules.instance)
            .map_or(0, |m| m.n);
        let n = self.entry.map_or(0, |entry| entry.n).max(on_template) + 1;
        (
            Act::Roll(self.entry_now(n, false, because.clone())),
            reason,
            because,
        )
    }

    /// What makes a roll wait, if anything.
    fn may_roll(&self, changes: &[Change]) -> Option<Answer> {
        if self.known.workload.paused {
            return Some((Act::Nothing, Reason::Paused, describe(changes)));
        }
        let wants_it_gone = changes.iter().any(|c| matches!(c.what, What::Gone(_)));
        let missing: Vec<_> = self.needs.needs.iter().filter(|n| self.misses(n)).collect();
        if wants_it_gone || missing.is_empty() {
            return None;
        }
        let names: Vec<_> = missing.iter().map(|need| need.source.to_string()).collect();
        Some((Act::Nothing, Reason::Missing, names.join(", ")))
    }

    /// Whether new pods could not start for want of this source.
    fn misses(&self, need: &Need) -> bool {
        let source = self.source(need);
        match (&source.presence, source.current()) {
            (Presence::Absent, _) => need.demand == Demand::Required,
            (_, Some(content)) => need
                .keys
                .iter()
                .any(|(key, demand)| *demand == Demand::Required && content.get(key).is_none()),
            _ => false,
        }
    }

    // --- records -----------------------------------------------------------

    /// The record of how things are now.
    fn entry_now(&self, n: u64, done: bool, because: String) -> Entry {
        let seen = self.needs.needs.iter();
        Entry {
            v: FORM,
            uid: self.known.workload.uid.clone(),
            n,
            done,
            template: self.known.workload.template,
            because,
            over: self.entry.and_then(|entry| entry.over.clone()),
            seen: seen.filter_map(|need| self.seen_now(need)).collect(),
        }
    }

    fn seen_now(&self, need: &Need) -> Option<(Seen, SeenSource)> {
        let source = self.source(need);
        let key = Seen::of(&need.source);
        match (&source.presence, source.current()) {
            (Presence::Absent, _) => Some((key, SeenSource::new(0, need.whole, need.used(None)))),
            (Presence::Present(p), Some(content)) => Some((
                key,
                SeenSource::new(p.version, need.whole, need.used(Some(content))),
            )),
            _ => self.seen(need).map(|seen| (key, seen.clone())),
        }
    }

    fn recording(&self, entry: &Entry, changes: &[Change]) -> Act {
        Act::Record(self.recorded(entry, changes))
    }

    /// The record without a roll: what is gone keeps its last digest, so that the
    /// same content coming back is nothing.
    fn recorded(&self, entry: &Entry, changes: &[Change]) -> Entry {
        let done = entry.done || self.reached(entry);
        let because = if done {
            String::new()
        } else {
            entry.because.clone()
        };
        let mut now = self.entry_now(entry.n, done, because);
        for change in changes.iter().filter(|c| matches!(c.what, What::Gone(_))) {
            let key = Seen::of(&change.source);
            if let Some(kept) = entry.seen.get(&key) {
                now.seen.insert(key, kept.clone());
            }
        }
        now
    }

    // --- what people should mend -------------------------------------------

    fn problems(&mut self) -> Vec<Problem> {
        let mut problems = self.known.problems.clone();
        problems.append(&mut self.needs.problems);
        problems.extend(
            self.needs
                .needs
                .iter()
                .filter_map(|need| self.problem_of(need)),
        );
        if let Some(mark) = &self.known.reverted {
            problems.push(Problem {
                reason: Reason::Reverted,
                text: format!("roll {mark} was taken back; the next change rolls again"),
            });
        }
        problems
    }

    fn problem_of(&self, need: &Need) -> Option<Problem> {
        let only_named = need.via.iter().all(|via| *via == Via::Named);
        match self.source(need).presence {
            Presence::Absent if only_named => Some(nothing_matches(&need.source.to_string())),
            Presence::NotWatched if only_named => Some(Problem {
                reason: Reason::NotWatched,
                text: format!(
                    "{} is named, but not watched by this installation",
                    need.source
                ),
            }),
            _ => None,
        }
    }
}

enum Newer {
    Yes,
    No,
    Ask,
}

/// The keys that are named for one source before the rest is only counted.
const KEYS_NAMED: usize = 5;

/// `configmap/nginx-config (nginx.conf), secret/db`
pub fn describe(changes: &[Change]) -> String {
    let mut by_source: BTreeMap<&SourceRef, Vec<&str>> = BTreeMap::new();
    for change in changes {
        let keys = by_source.entry(&change.source).or_default();
        keys.extend(change.keys.iter().map(|key| &**key));
    }
    let parts: Vec<_> = by_source
        .into_iter()
        .map(|(source, keys)| part(source, &keys))
        .collect();
    parts.join(", ")
}

fn part(source: &SourceRef, keys: &[&str]) -> String {
    let (named, rest) = keys.split_at(keys.len().min(KEYS_NAMED));
    match (named.is_empty(), rest.len()) {
        (true, _) => source.to_string(),
        (_, 0) => format!("{source} ({})", named.join(", ")),
        (_, more) => format!("{source} ({} and {more} more)", named.join(", ")),
    }
}

/// The digest of a key as `why` prints it.
pub fn show_digest(digest: KeyDigest) -> String {
    String::from(digest).chars().take(12).collect()
}
