//! Many sources of a namespace by one list, each digested as it is read by itself.
//!
//! Goes in: which sources. Comes out: page by page, what they are; of what else the list
//! shows nothing is looked at but the name. What it does not show is left: it may be out
//! of what is watched, gone, or made since.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidings_core::index::{Fetched, StreamOf};
use tidings_core::refs::{Name, SourceKind, SourceRef};

use super::{of_source, read_hashed};
use crate::api::page::{Page, Pages};
use crate::api::{ApiClient, ApiError, Place, Verb};
use crate::watch::scope::Filter;

/// Of so many sources that a list shows one has to be asked for, or it ends.
pub const ONE_OF: usize = 4;

/// Of each source that is asked for: the number of the question, and whether it is to be
/// hashed as Reloader does, too.
pub type Asked = BTreeMap<Name, (u32, bool)>;

/// What was read of one: the number of the question, and the answer.
pub type Read = (SourceRef, u32, Fetched);

/// A list of sources with their content, which is gone with its page.
pub struct ContentList<'a> {
    kind: SourceKind,
    namespace: &'a Name,
    /// What is still to be shown.
    left: &'a mut Asked,
    filter: &'a Filter,
    pages: Option<Pages>,
    /// How many the list has shown, and of how many it was asked.
    shown: usize,
    found: usize,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    metadata: NameOnly<'a>,
}

#[derive(Deserialize)]
struct NameOnly<'a> {
    name: &'a str,
}

impl<'a> ContentList<'a> {
    /// A list that takes out of these what it shows.
    pub fn of(
        kind: SourceKind,
        namespace: &'a Name,
        left: &'a mut Asked,
        filter: &'a Filter,
    ) -> Self {
        let place = Place::sources(kind).within(namespace.clone());
        let scope = filter.scope(kind);
        let list = of_source(Verb::List, kind, place)
            .with("labelSelector", scope.labels)
            .with("fieldSelector", scope.fields);
        Self {
            pages: Some(Pages::of(list, StreamOf::Sources(kind))),
            kind,
            namespace,
            left,
            filter,
            shown: 0,
            found: 0,
        }
    }

    /// What the next page shows; none where all is shown, or too much that nobody asked
    /// for.
    pub async fn next(&mut self, api: &ApiClient) -> Result<Option<Vec<Read>>, ApiError> {
        let Some(pages) = self.pages.as_mut().filter(|_| !self.left.is_empty()) else {
            return Ok(None);
        };
        let json = pages.read(api).await?;
        let page = Page::read(&json)?;
        let goes_on = pages.turn(&page)?;
        let read: Vec<_> = page
            .items
            .iter()
            .filter_map(|item| self.take(item))
            .collect();
        self.shown += page.items.len();
        self.found += read.len();
        if !goes_on || self.found * ONE_OF < self.shown {
            self.pages = None;
        }
        Ok(Some(read))
    }

    /// One that cannot be read is left: it is told of when it is read by itself.
    fn take(&mut self, item: &RawValue) -> Option<Read> {
        let named: Named<'_> = serde_json::from_str(item.get()).ok()?;
        let (name, (told, sha1)) = self.left.get_key_value(named.metadata.name)?;
        let source = SourceRef::new(self.kind, self.namespace.clone(), name.clone());
        let read = read_hashed(&source, self.filter, *sha1, item.get().as_bytes());
        let read = (source, *told, read.ok()?);
        self.left.remove(named.metadata.name);
        Some(read)
    }
}
