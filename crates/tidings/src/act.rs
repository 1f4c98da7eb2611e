//! The one write on a workload: its pod template's two annotations, and what its
//! kind or its owners want besides.
//!
//! Goes in: a [`Patch`], whose number stands in the state already. Comes out:
//! what came of it, or why nothing did. The patch carries the uid and the
//! version that the decision rested on; if the workload has changed since, the
//! API server refuses it (409) and nothing has happened. It changes
//! what it must and nothing else, whatever other fields this version of Tidings
//! does not know.

use jiff::Timestamp;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tidings_core::annotations::{BECAUSE, CONFIG, PAUSED_AT};
use tidings_core::object::Seconds;
use tidings_core::vocabulary::Vocabulary;

use crate::api::{self, ApiError, Call, Place, Verb};
use crate::control::{Deed, Outcome, Patch, Unpause};
use crate::page::METADATA;

/// Bytes of `because` that go on a template; the whole is in the Event.
const BECAUSE_MAX: usize = 1_024;

/// Who writes, and by which keys.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// The installation.
    pub instance: &'a str,
    /// The keys.
    pub vocabulary: &'a Vocabulary,
}

/// Patches a workload. Only its metadata is asked back.
pub async fn roll(client: &Client, hand: Hand<'_>, patch: &Patch) -> Result<Outcome, ApiError> {
    let call = Call::new(Verb::Patch, Place::workload(&patch.on)).accept(METADATA);
    let json = api::call(client, &call.body(body(hand, patch).to_string())).await?;
    let generation = api::read::<Answer>(&json)?.metadata.generation;
    Ok(if generation > patch.generation {
        Outcome::Done
    } else {
        Outcome::NoEffect
    })
}

/// Ends the pause that a roll began.
pub async fn unpause(client: &Client, hand: Hand<'_>, unpause: &Unpause) -> Result<(), ApiError> {
    let body = json!({
        "metadata": {
            "uid": *unpause.uid,
            "resourceVersion": unpause.version.to_string(),
            "annotations": { hand.vocabulary.written(PAUSED_AT): null },
        },
        "spec": { "paused": null },
    });
    let call = Call::new(Verb::Patch, Place::workload(&unpause.key)).accept(METADATA);
    api::call(client, &call.body(body.to_string())).await?;
    Ok(())
}

/// The merge patch of a roll.
pub fn body(hand: Hand<'_>, patch: &Patch) -> Value {
    let mut body = match patch.deed {
        Deed::RestartAt(time) => json!({ "spec": { "restartAt": show(time) } }),
        _ => marked(hand.instance, patch),
    };
    if let Deed::Template {
        paused_at: Some(time),
    } = patch.deed
    {
        body["spec"]["paused"] = true.into();
        body["metadata"]["annotations"] = json!({ hand.vocabulary.written(PAUSED_AT): show(time) });
    }
    body["metadata"]["uid"] = (*patch.uid).into();
    body["metadata"]["resourceVersion"] = patch.version.to_string().into();
    body
}

/// The two annotations, where the kind has its pod template.
fn marked(instance: &str, patch: &Patch) -> Value {
    let annotations = json!({
        CONFIG: format!("{instance}/{}", patch.n),
        BECAUSE: cut(&patch.because),
    });
    let template = json!({ "metadata": { "annotations": annotations } });
    let path = patch.on.kind.template.iter().rev();
    path.fold(template, |inner, field| json!({ *field: inner }))
}

/// A time as the API server writes it.
fn show(time: Seconds) -> String {
    Timestamp::from_second(time)
        .map(|time| time.to_string())
        .unwrap_or_default()
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
