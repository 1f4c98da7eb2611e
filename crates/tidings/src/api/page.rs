//! Lists, a page at a time, and metadata without the rest of the object.
//!
//! Goes in: the bytes of a list. Comes out: its items, still as text, where the
//! next page begins, and the version of it all. The errors are an answer of
//! another shape, which is not quoted, and a list that does not end.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tidings_core::index::StreamOf;
use tidings_core::object::{Meta, SourceMeta, Unreadable, Version};
use tidings_core::refs::SourceKind;
use tidings_core::vocabulary::Vocabulary;
use tokio::task::JoinHandle;

use crate::api::{self, ApiClient, ApiError, Call};

/// The metadata of one object.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The metadata of many.
pub(crate) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A page that is on its way.
type Ahead = JoinHandle<Result<Bytes, ApiError>>;

/// How many objects make a page. What is long, or may hold a Secret, comes in
/// smaller pages, since a page is in memory as a whole.
fn size(of: StreamOf) -> u32 {
    match of {
        StreamOf::Namespaces | StreamOf::Sources(SourceKind::ConfigMap) => 500,
        StreamOf::Workloads(_) | StreamOf::Sources(_) => 100,
    }
}

/// A page of several objects is taken in up to so many bytes; where it is longer, a
/// smaller one is asked for.
const PAGE: usize = 4 << 20;

/// No list has more pages: etcd holds 8 GiB (its `--quota-backend-bytes`), of which a
/// page that is made smaller still has 300 KiB, and one that is not 100 objects.
const MOST: usize = 100_000;

/// The pages of a list, one after the other, and smaller ones where objects are large.
pub(crate) struct Pages {
    list: Call,
    size: u32,
    full: u32,
    next: String,
    /// Where pages began, each in short.
    begun: BTreeSet<u64>,
    short: RandomState,
}

impl Pages {
    /// Those of a list of these objects.
    pub(crate) fn of(list: Call, of: StreamOf) -> Self {
        Self::sized(list, size(of))
    }

    /// Those of a list, so many objects each.
    pub(crate) fn sized(list: Call, size: u32) -> Self {
        Self {
            list,
            size,
            full: size,
            next: String::new(),
            begun: BTreeSet::new(),
            short: RandomState::new(),
        }
    }

    /// Whether none has been read yet.
    pub(crate) fn is_first(&self) -> bool {
        self.next.is_empty()
    }

    /// Whether a smaller page is to be asked for, since this one could not be taken in.
    pub(crate) fn shrink(&mut self, error: &ApiError) -> bool {
        let too_long = matches!(error, ApiError::TooLong(_)) && self.size > 1;
        if too_long {
            self.size = (self.size / 8).max(1);
        }
        too_long
    }

    /// The call for the next one.
    pub(crate) fn call(&self) -> Call {
        let page = self.list.clone();
        let page = page
            .with("limit", self.size.to_string())
            .with("continue", &self.next);
        if self.size > 1 {
            page.at_most(PAGE)
        } else {
            page
        }
    }

    /// Reads the next one, or a smaller one where that could not be taken in.
    pub(crate) async fn read(&mut self, api: &ApiClient) -> Result<Bytes, ApiError> {
        loop {
            match api.read(&self.call()).await {
                Err(error) if self.shrink(&error) => {}
                answer => return answer,
            }
        }
    }

    /// Asks for the next one already, for who does not count what is in memory: two pages are
    /// then.
    fn ahead(&self, api: &ApiClient) -> Option<Ahead> {
        let (api, call) = (api.clone(), self.call());
        let may = api.is_of_command() && !self.is_first();
        may.then(|| tokio::spawn(async move { api.read(&call).await }))
    }

    /// The next one, which may have been asked for.
    async fn come(&mut self, api: &ApiClient, ahead: Option<Ahead>) -> Result<Bytes, ApiError> {
        let answer = match ahead {
            Some(ahead) => ahead.await.ok(),
            None => None,
        };
        match answer {
            Some(Err(error)) if self.shrink(&error) => self.read(api).await,
            Some(answer) => answer,
            None => self.read(api).await,
        }
    }

    /// Goes on behind this page. Whether there is another one, which is larger again
    /// where this one was smaller.
    pub(crate) fn turn(&mut self, page: &Page<'_>) -> Result<bool, ApiError> {
        self.next.clone_from(&page.metadata.next);
        self.size = self.full.min(self.size * 2);
        if self.next.is_empty() {
            return Ok(false);
        }
        let is_new = self.begun.insert(self.short.hash_one(&self.next));
        if is_new && self.begun.len() < MOST {
            Ok(true)
        } else {
            Err(ApiError::Endless)
        }
    }
}

/// Reads every object of a list, page by page, until one cannot be read.
pub(crate) async fn all(
    api: &ApiClient,
    list: Call,
    of: StreamOf,
    each: impl FnMut(&RawValue) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    through(api, Pages::of(list, of), each).await
}

/// How often a list is begun anew that is forgotten on the way.
const ANEW: usize = 3;

/// Reads every object of a list, and all of them anew where the list was forgotten on the way
/// (410: etcd has compacted it), since half of a list is none.
pub(crate) async fn anew(
    api: &ApiClient,
    pages: impl Fn() -> Pages,
    mut step: impl FnMut(ListStep<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    for _ in 1..ANEW {
        step(ListStep::Begin)?;
        match through(api, pages(), |item| step(ListStep::Item(item))).await {
            Err(ApiError::Expired) => {}
            read => return read,
        }
    }
    step(ListStep::Begin)?;
    through(api, pages(), |item| step(ListStep::Item(item))).await
}

/// What a list that may begin anew brings.
pub(crate) enum ListStep<'a> {
    /// All that came before is nothing.
    Begin,
    /// An object.
    Item(&'a RawValue),
}

/// The same of these pages. A command asks for the next one while it reads this one.
pub(crate) async fn through(
    api: &ApiClient,
    mut pages: Pages,
    mut each: impl FnMut(&RawValue) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut json = pages.read(api).await?;
    loop {
        let page = Page::read(&json)?;
        let is_more = pages.turn(&page)?;
        let ahead = if is_more { pages.ahead(api) } else { None };
        page.items.iter().try_for_each(|item| each(item))?;
        if !is_more {
            return Ok(());
        }
        json = pages.come(api, ahead).await?;
    }
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

    /// Whether another one follows.
    pub(crate) fn has_more(&self) -> bool {
        !self.metadata.next.is_empty()
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

/// The metadata of an object that was asked for by its name.
pub(super) fn meta_of(json: &[u8]) -> Result<Meta, ApiError> {
    api::read::<Partial>(json).map(|partial| partial.metadata)
}

/// The metadata of an object of a list.
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

#[cfg(test)]
mod tests {
    use tidings_core::refs::SourceKind::ConfigMap;

    use super::*;
    use crate::api::{Place, Verb};

    fn turn(pages: &mut Pages, next: &str) -> Result<bool, ApiError> {
        let json = format!(r#"{{"metadata":{{"resourceVersion":"1","continue":"{next}"}}}}"#);
        pages.turn(&Page::read(json.as_bytes()).unwrap())
    }

    fn pages() -> Pages {
        let list = Call::new(Verb::List, Place::core("configmaps"));
        Pages::of(list, StreamOf::Sources(ConfigMap))
    }

    #[test]
    fn a_list_has_an_end_also_where_each_page_is_new() {
        let mut pages = pages();
        let turns = (0..).map(|n| turn(&mut pages, &n.to_string()));
        let turns = turns.take_while(|more| *more == Ok(true)).count();
        assert_eq!(turns, MOST - 1);
    }

    #[test]
    fn a_page_that_was_too_long_is_smaller_and_then_larger_again() {
        let mut pages = pages();
        let too_long = ApiError::TooLong(PAGE);
        assert!(pages.shrink(&too_long) && pages.shrink(&too_long));
        let sizes = (0..8).map(|n| {
            let size = pages.size;
            assert_eq!(turn(&mut pages, &n.to_string()), Ok(true));
            size
        });
        let sizes: Vec<_> = sizes.collect();
        assert_eq!(sizes, [7, 14, 28, 56, 112, 224, 448, 500]);
    }
}
