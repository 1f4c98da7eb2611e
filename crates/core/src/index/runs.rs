//! CronJobs and the Jobs that were made from them.
//!
//! A CronJob's status names the runs of its schedule only, not the Jobs that
//! others made from it, as we do. Those are known where Jobs are watched.

use std::collections::BTreeSet;

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
        let listed: BTreeSet<_> = active.iter().map(|(_, uid)| uid.clone()).collect();
        let is_active =
            |runs: &Runs| !runs.ended && runs.controller.as_ref() == Some(&workload.uid);
        let jobs = Kind::of_renewal(Renewal::Recreate).into_iter();
        let jobs = jobs.flat_map(|kind| self.of_kind(&workload.key.namespace, kind));
        for (key, known) in jobs {
            let run = &known.workload;
            if !listed.contains(&run.uid) && run.runs.as_deref().is_some_and(is_active) {
                active.push((key.name.clone(), run.uid.clone()));
            }
        }
        active
    }

    /// The CronJob that a Job was made from.
    pub(super) fn maker_of(&self, job: &WorkloadRef) -> Option<WorkloadRef> {
        let runs = self.workloads.get(job)?.workload.runs.as_ref()?;
        let uid = runs.controller.as_ref()?;
        let mut cronjobs = self.of_kind(&job.namespace, Kind::of_renewal(Renewal::Run)?);
        let (key, _) = cronjobs.find(|(_, known)| known.workload.uid == *uid)?;
        Some(key.clone())
    }

    /// The workloads of a kind in a namespace.
    pub(super) fn of_kind(
        &self,
        namespace: &Name,
        kind: &'static Kind,
    ) -> impl Iterator<Item = (&WorkloadRef, &Known)> {
        let first = WorkloadRef::new(kind, namespace.clone(), "");
        let like = first.clone();
        let within =
            move |key: &WorkloadRef| key.namespace == like.namespace && key.kind == like.kind;
        let range = self.workloads.range(first..);
        let range = range.map(|(key, known)| (key, &**known));
        range.take_while(move |(key, _)| within(key))
    }
}
