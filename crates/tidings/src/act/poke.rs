//! Wakes the kubelet of a pod by a patch of one annotation, whose value tells the agents in
//! it by which token they are asked.
//!
//! The patch carries the pod's uid: one of the same name made later is another (409).

use serde_json::json;
use tidings_core::ladder::{Acted, read_live};
use tidings_wire::poke::{ANNOTATION, Poke};

use crate::api::{ApiError, Call, Place, TermClient, Verb};
use crate::control::Poking;
use crate::token::token;

/// Pokes a pod. The error: nothing was sent, or what was answered cannot be read.
pub async fn poke(api: TermClient<'_>, poking: &Poking) -> Result<Acted, ApiError> {
    let token = token().map_err(|error| ApiError::Unreachable(error.to_string()))?;
    let place = Place::core("pods").within(poking.namespace.clone());
    let call = Call::new(Verb::Patch, place.named(poking.pod.clone()));
    match api.write(&call, || body(poking, &token)).await {
        Ok(json) => Ok(done(poking, token, &json)?),
        Err(ApiError::Gone | ApiError::Conflict) => Ok(Acted::Gone),
        Err(error) => Err(error),
    }
}

fn body(poking: &Poking, token: &str) -> String {
    let number = poking.number.to_string();
    let poke = Poke {
        number: &number,
        token,
    };
    let body = json!({
        "metadata": { "uid": *poking.uid, "annotations": { ANNOTATION: poke.to_string() } },
    });
    body.to_string()
}

fn done(poking: &Poking, token: String, json: &[u8]) -> Result<Acted, ApiError> {
    let live = read_live(json, &poking.users)?;
    let live = live.filter(|live| !live.pod.going);
    Ok(live.map_or(Acted::Gone, |live| Acted::Done {
        token: Some(token.into()),
        deaths: live.pod.deaths,
    }))
}
