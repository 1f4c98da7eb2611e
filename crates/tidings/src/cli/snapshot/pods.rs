//! Pods of a snapshot, and the metadata of what they use.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::value::RawValue;
use tidings_core::index::Fact;
use tidings_core::object::{Pod, read_pod};
use tidings_core::refs::{Name, SourceKind};

use super::{Snapshot, is_refused};
use crate::api::page::{self, Pages};
use crate::api::{ApiError, Call, Place, Verb};

/// So many pods make a page: they are some 10 KB each.
const PODS: u32 = 250;

impl Snapshot {
    /// Lists the pods of these namespaces (`None`: of all) whose labels match. Where all
    /// may not be listed, each namespace is asked for.
    pub async fn pods(&mut self, places: &[Option<Name>], labels: &str) -> Result<()> {
        for place in places {
            let listed = self.list_pods(place.as_ref(), labels).await;
            match (place, listed) {
                (None, Err(error @ ApiError::Forbidden(_))) => {
                    self.pods_one_by_one(labels, error).await?;
                }
                (Some(name), listed) if places.len() > 1 || is_refused(&listed) => {
                    self.note_gap(listed, "pods", name);
                }
                (_, listed) => listed.context("cannot list pods")?,
            }
        }
        Ok(())
    }

    async fn pods_one_by_one(&mut self, labels: &str, refused: ApiError) -> Result<()> {
        for name in self.each_namespace("pods", refused).await? {
            let listed = self.list_pods(Some(&name), labels).await;
            self.note_gap(listed, "pods", &name);
        }
        Ok(())
    }

    async fn list_pods(&mut self, place: Option<&Name>, labels: &str) -> Result<(), ApiError> {
        let pods = Place::core("pods");
        let pods = match place {
            Some(name) => pods.within(name.clone()),
            None => pods,
        };
        let ignored = self.ignored().into_iter().filter(|_| place.is_none());
        let ignored: Vec<_> = ignored
            .map(|name| format!("metadata.namespace!={name}"))
            .collect();
        let list = Call::new(Verb::List, pods)
            .with("labelSelector", labels)
            .with("fieldSelector", ignored.join(","));
        let index = &mut self.index;
        let read = |item: &RawValue| {
            if let Some(pod) = read_pod(item.get().as_bytes())? {
                index.apply(Fact::Pod(Box::new(pod)));
            }
            Ok(())
        };
        page::through(&self.api, Pages::sized(list, PODS), read).await
    }

    /// Lists the metadata of the sources that the pods use. `everywhere`: by one list, if
    /// that is allowed.
    pub async fn sources_of_pods(&mut self, everywhere: bool) {
        for kind in [SourceKind::ConfigMap, SourceKind::Secret] {
            let users = self.users(kind);
            if users.is_empty() {
                continue;
            }
            if everywhere {
                match self.list_sources(kind, None).await {
                    Err(ApiError::Forbidden(_)) => {}
                    listed => {
                        self.note_gap(listed, kind.row().plural, "all namespaces");
                        continue;
                    }
                }
            }
            for namespace in users {
                let listed = self.list_sources(kind, Some(&namespace)).await;
                self.note_gap(listed, kind.row().plural, &namespace);
            }
        }
    }

    /// The namespaces of the pods that use a kind of source that is looked at.
    fn users(&self, kind: SourceKind) -> BTreeSet<Name> {
        let uses = |pod: &&Pod| {
            let mut uses = pod.containers.iter().flat_map(|container| &*container.uses);
            uses.any(|used| used.kind == kind)
        };
        let users = self.index.pods().filter(uses);
        let users = users.map(|pod| pod.group.namespace.clone());
        users
            .filter(|namespace| self.index.watches(kind, namespace))
            .collect()
    }

    pub(super) async fn list_sources(
        &mut self,
        kind: SourceKind,
        namespace: Option<&Name>,
    ) -> Result<(), ApiError> {
        let place = Place::sources(kind);
        let place = match namespace {
            Some(name) => place.within(name.clone()),
            None => place,
        };
        let index = &mut self.index;
        let each = |meta| drop(index.apply(Fact::Source(meta)));
        crate::fetch::each_meta(&self.api, kind, place, &self.filter, each).await
    }
}
