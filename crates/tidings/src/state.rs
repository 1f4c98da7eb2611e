//! Reading and writing the objects that hold the records.
//!
//! Goes in: [`Write`]s. Comes out: versions and contents. Each write names the
//! version that it replaces, so of two writers one is refused.
//!
//! Error policy: nothing is tried again here; [`crate::control`] does that.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{self, ApiError, Call, Verb};
use crate::page::{METADATA, METADATA_LIST, or_none};
use crate::store::{Shard, Stored, Write};

/// The type of the Secrets that hold the records.
pub const SECRET_TYPE: &str = "tidings.dev/state";

/// On each object: the replica, and its number of the term, that took it over last.
const LEADER: &str = "tidings.dev/leader";

/// Where the records are kept.
#[derive(Clone, Debug)]
pub struct Place {
    /// Tidings' own namespace.
    pub namespace: String,
    /// The installation.
    pub instance: String,
}

impl Place {
    fn all(&self) -> api::Place {
        api::Place::core("secrets").within(&self.namespace)
    }

    fn of(&self, shard: &Shard) -> api::Place {
        self.all().named(&shard.object_name(&self.instance))
    }

    fn labels(&self) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by", "tidings"),
            ("app.kubernetes.io/instance", self.instance.as_str()),
            ("tidings.dev/part", "state"),
        ])
    }

    /// All objects of this installation.
    fn list(&self) -> Call {
        let labels: Vec<_> = self
            .labels()
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        Call::new(Verb::List, self.all()).with("labelSelector", labels.join(","))
    }
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct List {
    #[serde(deserialize_with = "or_none")]
    items: Vec<Object>,
}

/// Carries out a write. Returns the object's new version.
pub async fn write(client: &Client, place: &Place, write: &Write) -> Result<String, ApiError> {
    let data: BTreeMap<_, _> = write
        .changes
        .iter()
        .map(|(key, json)| (key, json.as_ref().map(|json| STANDARD.encode(json))))
        .collect();
    let (verb, at, body) = match &write.version {
        Some(version) => {
            let body = json!({ "metadata": { "resourceVersion": version }, "data": data });
            (Verb::Patch, place.of(&write.shard), body)
        }
        None => (
            Verb::Create,
            place.all(),
            new_object(place, &write.shard, &data),
        ),
    };
    send(client, Call::new(verb, at).body(body.to_string())).await
}

fn new_object(place: &Place, shard: &Shard, data: &BTreeMap<&String, Option<String>>) -> Value {
    let data: BTreeMap<_, _> = data.iter().filter(|(_, json)| json.is_some()).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": SECRET_TYPE,
        "metadata": { "name": shard.object_name(&place.instance), "labels": place.labels() },
        "data": data,
    })
}

/// Of what was written only the version is asked back.
async fn send(client: &Client, call: Call) -> Result<String, ApiError> {
    let json = api::call(client, &call.accept(METADATA)).await?;
    Ok(api::read::<Object>(&json)?.metadata.resource_version)
}

/// Reads one object; `None` where it does not exist.
pub async fn read(
    client: &Client,
    place: &Place,
    shard: &Shard,
) -> Result<Option<Stored>, ApiError> {
    match api::get(client, place.of(shard)).await {
        Ok(json) => Ok(Some(stored(api::read(&json)?))),
        Err(ApiError::Gone) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The objects that exist, with their versions.
pub async fn list(client: &Client, place: &Place) -> Result<Vec<(Shard, String)>, ApiError> {
    let json = api::call(client, &place.list().accept(METADATA_LIST)).await?;
    let list: List = api::read(&json)?;
    let shards = list.items.into_iter().filter_map(|object| {
        let shard = Shard::of_object(&place.instance, &object.metadata.name)?;
        Some((shard, object.metadata.resource_version))
    });
    Ok(shards.collect())
}

/// Takes every object over for a new term: whoever wrote them before now holds
/// outdated versions and is refused, however late it wakes up. Returns what they
/// hold.
pub async fn take_over(
    client: &Client,
    place: &Place,
    leader: &str,
) -> Result<Vec<(Shard, Stored)>, ApiError> {
    let list: List = api::read(&api::call(client, &place.list()).await?)?;
    let mut taken = Vec::new();
    for object in list.items {
        let Some(shard) = Shard::of_object(&place.instance, &object.metadata.name) else {
            continue;
        };
        let mark = json!({ "metadata": {
            "resourceVersion": object.metadata.resource_version,
            "annotations": { LEADER: leader },
        }});
        let call = Call::new(Verb::Patch, place.of(&shard)).body(mark.to_string());
        let version = send(client, call).await?;
        taken.push((
            shard,
            Stored {
                version,
                ..stored(object)
            },
        ));
    }
    Ok(taken)
}

fn stored(object: Object) -> Stored {
    let data = object.data.unwrap_or_default().into_iter();
    let decoded = data.map(|(key, text)| (key, STANDARD.decode(text).unwrap_or_default()));
    Stored {
        version: object.metadata.resource_version,
        data: decoded.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_objects_are_an_empty_list() {
        for items in ["[]", "null"] {
            let json = format!(r#"{{"metadata":{{}},"items":{items}}}"#);
            let list: List = api::read(json.as_bytes()).unwrap();
            assert!(list.items.is_empty());
        }
    }
}
