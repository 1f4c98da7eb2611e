//! A Job that runs is deleted and made again, for its pod template cannot be
//! changed.
//!
//! In this order: the API server is asked whether it would take the Job (a dry
//! run), its manifest is written down in our own namespace, it is deleted with its
//! pods, and when they are gone it is made again. So old and new pods never run
//! at once, and between the two none does. Whoever dies in between leaves the
//! manifest, with which the next term begins.
//!
//! Error policy: what fails before the Job is deleted is given back. After that
//! there is no way but on: everything is tried again until the Job is there.

use std::time::Duration;

use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;
use tidings_core::pauses::Pauses;
use tidings_core::refs::Name;
use tokio::time::sleep;

use super::ActContext;
use super::run::is_as_decided;
use super::saved::Saved;
use crate::api::page::METADATA;
use crate::api::{ApiError, Call, Place, Verb};
use crate::control::{Outcome, Patch};

/// The first and the longest pause before the Job is looked at again.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(100), Duration::from_secs(10));

/// Deletes a Job and makes it again.
pub(super) async fn carry_out(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let job = with.api.find(Place::workload(&patch.on)).await?;
    let job = job.ok_or(ApiError::Gone)?;
    // What its owner deletes is not ours to make again.
    let leaving = !job["metadata"]["deletionTimestamp"].is_null();
    if leaving || !is_as_decided(&job, patch) {
        return Err(ApiError::Conflict);
    }
    let saved = Saved::new(with.author.instance, patch, job);
    let dry_run = create(&saved).with("dryRun", "All");
    match with.api.write(&dry_run, || saved.manifest.clone()).await {
        // It is valid, and there.
        Ok(_) | Err(ApiError::Conflict) => {}
        Err(error) => return Err(error),
    }
    saved.keep(with).await?;
    finish(with, &saved).await
}

/// Brings to its end what was begun: from the manifest on there is no way back
/// but where the Job has moved on before it was deleted.
pub async fn finish(with: &ActContext<'_>, saved: &Saved) -> Result<Outcome, ApiError> {
    let mut waiting = Waiting {
        pauses: PAUSES,
        said: None,
    };
    let made = loop {
        match step(with, saved).await {
            Ok(Step::Made(uid)) => break Ok(Outcome::Made(uid)),
            Ok(Step::NotBegun(error)) => break Err(error),
            Ok(Step::Later) => {}
            Err(ApiError::TermOver) => return Err(ApiError::TermOver),
            Err(error) => waiting.say(saved, &error),
        }
        waiting.pause(with).await?;
    };
    while let Err(error) = saved.forget(with).await {
        if error == ApiError::TermOver {
            return Err(error);
        }
        waiting.say(saved, &error);
        waiting.pause(with).await?;
    }
    made
}

enum Step {
    /// It is there again: the uid.
    Made(Name),
    /// It was not deleted, and why.
    NotBegun(ApiError),
    /// It is on its way.
    Later,
}

async fn step(with: &ActContext<'_>, saved: &Saved) -> Result<Step, ApiError> {
    let Some(job) = with.api.find(Place::workload(&saved.key)).await? else {
        return make(with, saved).await;
    };
    let meta = &job["metadata"];
    if meta["uid"] != *saved.uid {
        return Ok(Step::Made(uid(&job)));
    }
    if !meta["deletionTimestamp"].is_null() {
        return Ok(Step::Later);
    }
    let version = saved.version.to_string();
    if meta["resourceVersion"] != *version {
        return Ok(Step::NotBegun(ApiError::Conflict));
    }
    let job = Place::workload(&saved.key);
    match with.api.delete(job, only(saved)).await {
        Err(
            error @ (ApiError::Forbidden(_) | ApiError::Invalid(..) | ApiError::Unauthenticated(_)),
        ) => Ok(Step::NotBegun(error)),
        // It was asked for before, or the Job has changed: the next look tells.
        Err(ApiError::Gone | ApiError::Conflict) | Ok(()) => Ok(Step::Later),
        Err(error) => Err(error),
    }
}

async fn make(with: &ActContext<'_>, saved: &Saved) -> Result<Step, ApiError> {
    let create = create(saved).accept(METADATA);
    let json = match with.api.write(&create, || saved.manifest.clone()).await {
        // Somebody was quicker: the next look tells who.
        Err(ApiError::Conflict) => return Ok(Step::Later),
        // Its namespace is gone.
        Err(ApiError::Gone) => return Ok(Step::NotBegun(ApiError::Gone)),
        result => result?,
    };
    let job: Value = crate::api::read(&json)?;
    Ok(Step::Made(uid(&job)))
}

fn uid(job: &Value) -> Name {
    job["metadata"]["uid"].as_str().unwrap_or_default().into()
}

fn create(saved: &Saved) -> Call {
    let jobs = Place::kind(saved.key.kind).within(saved.key.namespace.clone());
    Call::new(Verb::Create, jobs)
}

/// Only the Job that was decided about, as it was then. It stays until its pods
/// are gone.
fn only(saved: &Saved) -> DeleteParams {
    DeleteParams::foreground().preconditions(Preconditions {
        uid: Some(saved.uid.to_string()),
        resource_version: Some(saved.version.to_string()),
    })
}

/// Waiting, longer each time, and saying why once.
struct Waiting {
    pauses: Pauses,
    said: Option<ApiError>,
}

impl Waiting {
    async fn pause(&mut self, with: &ActContext<'_>) -> Result<(), ApiError> {
        sleep(self.pauses.grow()).await;
        with.api.goes_on()
    }

    fn say(&mut self, saved: &Saved, error: &ApiError) {
        if self.said.as_ref() != Some(error) {
            let job = &saved.key;
            tracing::warn!(%job, %error, "the Job is deleted to be made again, and that is not done yet");
            self.said = Some(error.clone());
        }
    }
}
