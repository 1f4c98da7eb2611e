//! Rolls by one patch of the workload: its pod template's two annotations, or the
//! time at which an Argo Rollout restarts, and what its owners want besides.
//!
//! The patch carries the uid and the version that the decision rested on.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tidings_core::annotations::{PAUSED_AT, RESTARTED_AT};
use tidings_core::marking::{RollAnnotations, annotate};
use tidings_core::object::Seconds;

use super::{ActContext, Author};
use crate::api::page::METADATA;
use crate::api::{self, ApiError, Call, Place, Verb};
use crate::control::{Action, Outcome, Patch, Unpause};

/// Patches a workload.
pub(super) async fn roll(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let body = || body(with.author, patch).to_string();
    let json = with.api.write(&call(patch), body).await?;
    outcome(&json, patch)
}

/// What came of a patch: a new generation tells that something is another now.
pub(super) fn outcome(json: &[u8], patch: &Patch) -> Result<Outcome, ApiError> {
    let generation = api::read::<Patched>(json)?.metadata.generation;
    Ok(if generation > patch.generation {
        Outcome::Done
    } else {
        Outcome::NoEffect
    })
}

/// The request that rolls a workload by a patch, which is its [`body`]. Only its
/// metadata is asked back.
pub fn call(patch: &Patch) -> Call {
    Call::new(Verb::Patch, Place::workload(&patch.on)).accept(METADATA)
}

/// Ends the pause that a roll began.
pub async fn unpause(with: &ActContext<'_>, unpause: &Unpause) -> Result<(), ApiError> {
    let body = json!({
        "metadata": {
            "uid": *unpause.uid,
            "resourceVersion": unpause.version.to_string(),
            "annotations": { with.author.vocabulary.written(PAUSED_AT): null },
        },
        "spec": { "paused": null },
    });
    let call = Call::new(Verb::Patch, Place::workload(&unpause.key)).accept(METADATA);
    with.api.write(&call, || body.to_string()).await?;
    Ok(())
}

/// The merge patch of a roll.
pub fn body(author: Author<'_>, patch: &Patch) -> Value {
    let template = patch.on.kind.template;
    let mut body = match &patch.action {
        Action::RestartAt(time) => json!({ "spec": { "restartAt": show(*time) } }),
        Action::Template {
            restart: Some(time),
            ..
        } => annotate(template, &[(RESTARTED_AT, time.to_string())]),
        _ => annotate(template, &marks(author.instance, patch).annotations()),
    };
    if let Action::Template {
        paused_at: Some(time),
        ..
    } = patch.action
    {
        body["spec"]["paused"] = true.into();
        body["metadata"]["annotations"] =
            json!({ author.vocabulary.written(PAUSED_AT): show(time) });
    }
    body["metadata"]["uid"] = (*patch.uid).into();
    body["metadata"]["resourceVersion"] = patch.version.to_string().into();
    body
}

/// What the pod template is told.
pub(super) fn marks<'a>(instance: &'a str, patch: &'a Patch) -> RollAnnotations<'a> {
    RollAnnotations {
        instance,
        n: patch.roll.n,
        because: &patch.roll.because,
    }
}

/// A time as the API server writes it.
pub(super) fn show(time: Seconds) -> String {
    Timestamp::from_second(time)
        .map(|time| time.to_string())
        .unwrap_or_default()
}

#[derive(Deserialize)]
struct Patched {
    metadata: AnswerMeta,
}

#[derive(Deserialize)]
struct AnswerMeta {
    generation: i64,
}
