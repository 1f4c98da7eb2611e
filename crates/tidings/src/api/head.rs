//! Whether an answer is of what was asked for.
//!
//! A cache in between that does not heed `Accept`, or a proxy that mixes answers up, sends
//! objects that are well formed, and lack what was asked for: metadata without data looks
//! like a source without keys. So of each read the `apiVersion`, and of an object the name
//! and namespace, must be those of its place. The API server writes them first, so hardly
//! anything is read twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use tidings_core::refs::Name;

use super::page::{METADATA, METADATA_LIST};
use super::{ApiError, Call, Verb};

/// The `apiVersion` of metadata alone (`apimachinery/pkg/apis/meta/v1`).
const OF_METADATA: &str = "meta.k8s.io/v1";

/// What stands first in an object or a list.
#[derive(Default)]
struct Head {
    api_version: Option<String>,
    metadata: Option<HeadMeta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[serde(rename_all = "camelCase")]
struct HeadMeta {
    name: String,
    namespace: String,
    resource_version: String,
}

/// Refuses the answer to a read that is of something else.
pub(super) fn is_of(call: &Call, json: &[u8]) -> Result<(), ApiError> {
    if !matches!(call.verb, Verb::Get | Verb::List) {
        return Ok(());
    }
    let mut head = Head::default();
    let mut parser = serde_json::Deserializer::from_slice(json);
    let read = Begin(&mut head).deserialize(&mut parser);
    // It ends with an error, too, where it knows enough. What is no JSON is told by who
    // reads it all.
    if head.is_of(call) || (read.is_err() && !head.is_whole()) {
        Ok(())
    } else {
        Err(ApiError::NotAsked)
    }
}

/// Whether an object that a watch tells of is of this resource. Where metadata was asked
/// for, more is taken, too. No more is read than up to the `apiVersion`.
pub(crate) fn is_told_of(call: &Call, object: &[u8]) -> bool {
    let mut head = Head {
        metadata: Some(HeadMeta::default()),
        ..Head::default()
    };
    let mut parser = serde_json::Deserializer::from_slice(object);
    let _ = Begin(&mut head).deserialize(&mut parser);
    let version = head.api_version.as_deref();
    version.is_none_or(|version| is_version(version, call))
}

/// Whether an object says any version of itself.
pub(crate) fn has_version(object: &[u8]) -> bool {
    let mut head = Head::default();
    let mut parser = serde_json::Deserializer::from_slice(object);
    let _ = Begin(&mut head).deserialize(&mut parser);
    let metadata = head.metadata.unwrap_or_default();
    !metadata.resource_version.is_empty()
}

impl Head {
    /// Whether it is known what the answer is of.
    fn is_whole(&self) -> bool {
        self.api_version.is_some() && self.metadata.is_some()
    }

    fn is_of(&self, call: &Call) -> bool {
        let Self {
            api_version: Some(version),
            metadata: Some(metadata),
        } = self
        else {
            return false;
        };
        is_version(version, call) && metadata.is_of(call)
    }
}

fn is_version(version: &str, call: &Call) -> bool {
    let asks_metadata = [METADATA, METADATA_LIST].contains(&call.accept);
    version == call.place.api_version() || (asks_metadata && version == OF_METADATA)
}

impl HeadMeta {
    /// A list has no name.
    fn is_of(&self, call: &Call) -> bool {
        let within = call.place.namespace().map_or("", |namespace| namespace);
        let is_it = |name: &Name| self.name == **name && self.namespace == within;
        call.place.name().is_none_or(is_it)
    }
}

struct Begin<'a>(&'a mut Head);

impl<'de> DeserializeSeed<'de> for Begin<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Begin<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(head) = self;
        while let Some(field) = map.next_key::<String>()? {
            match &*field {
                "apiVersion" => head.api_version = map.next_value()?,
                "metadata" => head.metadata = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if head.is_whole() {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Place;

    fn config_map() -> Call {
        let place = Place::core("configmaps").within("stage").named("app");
        Call::new(Verb::Get, place)
    }

    fn answered(call: &Call, json: &str) -> bool {
        is_of(call, json.as_bytes()).is_ok()
    }

    #[test]
    fn an_object_is_known_by_its_version_name_and_namespace() {
        let call = config_map();
        let of = |version: &str, name: &str, namespace: &str| {
            let metadata = format!(r#"{{"name":"{name}","namespace":"{namespace}"}}"#);
            answered(
                &call,
                &format!(r#"{{"data":{{}},"metadata":{metadata},"apiVersion":"{version}"}}"#),
            )
        };
        assert!(of("v1", "app", "stage"));
        assert!(!of(OF_METADATA, "app", "stage"));
        assert!(!of("apps/v1", "app", "stage"));
        assert!(!of("v1", "other", "stage"));
        assert!(!of("v1", "app", "prod"));
    }

    #[test]
    fn what_is_no_object_is_none_that_was_asked_for() {
        let status = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"}"#;
        for json in [status, "{}", r#"{"apiVersion":"v1"}"#] {
            assert!(!answered(&config_map(), json), "{json}");
        }
        for json in ["[]", "<html>", "", "{"] {
            assert!(
                answered(&config_map(), json),
                "told by who reads it: {json}"
            );
        }
    }

    #[test]
    fn metadata_is_taken_where_it_was_asked_for_and_so_is_more() {
        let call = config_map().accept(METADATA);
        let of = |version: &str| {
            let metadata = r#"{"name":"app","namespace":"stage"}"#;
            format!(r#"{{"apiVersion":"{version}","metadata":{metadata}}}"#)
        };
        assert!(answered(&call, &of(OF_METADATA)));
        assert!(answered(&call, &of("v1")));
        assert!(!answered(&call, &of("apps/v1")));
    }

    #[test]
    fn a_watch_tells_of_its_resource() {
        let place = Place::new("apps", "v1", "deployments");
        let call = Call::new(Verb::Watch, place);
        let told = |version: &str, metadata: &str| {
            let json = format!(r#"{{"apiVersion":"{version}","metadata":{metadata}}}"#);
            is_told_of(&call, json.as_bytes())
        };
        let of_it = r#"{"name":"web","namespace":"stage","resourceVersion":"7"}"#;
        assert!(told("apps/v1", of_it));
        assert!(!told(OF_METADATA, of_it));
    }

    #[test]
    fn an_object_without_a_version_is_none_of_a_watch() {
        assert!(has_version(br#"{"metadata":{"resourceVersion":"odd"}}"#));
        assert!(!has_version(br#"{"metadata":{"name":"web"}}"#));
    }

    #[test]
    fn a_list_of_metadata_is_none_of_objects() {
        let place = Place::new("apps", "v1", "deployments").within("stage");
        let call = Call::new(Verb::List, place);
        let list = |version: &str| {
            format!(r#"{{"kind":"L","apiVersion":"{version}","metadata":{{}},"items":[]}}"#)
        };
        assert!(answered(&call, &list("apps/v1")));
        assert!(!answered(&call, &list(OF_METADATA)));
        assert!(answered(&call.accept(METADATA_LIST), &list(OF_METADATA)));
    }
}
