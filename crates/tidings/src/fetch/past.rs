//! How a source or a workload was at an earlier version of the store.
//!
//! A list of one name with `resourceVersionMatch=Exact` is answered from that very
//! moment, for all kinds that lie in one etcd, deleted objects too, until etcd is
//! compacted (KEP-2523; the API server asks etcd for one key, whatever there is
//! besides).
//!
//! Error policy: what etcd has forgotten is [`Finding::Forgotten`]; what the API server
//! does not keep, or does not show to these credentials, is [`Finding::NotTold`];
//! everything else is an error, and is asked again.

use serde_json::value::RawValue;
use tidings_core::evidence::{Finding, Former};
use tidings_core::index::Fetched;
use tidings_core::object::{Version, read_workload};
use tidings_core::refs::{SourceRef, WorkloadRef};

use super::{of_source, read_source};
use crate::api::page::Page;
use crate::api::{ApiClient, ApiError, Call, Place, Verb};
use crate::watch::scope::Filter;

/// How a source was at a version.
pub async fn source(
    api: &ApiClient,
    key: &SourceRef,
    version: Version,
    filter: &Filter,
) -> Result<Finding, ApiError> {
    let place = Place::sources(key.kind).within(key.namespace.clone());
    let list = of_source(Verb::List, key.kind, place);
    let read = |object: Option<&RawValue>| match object {
        None => Ok(Finding::Source(Fetched::Absent)),
        Some(object) => {
            let fetched = read_source(key, filter, object.get().as_bytes())?;
            Ok(Finding::Source(fetched))
        }
    };
    at(api, list, &key.name, version, read).await
}

/// How a workload was at a version.
pub(super) async fn workload(
    api: &ApiClient,
    key: &WorkloadRef,
    version: Version,
    filter: &Filter,
) -> Result<Finding, ApiError> {
    let place = Place::kind(key.kind).within(key.namespace.clone());
    let list = Call::new(Verb::List, place);
    let read = |object: Option<&RawValue>| {
        let Some(object) = object else {
            return Ok(Finding::Workload(None));
        };
        let json = object.get().as_bytes();
        let then = read_workload(key.kind, json, &filter.vocabulary)?;
        Ok(Finding::Workload(Some(Former {
            uid: then.uid,
            version: then.version,
            whole: then.whole,
            alone: then.progress.alone,
        })))
    };
    at(api, list, &key.name, version, read).await
}

async fn at(
    api: &ApiClient,
    list: Call,
    name: &str,
    version: Version,
    read: impl FnOnce(Option<&RawValue>) -> Result<Finding, ApiError>,
) -> Result<Finding, ApiError> {
    let call = list
        .with("fieldSelector", format!("metadata.name={name}"))
        .with("resourceVersion", version.to_string())
        .with("resourceVersionMatch", "Exact");
    match api.read(&call).await {
        Ok(json) => read(Page::read(&json)?.items.first().copied()),
        Err(ApiError::Expired) => Ok(Finding::Forgotten),
        Err(error) if is_not_told(&error) => {
            tracing::debug!(name, version, %error, "what was is not told");
            Ok(Finding::NotTold)
        }
        Err(error) => Err(error),
    }
}

/// 400 where the server knows no such list; 504 where the
/// version is another store's (`storage.NewTooLargeResourceVersionError`).
fn is_not_told(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::Invalid(..) | ApiError::Forbidden(_) | ApiError::Slow { code: 504, .. }
    )
}
