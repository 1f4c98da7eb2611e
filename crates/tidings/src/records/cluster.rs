//! Reading and writing the objects that hold the records.
//!
//! Goes in: [`Write`]s. Comes out: versions and contents. Each write names the
//! version that it replaces, so of two writers one is refused.
//!
//! Error policy: nothing is tried again here; the controller does that.

use std::collections::BTreeMap;

use base64::display::Base64Display;
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DeleteParams, Preconditions};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use tidings_core::index::StreamOf;
use tidings_core::refs::{Name, SourceKind};

use super::RECORD_TYPE;
use super::memory::{Shard, Store, Stored, Write};
use crate::api::page::{self, ListStep, METADATA, METADATA_LIST, Pages};
use crate::api::{self, ApiClient, ApiError, Call, TermClient, Verb};

/// The label that tells the records from what else we keep.
const PART: &str = "state";

/// All records together have no more, in bytes: those of a million workloads.
const MOST: usize = 512 << 20;
/// One namespace's records are in no more objects: all that it may have are in some
/// 2,600 that are half full.
const SHARDS: u32 = 8_192;
/// So many of one namespace are read at the same time.
const LOT: u32 = 8;

/// So many objects are taken over at once: one tenant may have hundreds.
const AT_ONCE: usize = 16;

/// On each object: the replica, and its number of the term, that took it over last.
const LEADER: &str = "tidings.dev/leader";

/// Where the records are kept.
#[derive(Clone, Debug)]
pub struct Home {
    /// Tidings' own namespace.
    pub namespace: String,
    /// The installation.
    pub instance: String,
}

impl Home {
    /// The collection that all we keep is in.
    pub(crate) fn all(&self) -> api::Place {
        api::Place::core("secrets").within(self.namespace.as_str())
    }

    /// What we keep for a namespace, asked for on its behalf.
    pub(crate) fn kept_for(&self, namespace: &Name) -> api::Place {
        self.all().on_behalf_of(namespace.clone())
    }

    fn of(&self, shard: &Shard) -> api::Place {
        let kept = self.kept_for(&shard.namespace);
        kept.named(shard.object_name(&self.instance))
    }

    /// An object of the records, as people are told of it.
    pub(crate) fn name_of(&self, shard: &Shard) -> String {
        format!(
            "secret {}/{}",
            self.namespace,
            shard.object_name(&self.instance)
        )
    }

    /// The labels of the objects that we keep for one purpose.
    pub(crate) fn labels(&self, part: &'static str) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by", "tidings"),
            ("app.kubernetes.io/instance", self.instance.as_str()),
            ("tidings.dev/part", part),
        ])
    }

    /// The labels of the records, as a watch of them asks for.
    pub(crate) fn labels_of_records(&self) -> String {
        self.selector(PART)
    }

    fn selector(&self, part: &'static str) -> String {
        let labels = self.labels(part).into_iter();
        let labels: Vec<_> = labels.map(|(k, v)| format!("{k}={v}")).collect();
        labels.join(",")
    }

    /// All objects of this installation for one purpose.
    pub(crate) fn list(&self, part: &'static str) -> Call {
        let list = Call::new(Verb::List, self.all());
        list.with("labelSelector", self.selector(part))
    }
}

#[derive(Deserialize)]
struct RecordObject {
    metadata: RecordMeta,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordMeta {
    #[serde(default)]
    name: String,
    resource_version: String,
}

/// Carries out a write. Returns the object's new version, if it has one.
pub async fn write(api: TermClient<'_>, place: &Home, write: &Write) -> Result<String, ApiError> {
    let there = || place.of(&write.shard);
    if write.deletes {
        api.delete(there(), only(write)).await?;
        return Ok(String::new());
    }
    let call = match &write.version {
        Some(_) => Call::new(Verb::Patch, there()),
        None => Call::new(Verb::Create, place.kept_for(&write.shard.namespace)),
    };
    let call = call.accept(METADATA);
    version(&api.write_long(&call, || body(place, write)).await?)
}

/// Only of what we know: an entry that somebody else has put there is not lost.
fn only(write: &Write) -> DeleteParams {
    DeleteParams::default().preconditions(Preconditions {
        resource_version: write.version.clone(),
        ..Preconditions::default()
    })
}

/// The JSON of a write, made at once in its final size: it may be long, and each
/// copy of it would be memory.
fn body(place: &Home, write: &Write) -> Vec<u8> {
    let entry = |(key, json): (&String, &Option<String>)| {
        key.len() + json.as_ref().map_or(0, |json| json.len().div_ceil(3) * 4) + 8
    };
    let size: usize = write.changes.iter().map(entry).sum();
    let mut body = Vec::with_capacity(size + 512);
    let name = write.shard.object_name(&place.instance);
    let object = NewObject::of(write, &name, place);
    // Strings under strings: there is nothing that could fail.
    let _ = serde_json::to_writer(&mut body, &object);
    body
}

/// A whole object, or the patch of one that is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewObject<'a> {
    #[serde(flatten)]
    whole: Option<NewRecord>,
    metadata: NewMetadata<'a>,
    data: Changes<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewRecord {
    api_version: &'static str,
    kind: &'static str,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewMetadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<&'static str, &'a str>>,
}

impl<'a> NewObject<'a> {
    fn of(write: &'a Write, name: &'a str, place: &'a Home) -> Self {
        let version = write.version.as_deref();
        let is_new = version.is_none();
        Self {
            whole: is_new.then_some(NewRecord {
                api_version: "v1",
                kind: "Secret",
                r#type: RECORD_TYPE,
            }),
            metadata: NewMetadata {
                resource_version: version,
                name: is_new.then_some(name),
                labels: is_new.then(|| place.labels(PART)),
            },
            data: Changes {
                of: &write.changes,
                is_new,
            },
        }
    }
}

/// Entries in base64. A new object has none to take away.
struct Changes<'a> {
    of: &'a BTreeMap<String, Option<String>>,
    is_new: bool,
}

impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let said = self
            .of
            .iter()
            .filter(|(_, json)| json.is_some() || !self.is_new);
        to.collect_map(said.map(|(key, json)| (key, json.as_deref().map(Encoded))))
    }
}

struct Encoded<'a>(&'a str);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Base64Display::new(self.0.as_bytes(), &STANDARD))
    }
}

/// Of what was written only the version is asked back.
fn version(json: &[u8]) -> Result<String, ApiError> {
    Ok(api::read::<RecordObject>(json)?.metadata.resource_version)
}

/// Reads one object; `None` where it does not exist.
pub async fn read(
    api: &ApiClient,
    place: &Home,
    shard: &Shard,
) -> Result<Option<Stored>, ApiError> {
    match api.get(place.of(shard)).await {
        Ok(json) => Ok(Some(stored(api::read(&json)?))),
        Err(ApiError::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads all objects of one namespace's records into a store: the more there are, the more
/// of them at the same time.
pub async fn read_all(
    api: &ApiClient,
    place: &Home,
    namespace: &Name,
    store: &mut Store,
) -> Result<(), (Shard, ApiError)> {
    let shard = |number| Shard {
        namespace: namespace.clone(),
        number,
    };
    let mut number = 0;
    while number < SHARDS {
        let lot = number..number + number.clamp(1, LOT);
        number = lot.end;
        let reads = lot.map(shard).map(|shard| async move {
            let stored = read(api, place, &shard).await;
            (shard, stored)
        });
        for (shard, stored) in futures::future::join_all(reads).await {
            match stored {
                Ok(Some(stored)) => drop(store.read(&shard, Some(stored))),
                Ok(None) => return Ok(()),
                Err(error) => return Err((shard, error)),
            }
        }
    }
    Err((shard(number), ApiError::Endless))
}

/// The objects that exist, with their versions.
pub async fn list(api: &ApiClient, place: &Home) -> Result<Vec<(Shard, String)>, ApiError> {
    let list = place.list(PART).accept(METADATA_LIST);
    let found = listed(api, place, list).await?.into_iter();
    Ok(found
        .map(|(shard, stored)| (shard, stored.version))
        .collect())
}

async fn listed(
    api: &ApiClient,
    place: &Home,
    list: Call,
) -> Result<Vec<(Shard, Stored)>, ApiError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    let read = |step: ListStep<'_>| {
        let ListStep::Item(item) = step else {
            found.clear();
            bytes = 0;
            return Ok(());
        };
        bytes += item.get().len();
        if bytes > MOST {
            return Err(ApiError::TooLong(MOST));
        }
        let object: RecordObject = api::read(item.get().as_bytes())?;
        let shard = Shard::of_object(&place.instance, &object.metadata.name);
        found.extend(shard.map(|shard| (shard, stored(object))));
        Ok(())
    };
    let pages = || Pages::of(list.clone(), StreamOf::Sources(SourceKind::Secret));
    page::anew(api, pages, read).await?;
    Ok(found)
}

/// Takes every object over for a new term: whoever wrote them before now holds
/// outdated versions and is refused, however late it wakes up. Returns what they
/// hold; where one of them is in the way, which.
pub async fn take_over(
    api: TermClient<'_>,
    place: &Home,
    leader: &str,
) -> Result<Vec<(Shard, Stored)>, (Option<Shard>, ApiError)> {
    let found = listed(api.reading(), place, place.list(PART)).await;
    let found = found.map_err(|error| (None, error))?;
    if found.iter().any(|(_, stored)| stored.is_newer()) {
        // Not ours to touch; whoever reads it says so.
        return Ok(found);
    }
    let marks = found.into_iter().map(|(shard, mut stored)| async move {
        let mark = json!({ "metadata": {
            "resourceVersion": stored.version,
            "annotations": { LEADER: leader },
        }});
        let call = Call::new(Verb::Patch, place.of(&shard)).accept(METADATA);
        let marked = api.write(&call, || mark.to_string()).await;
        match marked.and_then(|json| version(&json)) {
            Ok(version) => stored.version = version,
            Err(error) => return Err((Some(shard), error)),
        }
        Ok((shard, stored))
    });
    let marked = stream::iter(marks).buffered(AT_ONCE);
    marked.try_collect().await
}

fn stored(object: RecordObject) -> Stored {
    let data = object.data.unwrap_or_default().into_iter();
    let decoded = data.map(|(key, text)| (key, STANDARD.decode(text).unwrap_or_default()));
    Stored {
        version: object.metadata.resource_version,
        data: decoded.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn sent(version: Option<&str>) -> Value {
        let place = Home {
            namespace: "tidings".to_owned(),
            instance: "tidings".to_owned(),
        };
        let write = Write {
            shard: Shard {
                namespace: "stage".into(),
                number: 0,
            },
            version: version.map(str::to_owned),
            changes: BTreeMap::from([
                ("web".to_owned(), Some("{}".to_owned())),
                ("gone".to_owned(), None),
            ]),
            workloads: Vec::new(),
            deletes: false,
        };
        let body = body(&place, &write);
        assert!(body.capacity() <= 1_024, "grew: {}", body.capacity());
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn a_patch_takes_away_what_is_gone() {
        let expected = json!({
            "metadata": { "resourceVersion": "7" },
            "data": { "web": "e30=", "gone": null },
        });
        assert_eq!(sent(Some("7")), expected);
    }

    #[test]
    fn a_new_object_says_what_it_is() {
        let labels = json!({
            "app.kubernetes.io/managed-by": "tidings",
            "app.kubernetes.io/instance": "tidings",
            "tidings.dev/part": "state",
        });
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "tidings.dev/state",
            "metadata": { "name": "tidings-state.stage", "labels": labels },
            "data": { "web": "e30=" },
        });
        assert_eq!(sent(None), expected);
    }

    #[test]
    fn what_is_deleted_is_what_we_know() {
        let write = Write {
            shard: Shard {
                namespace: "stage".into(),
                number: 0,
            },
            version: Some("7".to_owned()),
            changes: BTreeMap::new(),
            workloads: Vec::new(),
            deletes: true,
        };
        let only = json!({ "preconditions": { "resourceVersion": "7" } });
        assert_eq!(json!(super::only(&write)), only);
    }
}
