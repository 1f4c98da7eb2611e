//! What was: since when a source has the content that it has, and how the workload
//! was at that moment.
//!
//! A source's version grows with every write to it, also with those that change
//! nothing that counts, such as a label. So the past is asked step by step, from
//! the present version backwards, until the content that counts was another one.

use crate::evidence::{Finding, Former, PodsSince, Question};
use crate::index::{Fetched, Source};
use crate::needs::Need;
use crate::object::Version;

use super::{Act, Answer, Case};
use crate::reason::Reason;

/// So many writes of a source are looked at.
const STEPS: usize = 16;

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
    /// Since when what counts of a source is as it is. The source has been read.
    pub(super) fn origin(&self, need: &Need) -> Origin<'_> {
        let source = self.source(need);
        let (Some(present), Some(content)) = (source.present(), source.current()) else {
            return Origin::Forgotten;
        };
        if !self.rules.one_etcd || need.source.kind.by_status() {
            return Origin::Forgotten;
        }
        let now = need.used(Some(content));
        let mut version = present.version;
        for _ in 0..STEPS {
            let question = Question::Source(need.source.clone(), version.saturating_sub(1));
            match self.moment.evidence.get(&question) {
                None => return Origin::Ask(question),
                Some(Finding::Source(before)) => match before {
                    Fetched::Present(meta, content)
                        if meta.version < version && need.used(Some(content)) == now =>
                    {
                        version = meta.version;
                    }
                    before => return Origin::At(version, before),
                },
                Some(_) => return Origin::Forgotten,
            }
        }
        Origin::Forgotten
    }

    /// The workload's pod template at a version.
    pub(super) fn template_at(&self, version: Version) -> Template<'_> {
        let workload = &self.known.workload;
        let question = Question::Workload(version);
        match self.moment.evidence.get(&question) {
            None => Template::Ask(question),
            Some(Finding::Workload(Some(then))) if then.uid != workload.uid => Template::NotMade,
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

    /// Since when the pods' template is current; `None`: that has to be asked.
    pub(super) fn pods_since(&self) -> Option<PodsSince> {
        match self.moment.evidence.get(&Question::Pods) {
            Some(Finding::Pods(since)) if *since != PodsSince::Lagging => Some(*since),
            _ => None,
        }
    }

    /// A source as it was at a version; an error is the question.
    pub(super) fn source_at(
        &self,
        need: &Need,
        version: Version,
    ) -> Result<Option<Source>, Question> {
        let question = Question::Source(need.source.clone(), version);
        match self.moment.evidence.get(&question) {
            None => Err(question),
            Some(Finding::Source(then)) => Ok(Some(Source::then(then))),
            Some(_) => Ok(None),
        }
    }

    /// Asks. What each question is about is in the log of the requests.
    pub(super) fn ask(questions: Vec<Question>) -> Answer {
        let what = "what was there when its pods were made";
        (Act::Ask(questions), Reason::NotRead, what.to_owned())
    }
}
