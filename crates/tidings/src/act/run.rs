//! One more run of a CronJob: a Job under a name that belongs to this roll alone,
//! so that it is made once, however often it is asked for. The CronJob itself is
//! not written.
//!
//! The decision knows of active runs as far as the watches have come. A run of ours
//! may be younger than that, and is on no CronJob's status, so the last one is
//! looked at here.

use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;
use tidings_core::jobs;
use tidings_core::object::Overlap;
use tidings_core::refs::Name;

use super::ActContext;
use super::template::marks;
use crate::api::page::METADATA;
use crate::api::{ApiError, Call, Place, Verb};
use crate::control::{Outcome, Patch};

/// A run to be made.
pub(super) struct JobRun<'a> {
    /// The roll.
    pub(super) patch: &'a Patch,
    /// What becomes of runs that are active.
    pub(super) overlap: Overlap,
    /// Those of the CronJob's own that make room: name and uid.
    pub(super) replaces: &'a [(Name, Name)],
}

impl JobRun<'_> {
    pub(super) async fn carry_out(&self, with: &ActContext<'_>) -> Result<Outcome, ApiError> {
        let name = self.name(with, self.patch.roll.n);
        if let Some(job) = with.api.find(self.job(&name)).await? {
            return self.made_before(&name, &job);
        }
        let cron_job = with.api.find(Place::workload(&self.patch.roll.key)).await?;
        let cron_job = cron_job.ok_or(ApiError::Gone)?;
        if !is_as_decided(&cron_job, self.patch) {
            return Err(ApiError::Conflict);
        }
        let former = self.former(with).await?;
        if self.must_wait(&cron_job, former.as_ref()) {
            // It is decided again when the watches have shown that run.
            return Err(ApiError::Conflict);
        }
        self.make_room(with, former.as_ref()).await?;
        let job = self.manifest(with, &cron_job, &name);
        let create = Call::new(Verb::Create, self.jobs()).accept(METADATA);
        with.api.write(&create, || job).await?;
        Ok(Outcome::Done)
    }

    fn manifest(&self, with: &ActContext<'_>, cron_job: &Value, name: &str) -> String {
        let mut job = jobs::run(cron_job, name);
        marks(with.author.instance, self.patch).write(&mut job["spec"]["template"]);
        job.to_string()
    }

    /// Who asks again finds that it is there.
    fn made_before(&self, name: &str, job: &Value) -> Result<Outcome, ApiError> {
        if jobs::is_controlled_by(job, &self.patch.uid) {
            return Ok(Outcome::Done);
        }
        let text = format!("the name of its next run, {name}, is another Job's: delete that one");
        Err(ApiError::Invalid(409, text))
    }

    /// The run of the last roll, while it is active.
    async fn former(&self, with: &ActContext<'_>) -> Result<Option<Value>, ApiError> {
        if self.overlap == Overlap::Allow || self.patch.roll.n < 2 {
            return Ok(None);
        }
        let name = self.name(with, self.patch.roll.n - 1);
        let job = with.api.find(self.job(&name)).await?;
        let ours = |job: &Value| jobs::is_controlled_by(job, &self.patch.uid);
        Ok(job.filter(|job| ours(job) && !jobs::has_ended(job)))
    }

    fn must_wait(&self, cron_job: &Value, former: Option<&Value>) -> bool {
        let active = cron_job["status"]["active"].as_array();
        let any = former.is_some() || active.is_some_and(|active| !active.is_empty());
        self.overlap == Overlap::Forbid && any
    }

    async fn make_room(
        &self,
        with: &ActContext<'_>,
        former: Option<&Value>,
    ) -> Result<(), ApiError> {
        if self.overlap != Overlap::Replace {
            return Ok(());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().into();
        let former = former.map(|job| {
            (
                text(&job["metadata"]["name"]),
                text(&job["metadata"]["uid"]),
            )
        });
        for (name, uid) in self.replaces.iter().chain(&former) {
            let only = DeleteParams::background().preconditions(Preconditions {
                uid: Some(uid.to_string()),
                ..Preconditions::default()
            });
            match with.api.delete(self.job(name), only).await {
                // It is gone, or another has its name.
                Ok(()) | Err(ApiError::Gone | ApiError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn name(&self, with: &ActContext<'_>, n: u64) -> String {
        let Patch { roll, uid, .. } = self.patch;
        jobs::run_name(with.author.instance, &roll.key.name, uid, n)
    }

    fn jobs(&self) -> Place {
        Place::new("batch", "v1", "jobs").within(self.patch.roll.key.namespace.clone())
    }

    fn job(&self, name: &str) -> Place {
        self.jobs().named(name)
    }
}

/// Whether an object is the one that was decided about, and as it was then.
pub(super) fn is_as_decided(object: &Value, patch: &Patch) -> bool {
    let meta = &object["metadata"];
    let version = patch.version.to_string();
    meta["uid"] == *patch.uid && meta["resourceVersion"] == *version
}
