//! What was there in between: content with which pods may have started, though what
//! was recorded is there again, or what was missing came and has changed since.
//!
//! Goes in: a source that does not differ from the record. Comes out: whether pods
//! may have something else nevertheless. Two things tell it: the past, write by
//! write, and the workload's own status, which shows when a container last started
//! ([`crate::index::Pods::steady`]). Where the past is forgotten times tell, and
//! what stays open counts as a change.

use crate::compare::{Change, What, compare};
use crate::evidence::{Finding, Question, STEPS};
use crate::index::{Content, Fetched, Source};
use crate::kinds::Renewal;
use crate::method::Method;
use crate::needs::{Demand, Need};
use crate::object::Version;
use crate::refs::SourceRef;
use crate::state::{Entry, SeenSource};
use crate::uses::Via;

use super::Case;

/// What was there between a record and now.
enum Between {
    /// This has to be asked first.
    Ask(Question),
    /// Nothing that differs from now in what counts.
    Nothing,
    /// Something that differs, first at this version.
    Since(Version),
    /// What was there first cannot be found out; after that, something that differs
    /// from this version on, or nothing.
    Untold(Option<Version>),
}

/// A step back into the past of a source.
enum Before<'a> {
    Ask(Question),
    /// So it was, from this version on.
    Was(Version, &'a Fetched, &'a Content),
    /// It was deleted at this version.
    Deleted(Version),
    /// It was not there.
    Absent,
    Untold,
}

impl Case<'_> {
    /// The changes that the present does not show, beside those that it does. An
    /// error: what is to be asked.
    pub(super) fn changed_in_between(
        &self,
        entry: &Entry,
        found: &[Change],
    ) -> Result<Vec<Change>, Vec<Question>> {
        let (mut questions, mut changes) = (Vec::new(), Vec::new());
        let needs = self.needs.needs.iter();
        for need in needs.filter(|need| self.looks_the_same(entry, need, found)) {
            match self.may_have_other(need, found) {
                Err(question) => questions.push(question),
                Ok(true) => changes.push(self.change_of(need)),
                Ok(false) => {}
            }
        }
        if questions.is_empty() {
            Ok(changes)
        } else {
            Err(questions)
        }
    }

    /// Whether a source was written, and nothing that counts differs but for what
    /// came.
    fn looks_the_same(&self, entry: &Entry, need: &Need, found: &[Change]) -> bool {
        let renewal = self.known.workload.key.kind.renewal;
        let settled = |change: &Change| {
            change.source == need.source && !matches!(change.what, What::Appeared(_))
        };
        let written = self.seen(need).is_some_and(|seen| {
            let present = self.source(need).present();
            let written = present.is_some_and(|present| present.version != seen.rv);
            written || self.edited_before(seen).is_some()
        });
        let pods = !self.replaces_all_pods(entry) && renewal != Renewal::Run && !self.lost;
        pods && written && !need.source.kind.by_status() && !found.iter().any(settled)
    }

    /// Whether a roll is open to which it makes no difference.
    fn replaces_all_pods(&self, entry: &Entry) -> bool {
        self.is_pending(entry) && entry.method() == Method::Rollout
    }

    /// The edit of the template that the record did not know of, though it knew of later
    /// content: the watch of the workload lagged.
    fn edited_before(&self, seen: &SeenSource) -> Option<Version> {
        let unknown = self.entry.is_some_and(|entry| entry.done) && !self.same_whole();
        let edited = self
            .known
            .pods
            .edited
            .filter(|_| unknown && self.makes_pods());
        edited.filter(|edited| *edited < seen.rv)
    }

    fn may_have_other(&self, need: &Need, found: &[Change]) -> Result<bool, Question> {
        let Some(seen) = self.seen(need) else {
            return Ok(false);
        };
        let came = |c: &Change| c.what == What::Appeared(Demand::Required);
        let came = found.iter().any(|c| c.source == need.source && came(c));
        if seen.left && came {
            return Ok(true);
        }
        if !self.rules.one_etcd {
            return Ok(self.times_tell(need, seen));
        }
        let edited = self.edited_before(seen);
        if edited.is_none() && self.no_container_started_since(seen.rv + 1) {
            return Ok(false);
        }
        match self.between(need, seen, edited) {
            Between::Ask(question) => Err(question),
            Between::Nothing => Ok(false),
            Between::Since(version) | Between::Untold(Some(version))
                if edited.is_some() || !self.no_container_started_since(version) =>
            {
                Ok(true)
            }
            Between::Since(_) => self.is_seen_until_now(need).map(|()| false),
            Between::Untold(_) => Ok(self.times_tell(need, seen)),
        }
    }

    /// As far as the workload's status tells. Of a template that is back, with its old
    /// pods, only these count. One of before our roll tells nothing of after it.
    fn no_container_started_since(&self, version: Version) -> bool {
        if self.is_untold() {
            return false;
        }
        let since = if self.back {
            self.known
                .pods
                .full
                .filter(|_| self.none_made_since_it_is_back())
        } else {
            self.known.pods.steady
        };
        since.is_some_and(|since| since < version)
    }

    /// The watch of the workload may lag behind that of the source: what it was when
    /// the source was written last is asked for, and waited for by who asks.
    fn is_seen_until_now(&self, need: &Need) -> Result<(), Question> {
        let present = self.source(need).present();
        let question = Question::Workload(present.map_or(0, |present| present.version));
        let known = self.moment.evidence.get(&question);
        known.map(drop).ok_or(question)
    }

    /// Back to the record, or to an edit that it did not know of.
    fn between(&self, need: &Need, seen: &SeenSource, edited: Option<Version>) -> Between {
        let source = self.source(need);
        let Some(mut version) = source.present().map(|present| present.version) else {
            return Between::Nothing;
        };
        let does_without = seen.rv != 0 && starts_without(need);
        let mut since = None;
        for _ in 0..STEPS {
            match self.former(&need.source, version) {
                Before::Ask(question) => return Between::Ask(question),
                Before::Was(at, then, _) if edited.is_some_and(|edited| at < edited) => {
                    let differs = differs(need, then, source);
                    return of(differs.then_some(at).or(since));
                }
                Before::Was(at, ..) if edited.is_none() && at <= seen.rv => return of(since),
                Before::Was(at, then, content) => {
                    version = at;
                    if starts_with(need, content) && differs(need, then, source) {
                        since = Some(at);
                    }
                }
                Before::Deleted(at) => {
                    version = at;
                    since = does_without.then_some(at).or(since);
                }
                Before::Absent => {
                    let gone = source.past().gone.max(seen.rv + 1);
                    return of(does_without.then_some(gone).or(since));
                }
                Before::Untold => return Between::Untold(since),
            }
        }
        // Nobody writes so often what does not change, and before may be the first time.
        Between::Since(seen.rv + 1)
    }

    fn former(&self, key: &SourceRef, version: Version) -> Before<'_> {
        let question = Question::Source(key.clone(), version.saturating_sub(1));
        match self.moment.evidence.get(&question) {
            None => Before::Ask(question),
            // While each deletion is told, this is the last one.
            Some(Finding::Source(Fetched::Absent)) => {
                match self.index.view(key).past().changed_from {
                    gone if gone != 0 && gone < version => Before::Deleted(gone),
                    _ => Before::Absent,
                }
            }
            Some(Finding::Source(then @ Fetched::Present(meta, content)))
                if meta.version < version =>
            {
                Before::Was(meta.version, then, content)
            }
            Some(_) => Before::Untold,
        }
    }

    /// By times, for want of something better: whether what is there was written
    /// since, and pods may have been made meanwhile. Where versions cannot be compared
    /// nobody knows since when pods are ready: only an edit of the template tells it.
    fn times_tell(&self, need: &Need, seen: &SeenSource) -> bool {
        let Some(present) = self.source(need).present() else {
            return false;
        };
        let same = !self.rules.one_etcd && self.same_whole() && !self.back;
        if seen.rv == 0 {
            let waited = need.demand == Demand::Required;
            return present.rewritten && (waited || !same);
        }
        (seen.awaited && present.rewritten) || (!same && self.was_away(need, seen))
    }

    /// Whether the content was another for a while and is back. (Where a key that is
    /// not used has changed, it was that.)
    fn was_away(&self, need: &Need, seen: &SeenSource) -> bool {
        let source = self.source(need);
        let (Some(present), Some(content)) = (source.present(), source.current()) else {
            return false;
        };
        let written = seen.written.is_some() && present.written > seen.written;
        written && seen.all.is_none_or(|all| all == content.digest())
    }

    pub(super) fn change_of(&self, need: &Need) -> Change {
        let present = self.source(need).present();
        Change {
            source: need.source.clone(),
            what: What::Changed,
            keys: Vec::new(),
            version: present.map(|present| present.version),
            dated: true,
            by: present.and_then(|present| present.by.clone()),
        }
    }
}

fn of(since: Option<Version>) -> Between {
    since.map_or(Between::Nothing, Between::Since)
}

/// Whether pods start without it, and stay so when it is back.
fn starts_without(need: &Need) -> bool {
    let used = need.via.iter().any(|via| *via != Via::Named);
    used && need.demand == Demand::Optional
}

/// Whether containers could start with it.
fn starts_with(need: &Need, content: &Content) -> bool {
    let required = need.keys.iter();
    let mut required = required.filter(|(_, used)| used.demand == Demand::Required);
    required.all(|(key, _)| !need.lacks(key, content))
}

/// Whether what there is now differs from what was, in what counts.
fn differs(need: &Need, then: &Fetched, now: &Source) -> bool {
    let then = need.seen(&Source::then(then));
    !compare(need, then.as_ref(), now).is_empty()
}
