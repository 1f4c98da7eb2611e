//! Pod templates that are lent: an Argo Rollout with a `workloadRef` runs the pod
//! template of another workload.
//!
//! Such a Rollout is known with what that template uses and carries, and is
//! brought up to date when it is decided. When the lender was edited is not
//! told by it, so nothing that it uses is ever taken as read by newer pods.

use crate::bounds;
use crate::object::{Lent, Workload};
use crate::refs::WorkloadRef;

use super::{How, Index, Known};

/// What it takes to read a workload anew with what it borrows.
const BORROW_STEPS: u32 = bounds::DECISION_STEPS >> 7;

impl Index {
    /// Takes over what a workload borrows.
    pub(super) fn borrow(&self, workload: &mut Workload) {
        let Some(key) = &workload.lender else { return };
        let Some(known) = self.workloads.get(key) else {
            workload.lent = None;
            (workload.uses, workload.uses_more) = (Box::default(), false);
            return;
        };
        let lender = &known.workload;
        workload.lent = Some(Box::new(known.lends()));
        workload.uses.clone_from(&lender.uses);
        workload.uses_more = lender.uses_more;
        (workload.template, workload.bare) = (lender.template, lender.bare);
        workload.restarted.clone_from(&lender.restarted);
        workload.controlled = lender.controlled;
        workload.whole = lender.whole;
        workload.mark.clone_from(&lender.mark);
        workload.reloaded.clone_from(&lender.reloaded);
        workload.layout.clone_from(&lender.layout);
        workload
            .template_annotations
            .clone_from(&lender.template_annotations);
    }

    /// Notes who borrows from whom.
    pub(super) fn note_borrower(&mut self, before: Option<Box<WorkloadRef>>, workload: &Workload) {
        if before == workload.lender {
            return;
        }
        if let Some(before) = before {
            self.forget_borrower(&before, &workload.key);
        }
        if let Some(lender) = &workload.lender {
            let borrowers = self.borrowers.entry((**lender).clone()).or_default();
            borrowers.insert(workload.key.clone());
        }
    }

    pub(super) fn forget_borrower(&mut self, lender: &WorkloadRef, borrower: &WorkloadRef) {
        if let Some(borrowers) = self.borrowers.get_mut(lender) {
            borrowers.remove(borrower);
            if borrowers.is_empty() {
                self.borrowers.remove(lender);
            }
        }
    }

    /// Who borrows from a workload. They may be thousands, so they are told when it is the
    /// turn of their namespace, and each takes over what is lent when it is decided.
    pub fn borrowers(&self, lender: &WorkloadRef) -> Vec<WorkloadRef> {
        let borrowers = self.borrowers.get(lender).into_iter().flatten();
        borrowers.cloned().collect()
    }

    /// The workload as a lender, if anybody borrows from it.
    pub(super) fn as_lender(&self, key: &WorkloadRef) -> Option<WorkloadRef> {
        self.borrowers.contains_key(key).then(|| key.clone())
    }

    /// Brings a workload up to date that borrows, where its lender is another now.
    /// Returns how many steps it took.
    pub(super) fn borrow_anew(&mut self, key: &WorkloadRef) -> u32 {
        // Of one that is crowded nothing is held that could be read again.
        let known = self.workloads.get(key);
        let Some(known) = known.filter(|known| known.crowded.is_none()) else {
            return 0;
        };
        let Some(lender) = &known.workload.lender else {
            return 0;
        };
        let now = self.get(lender).map(Known::lends);
        if known.workload.lent.as_deref() == now.as_ref() {
            return 0;
        }
        let (again, epoch) = (known.workload.clone(), known.epoch);
        self.apply_workload(again, How::Event);
        // No list has shown it by this.
        if let Some(known) = self.workloads.get_mut(key) {
            known.epoch = epoch;
        }
        BORROW_STEPS
    }
}

impl Known {
    fn lends(&self) -> Lent {
        let workload = &self.workload;
        Lent {
            uid: workload.uid.clone(),
            version: workload.version,
            generation: workload.generation,
            opted_in: self.policy.opted_in(),
            crowded: self.crowded.is_some(),
        }
    }

    /// Whether who borrows from it needs not be told: nothing is written there but how far
    /// it is.
    pub(super) fn lends_the_same(&self, now: &Self) -> bool {
        let (a, b) = (&self.workload, &now.workload);
        let same_lent = |a: Lent, b: Lent| Lent { version: 0, ..a } == Lent { version: 0, ..b };
        same_lent(self.lends(), now.lends())
            && a.whole == b.whole
            && a.mark == b.mark
            && a.controlled == b.controlled
            && a.reloaded == b.reloaded
            && a.unread == b.unread
    }
}
