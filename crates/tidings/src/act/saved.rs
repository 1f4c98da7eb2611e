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
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tidings_core::digest::Digest;
use tidings_core::index::StreamOf;
use tidings_core::jobs;
use tidings_core::kinds::Kinds;
use tidings_core::object::Version;
use tidings_core::reason::Reason;
use tidings_core::refs::{Name, SourceKind, WorkloadRef};
use tidings_core::state::{whole_key, workload_of};

use super::ActContext;
use super::template::marks;
use crate::api::page::{self, METADATA};
use crate::api::{self, ApiClient, ApiError, Call, Place, Verb};
use crate::control::{Action, Patch, Roll};
use crate::records::{JOB_TYPE, cluster};

/// The label that tells the manifests from what else we keep.
const PART: &str = "job";
/// The key of the manifest.
const MANIFEST: &str = "manifest";
/// The key of what is known besides.
const ABOUT: &str = "about";

/// A Job that is to be deleted and made again, or was deleted already; not what it is
/// made from again, which may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Which.
    pub key: WorkloadRef,
    /// The uid of the one that is deleted.
    pub uid: Name,
    /// The version in which it is.
    pub version: Version,
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

impl Secret {
    fn decoded(&self, key: &str) -> Option<String> {
        let bytes = STANDARD.decode(self.data.get(key)?).ok()?;
        String::from_utf8(bytes).ok()
    }
}

impl Saved {
    /// What is written down of this roll.
    pub(super) fn of(patch: &Patch) -> Self {
        Self {
            key: patch.roll.key.clone(),
            uid: patch.uid.clone(),
            version: patch.version,
            n: patch.roll.n,
            because: patch.roll.because.clone(),
        }
    }

    /// What a Job, as it is, is made from again.
    pub(super) fn manifest(instance: &str, patch: &Patch, job: Value) -> String {
        let mut manifest = jobs::again(job);
        marks(instance, patch).write(&mut manifest["spec"]["template"]);
        manifest.to_string()
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
    pub(super) async fn keep(&self, with: &ActContext<'_>, manifest: &str) -> Result<(), ApiError> {
        let body = || self.secret(with.home, manifest).to_string();
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

    /// The manifest that was written down, if it still is.
    pub(super) async fn kept(&self, with: &ActContext<'_>) -> Result<Option<String>, ApiError> {
        let get = Call::new(Verb::Get, self.place(with)).briefly();
        match with.api.read(&get).await {
            Ok(json) => Ok(api::read::<Secret>(&json)?.decoded(MANIFEST)),
            Err(ApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
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

    fn secret(&self, home: &cluster::Home, manifest: &str) -> Value {
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
                MANIFEST: STANDARD.encode(manifest),
                ABOUT: STANDARD.encode(json!(about).to_string()),
            },
        })
    }

    fn read(secret: &Secret) -> Option<Self> {
        let about: About = serde_json::from_str(&secret.decoded(ABOUT)?).ok()?;
        let namespace = about.namespace.as_str().into();
        Some(Self {
            key: workload_of(&Kinds::default(), &namespace, &about.workload)?,
            uid: about.uid,
            version: about.version,
            n: about.n,
            because: about.because,
        })
    }
}

/// All Jobs that are yet to be made again.
pub async fn list(api: &ApiClient, home: &cluster::Home) -> Result<Vec<Saved>, ApiError> {
    let mut all = Vec::new();
    let list = home.list(PART).briefly();
    let read = |secret: &RawValue| {
        all.extend(saved(secret)?);
        Ok(())
    };
    page::all(api, list, StreamOf::Sources(SourceKind::Secret), read).await?;
    Ok(all)
}

fn saved(secret: &RawValue) -> Result<Option<Saved>, ApiError> {
    let secret: Secret = api::read(secret.get().as_bytes())?;
    let saved = Saved::read(&secret);
    if saved.is_none() {
        tracing::warn!(
            secret = secret.metadata.name,
            "a Job's manifest cannot be read; make the Job again from it by hand"
        );
    }
    Ok(saved)
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
            n: 3,
            because: "configmap/app (key)".to_owned(),
        };
        let home = cluster::Home {
            namespace: "tidings".to_owned(),
            instance: "tidings".to_owned(),
        };
        let secret = saved.secret(&home, r#"{"kind":"Job"}"#);
        assert_eq!(secret["metadata"]["labels"]["tidings.dev/part"], "job");
        let secret: Secret = serde_json::from_value(secret).unwrap();
        assert!(secret.metadata.name.starts_with("tidings-job."));
        assert_eq!(Saved::read(&secret), Some(saved.clone()));
        assert_eq!(secret.decoded(MANIFEST).unwrap(), r#"{"kind":"Job"}"#);
        let again = saved.patch();
        assert_eq!((again.roll.n, &*again.uid), (3, "6d3f"));
        assert_eq!(Saved::of(&again), saved);
    }
}
