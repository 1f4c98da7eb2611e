//! Rolls by a JSON Patch: where Reloader's variables or its annotation are written,
//! or those that it left go with the roll.
//!
//! The object is read first, and the patch holds for that reading only.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidings_core::annotations::{LAST_RELOADED_FROM, PAUSED_AT};
use tidings_core::refs::SourceRef;
use tidings_core::rewrite::{Rewrite, Words, container_for, pointer, value};

use super::ActContext;
use super::template::{self, show};
use crate::api::page::METADATA;
use crate::api::{ApiError, Call, Place, Verb};
use crate::control::{Deed, Outcome, Patch};

/// Patches a workload.
pub(super) async fn roll(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let place = || Place::workload(&patch.on);
    let object = with.api.find(place()).await?.ok_or(ApiError::Gone)?;
    if has_moved_on(&object, patch) {
        return Err(ApiError::Conflict);
    }
    let changed = patch.changed();
    let rewrite = Rewrite {
        template: patch.on.kind.template,
        instance: with.author.instance,
        n: patch.n,
        words: with.author.words,
        changed: &changed,
        all: &patch.sources,
        marks: annotations(with, patch, &object),
        paused_by: paused_by(with, patch),
    };
    if rewrite.is_there(&object) {
        return Ok(Outcome::Done);
    }
    let operations = Value::from(rewrite.operations(&object)).to_string();
    let call = Call::new(Verb::JsonPatch, place()).accept(METADATA);
    match with.api.write(&call, || operations).await {
        // A test that fails says so in the words of a request that is wrong.
        Err(ApiError::Invalid(code, message)) => {
            let now = with.api.find(place()).await?.ok_or(ApiError::Gone)?;
            Err(if has_moved_on(&now, patch) {
                ApiError::Conflict
            } else {
                ApiError::Invalid(code, message)
            })
        }
        answer => template::outcome(&answer?, patch),
    }
}

fn has_moved_on(object: &Value, patch: &Patch) -> bool {
    let meta = &object["metadata"];
    let version = patch.version.to_string();
    meta["uid"] != *patch.uid || meta["resourceVersion"] != *version
}

/// What is written on the pod template.
fn annotations<'a>(
    with: &ActContext<'a>,
    patch: &'a Patch,
    object: &Value,
) -> Vec<(&'a str, String)> {
    let mut annotations = template::marks(with.author.instance, patch).annotations();
    if with.author.words == Words::Annotation
        && let Some(source) = patch.changed().last()
    {
        let at = pointer(patch.on.kind.template);
        let template = object.pointer(&at).unwrap_or(&Value::Null);
        let last = last_reloaded_from(with.author.instance, patch.n, source, template);
        annotations.push((LAST_RELOADED_FROM, last.to_string()));
    }
    annotations
}

/// As Reloader writes it, but for the hash, which is of no content.
fn last_reloaded_from(instance: &str, n: u64, source: &SourceRef, template: &Value) -> Value {
    let container = container_for(template, source).map(|(_, name)| name);
    json!({
        "type": source.kind.row().word.to_ascii_uppercase(),
        "name": *source.name,
        "namespace": *source.namespace,
        "hash": value(instance, n, source),
        "containerRefs": container.into_iter().collect::<Vec<_>>(),
        "observedAt": Timestamp::now().as_second(),
    })
}

fn paused_by<'a>(with: &ActContext<'a>, patch: &Patch) -> Vec<(&'a str, String)> {
    match patch.deed {
        Deed::Template {
            paused_at: Some(time),
            ..
        } => vec![(with.author.vocabulary.written(PAUSED_AT), show(time))],
        _ => Vec::new(),
    }
}
