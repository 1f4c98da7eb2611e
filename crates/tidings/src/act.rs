//! The one write on a workload: its pod template's two annotations.
//!
//! Goes in: a [`Patch`], whose number stands in the state already. Comes out:
//! the workload's new generation, or why not. The patch carries the uid and the
//! version that the decision rested on; if the workload has changed since, the
//! API server refuses it (409) and nothing has happened. It changes two
//! annotations and nothing else, whatever other fields this version of Tidings
//! does not know.

use kube::Client;
use serde::Deserialize;
use serde_json::json;
use tidings_core::annotations::{BECAUSE, CONFIG};

use crate::api::{self, ApiError, Call, Place, Verb};
use crate::control::Patch;
use crate::page::METADATA;

/// Bytes of `because` that go on a template; the whole is in the Event.
const BECAUSE_MAX: usize = 1_024;

/// Patches a workload. Only its metadata is asked back.
pub async fn roll(client: &Client, instance: &str, patch: &Patch) -> Result<i64, ApiError> {
    let call = Call::new(Verb::Patch, Place::workload(&patch.key)).accept(METADATA);
    let json = api::call(client, &call.body(body(instance, patch).to_string())).await?;
    Ok(api::read::<Answer>(&json)?.metadata.generation)
}

/// The merge patch of a roll.
pub fn body(instance: &str, patch: &Patch) -> serde_json::Value {
    json!({
        "metadata": { "uid": *patch.uid, "resourceVersion": patch.version.to_string() },
        "spec": { "template": { "metadata": { "annotations": {
            CONFIG: format!("{instance}/{}", patch.n),
            BECAUSE: cut(&patch.because),
        }}}},
    })
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(BECAUSE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[derive(Deserialize)]
struct Answer {
    metadata: AnswerMeta,
}

#[derive(Deserialize)]
struct AnswerMeta {
    generation: i64,
}
