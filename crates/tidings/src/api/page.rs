//! Lists, a page at a time, and metadata without the rest of the object.
//!
//! Goes in: the bytes of a list. Comes out: its items, still as text, where the
//! next page begins, and the version of it all. The only error is an answer of
//! another shape, which is not quoted.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tidings_core::index::StreamOf;
use tidings_core::object::{Meta, SourceMeta, Unreadable, Version};
use tidings_core::refs::SourceKind;
use tidings_core::vocabulary::Vocabulary;

use crate::api::Call;

/// The metadata of one object.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The metadata of many.
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// How many objects make a page. What is long, or may hold a Secret, comes in
/// smaller pages, since a page is in memory as a whole.
fn size(of: StreamOf) -> u32 {
    match of {
        StreamOf::Namespaces | StreamOf::Sources(SourceKind::ConfigMap) => 500,
        StreamOf::Workloads(_) | StreamOf::Sources(_) => 100,
    }
}

/// The call for the page that begins at `next` (empty: the first).
pub(crate) fn call(list: &Call, of: StreamOf, next: &str) -> Call {
    list.clone()
        .with("limit", size(of).to_string())
        .with("continue", next)
}

/// One page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<'a> {
    metadata: ListMeta,
    /// The objects, as they came.
    #[serde(borrow, default, deserialize_with = "or_none")]
    pub(crate) items: Vec<&'a RawValue>,
}

/// The items of a list. The API server writes an empty list of metadata as `null`.
pub(crate) fn or_none<'de, D, T>(input: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

impl<'a> Page<'a> {
    /// Reads a page.
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json).map_err(|_| Unreadable)
    }

    /// Where the next page begins; empty where there is none.
    pub(crate) fn next(&self) -> &str {
        &self.metadata.next
    }

    /// The version of the whole list.
    pub(crate) fn version(&self) -> Result<Version, Unreadable> {
        let version = &self.metadata.resource_version;
        version.parse().map_err(|_| Unreadable)
    }
}

#[derive(Deserialize)]
struct Partial {
    metadata: Meta,
}

/// The metadata of an object.
pub(crate) fn meta(object: &RawValue) -> Result<Meta, Unreadable> {
    let read = serde_json::from_str::<Partial>(object.get());
    read.map(|partial| partial.metadata).map_err(|_| Unreadable)
}

/// The metadata of a source.
pub(crate) fn source(
    kind: SourceKind,
    object: &RawValue,
    vocabulary: &Vocabulary,
) -> Result<SourceMeta, Unreadable> {
    meta(object)?.into_source(kind, vocabulary)
}
