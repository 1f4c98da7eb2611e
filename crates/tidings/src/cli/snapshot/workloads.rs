//! Workloads of a snapshot: those of a kind, or one by name with what tells of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tidings_core::index::{Fact, How, Stream, StreamOf};
use tidings_core::kinds::{Kind, Renewal};
use tidings_core::object::{Version, Workload, read_workload};
use tidings_core::refs::{Name, WorkloadRef};

use super::{Snapshot, is_refused};
use crate::api::page::{self, ListStep, Pages};
use crate::api::{ApiError, Call, Place, Verb};
use crate::watch::scope::Selectors;

impl Snapshot {
    /// Reads one workload, and what else tells of it.
    pub async fn workload(&mut self, key: &WorkloadRef) -> Result<()> {
        self.is_covered(&key.namespace)?;
        let json = match self.api.get(Place::workload(key)).await {
            Err(ApiError::Gone) => bail!("there is no {key}; is it in another namespace (-n)?"),
            json => json.with_context(|| format!("cannot read {key}"))?,
        };
        if !self.told.contains(&key.namespace) {
            self.namespace(&key.namespace).await?;
        }
        self.home_namespace().await;
        let workload = read_workload(key.kind, &json, &self.filter.vocabulary)?;
        let lender = workload.lender.clone();
        self.listed(workload);
        if let Some(lender) = lender {
            self.lender(&lender).await?;
        }
        if key.kind.renewal == Renewal::Run {
            self.runs(key).await?;
        }
        Ok(())
    }

    /// The workload whose pod template another one uses. Perhaps it is not there.
    async fn lender(&mut self, key: &WorkloadRef) -> Result<()> {
        match self.api.get(Place::workload(key)).await {
            Err(ApiError::Gone) => {}
            json => {
                let json = json.with_context(|| format!("cannot read {key}"))?;
                let workload = read_workload(key.kind, &json, &self.filter.vocabulary)?;
                self.listed(workload);
            }
        }
        Ok(())
    }

    fn listed(&mut self, workload: Workload) {
        let fact = Fact::Workload(Box::new(workload), How::Listed);
        self.index.apply(fact);
    }

    /// The Jobs of a CronJob's namespace, where the controller knows them too.
    async fn runs(&mut self, key: &WorkloadRef) -> Result<()> {
        let kinds = self.installation.kinds.clone();
        for kind in kinds.iter().filter(|k| k.renewal == Renewal::Recreate) {
            let listed = self.list(kind, Some(&key.namespace), "").await;
            listed.with_context(|| format!("cannot list {} in {}", kind.plural, key.namespace))?;
        }
        Ok(())
    }

    /// Lists the workloads of these namespaces (`None`: of all) whose labels match, in
    /// order. What may not be listed in all is asked for in each; what may not be listed
    /// in one is a gap.
    pub async fn workloads(
        &mut self,
        places: &[Option<Name>],
        labels: &str,
    ) -> Result<Vec<WorkloadRef>> {
        if places.contains(&None) {
            // Who may not list them is asked about each that matters.
            let _ = self.namespaces().await;
        }
        self.home_namespace().await;
        for name in places.iter().flatten() {
            self.settings_of(name).await;
        }
        let mut keys = Vec::new();
        for kind in self.installation.kinds.clone().iter() {
            for place in places {
                keys.extend(
                    self.of_kind(kind, place.as_ref(), labels, places.len())
                        .await?,
                );
            }
        }
        for (place, kinds) in std::mem::take(&mut self.unlisted) {
            self.gaps
                .push(format!("list on {} in {place}", kinds.join(", ")));
        }
        keys.sort();
        self.beside(&keys, labels).await?;
        Ok(keys)
    }

    /// What a namespace sets, before its workloads come: of these is kept what the methods
    /// need that it lists. Where it cannot be read, what follows says so.
    async fn settings_of(&mut self, name: &Name) {
        if !self.told.contains(name) {
            let _ = self.namespace(name).await;
        }
    }

    async fn of_kind(
        &mut self,
        kind: &'static Kind,
        place: Option<&Name>,
        labels: &str,
        places: usize,
    ) -> Result<Vec<WorkloadRef>> {
        match (place, self.list(kind, place, labels).await) {
            (None, Err(error @ ApiError::Forbidden(_))) => {
                self.one_by_one(kind, labels, error).await
            }
            (Some(name), listed) if places > 1 || is_refused(&listed) => {
                Ok(self.or_gap(listed, kind, name))
            }
            (_, listed) => listed.with_context(|| format!("cannot list {}", kind.plural)),
        }
    }

    async fn one_by_one(
        &mut self,
        kind: &'static Kind,
        labels: &str,
        refused: ApiError,
    ) -> Result<Vec<WorkloadRef>> {
        let mut keys = Vec::new();
        for name in self.each_namespace(kind.plural, refused).await? {
            let listed = self.list(kind, Some(&name), labels).await;
            keys.extend(self.or_gap(listed, kind, &name));
        }
        Ok(keys)
    }

    /// Lists the workloads of a namespace, and what it sets. Kinds that may not be listed
    /// are noted.
    pub async fn workloads_within(&mut self, namespace: &Name) -> Result<()> {
        self.workloads(&[Some(namespace.clone())], "").await?;
        if !self.told.contains(namespace) {
            self.namespace(namespace).await?;
        }
        Ok(())
    }

    /// An object as the API server has it, if it is there and may be read.
    pub async fn manifest(&self, place: Place) -> Option<Value> {
        let json = self.api.get(place).await.ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// What the controller would make of a workload of this shape.
    pub fn as_workload(&self, kind: &'static Kind, manifest: &Value) -> Option<Workload> {
        let json = manifest.to_string();
        read_workload(kind, json.as_bytes(), &self.filter.vocabulary).ok()
    }

    /// What may not be listed in a namespace is told of all kinds together.
    fn or_gap(
        &mut self,
        listed: Result<Vec<WorkloadRef>, ApiError>,
        kind: &'static Kind,
        place: &Name,
    ) -> Vec<WorkloadRef> {
        match listed {
            Ok(keys) => return keys,
            Err(ApiError::Forbidden(refusal)) => {
                self.rights.push(refusal);
                let kinds = self.unlisted.entry(place.clone()).or_default();
                kinds.push(kind.plural);
            }
            Err(error) => self.note_gap::<()>(Err(error), kind.plural, place),
        }
        Vec::new()
    }

    /// What tells of workloads besides themselves: their namespaces and, where labels
    /// choose among them, what these leave out.
    pub(super) async fn beside(&mut self, keys: &[WorkloadRef], labels: &str) -> Result<()> {
        let namespaces: BTreeSet<_> = keys.iter().map(|key| &key.namespace).collect();
        for namespace in namespaces {
            if !self.told.contains(namespace) {
                self.namespace(namespace).await?;
            }
        }
        if labels.is_empty() {
            return Ok(());
        }
        let runs = keys.iter().filter(|key| key.kind.renewal == Renewal::Run);
        let runs: BTreeMap<_, _> = runs.map(|key| (&key.namespace, key)).collect();
        for key in runs.into_values() {
            self.runs(key).await?;
        }
        let lender = |key| self.index.get(key)?.workload.lender.clone();
        let lenders: BTreeSet<_> = keys.iter().filter_map(lender).collect();
        for lender in lenders.iter().filter(|lender| !keys.contains(lender)) {
            self.lender(lender).await?;
        }
        Ok(())
    }

    /// What a list brought that begins anew.
    fn unlisted(&mut self, keys: &mut Vec<WorkloadRef>) {
        for key in keys.drain(..) {
            self.index.apply(Fact::WorkloadGone(key, Version::MAX));
        }
    }

    async fn list(
        &mut self,
        kind: &'static Kind,
        namespace: Option<&Name>,
        labels: &str,
    ) -> Result<Vec<WorkloadRef>, ApiError> {
        let ignored = self.ignored();
        let stream = Stream {
            of: StreamOf::Workloads(kind),
            namespace: namespace.cloned(),
        };
        let scope = Selectors::of(&stream, &self.filter, &ignored);
        let list = Call::new(Verb::List, Place::stream(&stream))
            .with("fieldSelector", scope.fields)
            .with("labelSelector", labels);
        let (api, vocabulary) = (self.api.clone(), self.filter.vocabulary.clone());
        let mut keys = Vec::new();
        let read = |step: ListStep<'_>| {
            match step {
                ListStep::Begin => self.unlisted(&mut keys),
                ListStep::Item(item) => {
                    let workload = read_workload(kind, item.get().as_bytes(), &vocabulary)?;
                    keys.push(workload.key.clone());
                    self.listed(workload);
                }
            }
            Ok(())
        };
        match page::anew(&api, || Pages::of(list.clone(), stream.of), read).await {
            Err(ApiError::NotServed(_)) if stream.of.may_be_lacking() => Ok(Vec::new()),
            answer => answer.map(|()| keys),
        }
    }
}
