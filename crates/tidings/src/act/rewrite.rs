//! Rolls by a JSON Patch: where Reloader's variables or its annotation are written,
//! or those that it left go with the roll.
//!
//! The object is read first, and the patch holds for that reading only.

use jiff::Timestamp;
use json_patch::diff;
use serde_json::{Value, json};
use tidings_core::annotations::{LAST_RELOADED_FROM, PAUSED_AT};
use tidings_core::refs::SourceRef;
use tidings_core::reloader::rewrite::{Rewrite, Words, container_for, template_of, value};

use super::ActContext;
use super::template::{self, show};
use crate::api::page::METADATA;
use crate::api::{ApiError, Call, Place, Verb};
use crate::control::{Action, Outcome, Patch};

/// Patches a workload.
pub(super) async fn roll(with: &ActContext<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let place = || Place::workload(&patch.on);
    let object = with.api.find(place()).await?.ok_or(ApiError::Gone)?;
    if has_moved_on(&object, patch) {
        return Err(ApiError::Conflict);
    }
    let changed = patch.roll.changed();
    let rewrite = Rewrite {
        template: patch.on.kind.template,
        instance: with.author.instance,
        n: patch.roll.n,
        words: with.author.words,
        changed: &changed,
        all: &patch.roll.sources,
        marks: annotations(with, patch, &object),
        paused_by: paused_by(with, patch),
    };
    if rewrite.is_there(&object) {
        return Ok(Outcome::Done);
    }
    let operations = operations(&object, &rewrite.after(&object));
    let call = Call::new(Verb::JsonPatch, place()).accept(METADATA);
    match with.api.write(&call, || operations).await {
        // A place that is there no more is a request that is wrong.
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

/// What makes the one of the other. Places in it are told by their number, so the
/// version of the object must be that of the reading: nothing else can be hit.
fn operations(object: &Value, after: &Value) -> String {
    let version = &object["metadata"]["resourceVersion"];
    let same = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version});
    let mut operations = vec![same];
    operations.extend(
        diff(object, after)
            .0
            .iter()
            .map(|operation| json!(operation)),
    );
    Value::from(operations).to_string()
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
        && let Some(source) = patch.roll.changed().last()
    {
        let template = template_of(patch.on.kind.template, object);
        let last = last_reloaded_from(with.author.instance, patch.roll.n, source, template);
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
    match patch.action {
        Action::Template {
            paused_at: Some(time),
            ..
        } => vec![(with.author.vocabulary.written(PAUSED_AT), show(time))],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge patch would have to send all containers.
    #[test]
    fn only_what_is_another_is_sent() {
        let object = json!({
            "metadata": {"uid": "u", "resourceVersion": "7"},
            "spec": {"template": {"spec": {"containers": [
                {"name": "side", "env": [{"name": "KEEP", "value": "1"}]},
                {"name": "app", "env": [{"name": "STAKATER_APP_CONFIGMAP", "value": "old"}]},
            ]}}},
        });
        let mut after = object.clone();
        let template = &mut after["spec"]["template"];
        template["spec"]["containers"][1]["env"][0]["value"] = "new".into();
        template["metadata"]["annotations"]["tidings.dev/config"] = "t/3".into();
        let sent: Value = serde_json::from_str(&operations(&object, &after)).unwrap();
        let env = "/spec/template/spec/containers/1/env/0/value";
        let annotations = json!({"annotations": {"tidings.dev/config": "t/3"}});
        let expected = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "add", "path": "/spec/template/metadata", "value": annotations},
            {"op": "replace", "path": env, "value": "new"},
        ]);
        assert_eq!(sent, expected);
        let mut patched = object;
        let sent: json_patch::Patch = serde_json::from_value(sent).unwrap();
        json_patch::patch(&mut patched, &sent).unwrap();
        assert_eq!(patched, after);
    }
}
