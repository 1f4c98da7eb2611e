//! Pod templates that are lent: an Argo Rollout with a `workloadRef` runs the pod
//! template of another workload.
//!
//! Such a Rollout is known with what that template uses and carries, and is
//! brought up to date whenever the lender is. When the lender was edited is not
//! told by it, so nothing that it uses is ever taken as read by newer pods.

use crate::object::{Lent, Workload};
use crate::refs::WorkloadRef;

use super::{How, Index};

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
        workload.lent = Some(Box::new(Lent {
            uid: lender.uid.clone(),
            version: lender.version,
            generation: lender.generation,
            opted_in: known.policy.opted_in(),
        }));
        workload.uses.clone_from(&lender.uses);
        workload.uses_more = lender.uses_more;
        (workload.template, workload.bare) = (lender.template, lender.bare);
        workload.restarted.clone_from(&lender.restarted);
        workload.controlled = lender.controlled;
        workload.whole = lender.whole;
        workload.mark.clone_from(&lender.mark);
        workload.reloaded.clone_from(&lender.reloaded);
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

    /// Brings up to date who borrows from a workload that was read or is gone.
    /// Returns those that may have to be decided again.
    pub(super) fn lend(&mut self, lender: &WorkloadRef) -> Vec<WorkloadRef> {
        let borrowers = self.borrowers.get(lender).cloned().unwrap_or_default();
        let mut concerned = Vec::new();
        for key in borrowers {
            if let Some(known) = self.workloads.get(&key) {
                let (again, epoch) = (known.workload.clone(), known.epoch);
                concerned.extend(self.apply_workload(again, How::Event));
                // No list has shown it by this.
                if let Some(known) = self.workloads.get_mut(&key) {
                    known.epoch = epoch;
                }
            }
        }
        concerned
    }
}
