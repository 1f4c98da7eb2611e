//! Reading what a decision needs to know now.
//!
//! Goes in: which source or workload. Comes out: digests of a source's keys, the
//! metadata of a namespace's sources, the age of a workload's pods. Everything is
//! asked fresh and nothing is kept. Errors are the API server's; an answer that
//! cannot be read is an error that quotes nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use tidings_core::evidence::{Finding, Question};
use tidings_core::index::{Content, Fetched, Rare, StreamOf};
use tidings_core::object::{SourceMeta, Workload, read_workload};
use tidings_core::refs::{Name, SourceKind, SourceRef, WorkloadRef};

use crate::api::page::{self, ListStep, Pages};
use crate::api::{ApiClient, ApiError, Call, Place, Verb};
use crate::watch::scope::Filter;

mod applied;
mod class;
mod content;
mod history;
mod past;
mod pod;
mod pods_since;
mod refused;
mod roster;
mod sha1;
mod together;

pub(crate) use applied::LAST_APPLIED;
pub use applied::{Live, NotTaken, live};
pub use history::{PastOwner, owner, revisions, revisions_of, told};
pub use past::source as source_then;
pub use pod::pod;
pub use pods_since::pods_since;
pub(crate) use refused::written::refusal as refusal_of_metadata;
pub use roster::{MOST_PODS, Roster, Whereabouts};
pub use together::{Asked, ContentList, ONE_OF, Read};

/// Reads a source and digests its keys, if so also as Reloader does; its content
/// is gone when this returns.
pub async fn source(
    api: &ApiClient,
    key: &SourceRef,
    filter: &Filter,
    sha1: bool,
) -> Result<Fetched, ApiError> {
    if key.kind == SourceKind::SecretProviderClass {
        // In a box, for few are of this kind and thousands may wait.
        return Box::pin(class::read(api, key, &filter.vocabulary, sha1)).await;
    }
    let call = of_source(Verb::Get, key.kind, Place::source(key));
    let Some(json) = there(api.read(&call).await)? else {
        return Ok(Fetched::Absent);
    };
    read_hashed(key, filter, sha1, &json)
}

/// Reads a workload, if it is there.
pub async fn workload(
    api: &ApiClient,
    key: &WorkloadRef,
    filter: &Filter,
) -> Result<Option<Workload>, ApiError> {
    let call = Call::new(Verb::Get, Place::workload(key));
    let Some(json) = there(api.read(&call).await)? else {
        return Ok(None);
    };
    let workload = read_workload(key.kind, &json, &filter.vocabulary)?;
    Ok(Some(workload))
}

/// Finds out something about a workload that the present does not tell.
pub async fn find(
    api: &ApiClient,
    key: &WorkloadRef,
    question: &Question,
    filter: &Filter,
) -> Result<Finding, ApiError> {
    match question {
        Question::Source(source, version) => past::source(api, source, *version, filter).await,
        Question::Workload(version) => past::workload(api, key, *version, filter).await,
        Question::Pods => pods_since(api, key).await.map(Finding::Pods),
        Question::Now(source) => {
            let now = self::source(api, source, filter, false).await;
            now.map(Finding::Source)
        }
    }
}

fn read_hashed(
    key: &SourceRef,
    filter: &Filter,
    sha1: bool,
    json: &[u8],
) -> Result<Fetched, ApiError> {
    match read_source(key, filter, json)? {
        Fetched::Present(meta, content) if sha1 => {
            let sha1 = sha1::of(key.kind, json)?;
            Ok(Fetched::Present(meta, content.hashed(sha1)))
        }
        fetched => Ok(fetched),
    }
}

fn read_source(key: &SourceRef, filter: &Filter, json: &[u8]) -> Result<Fetched, ApiError> {
    let object = content::read(key, json)?;
    if !filter.admits(&object.kind, &object.meta.labels) {
        return Ok(Fetched::NotWatched);
    }
    let meta = object.meta.into_source(key.kind, &filter.vocabulary)?;
    let content = Content::new(meta.version, object.keys);
    let content = content.with(Rare {
        binary: object.binary.into(),
        immutable: object.immutable,
        ..Rare::default()
    });
    Ok(Fetched::Present(meta, content))
}

/// A question whose answer may carry bytes of a Secret, if it is of one.
fn of_source(verb: Verb, kind: SourceKind, place: Place) -> Call {
    let call = Call::new(verb, place);
    match kind {
        SourceKind::Secret => call.briefly(),
        SourceKind::ConfigMap | SourceKind::SecretProviderClass => call,
    }
}

/// What is there, if it is.
fn there<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Err(ApiError::Gone) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Reads the metadata of all watched sources of a kind in a namespace.
pub async fn metas(
    api: &ApiClient,
    kind: SourceKind,
    namespace: &Name,
    filter: &Filter,
) -> Result<Vec<SourceMeta>, ApiError> {
    if kind == SourceKind::SecretProviderClass {
        return Box::pin(class::metas(api, namespace)).await;
    }
    let place = Place::sources(kind).within(namespace.clone());
    // A list that begins anew brings them twice.
    let mut metas = BTreeMap::new();
    let each = |meta: SourceMeta| drop(metas.insert(meta.key.clone(), meta));
    each_meta(api, kind, place, filter, each).await?;
    Ok(metas.into_values().collect())
}

/// Reads the metadata of all watched ConfigMaps, or Secrets, of a place; again where the
/// list had to be begun anew.
pub async fn each_meta(
    api: &ApiClient,
    kind: SourceKind,
    place: Place,
    filter: &Filter,
    mut each: impl FnMut(SourceMeta),
) -> Result<(), ApiError> {
    let scope = filter.scope(kind);
    let call = of_source(Verb::List, kind, place)
        .accept(page::METADATA_LIST)
        .with("labelSelector", scope.labels)
        .with("fieldSelector", scope.fields);
    let read = |step: ListStep<'_>| {
        let ListStep::Item(item) = step else {
            return Ok(());
        };
        match page::source(kind, item, &filter.vocabulary) {
            Ok(meta) => each(meta),
            Err(error) => {
                let namespace = page::meta(item).unwrap_or_default().namespace;
                tracing::warn!(%namespace, %error, "skipped a source");
            }
        }
        Ok(())
    };
    let pages = || Pages::of(call.clone(), StreamOf::Sources(kind));
    page::anew(api, pages, read).await
}

/// Finds out which of these sources of a namespace are there, watched or not.
pub async fn which(
    api: &ApiClient,
    kind: SourceKind,
    namespace: &Name,
    asked: &BTreeSet<Name>,
) -> Result<BTreeSet<Name>, ApiError> {
    let place = Place::sources(kind).within(namespace.clone());
    let call = of_source(Verb::List, kind, place).accept(page::METADATA_LIST);
    let mut there = BTreeSet::new();
    let read = |item: &RawValue| {
        if let Ok(meta) = page::meta(item) {
            there.extend(asked.get(&*meta.name).cloned());
        }
        Ok(())
    };
    page::all(api, call, StreamOf::Sources(kind), read).await?;
    Ok(there)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    /// A server of twenty objects of 1.4 MB each; what it was asked for.
    fn of_large_objects() -> (kube::Client, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let number = |key: &str| {
                let pair = query.split('&').find_map(|pair| pair.strip_prefix(key));
                pair.and_then(|n| n.parse::<usize>().ok())
            };
            let (limit, from) = (number("limit=").unwrap(), number("continue=").unwrap_or(0));
            let to = (from + limit).min(20);
            let item = |i: usize| {
                let note = "a".repeat(1_400_000);
                serde_json::json!({"metadata": {"name": format!("c{i}"), "annotations": {"note": note}}})
            };
            let items: Vec<_> = (from..to).map(item).collect();
            let next = if to < 20 {
                to.to_string()
            } else {
                String::new()
            };
            let metadata = serde_json::json!({"resourceVersion": "1", "continue": next});
            let page =
                serde_json::json!({"apiVersion": "v1", "metadata": metadata, "items": items});
            seen.lock().unwrap().push(query);
            let answer = Response::new(Body::from(page.to_string().into_bytes()));
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        (kube::Client::new(service, "default"), asked)
    }

    #[tokio::test]
    async fn where_objects_are_large_pages_are_small() {
        let (client, asked) = of_large_objects();
        let names: BTreeSet<Name> = ["c3", "c19", "absent"].map(Name::from).into();
        let (api, namespace) = (ApiClient::from(client), Name::from("ns"));
        let there = which(&api, SourceKind::ConfigMap, &namespace, &names);
        let there = there.await.unwrap();
        assert_eq!(there, ["c3", "c19"].map(Name::from).into());
        let asked = asked.lock().unwrap();
        let limits = asked.iter().map(|query| query.split('&').next().unwrap());
        let limits: Vec<_> = limits.take(4).collect();
        assert_eq!(limits, ["limit=500", "limit=62", "limit=7", "limit=1"]);
    }
}
