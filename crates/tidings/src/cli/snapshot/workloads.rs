//! Workloads of a snapshot: those of a kind, or one by name with what tells of it.

use anyhow::{Context, Result, bail};
use serde_json::value::RawValue;
use tidings_core::index::{Fact, How, Stream, StreamOf};
use tidings_core::kinds::{Kind, Renewal};
use tidings_core::object::{Meta, Workload, read_workload};
use tidings_core::refs::{Name, WorkloadRef};

use super::Snapshot;
use crate::api::page::{self, METADATA};
use crate::api::{self, ApiError, Call, Place, Verb};
use crate::watch::scope::Selectors;

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

    /// Reads one workload, and what else tells of it.
    pub async fn workload(&mut self, key: &WorkloadRef) -> Result<()> {
        self.is_covered(&key.namespace)?;
        let json = match self.api.get(Place::workload(key)).await {
            Err(ApiError::Gone) => bail!("there is no {key}; is it in another namespace (-n)?"),
            json => json.with_context(|| format!("cannot read {key}"))?,
        };
        self.namespace(&key.namespace).await?;
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
            self.list(kind, Some(key.namespace.clone())).await?;
        }
        Ok(())
    }

    /// Lists the workloads of these namespaces (`None`: of all).
    pub async fn workloads(&mut self, places: Vec<Option<Name>>) -> Result<Vec<WorkloadRef>> {
        for namespace in places {
            for kind in self.installation.kinds.clone().iter() {
                self.list(kind, namespace.clone()).await?;
            }
        }
        let keys: Vec<_> = self.index.workloads().map(|(key, _)| key.clone()).collect();
        let mut namespaces: Vec<_> = keys.iter().map(|key| key.namespace.clone()).collect();
        namespaces.dedup();
        for namespace in namespaces {
            self.namespace(&namespace).await?;
        }
        Ok(keys)
    }

    async fn list(&mut self, kind: &'static Kind, namespace: Option<Name>) -> Result<()> {
        let ignored = self.ignored();
        let stream = Stream {
            of: StreamOf::Workloads(kind),
            namespace,
        };
        let scope = Selectors::of(&stream, &self.filter, &ignored);
        let list =
            Call::new(Verb::List, Place::stream(&stream)).with("fieldSelector", scope.fields);
        let (api, vocabulary) = (self.api.clone(), self.filter.vocabulary.clone());
        let read = |item: &RawValue| {
            self.listed(read_workload(kind, item.get().as_bytes(), &vocabulary)?);
            Ok(())
        };
        match page::all(&api, list, stream.of, read).await {
            Err(ApiError::NotServed(_)) if stream.of.may_be_lacking() => Ok(()),
            answer => answer.with_context(|| format!("cannot list {stream}")),
        }
    }

    /// What a namespace sets, and whether it is selected. Where it may not be read it
    /// sets nothing that could be known, and of one that a selector chooses there is
    /// nothing to say.
    async fn namespace(&mut self, name: &Name) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct WithMetadata {
            metadata: Meta,
        }
        let call =
            Call::new(Verb::Get, Place::core("namespaces").named(name.clone())).accept(METADATA);
        let json = self.api.read(&call).await;
        let metadata = match json.and_then(|json| api::read(&json)) {
            Ok(WithMetadata { metadata }) => metadata,
            Err(_) if self.filter.namespaces.selects_all() => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("whether --namespace-selector leaves out {name} is not known")
                });
            }
        };
        let left_out = self.filter.leaves_out(&metadata.labels);
        let annotations = metadata.annotations(&self.filter.vocabulary);
        self.index.apply(Fact::Namespace {
            name: name.clone(),
            annotations: annotations.unwrap_or_default(),
            left_out,
        });
        Ok(())
    }
}
