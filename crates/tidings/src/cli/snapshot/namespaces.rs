//! Namespaces of a snapshot: which there are, and what they set.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tidings_core::annotations::Annotations;
use tidings_core::index::{Fact, StreamOf};
use tidings_core::object::Meta;
use tidings_core::refs::Name;

use super::Snapshot;
use crate::api::page::{self, ListStep, METADATA_LIST, Pages};
use crate::api::{ApiError, Call, Place, Verb};

impl Snapshot {
    /// An error where the installation leaves a namespace out.
    pub fn is_covered(&self, namespace: &Name) -> Result<()> {
        if !self.installation.covers(namespace) {
            bail!(
                "the namespace {namespace} is not among those that are watched; name another \
                 (-n), or leave out --namespaces and --namespaces-to-ignore"
            );
        }
        Ok(())
    }

    /// Who may not read namespaces is not told that one is missing.
    pub async fn is_there(&self, namespace: &Name) -> Result<()> {
        let place = Place::core("namespaces").named(namespace.clone());
        match self.api.get(place).await {
            Err(ApiError::Gone) => {
                bail!("there is no namespace {namespace}; `kubectl get namespaces` shows which are")
            }
            _ => Ok(()),
        }
    }

    /// The namespaces to ask one by one, where something may not be listed in all.
    pub(super) async fn each_namespace(
        &mut self,
        what: &str,
        refused: ApiError,
    ) -> Result<Vec<Name>> {
        let names = self.namespaces().await.map_err(|_| refused);
        names.with_context(|| {
            format!("neither all {what} nor the namespaces may be listed; name one (-n)")
        })
    }

    /// The namespaces that the installation does not leave out, and what they set.
    pub(crate) async fn namespaces(&mut self) -> Result<Vec<Name>, ApiError> {
        let list = Call::new(Verb::List, Place::core("namespaces")).accept(METADATA_LIST);
        let mut all = Vec::new();
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => all.clear(),
                ListStep::Item(item) => all.push(page::meta(item)?),
            }
            Ok(())
        };
        let pages = || Pages::of(list.clone(), StreamOf::Namespaces);
        page::anew(&self.api, pages, read).await?;
        let mut names = Vec::new();
        for meta in all {
            let name = Name::from(&*meta.name);
            if self.installation.covers(&name) {
                self.sets(&name, &meta);
                names.push(name);
            }
        }
        Ok(names)
    }

    /// What a namespace sets, and whether it is selected. Where it may not be read it
    /// sets nothing that could be known, and of one that a selector chooses there is
    /// nothing to say.
    pub(super) async fn namespace(&mut self, name: &Name) -> Result<()> {
        let place = Place::core("namespaces").named(name.clone());
        match self.api.meta(place).await {
            Ok(meta) => {
                self.sets(name, &meta);
                Ok(())
            }
            Err(_) if self.filter.namespaces.selects_all() => Ok(()),
            Err(error) => Err(error).with_context(|| {
                format!("whether --namespace-selector leaves out {name} is not known")
            }),
        }
    }

    /// Whether everything is paused, as Tidings' own namespace says. Who may not read that
    /// is not told of it.
    pub(super) async fn home_namespace(&mut self) {
        let own = self.installation.own_namespace.clone();
        if self.told.contains(&own) {
            return;
        }
        let place = Place::core("namespaces").named(own.clone());
        if let Ok(meta) = self.api.meta(place).await {
            self.sets(&own, &meta);
        }
    }

    /// What a namespace of this shape sets, and whether it is left out.
    pub fn as_namespace(&self, manifest: &Value) -> (Annotations, bool) {
        let pairs = |field: &str| {
            let pairs = manifest["metadata"][field].as_object();
            let pairs = pairs.into_iter().flatten();
            pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        };
        let labels: BTreeMap<_, _> = pairs("labels").collect();
        let annotations = self.filter.vocabulary.read(pairs("annotations").collect());
        (annotations, self.filter.leaves_out(&labels))
    }

    fn sets(&mut self, name: &Name, meta: &Meta) {
        let left_out = self.filter.leaves_out(&meta.labels);
        let annotations = meta.annotations(&self.filter.vocabulary);
        self.told.insert(name.clone());
        self.index.apply(Fact::Namespace {
            name: name.clone(),
            annotations: annotations.unwrap_or_default(),
            left_out,
            since: None,
        });
    }

    /// Notes what could not be listed.
    pub(super) fn note_gap<T>(&mut self, listed: Result<T, ApiError>, what: &str, place: &str) {
        if let Err(error) = listed {
            let gap = self.lacking(&error, &format!("{what} in {place}"));
            self.gaps.push(gap);
        }
    }
}
