//! Proof that the pods are newer than a change, so that it needs no roll.
//!
//! An event that shows the template edited tells it, and where none was seen the
//! past does. Times, which are whole seconds, are asked only for what the store has
//! forgotten.

use crate::compare::{Change, What};
use crate::evidence::{PodsSince, Question};
use crate::index::Fetched;
use crate::kinds::{Renewal, Revision};
use crate::needs::{Demand, Need};
use crate::object::{Strategy, Version};

use super::past::{Origin, Template};
use super::{CLEARLY_LATER, Case};

pub(super) enum Newer {
    Yes,
    No,
    Ask(Vec<Question>),
}

impl From<bool> for Newer {
    fn from(newer: bool) -> Self {
        if newer { Self::Yes } else { Self::No }
    }
}

/// Since when all that changed is as it is.
enum Since {
    Ask(Vec<Question>),
    At(Version),
    Forgotten,
}

impl Case<'_> {
    /// Without proof the answer is no: a roll too many is better than one too few.
    pub(super) fn pods_are_newer(&self, changes: &[Change]) -> Newer {
        if !self.makes_pods() {
            return Newer::No;
        }
        let versions: Option<Vec<_>> = changes.iter().map(|c| c.version).collect();
        let Some(versions) = versions else {
            return Newer::No;
        };
        if changes.iter().all(|change| self.was_brought(change)) {
            return Newer::Yes;
        }
        if !self.rules.one_etcd {
            return self.younger(changes);
        }
        let newest = versions.iter().max();
        if self.known.pods.edited.as_ref() > newest {
            return Newer::Yes;
        }
        let told = |change: &Change| !change.source.kind.by_status();
        if let Some(question) = self.waits_for_its_roll(newest)
            && changes.iter().all(told)
        {
            return Newer::Ask(vec![question]);
        }
        if let Some(edited) = self.known.pods.edited {
            return self.edited_in_between(edited, changes);
        }
        // After the last list every edit came as an event.
        let since = |change: &Change| self.changed_no_earlier_than(change);
        if changes.iter().all(|c| since(c) >= Some(self.known.since)) {
            return Newer::No;
        }
        self.past_tells(changes)
    }

    /// The watch does not show the last roll yet, which may have brought what is newer:
    /// who asks for the workload waits until it does.
    fn waits_for_its_roll(&self, newest: Option<&Version>) -> Option<Question> {
        match self.template_at(*newest.filter(|_| self.is_untold())?) {
            Template::Ask(question) => Some(question),
            _ => None,
        }
    }

    /// Whether Reloader has rolled the workload for what is there.
    fn was_brought(&self, change: &Change) -> bool {
        !self.same_whole() && self.recorded_by_reloader(&change.source) == Some(true)
    }

    /// The template was edited before the newest write of a source: but that may
    /// have changed nothing that counts.
    fn edited_in_between(&self, edited: Version, changes: &[Change]) -> Newer {
        let before = |change: &Change| self.changed_no_earlier_than(change) >= Some(edited);
        if changes.iter().any(before) || self.moment.evidence.is_long() {
            return Newer::No;
        }
        let (mut questions, mut others) = (Vec::new(), Vec::new());
        for change in changes {
            match self.came_after(edited, change) {
                Err(question) => questions.push(question),
                Ok(false) => others.push(change.clone()),
                Ok(true) => {}
            }
        }
        if !questions.is_empty() {
            return Newer::Ask(questions);
        }
        match self.since(&others) {
            Since::Ask(questions) => Newer::Ask(questions),
            Since::At(version) => (edited > version).into(),
            Since::Forgotten => Newer::No,
        }
    }

    /// Whether a source that an edit of the template brought into use came only after that,
    /// and is as it was then: pods that cannot start without it have waited, and to others
    /// it has appeared.
    fn came_after(&self, edited: Version, change: &Change) -> Result<bool, Question> {
        let need = self.need(change).filter(|_| change.what == What::New);
        let Some(need) = need.filter(|need| need.demand == Demand::Required || !self.on_create())
        else {
            return Ok(false);
        };
        // One that was there in between, too, may have started some.
        let gone = self.index.view(&need.source).past().gone;
        if gone > edited || self.source_at(need, edited)? != Some(&Fetched::Absent) {
            return Ok(false);
        }
        match self.origin(need) {
            Origin::Ask(question) => Err(question),
            Origin::At(_, before) => Ok(*before == Fetched::Absent),
            Origin::Forgotten => Ok(false),
        }
    }

    /// A version before which the change cannot have been.
    fn changed_no_earlier_than(&self, change: &Change) -> Option<Version> {
        let source = self.index.view(&change.source);
        let recorded = self.seen(self.need(change)?)?.rv;
        let past = source.past();
        let is_of_it = past.changed_after <= recorded;
        Some(recorded.max(if is_of_it { past.changed_from } else { 0 }))
    }

    fn need(&self, change: &Change) -> Option<&Need> {
        let mut needs = self.needs.needs.iter();
        needs.find(|need| need.source == change.source)
    }

    fn since(&self, changes: &[Change]) -> Since {
        let (mut questions, mut newest) = (Vec::new(), 0);
        for need in changes.iter().filter_map(|change| self.need(change)) {
            match self.origin(need) {
                Origin::Ask(question) => questions.push(question),
                Origin::At(version, _) => newest = newest.max(version),
                Origin::Forgotten => return Since::Forgotten,
            }
        }
        if questions.is_empty() {
            Since::At(newest)
        } else {
            Since::Ask(questions)
        }
    }

    fn past_tells(&self, changes: &[Change]) -> Newer {
        match self.since(changes) {
            Since::Ask(questions) => Newer::Ask(questions),
            Since::At(version) => self.was_edited_since(version, changes),
            Since::Forgotten => self.by_the_newest(changes),
        }
    }

    /// Where the store has forgotten since when something is so: at the latest since it
    /// was written last.
    fn by_the_newest(&self, changes: &[Change]) -> Newer {
        let newest = changes.iter().map(|change| change.version).max().flatten();
        let told = |change: &Change| !change.source.kind.by_status();
        match (self.younger(changes), newest) {
            (Newer::No, Some(newest)) if changes.iter().all(told) => {
                self.was_edited_since(newest, changes)
            }
            (newer, _) => newer,
        }
    }

    /// What nobody saw. A template that was another when the changes came, with no
    /// pods but its own, has been edited since, so all pods of this one are newer.
    fn was_edited_since(&self, version: Version, changes: &[Change]) -> Newer {
        match self.template_at(version) {
            Template::Ask(question) => Newer::Ask(vec![question]),
            Template::Same => Newer::No,
            Template::Other(then) => then.alone.into(),
            // Who has a record of its own was there before: the answer is of another time.
            Template::NotMade if self.has_own_record() => self.younger(changes),
            Template::NotMade => Newer::Yes,
            Template::Forgotten => self.younger(changes),
        }
    }

    fn has_own_record(&self) -> bool {
        let stored = self.stored.filter(|stored| !stored.is_bare());
        stored.is_some_and(|stored| stored.uid == self.known.workload.uid)
    }

    /// Whether the pods were made after every source was written, so that a roll which
    /// is pending is not needed any more.
    pub(super) fn pods_are_newest(&self) -> Newer {
        let rotated = |need: &Need| self.source(need).present().is_some_and(|p| p.rewritten);
        let is_told = |need: &&Need| !need.source.kind.by_status() || rotated(need);
        let needs = self.needs.needs.iter().filter(is_told);
        let all: Vec<_> = needs.map(|need| self.change_of(need)).collect();
        let told = all.iter().all(|change| change.version.is_some()) && !all.is_empty();
        if !told || !self.rules.one_etcd || !self.makes_pods() {
            return Newer::No;
        }
        let newest = all.iter().map(|change| change.version).max().flatten();
        if self.known.pods.edited > newest {
            return Newer::Yes;
        }
        if self.same_template() {
            return Newer::No;
        }
        match (self.since(&all), self.known.pods.edited) {
            (Since::Ask(questions), _) => Newer::Ask(questions),
            (Since::Forgotten, _) => self.by_the_newest(&all),
            (Since::At(version), Some(edited)) => (edited > version).into(),
            (Since::At(version), None) => self.was_edited_since(version, &all),
        }
    }

    /// Whether a new template makes new pods, all of them and at once. A Job has one for
    /// life: it is made again with its pods.
    pub(super) fn makes_pods(&self) -> bool {
        let workload = &self.known.workload;
        let runs = workload.key.kind.renewal == Renewal::Run;
        let by_template = !runs && workload.lender.is_none();
        by_template && !workload.paused && workload.strategy == Strategy::Rolling
    }

    /// Whether nothing tells how old its pods' template is.
    pub(super) fn keeps_no_history(&self) -> bool {
        self.known.workload.key.kind.revision == Revision::Untold
    }

    /// What the store has forgotten: the workload's revision tells.
    fn younger(&self, changes: &[Change]) -> Newer {
        if self.back || self.keeps_no_history() {
            return Newer::No;
        }
        match self.pods_since() {
            None => Newer::Ask(vec![Question::Pods]),
            Some(PodsSince::At(at, version)) => {
                let clear = |change: &Change| {
                    let written = self.written(&change.source);
                    change.dated && written.is_some_and(|written| at - written >= CLEARLY_LATER)
                };
                let after = |change: &Change| self.rules.one_etcd && version > change.version;
                changes.iter().all(|c| after(c) || clear(c)).into()
            }
            Some(PodsSince::Never | PodsSince::Lagging) => Newer::No,
        }
    }
}
