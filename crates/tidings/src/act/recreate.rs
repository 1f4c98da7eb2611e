//! A Job that runs is deleted and made again, for its pod template cannot be
//! changed.
//!
//! In this order: the API server is asked whether it would take the Job (a dry
//! run), its manifest is written down in our own namespace, it is deleted with its
//! pods, and when they are gone it is made again. So old and new pods never run
//! at once, and between the two none does. Whoever dies in between leaves the
//! manifest, with which the next term begins.
//!
//! How long its pods take to end, and who keeps it by a finalizer, is not ours to say.
//! So nothing is waited for here: each step does what can be done now, and the
//! controller calls for the next one. Nothing of a manifest is in memory in between.
//!
//! Error policy: what fails before the Job is deleted is given back. After that
//! there is no way but on: what fails then is [`Outcome::Unmade`], and tried again until
//! the Job is there.

use kube::api::{DeleteParams, Preconditions};
use serde_json::Value;
use tidings_core::jobs;
use tidings_core::refs::Name;

use super::ActContext;
use super::run::is_as_decided;
use super::saved::Saved;
use crate::api::page::METADATA;
use crate::api::{ApiError, Call, Place, Verb};
use crate::control::{Outcome, Patch};

/// Deletes a Job, to make it again.
pub(super) async fn carry_out(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let job = with.api.find(Place::workload(&patch.on)).await?;
    let job = job.ok_or(ApiError::Gone)?;
    // What its owner deletes is not ours to make again.
    let leaving = !job["metadata"]["deletionTimestamp"].is_null();
    if leaving || !is_as_decided(&job, patch) {
        return Err(ApiError::Conflict);
    }
    write_down(with, patch, job).await?;
    go_on(with, patch).await
}

/// Writes a Job's manifest down, if it would be taken.
async fn write_down(with: &ActContext<'_>, patch: &Patch, job: Value) -> Result<(), ApiError> {
    let manifest = Saved::manifest(with.author.instance, patch, job);
    let dry_run = create(patch).with("dryRun", "All");
    match with.api.write(&dry_run, || manifest.clone()).await {
        // It is valid, and there.
        Ok(_) | Err(ApiError::Conflict) => {}
        Err(error) => return Err(error),
    }
    Saved::of(patch).keep(with, &manifest).await
}

/// Does the next step of what was begun: from the manifest on there is no way back
/// but where the Job has moved on before it was deleted.
pub async fn go_on(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    with.api.goes_on()?;
    let end = match step(with, patch).await {
        Ok(Step::Later(why)) => return Ok(Outcome::Leaving(why)),
        Ok(Step::Made(uid)) => Ok(Outcome::Made(uid)),
        Ok(Step::NotBegun(error)) => Err(error),
        Err(ApiError::TermOver) => return Err(ApiError::TermOver),
        Err(error) => return Ok(Outcome::Unmade(error)),
    };
    match Saved::of(patch).forget(with).await {
        Ok(()) => end,
        Err(ApiError::TermOver) => Err(ApiError::TermOver),
        Err(error) => Ok(Outcome::Unmade(error)),
    }
}

enum Step {
    /// It is there again: the uid.
    Made(Name),
    /// It was not deleted, and why.
    NotBegun(ApiError),
    /// It is on its way, and waits for this.
    Later(String),
}

async fn step(with: &ActContext<'_>, patch: &Patch) -> Result<Step, ApiError> {
    let Some(job) = with.api.find(Place::workload(&patch.on)).await? else {
        return make(with, patch).await;
    };
    let meta = &job["metadata"];
    if meta["uid"] != *patch.uid {
        return Ok(Step::Made(uid(&job)));
    }
    if !meta["deletionTimestamp"].is_null() {
        return Ok(Step::Later(held_by(meta)));
    }
    let version = patch.version.to_string();
    if meta["resourceVersion"] != *version {
        return Ok(Step::NotBegun(ApiError::Conflict));
    }
    let job = Place::workload(&patch.on);
    match with.api.delete(job, only(patch)).await {
        Err(
            error @ (ApiError::Forbidden(_) | ApiError::Invalid(..) | ApiError::Unauthenticated(_)),
        ) => Ok(Step::NotBegun(error)),
        // It was asked for before, or the Job has changed: the next look tells.
        Err(ApiError::Gone | ApiError::Conflict) | Ok(()) => Ok(Step::Later(String::new())),
        Err(error) => Err(error),
    }
}

fn held_by(meta: &Value) -> String {
    let finalizers = meta["finalizers"].as_array();
    let finalizers = finalizers.into_iter().flatten();
    jobs::held_by(finalizers.filter_map(Value::as_str))
}

async fn make(with: &ActContext<'_>, patch: &Patch) -> Result<Step, ApiError> {
    let Some(manifest) = Saved::of(patch).kept(with).await? else {
        // Somebody has taken it away, or it is made.
        return Ok(Step::NotBegun(ApiError::Gone));
    };
    let create = create(patch).accept(METADATA);
    let json = match with.api.write(&create, || manifest).await {
        // Somebody was quicker: the next look tells who.
        Err(ApiError::Conflict) => return Ok(Step::Later(String::new())),
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

fn create(patch: &Patch) -> Call {
    let jobs = Place::kind(patch.on.kind).within(patch.on.namespace.clone());
    Call::new(Verb::Create, jobs)
}

/// Only the Job that was decided about, as it was then. It stays until its pods
/// are gone.
fn only(patch: &Patch) -> DeleteParams {
    DeleteParams::foreground().preconditions(Preconditions {
        uid: Some(patch.uid.to_string()),
        resource_version: Some(patch.version.to_string()),
    })
}
