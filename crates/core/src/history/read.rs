//! Revisions, writes and times from the JSON of objects. What has another shape than
//! expected reads as absent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{RolloutEnd, TemplateRevision, TemplateWrite};
use crate::annotations::{BECAUSE, CONFIG, RESTARTED_AT};
use crate::object::{Mark, Seconds, seconds};
use crate::refs::Name;

/// The Deployment's controller numbers ReplicaSets here, and keeps the numbers that one had
/// before (`pkg/controller/deployment/util` of Kubernetes).
const NUMBER: &str = "deployment.kubernetes.io/revision";
const EARLIER: &str = "deployment.kubernetes.io/revision-history";
/// What people write of why they changed something; kept with each revision.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// A revision that is written this much later than it was made was gone back to: nothing
/// else writes on it but for its labels and owners, at once.
const LATER: Seconds = 2;

/// A ReplicaSet, which has its template and number in other places than a
/// ControllerRevision.
#[derive(Deserialize)]
struct RevisionObject {
    metadata: Metadata,
    #[serde(default)]
    spec: Option<WithTemplate>,
    #[serde(default)]
    data: Option<RevisionData>,
    #[serde(default)]
    revision: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    creation_timestamp: Option<String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
    managed_fields: Vec<Managed>,
}

#[derive(Deserialize)]
struct Owner {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Managed {
    manager: String,
    time: Option<String>,
    subresource: String,
    fields_v1: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevisionData {
    spec: WithTemplate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WithTemplate {
    template: RevisionTemplate,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RevisionTemplate {
    metadata: Option<Annotated>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotated {
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads a ReplicaSet or ControllerRevision; `None` where it is not this owner's, or not
/// one with a number.
pub fn read_revision(json: &[u8], owner: &str) -> Option<TemplateRevision> {
    let object: RevisionObject = serde_json::from_slice(json).ok()?;
    let metadata = &object.metadata;
    let mut owners = metadata.owner_references.iter();
    owners.find(|known| known.uid == owner)?;
    let made = metadata.creation_timestamp.as_deref().and_then(seconds)?;
    let numbered = metadata.annotations.get(NUMBER);
    let number = object.revision.or(numbered.and_then(|n| n.parse().ok()))?;
    let since = object.revision.and_then(|_| metadata.written());
    let since = since.filter(|since| since - made >= LATER);
    let earlier = metadata.annotations.get(EARLIER).into_iter();
    let earlier = earlier.flat_map(|numbers| numbers.split(','));
    let earlier: Vec<_> = earlier.filter_map(|n| n.parse().ok()).collect();
    let change_cause = metadata.annotations.get(CHANGE_CAUSE);
    let change_cause = change_cause.map(|cause| Name::from(cause.as_str()));
    let name = metadata.name.as_str().into();
    let mut written = object.written();
    Some(TemplateRevision {
        name,
        number,
        made,
        earlier,
        since,
        mark: written.remove(CONFIG).and_then(|text| Mark::parse(&text)),
        because: written.remove(BECAUSE).unwrap_or_default(),
        restarted: written.remove(RESTARTED_AT).map(Name::from),
        change_cause,
    })
}

impl RevisionObject {
    /// What is written on its template.
    fn written(self) -> BTreeMap<String, String> {
        let template = self.spec.or(self.data.map(|data| data.spec));
        let metadata = template.and_then(|with| with.template.metadata);
        metadata
            .and_then(|metadata| metadata.annotations)
            .unwrap_or_default()
    }
}

impl Metadata {
    fn written(&self) -> Option<Seconds> {
        let writes = self.managed_fields.iter();
        writes.filter_map(|m| seconds(m.time.as_deref()?)).max()
    }
}

#[derive(Deserialize)]
struct WorkloadObject {
    metadata: Metadata,
    #[serde(default)]
    status: Value,
}

/// Who holds something of the pod template that is there, of the JSON of a workload, and
/// when each wrote last.
pub fn writes(json: &[u8], template: &[&str]) -> Vec<TemplateWrite> {
    let Ok(workload) = serde_json::from_slice::<WorkloadObject>(json) else {
        return Vec::new();
    };
    let holds = |managed: &&Managed| {
        let mut path = template.iter();
        let below = |at: &Value, field: &&str| at.get(format!("f:{field}")).cloned();
        let found = path.try_fold(managed.fields_v1.clone(), |at, field| below(&at, field));
        managed.subresource.is_empty() && found.is_some()
    };
    let held = workload.metadata.managed_fields.iter().filter(holds);
    let write = |managed: &Managed| {
        Some(TemplateWrite {
            client: managed.manager.as_str().into(),
            at: seconds(managed.time.as_deref()?)?,
        })
    };
    held.filter_map(write).collect()
}

/// The last end of a rollout of a Deployment. Its condition is not written again until the
/// next one (`SetDeploymentCondition` of Kubernetes), and names its ReplicaSet in quotes
/// (`syncRolloutStatus`).
pub fn ended(json: &[u8]) -> Option<RolloutEnd> {
    let workload: WorkloadObject = serde_json::from_slice(json).ok()?;
    let conditions = workload.status.get("conditions")?.as_array()?;
    let mut conditions = conditions.iter();
    let found = conditions.find(|condition| condition["type"] == "Progressing")?;
    let is_over = ["NewReplicaSetAvailable", "ProgressDeadlineExceeded"];
    let reason = found["reason"].as_str()?;
    let at = found["lastUpdateTime"].as_str().and_then(seconds)?;
    let of = found["message"].as_str().unwrap_or_default();
    let of = of
        .strip_prefix("ReplicaSet \"")
        .and_then(|rest| rest.split_once('"'));
    let of = of.map(|(name, _)| Name::from(name));
    is_over.contains(&reason).then_some(RolloutEnd { at, of })
}
