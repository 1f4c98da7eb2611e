//! Jobs that are being made again: their manifests, kept in our own namespace from
//! before they are deleted until they are there again.
//!
//! Goes in: a roll and the Job as it is. Comes out: a Secret, for a manifest may
//! hold anything, and from it again what is to be finished. One that cannot be
//! read is said and left alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::api::DeleteParams;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidings_core::digest::Digest;
use tidings_core::jobs;
use tidings_core::kinds::Kinds;
use tidings_core::object::Version;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, WorkloadRef};
use tidings_core::state::{whole_key, workload_of};

use super::ActContext;
use super::template::marks;
use crate::api::page::{METADATA, or_none};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};
use crate::control::{Action, Patch, Roll};
use crate::records::{JOB_TYPE, cluster};
/// The label that tells the manifests from what else we keep.
const PART: &str = "job";
/// The key of the manifest.
const MANIFEST: &str = "manifest";
/// The key of what is known besides.
const ABOUT: &str = "about";

/// A Job that is to be deleted and made again, or was deleted already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Which.
    pub key: WorkloadRef,
    /// The uid of the one that is deleted.
    pub uid: Name,
    /// The version in which it is.
    pub version: Version,
    /// What it is made from again.
    pub manifest: String,
    n: u64,
    because: String,
}

/// What is stored besides the manifest.
#[derive(Deserialize, Serialize)]
struct About {
    namespace: String,
    workload: String,
    uid: Name,
    version: Version,
    n: u64,
    because: String,
}

#[derive(Deserialize)]
struct Secret {
    metadata: SavedMeta,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct SavedMeta {
    name: String,
}

#[derive(Deserialize)]
struct SavedList {
    #[serde(deserialize_with = "or_none")]
    items: Vec<Secret>,
}

impl Saved {
    /// What a roll makes of a Job as it is.
    pub(super) fn new(instance: &str, patch: &Patch, job: Value) -> Self {
        let mut manifest = jobs::again(job);
        marks(instance, patch).write(&mut manifest["spec"]["template"]);
        Self {
            key: patch.roll.key.clone(),
            uid: patch.uid.clone(),
            version: patch.version,
            manifest: manifest.to_string(),
            n: patch.roll.n,
            because: patch.roll.because.clone(),
        }
    }

    /// The roll that this is the rest of.
    pub fn patch(&self) -> Patch {
        let roll = Roll {
            key: self.key.clone(),
            n: self.n,
            reason: Reason::Resumed,
            because: self.because.clone(),
            changes: Vec::new(),
            sources: Vec::new(),
        };
        Patch {
            roll: Arc::new(roll),
            on: self.key.clone(),
            uid: self.uid.clone(),
            version: self.version,
            generation: 0,
            action: Action::Recreate,
            traces: false,
        }
    }

    /// `tidings-job.` and a digest of which Job it is.
    pub(super) fn name(&self, home: &cluster::Home) -> String {
        let WorkloadRef {
            namespace, name, ..
        } = &self.key;
        let parts = [namespace, name, &self.uid].map(|part| part.as_bytes());
        format!("{}-job.{}", home.instance, Digest::of_parts(&parts))
    }

    /// Writes it down, in the place of what an attempt before has left.
    pub(super) async fn keep(&self, with: &ActContext<'_>) -> Result<(), ApiError> {
        let body = || self.secret(with.home).to_string();
        let kept = with.home.kept_for(&self.key.namespace);
        let create = Call::new(Verb::Create, kept).accept(METADATA);
        match with.api.write(&create, body).await {
            Err(ApiError::Conflict) => {
                let patch = Call::new(Verb::Patch, self.place(with)).accept(METADATA);
                with.api.write(&patch, body).await?;
            }
            result => drop(result?),
        }
        Ok(())
    }

    /// Takes it away.
    pub(super) async fn forget(&self, with: &ActContext<'_>) -> Result<(), ApiError> {
        let gone = with.api.delete(self.place(with), DeleteParams::default());
        match gone.await {
            Err(ApiError::Gone) => Ok(()),
            gone => gone,
        }
    }

    fn place(&self, with: &ActContext<'_>) -> Place {
        let kept = with.home.kept_for(&self.key.namespace);
        kept.named(self.name(with.home))
    }

    fn secret(&self, home: &cluster::Home) -> Value {
        let about = About {
            namespace: self.key.namespace.to_string(),
            workload: whole_key(&self.key),
            uid: self.uid.clone(),
            version: self.version,
            n: self.n,
            because: self.because.clone(),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": JOB_TYPE,
            "metadata": { "name": self.name(home), "labels": home.labels(PART) },
            "data": {
                MANIFEST: STANDARD.encode(&self.manifest),
                ABOUT: STANDARD.encode(json!(about).to_string()),
            },
        })
    }

    fn read(secret: &Secret) -> Option<Self> {
        let decoded = |key| String::from_utf8(STANDARD.decode(secret.data.get(key)?).ok()?).ok();
        let about: About = serde_json::from_str(&decoded(ABOUT)?).ok()?;
        let namespace = about.namespace.as_str().into();
        Some(Self {
            key: workload_of(&Kinds::default(), &namespace, &about.workload)?,
            uid: about.uid,
            version: about.version,
            manifest: decoded(MANIFEST)?,
            n: about.n,
            because: about.because,
        })
    }
}

/// All Jobs that are yet to be made again.
pub async fn list(api: &ApiClient, home: &cluster::Home) -> Result<Vec<Saved>, ApiError> {
    let list: SavedList = api::read(&api.read(&home.list(PART)).await?)?;
    let mut all = Vec::new();
    for secret in list.items {
        if let Some(saved) = Saved::read(&secret) {
            all.push(saved);
        } else {
            tracing::warn!(
                secret = secret.metadata.name,
                "a Job's manifest cannot be read; make the Job again from it by hand"
            );
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use tidings_core::kinds::Kind;

    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        let key = WorkloadRef::new(Kind::parse("job").unwrap(), "stage", "backup");
        let saved = Saved {
            key,
            uid: "6d3f".into(),
            version: 7,
            manifest: r#"{"kind":"Job"}"#.to_owned(),
            n: 3,
            because: "configmap/app (key)".to_owned(),
        };
        let home = cluster::Home {
            namespace: "tidings".to_owned(),
            instance: "tidings".to_owned(),
        };
        let secret = saved.secret(&home);
        assert_eq!(secret["metadata"]["labels"]["tidings.dev/part"], "job");
        let secret: Secret = serde_json::from_value(secret).unwrap();
        assert!(secret.metadata.name.starts_with("tidings-job."));
        assert_eq!(Saved::read(&secret), Some(saved.clone()));
        let again = saved.patch();
        assert_eq!((again.roll.n, &*again.uid), (3, "6d3f"));
    }
}
