//! Proof that the pods are newer than a change, so that it needs no roll.

use crate::compare::Change;
use crate::kinds::Revision;
use crate::needs::Need;
use crate::object::Strategy;

use super::{CLEARLY_LATER, Case, PodsSince};

pub(super) enum Newer {
    Yes,
    No,
    Ask,
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
        let (oldest, newest) = (versions.iter().min(), versions.iter().max());
        if self.rules.one_etcd && self.known.edited.as_ref() > newest {
            return Newer::Yes;
        }
        // After the last list every edit came as an event, so for what changed
        // later there is nothing more to find out.
        if self.rules.one_etcd && oldest > Some(&self.known.since) {
            return Newer::No;
        }
        self.younger(changes)
    }

    /// Whether an event shows that the pods were made after every source was
    /// written, so that a roll which is pending is not needed any more.
    pub(super) fn pods_are_newest(&self) -> bool {
        let rotated = |need: &Need| self.source(need).present().is_some_and(|p| p.rewritten);
        let is_told = |need: &&Need| !need.source.kind.by_status() || rotated(need);
        let needs = self.needs.needs.iter().filter(is_told);
        let versions: Option<Vec<_>> = needs
            .map(|need| self.source(need).present().map(|p| p.version))
            .collect();
        let newest = versions.and_then(|versions| versions.into_iter().max());
        let edited = self.known.edited;
        self.makes_pods() && self.rules.one_etcd && newest.is_some() && edited > newest
    }

    /// Whether a new template makes new pods, all of them and at once.
    pub(super) fn makes_pods(&self) -> bool {
        let workload = &self.known.workload;
        let by_template = !workload.key.kind.ends() && workload.lender.is_none();
        by_template && !workload.paused && workload.strategy == Strategy::Rolling
    }

    /// Whether nothing tells how old its pods' template is.
    pub(super) fn keeps_no_history(&self) -> bool {
        self.known.workload.key.kind.revision == Revision::Untold
    }

    fn younger(&self, changes: &[Change]) -> Newer {
        let since = match self.moment.pods {
            _ if !changes.iter().all(|change| change.dated) => return Newer::No,
            PodsSince::NotAsked if self.keeps_no_history() => return Newer::No,
            PodsSince::NotAsked => return Newer::Ask,
            PodsSince::NotKnown => return Newer::No,
            PodsSince::At(since) => since,
        };
        let clear = |change: &Change| {
            let written = self.written(&change.source);
            written.is_some_and(|at| since - at >= CLEARLY_LATER)
        };
        if changes.iter().all(clear) {
            Newer::Yes
        } else {
            Newer::No
        }
    }
}
