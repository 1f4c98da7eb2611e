//! CronJobs and the Jobs that were made from them.
//!
//! A CronJob's status names the runs of its schedule only, not the Jobs that
//! others made from it, as we do. Those are known where Jobs are watched.

use crate::kinds::{Kind, Renewal};
use crate::object::Runs;
use crate::refs::{Name, WorkloadRef};

use super::{Index, Known};

impl Index {
    /// The Jobs of a CronJob that have not ended: name and uid of each.
    pub fn active_runs(&self, cronjob: &Known) -> Vec<(Name, Name)> {
        let workload = &cronjob.workload;
        let of_schedule = workload.runs.iter().flat_map(|runs| &runs.active);
        let mut active: Vec<_> = of_schedule.cloned().collect();
        let is_active =
            |runs: &Runs| !runs.ended && runs.controller.as_ref() == Some(&workload.uid);
        for (key, known) in self.of_kind(&workload.key.namespace, Renewal::Recreate) {
            let run = &known.workload;
            let listed = active.iter().any(|(_, uid)| *uid == run.uid);
            if !listed && run.runs.as_deref().is_some_and(is_active) {
                active.push((key.name.clone(), run.uid.clone()));
            }
        }
        active
    }

    /// The CronJob that a Job was made from.
    pub(super) fn maker_of(&self, job: &WorkloadRef) -> Option<WorkloadRef> {
        let runs = self.workloads.get(job)?.workload.runs.as_ref()?;
        let uid = runs.controller.as_ref()?;
        let mut cronjobs = self.of_kind(&job.namespace, Renewal::Run);
        let (key, _) = cronjobs.find(|(_, known)| known.workload.uid == *uid)?;
        Some(key.clone())
    }

    fn of_kind(
        &self,
        namespace: &Name,
        renewal: Renewal,
    ) -> impl Iterator<Item = (&WorkloadRef, &Known)> {
        let kind = Kind::of_renewal(renewal);
        let first = kind.map(|kind| WorkloadRef::new(kind, namespace.clone(), ""));
        first.into_iter().flat_map(|first| {
            let like = first.clone();
            let within =
                move |key: &WorkloadRef| key.namespace == like.namespace && key.kind == like.kind;
            let range = self.workloads.range(first..);
            range.take_while(move |(key, _)| within(key))
        })
    }
}
