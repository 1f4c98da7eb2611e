//! What was: since when a source has the content that it has, and how the workload
//! was at that moment.
//!
//! A source's version grows with every write to it, also with those that change
//! nothing that counts, such as a label. So the past is asked step by step, from
//! the present version backwards, until the content that counts was another one.

use crate::compare::compare;
use crate::evidence::{Finding, Former, PodsSince, Question, STEPS};
use crate::index::{Fetched, Source};
use crate::needs::Need;
use crate::object::Version;

use super::{Act, Answer, Case};
use crate::reason::Reason;

/// Since when a source has, of what counts, what it has.
pub(super) enum Origin<'a> {
    /// This has to be asked first.
    Ask(Question),
    /// Since this version; before that it was so.
    At(Version, &'a Fetched),
    /// It cannot be found out.
    Forgotten,
}

/// How the workload was at some moment.
pub(super) enum Template<'a> {
    /// This has to be asked first.
    Ask(Question),
    /// As it is now, as far as we know.
    Same,
    /// Another, of which this is known.
    Other(&'a Former),
    /// It was not there.
    NotMade,
    /// It cannot be found out.
    Forgotten,
}

impl Case<'_> {
    /// Since when what counts of a source is as it is. The source has been read, or is
    /// as it was recorded.
    pub(super) fn origin(&self, need: &Need) -> Origin<'_> {
        let Some(present) = self.source(need).present() else {
            return Origin::Forgotten;
        };
        if !self.rules.one_etcd || need.source.kind.by_status() {
            return Origin::Forgotten;
        }
        let same = |before: &Fetched| self.is_as_now(need, before);
        self.origin_from(need, present.version, same)
    }

    /// The same for what it was at another time.
    pub(super) fn origin_of(&self, need: &Need, then: &Fetched) -> Origin<'_> {
        let Fetched::Present(meta, content) = then else {
            return Origin::Forgotten;
        };
        let used = need.used(Some(content));
        let same = |before: &Fetched| need.used(Source::then(before).current()) == used;
        self.origin_from(need, meta.version, same)
    }

    fn origin_from(
        &self,
        need: &Need,
        mut version: Version,
        same: impl Fn(&Fetched) -> bool,
    ) -> Origin<'_> {
        for _ in 0..STEPS {
            let question = Question::Source(need.source.clone(), version.saturating_sub(1));
            match self.moment.evidence.get(&question) {
                None => return Origin::Ask(question),
                Some(Finding::Source(before)) => match before {
                    Fetched::Present(meta, _) if meta.version < version && same(before) => {
                        version = meta.version;
                    }
                    before => return Origin::At(version, before),
                },
                Some(_) => return Origin::Forgotten,
            }
        }
        Origin::Forgotten
    }

    /// Whether what counts of a source was as it is now.
    pub(super) fn is_as_now(&self, need: &Need, before: &Fetched) -> bool {
        let (now, then) = (self.source(need), Source::then(before));
        match (now.current(), self.seen(need)) {
            (Some(content), _) => need.used(then.current()) == need.used(Some(content)),
            (None, Some(seen)) if now.present().is_some_and(|p| p.version == seen.rv) => {
                compare(need, Some(seen), &then).is_empty()
            }
            _ => false,
        }
    }

    /// The workload's pod template at a version.
    pub(super) fn template_at(&self, version: Version) -> Template<'_> {
        let workload = &self.known.workload;
        let question = Question::Workload(version);
        match self.moment.evidence.get(&question) {
            None => Template::Ask(question),
            // Its pods were there, though it was not.
            Some(Finding::Workload(None)) if self.adopted => Template::Same,
            Some(Finding::Workload(Some(then))) if then.uid != workload.uid && !self.adopted => {
                Template::NotMade
            }
            // Edited since, which the watch has not brought: what we know was older.
            Some(Finding::Workload(Some(then))) if then.version > workload.version => {
                Template::Same
            }
            Some(Finding::Workload(Some(then))) if then.whole == workload.whole => Template::Same,
            Some(Finding::Workload(Some(then))) => Template::Other(then),
            Some(Finding::Workload(None)) => Template::NotMade,
            Some(_) => Template::Forgotten,
        }
    }

    /// Since when the pods' template is current; `None`: that has to be asked. What is
    /// older than the workload was taken over, and written when it was.
    pub(super) fn pods_since(&self) -> Option<PodsSince> {
        let created = self.known.workload.created;
        match self.moment.evidence.get(&Question::Pods) {
            Some(Finding::Pods(PodsSince::Lagging)) => None,
            Some(Finding::Pods(PodsSince::At(at, _))) if *at < created => {
                Some(PodsSince::At(*at, None))
            }
            Some(Finding::Pods(since)) => Some(*since),
            _ => None,
        }
    }

    /// A source as it was at a version; an error is the question.
    pub(super) fn source_at(
        &self,
        need: &Need,
        version: Version,
    ) -> Result<Option<&Fetched>, Question> {
        let question = Question::Source(need.source.clone(), version);
        match self.moment.evidence.get(&question) {
            None => Err(question),
            Some(Finding::Source(then)) => Ok(Some(then)),
            Some(_) => Ok(None),
        }
    }

    /// Asks. What each question is about is in the log of the requests.
    pub(super) fn ask(questions: Vec<Question>) -> Answer {
        let what = "what was there when its pods were made";
        (Act::Ask(questions), Reason::NotRead, what.to_owned())
    }
}
