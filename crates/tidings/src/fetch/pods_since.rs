//! When the current revision of a workload's pod template was made. No pod of
//! it can be older.
//!
//! Where the workload's controller has not caught up with the template it has to
//! be asked again: nothing is guessed.

use std::cmp::Ordering;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidings_core::evidence::PodsSince;
use tidings_core::index::StreamOf;
use tidings_core::kinds::Revision;
use tidings_core::object::Version;
use tidings_core::refs::{Name, WorkloadRef};

use crate::api::page::{self, METADATA_LIST};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};

/// Finds out when the current revision of a workload's pod template was made.
pub async fn pods_since(api: &ApiClient, key: &WorkloadRef) -> Result<PodsSince, ApiError> {
    let owner: Owner = match api.get(Place::workload(key)).await {
        Ok(json) => api::read(&json)?,
        Err(ApiError::Gone) => return Ok(PodsSince::Lagging),
        Err(error) => return Err(error),
    };
    if owner.status.observed_generation < owner.metadata.generation {
        return Ok(PodsSince::Lagging);
    }
    match key.kind.revision {
        Revision::ReplicaSet => replica_set(api, key, &owner).await,
        Revision::ControllerRevision => controller_revision(api, key, &owner).await,
        Revision::Untold => Ok(PodsSince::Never),
    }
}

/// The ReplicaSet with the Deployment's revision number. Kubernetes numbers the
/// ReplicaSet first, and may tell its Deployment in a later sync (`getNewReplicaSet` in
/// `pkg/controller/deployment/sync.go`): until then the number is that of the template
/// before.
async fn replica_set(
    api: &ApiClient,
    key: &WorkloadRef,
    owner: &Owner,
) -> Result<PodsSince, ApiError> {
    let current = owner.metadata.annotations.number();
    let made = owner
        .history(api, key, "replicasets", METADATA_LIST)
        .await?;
    let newest = made.iter().max_by_key(|made| made.number());
    let at = newest.and_then(|made| made.metadata.creation_timestamp);
    let number = newest.and_then(Made::number);
    Ok(match number.cmp(&current) {
        Ordering::Greater => PodsSince::Lagging,
        Ordering::Equal if number.is_some() => since(at, None),
        _ => PodsSince::Never,
    })
}

/// The ControllerRevision with the highest number: the current one, since going
/// back to an old template gives its revision a new number. `revision` is no
/// metadata, so whole objects are read.
async fn controller_revision(
    api: &ApiClient,
    key: &WorkloadRef,
    owner: &Owner,
) -> Result<PodsSince, ApiError> {
    let made = owner
        .history(api, key, "controllerrevisions", "application/json")
        .await?;
    let made = made.iter().max_by_key(|made| made.revision);
    let at = made.and_then(|made| made.metadata.creation_timestamp);
    let version = made.and_then(|made| made.metadata.resource_version.parse().ok());
    Ok(since(at, version))
}

fn since(at: Option<Timestamp>, version: Option<Version>) -> PodsSince {
    at.map_or(PodsSince::Never, |at| {
        PodsSince::At(at.as_second(), version)
    })
}

/// A workload, as far as its history is found by it.
#[derive(Deserialize)]
struct Owner {
    metadata: Meta,
    spec: Spec,
    #[serde(default)]
    status: RolloutStatus,
}

#[derive(Deserialize)]
struct Spec {
    selector: LabelSelector,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RolloutStatus {
    observed_generation: i64,
}

/// One revision of it.
#[derive(Deserialize)]
pub(super) struct Made {
    metadata: Meta,
    #[serde(default)]
    revision: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    uid: String,
    resource_version: String,
    generation: i64,
    creation_timestamp: Option<Timestamp>,
    owner_references: Vec<OwnerReference>,
    annotations: Annotations,
}

#[derive(Deserialize)]
struct OwnerReference {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "deployment.kubernetes.io/revision")]
    revision: Option<String>,
}

impl Annotations {
    fn number(&self) -> Option<i64> {
        self.revision.as_ref()?.parse().ok()
    }
}

impl Owner {
    /// The revisions that it owns.
    async fn history(
        &self,
        api: &ApiClient,
        key: &WorkloadRef,
        plural: &'static str,
        media: &'static str,
    ) -> Result<Vec<Made>, ApiError> {
        let mut history = Vec::new();
        let read = |item: &RawValue| {
            let made: Made = api::read(item.get().as_bytes())?;
            history.extend(made.is_of(&self.metadata.uid).then_some(made));
            Ok(())
        };
        let list = selected(key, &self.spec.selector, plural)?.accept(media);
        page::all(api, list, StreamOf::Workloads(key.kind), read).await?;
        Ok(history)
    }
}

/// The list of what a workload's selector finds; among it may be what others own.
pub(super) fn selected(
    key: &WorkloadRef,
    selector: &LabelSelector,
    plural: &'static str,
) -> Result<Call, ApiError> {
    let selector = Selector::try_from(selector.clone()).map_err(|_| ApiError::Unreadable)?;
    let place = Place::new("apps", "v1", plural).within(key.namespace.clone());
    Ok(Call::new(Verb::List, place).with("labelSelector", selector.to_string()))
}

impl Made {
    /// Of a Deployment's.
    fn number(&self) -> Option<i64> {
        self.metadata.annotations.number()
    }

    /// Its uid, where it belongs to what has this one.
    pub(super) fn uid_if_of(self, owner: &str) -> Option<Name> {
        self.is_of(owner).then(|| self.metadata.uid.into())
    }

    fn is_of(&self, uid: &str) -> bool {
        let owners = &self.metadata.owner_references;
        owners.iter().any(|owner| owner.uid == uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Deployment that was made paused has none.
    #[test]
    fn no_revisions_are_an_empty_list() {
        let json = br#"{"metadata":{"resourceVersion":"1"},"items":null}"#;
        assert!(page::Page::read(json).unwrap().items.is_empty());
    }
}
