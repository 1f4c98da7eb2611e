//! Looks for what is installed in a cluster.
//!
//! Goes in: the way to a cluster. Comes out: what installations say of themselves, in all
//! namespaces, or, where these may not be listed, in the one in which they usually are.

use tidings_core::refs::Name;

use super::object::{Installed, LABEL, LONGEST, Labels};
use crate::api::page::Page;
use crate::api::{ApiClient, ApiError, Call, Place, Verb};

/// Nobody has more of them; strangers may.
const MOST: usize = 50;

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Installations, in the order of their namespaces.
    pub all: Vec<Installed>,
    /// Whether there are more.
    pub more: bool,
}

/// Looks in this namespace, or in all, and where that is forbidden in the usual one.
pub async fn find(
    api: &ApiClient,
    named: Option<&Name>,
    usual: &Name,
) -> Result<Discovery, ApiError> {
    match list(api, named).await {
        Err(ApiError::Forbidden(_)) if named.is_none() => list(api, Some(usual)).await,
        found => found,
    }
}

/// The labels of a namespace; nothing where they may not be read.
pub async fn labels(api: &ApiClient, namespace: &Name) -> Option<Labels> {
    let place = Place::core("namespaces").named(namespace.clone());
    Some(api.meta(place).await.ok()?.labels)
}

async fn list(api: &ApiClient, namespace: Option<&Name>) -> Result<Discovery, ApiError> {
    let place = Place::core("configmaps");
    let place = match namespace {
        Some(name) => place.within(name.clone()),
        None => place,
    };
    let list = Call::new(Verb::List, place)
        .with("labelSelector", LABEL)
        .with("limit", MOST.to_string())
        // It is asked before every command, and of the server's memory; it changes seldom.
        .with("resourceVersion", "0")
        .at_most(MOST * LONGEST);
    let json = api.read(&list).await?;
    let page = Page::read(&json)?;
    let all = page.items.iter();
    Ok(Discovery {
        all: all.filter_map(|item| Installed::read(item.get())).collect(),
        more: page.has_more(),
    })
}
