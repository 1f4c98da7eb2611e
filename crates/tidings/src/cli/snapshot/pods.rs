//! Pods of a snapshot, and the metadata of what they use.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use futures::StreamExt;
use tidings_core::index::Fact;
use tidings_core::object::{Group, Pod, read_pod};
use tidings_core::refs::{Name, SourceKind, WorkloadRef};
use tidings_core::stale::StaleUse;

use super::{READS, Snapshot, is_refused};
use crate::api::page::{self, ListStep, Pages};
use crate::api::{ApiError, Call, Place, Verb};

/// So many pods make a page: they are some 10 KB each.
const PODS: u32 = 250;

/// The sources of a kind in a namespace, or in all.
pub(super) type SourcesOf = (SourceKind, Option<Name>);

impl Snapshot {
    /// Lists the pods of these namespaces (`None`: of all) whose labels match. Where all
    /// may not be listed, each namespace is asked for.
    pub async fn pods(&mut self, places: &[Option<Name>], labels: &str) -> Result<()> {
        for place in places {
            let listed = self.list_pods(place.as_ref(), labels, &|_| true).await;
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

    /// Lists the pods of these workloads, namespace by namespace. What may not be listed is
    /// a gap.
    pub async fn pods_of(&mut self, groups: &BTreeSet<Group>) {
        let namespaces: BTreeSet<_> = groups.iter().map(|group| &group.namespace).collect();
        for namespace in namespaces {
            let is_asked = |pod: &Pod| groups.contains(&pod.group);
            let listed = self.list_pods(Some(namespace), "", &is_asked).await;
            self.note_gap(listed, "pods", namespace);
        }
    }

    /// What was found out about pods that have older data than what is recorded.
    pub fn keep_older(&mut self, rows: Vec<StaleUse>) {
        for row in rows {
            self.older.entry(row.group.clone()).or_default().push(row);
        }
    }

    /// What some pods of a workload have, as far as they were looked at, that is older than
    /// what is recorded of all.
    pub fn older(&self, key: &WorkloadRef) -> &[StaleUse] {
        self.older.get(&Group::of(key)).map_or(&[], Vec::as_slice)
    }

    async fn pods_one_by_one(&mut self, labels: &str, refused: ApiError) -> Result<()> {
        for name in self.each_namespace("pods", refused).await? {
            let listed = self.list_pods(Some(&name), labels, &|_| true).await;
            self.note_gap(listed, "pods", &name);
        }
        Ok(())
    }

    async fn list_pods(
        &mut self,
        place: Option<&Name>,
        labels: &str,
        is_asked: &impl Fn(&Pod) -> bool,
    ) -> Result<(), ApiError> {
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
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => index.forget_pods(place),
                ListStep::Item(item) => {
                    let pod = read_pod(item.get().as_bytes())?.filter(is_asked);
                    pod.map(|pod| index.apply(Fact::Pod(Box::new(pod))));
                }
            }
            Ok(())
        };
        page::anew(&self.api, || Pages::sized(list.clone(), PODS), read).await
    }

    /// Lists the metadata of the sources that the pods use. `everywhere`: by one list, if
    /// that is allowed.
    pub async fn sources_of_pods(&mut self, everywhere: bool) {
        let kinds = [SourceKind::ConfigMap, SourceKind::Secret].into_iter();
        let used = kinds.map(|kind| (kind, self.users(kind)));
        let used: Vec<_> = used.filter(|(_, users)| !users.is_empty()).collect();
        let mut narrow = used.clone();
        if everywhere {
            let all = used.iter().map(|(kind, _)| (*kind, None));
            let refused = self.list_or_note(all.collect()).await;
            narrow.retain(|(kind, _)| refused.contains(kind));
        }
        let each = narrow.into_iter().flat_map(|(kind, users)| {
            let users = users.into_iter();
            users.map(move |namespace| (kind, Some(namespace)))
        });
        self.list_or_note(each.collect()).await;
    }

    /// Returns the kinds that may not be listed in all namespaces; what else could not be
    /// listed is a gap.
    async fn list_or_note(&mut self, places: Vec<SourcesOf>) -> Vec<SourceKind> {
        let mut refused = Vec::new();
        for ((kind, place), listed) in self.list_sources(places).await {
            match (place, listed) {
                (None, Err(ApiError::Forbidden(_))) => refused.push(kind),
                (place, listed) => {
                    let place = place.unwrap_or_else(|| "all namespaces".into());
                    self.note_gap(listed, kind.row().plural, &place);
                }
            }
        }
        refused
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

    /// Lists the metadata of the sources of these kinds and places (`None`: all namespaces),
    /// some at the same time.
    pub(super) async fn list_sources(
        &mut self,
        places: Vec<SourcesOf>,
    ) -> Vec<(SourcesOf, Result<(), ApiError>)> {
        let (api, filter) = (&self.api, &self.filter);
        let lists = places.into_iter().map(|(kind, namespace)| async move {
            let place = Place::sources(kind);
            let place = match &namespace {
                Some(name) => place.within(name.clone()),
                None => place,
            };
            let mut metas = Vec::new();
            let each = |meta| metas.push(meta);
            let listed = crate::fetch::each_meta(api, kind, place, filter, each).await;
            ((kind, namespace), metas, listed)
        });
        let mut lists = futures::stream::iter(lists).buffered(READS);
        let mut done = Vec::new();
        while let Some((of, metas, listed)) = lists.next().await {
            for meta in metas {
                self.index.apply(Fact::Source(meta));
            }
            done.push((of, listed));
        }
        done
    }
}
