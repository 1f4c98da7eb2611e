//! SecretProviderClasses, as the Secrets Store CSI driver tells of them.
//!
//! Goes in: a SecretProviderClassPodStatus, which says what one pod has mounted:
//! the names of objects in an external store and their versions, no content.
//! Comes out: what it tells of its class.
//!
//! The driver makes a status when a pod mounts the class, and writes it again
//! when a rotation has brought other versions into the running pod. So one that
//! is as it was made says only what a pod has started with, which differs from
//! pod to pod where each gets credentials of its own. One that was rewritten says
//! that a running pod has something else than it started with.
//! (`pkg/secrets-store/utils.go` and `pkg/rotation` of the driver. Its definition
//! has no status subresource, so `generation` counts the writes of a status.)

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Meta, SourceMeta, Unreadable, Version};
use crate::digest::Digest;
use crate::refs::{Name, SourceKind, SourceRef};
use crate::uses::drop_nulls;

/// What a pod has of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// What it tells of the class; its version is that of the status.
    pub meta: SourceMeta,
    /// The versions of what is mounted, by name.
    pub objects: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct PodStatusObject {
    metadata: Meta,
    #[serde(default)]
    status: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MountedObjects {
    secret_provider_class_name: String,
    objects: Vec<MountedObject>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MountedObject {
    id: String,
    version: String,
}

/// Reads a status; `None` where it tells of no class yet.
pub fn read_status(json: &[u8]) -> Result<Option<PodStatus>, Unreadable> {
    let PodStatusObject {
        metadata,
        mut status,
    } = serde_json::from_slice(json).map_err(|_| Unreadable)?;
    drop_nulls(&mut status);
    let status: Option<MountedObjects> = serde_json::from_value(status).map_err(|_| Unreadable)?;
    let mut status = status.unwrap_or_default();
    status.objects.retain(|object| !object.id.is_empty());
    let version = metadata.version()?;
    let class = status.secret_provider_class_name;
    if class.is_empty() || status.objects.is_empty() {
        return Ok(None);
    }
    let rewritten = metadata.generation > 1;
    let fields = ["f:status"];
    let meta = SourceMeta {
        version,
        marks: None,
        written: metadata.written(&fields).filter(|_| rewritten),
        rewritten,
        by: metadata.writer(&fields),
        only_data: rewritten,
        problem: None,
        key: SourceRef::new(SourceKind::SecretProviderClass, metadata.namespace, class),
    };
    let objects = status.objects.into_iter();
    Ok(Some(PodStatus {
        meta,
        objects: objects.map(|o| (o.id, o.version)).collect(),
    }))
}

impl PodStatus {
    /// Of several statuses of a class the greatest tells: the last that was
    /// rewritten, else the last that was made.
    pub fn rank(&self) -> (bool, Version) {
        (self.meta.rewritten, self.meta.version)
    }

    /// The digests of the versions, by object and in order.
    pub fn digests(&self) -> Box<[(Name, Digest)]> {
        let digest = |(id, version): (&String, &String)| {
            let digest = Digest::of_key(&self.meta.key, id, version.as_bytes());
            (id.as_str().into(), digest)
        };
        self.objects.iter().map(digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(generation: i64, status: &Value) -> Value {
        json!({
            "metadata": {"namespace": "ns", "name": "web-1-ns-vault", "resourceVersion": "7",
                "generation": generation, "creationTimestamp": "2026-11-23T11:44:00Z",
                "managedFields": [{"manager": "secrets-store-csi", "time": "2026-11-23T11:46:00Z",
                    "fieldsV1": {"f:status": {}}}]},
            "status": status,
        })
    }

    fn read(json: &Value) -> Option<PodStatus> {
        read_status(json.to_string().as_bytes()).unwrap()
    }

    fn mounted() -> Value {
        let objects = json!([{"id": "b", "version": "2"}, {"id": "a", "version": "1"}]);
        json!({"secretProviderClassName": "vault", "podName": "web-1", "objects": objects})
    }

    #[test]
    fn it_tells_of_its_class() {
        let told = read(&status(1, &mounted())).unwrap();
        let class = SourceRef::new(SourceKind::SecretProviderClass, "ns", "vault");
        assert_eq!((&told.meta.key, told.meta.version), (&class, 7));
        assert_eq!(told.meta.marks, None);
        let digest = |id, version: &str| (id, Digest::of_key(&class, id, version.as_bytes()));
        let [a, b] = &*told.digests() else { panic!() };
        assert_eq!((&*a.0, a.1), digest("a", "1"));
        assert_eq!((&*b.0, b.1), digest("b", "2"));
    }

    #[test]
    fn a_write_after_the_first_is_a_rotation() {
        let made = read(&status(1, &mounted())).unwrap();
        assert!(!made.meta.rewritten);
        assert_eq!(made.meta.written, None);
        let rotated = read(&status(2, &mounted())).unwrap();
        assert!(rotated.meta.rewritten);
        assert_eq!(rotated.meta.written, Some(1_795_434_360));
        assert_eq!(rotated.meta.by.as_deref(), Some("secrets-store-csi"));
        assert!(made.rank() < rotated.rank());
    }

    #[test]
    fn what_is_not_mounted_yet_tells_nothing() {
        for unfinished in [
            json!(null),
            json!({"secretProviderClassName": "vault"}),
            json!({"secretProviderClassName": "vault", "objects": null}),
            json!({"objects": [{"id": "a", "version": "1"}]}),
            json!({"secretProviderClassName": null, "objects": [{"id": "a", "version": "1"}]}),
            json!({"secretProviderClassName": "vault", "objects": [null, {"id": null}]}),
        ] {
            assert_eq!(read(&status(1, &unfinished)), None);
        }
        assert_eq!(read_status(b"{}"), Err(Unreadable));
    }
}
