//! One line of a watch, read.
//!
//! Goes in: JSON. Comes out: a [`Fact`] and the version of its object. The only
//! error is JSON of another shape, and it is not quoted.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidings_core::index::{Fact, How, StreamOf};
use tidings_core::object::{Meta, Unreadable, Version, read_status, read_workload};
use tidings_core::refs::{SourceKind, SourceRef, WorkloadRef};

use super::scope::Filter;
use crate::api::page;

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Kind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// A line.
#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

impl<'a> Event<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(line).map_err(|_| Unreadable)
    }
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMeta {
    resource_version: String,
    annotations: Option<BookmarkAnnotations>,
}

#[derive(Deserialize)]
struct BookmarkAnnotations {
    #[serde(rename = "k8s.io/initial-events-end")]
    ends_list: Option<String>,
}

/// The version that a bookmark tells of, and whether it ends a streaming list.
pub(super) fn bookmark(object: &RawValue) -> Result<(Version, bool), Unreadable> {
    let read = serde_json::from_str(object.get());
    let Bookmark { metadata } = read.map_err(|_| Unreadable)?;
    let version = metadata.resource_version.parse().map_err(|_| Unreadable)?;
    let mark = metadata.annotations.and_then(|a| a.ends_list);
    Ok((version, mark.as_deref() == Some("true")))
}

/// An object of a stream as a fact, if it tells any.
pub(super) fn decode(
    of: StreamOf,
    kind: Kind,
    object: &RawValue,
    how: How,
    filter: &Filter,
) -> Result<(Option<Fact>, Version), Unreadable> {
    let vocabulary = &*filter.vocabulary;
    match (of, kind) {
        (_, Kind::Deleted) => {
            let meta = page::meta(object)?;
            let version = meta.version()?;
            Ok((gone(of, meta, version), version))
        }
        (StreamOf::Sources(SourceKind::SecretProviderClass), _) => {
            let version = page::meta(object)?.version()?;
            let status = read_status(object.get().as_bytes())?;
            Ok((status.map(|status| Fact::Source(status.meta)), version))
        }
        (StreamOf::Workloads(row), _) => {
            let workload = read_workload(row, object.get().as_bytes(), vocabulary)?;
            let version = workload.version;
            Ok((Some(Fact::Workload(Box::new(workload), how)), version))
        }
        (StreamOf::Sources(kind), _) => {
            let meta = page::source(kind, object, vocabulary)?;
            let version = meta.version;
            Ok((Some(Fact::Source(meta)), version))
        }
        (StreamOf::Namespaces, _) => namespace(page::meta(object)?, how, filter),
    }
}

/// That a pod is gone tells nothing of the class that it had mounted.
fn gone(of: StreamOf, meta: Meta, version: Version) -> Option<Fact> {
    Some(match of {
        StreamOf::Sources(SourceKind::SecretProviderClass) => return None,
        StreamOf::Workloads(row) => {
            Fact::WorkloadGone(WorkloadRef::new(row, meta.namespace, meta.name), version)
        }
        StreamOf::Sources(kind) => {
            Fact::SourceGone(SourceRef::new(kind, meta.namespace, meta.name), version)
        }
        StreamOf::Namespaces => Fact::NamespaceGone(meta.name.into()),
    })
}

fn namespace(meta: Meta, how: How, filter: &Filter) -> Result<(Option<Fact>, Version), Unreadable> {
    let version = meta.version()?;
    let annotations = meta.annotations(&filter.vocabulary)?;
    let fact = Fact::Namespace {
        name: meta.name.into(),
        annotations,
        left_out: filter.leaves_out(&meta.labels),
        since: (how != How::Listed).then_some(version),
    };
    Ok((Some(fact), version))
}
