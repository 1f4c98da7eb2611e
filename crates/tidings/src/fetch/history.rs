//! What is left at the API server of a workload's past: revisions of its pod template,
//! Events, and who wrote on it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use tidings_core::history::{
    RolloutEnd, TemplateRevision, TemplateWrite, ToldRoll, ended, read_revision, writes,
};
use tidings_core::kinds::Revision as Keeps;
use tidings_core::refs::WorkloadRef;

use super::pods_since::selected;
use crate::api::page::{self, ListStep, Pages};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};

/// So many objects make a page: a revision has a whole pod template.
const PAGE: u32 = 100;

/// A workload, as far as its past is found by it.
#[derive(Clone, Debug)]
pub struct PastOwner {
    uid: String,
    selector: LabelSelector,
    /// The last write of each client that holds something of its pod template.
    pub writes: Vec<TemplateWrite>,
    /// The end of a rollout of which its status tells.
    pub ended: Option<RolloutEnd>,
}

#[derive(Deserialize)]
struct OwnerObject {
    metadata: OwnerMetadata,
    spec: OwnerSpec,
}

#[derive(Deserialize)]
struct OwnerMetadata {
    uid: String,
}

#[derive(Deserialize)]
struct OwnerSpec {
    /// Of other kinds than those that keep revisions it may be anything.
    #[serde(default)]
    selector: serde_json::Value,
}

/// Reads a workload.
pub async fn owner(api: &ApiClient, key: &WorkloadRef) -> Result<PastOwner, ApiError> {
    let json = api.get(Place::workload(key)).await?;
    let OwnerObject { metadata, spec } = api::read(&json)?;
    Ok(PastOwner {
        uid: metadata.uid,
        selector: serde_json::from_value(spec.selector).unwrap_or_default(),
        writes: writes(&json, key.kind.template),
        ended: ended(&json),
    })
}

/// Where a kind keeps the revisions of its pod template, if it does.
pub fn revisions_of(keeps: Keeps) -> Option<&'static str> {
    match keeps {
        Keeps::ReplicaSet => Some("replicasets"),
        Keeps::ControllerRevision => Some("controllerrevisions"),
        Keeps::Untold => None,
    }
}

/// Lists the revisions of its pod template. What is none is passed over.
pub async fn revisions(
    api: &ApiClient,
    key: &WorkloadRef,
    owner: &PastOwner,
) -> Result<Vec<TemplateRevision>, ApiError> {
    let mut all = Vec::new();
    if let Some(plural) = revisions_of(key.kind.revision) {
        let list = selected(key, &owner.selector, plural)?;
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => all.clear(),
                ListStep::Item(item) => {
                    all.extend(read_revision(item.get().as_bytes(), &owner.uid));
                }
            }
            Ok(())
        };
        page::anew(api, || Pages::sized(list.clone(), PAGE), read).await?;
    }
    Ok(all)
}

/// An Event, as far as it may tell of a roll.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollEvent {
    #[serde(default)]
    message: String,
    #[serde(default)]
    reporting_component: String,
    #[serde(default)]
    reporting_instance: String,
    last_timestamp: Option<jiff::Timestamp>,
}

/// Lists the rolls by an installation that Events tell of, of the workload that has this
/// name now. `read` takes the number and what changed out of a message.
pub async fn told(
    api: &ApiClient,
    key: &WorkloadRef,
    owner: &PastOwner,
    instance: &str,
    read: impl Fn(&str) -> Option<(u64, &str)>,
) -> Result<Vec<ToldRoll>, ApiError> {
    let place = Place::core("events").within(key.namespace.clone());
    let about = format!("involvedObject.uid={}", owner.uid);
    let list = Call::new(Verb::List, place).with("fieldSelector", about);
    let mut rolls = Vec::new();
    let each = |step: ListStep<'_>| {
        let ListStep::Item(item) = step else {
            rolls.clear();
            return Ok(());
        };
        // Anybody may write Events, in any shape that the API server takes.
        let event = api::read::<RollEvent>(item.get().as_bytes());
        let ours = event.ok().filter(|event| {
            event.reporting_component == "tidings" && event.reporting_instance == instance
        });
        rolls.extend(ours.and_then(|event| {
            let (n, cause) = read(&event.message)?;
            let (at, cause) = (event.last_timestamp?.as_second(), cause.to_owned());
            Some(ToldRoll { n, at, cause })
        }));
        Ok(())
    };
    page::anew(api, || Pages::sized(list.clone(), PAGE), each).await?;
    Ok(rolls)
}
