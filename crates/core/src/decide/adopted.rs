//! A workload that was made anew and took over the pods of an earlier one of its name:
//! what was recorded of that one is what they have.
//!
//! So it is after `kubectl delete --cascade=orphan`, the usual way to change what may
//! not be changed of a StatefulSet. The revision of the pods' template tells it: it is
//! older than the workload.

use crate::evidence::{PodsSince, Question};
use crate::kinds::Renewal;
use crate::needs::needs_within;
use crate::state::Entry;

use super::{Answer, Case, older};

impl Case<'_> {
    /// What to do about the pods that it took over; `None`: it has made its own.
    pub(super) fn for_adopted_pods(&self) -> Option<Answer> {
        let former = self.former.filter(|former| self.may_have_pods_of(former))?;
        match self.moment.evidence.get(&Question::Pods) {
            _ if self.keeps_no_history() => Some(self.as_if_it_were(former)),
            None => Some(Self::ask(vec![Question::Pods])),
            Some(_) => match self.pods_since() {
                None => Some(Self::ask(vec![Question::Pods])),
                Some(PodsSince::At(at, _)) if at < self.known.workload.created => {
                    Some(self.as_if_it_were(former))
                }
                Some(_) => None,
            },
        }
    }

    /// Whether the template is one that is recorded of the earlier workload.
    fn may_have_pods_of(&self, former: &Entry) -> bool {
        let workload = &self.known.workload;
        let renewed = matches!(workload.key.kind.renewal, Renewal::Run | Renewal::Recreate);
        let same = former.whole.is_none() && former.template == workload.template;
        let recorded = former.whole == Some(workload.whole);
        let recorded = recorded || same || former.older(workload.whole).is_some();
        !renewed && !former.is_bare() && recorded
    }

    /// Goes on from what was recorded, knowing nothing of the pods.
    fn as_if_it_were(&self, former: &Entry) -> Answer {
        let known = self.known.with_pods_of_another();
        let base = older::base(former, &known);
        let mut case = Case {
            adopted: true,
            former: None,
            ..Case::new(self.index, &known, self.moment, self.rules)
        };
        case.take_record(former, base.as_ref());
        case.needs = needs_within(&known, self.index, case.entry, &self.steps);
        let answer = case.once_read();
        self.due.set(case.due.get());
        answer
    }
}
