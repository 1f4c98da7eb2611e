//! A SecretProviderClass, as the statuses of the pods that mount it tell of it.
//!
//! The class itself says how an external store is asked; what its owners wrote on
//! it is read, and no more. Where the driver is not installed nothing is there.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tidings_core::index::{Content, Fetched, StreamOf};
use tidings_core::object::{PodStatus, SourceMeta, read_status};
use tidings_core::refs::{Name, SourceKind, SourceRef};
use tidings_core::vocabulary::Vocabulary;

use super::{sha1, there};
use crate::api::page;
use crate::api::{ApiClient, ApiError, Call, Place, Verb};

const KIND: SourceKind = SourceKind::SecretProviderClass;

/// Reads a class: what the status tells that tells most, and its marks.
pub(super) async fn read(
    api: &ApiClient,
    key: &SourceRef,
    vocabulary: &Vocabulary,
    sha1: bool,
) -> Result<Fetched, ApiError> {
    let Some(status) = statuses(api, &key.namespace).await?.remove(key) else {
        return Ok(Fetched::Absent);
    };
    let mut content = Content::new(status.meta.version, status.digests());
    if sha1 {
        content = content.hashed(sha1::of_class(&key.name, &status.objects));
    }
    let mut meta = status.meta;
    let class = class(api, key, vocabulary).await?;
    meta.marks = Some(class.as_ref().and_then(|c| c.marks).unwrap_or_default());
    meta.problem = class.and_then(|class| class.problem);
    Ok(Fetched::Present(meta, content))
}

/// Reads of all classes of a namespace that pods mount that they are there.
pub(super) async fn metas(api: &ApiClient, namespace: &Name) -> Result<Vec<SourceMeta>, ApiError> {
    let statuses = statuses(api, namespace).await?;
    Ok(statuses.into_values().map(|status| status.meta).collect())
}

/// Of each class the status that tells most.
async fn statuses(
    api: &ApiClient,
    namespace: &Name,
) -> Result<BTreeMap<SourceRef, PodStatus>, ApiError> {
    let mut statuses: BTreeMap<SourceRef, PodStatus> = BTreeMap::new();
    let list = Call::new(Verb::List, Place::sources(KIND).within(namespace.clone()));
    let read = |item: &RawValue| {
        match read_status(item.get().as_bytes()) {
            Ok(Some(status)) => {
                let known = statuses.get(&status.meta.key);
                if known.is_none_or(|known| known.rank() < status.rank()) {
                    statuses.insert(status.meta.key.clone(), status);
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%namespace, %error, "skipped a status"),
        }
        Ok(())
    };
    match page::all(api, list, StreamOf::Sources(KIND), read).await {
        Ok(()) | Err(ApiError::NotServed(_)) => Ok(statuses),
        Err(error) => Err(error),
    }
}

/// What its owners wrote on a class, if it is there.
async fn class(
    api: &ApiClient,
    key: &SourceRef,
    vocabulary: &Vocabulary,
) -> Result<Option<SourceMeta>, ApiError> {
    match there(api.meta(Place::source(key)).await)? {
        Some(meta) => Ok(Some(meta.into_source(KIND, vocabulary)?)),
        None => Ok(None),
    }
}
