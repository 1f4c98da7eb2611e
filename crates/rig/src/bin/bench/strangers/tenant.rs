//! Who does it: somebody with the ClusterRole `edit` in one namespace.

use std::path::Path;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

/// Requests of his at once.
const AT_ONCE: usize = 16;

#[derive(Clone)]
pub(crate) struct Tenant {
    client: Client,
    namespace: String,
}

impl Tenant {
    pub(crate) async fn new(kubeconfig: &Path, namespace: &str) -> Result<Self> {
        Ok(Self {
            client: rig::client_of(kubeconfig).await?,
            namespace: namespace.to_owned(),
        })
    }

    /// Makes them, several at once.
    pub(crate) async fn make(
        &self,
        objects: impl IntoIterator<Item = impl Into<DynamicObject>>,
    ) -> Result<()> {
        let make = |object: DynamicObject| async move {
            let types = object.types.as_ref().context("an object without a type")?;
            let api = self.api(&ApiResource::from_gvk(&types.try_into()?));
            let name = object.metadata.name.clone().unwrap_or_default();
            let made = api.create(&PostParams::default(), &object).await;
            made.map(drop).with_context(|| format!("make {name}"))
        };
        let objects = objects.into_iter().map(Into::into);
        let made = stream::iter(objects).map(make).buffer_unordered(AT_ONCE);
        made.try_collect().await
    }

    pub(crate) async fn edit_deployment(&self, name: &str, patch: Value) -> Result<()> {
        self.edit(("apps", "Deployment"), name, patch).await
    }

    pub(crate) async fn edit_config_map(&self, name: &str, patch: Value) -> Result<()> {
        self.edit(("", "ConfigMap"), name, patch).await
    }

    async fn edit(&self, (group, kind): (&str, &str), name: &str, patch: Value) -> Result<()> {
        let kind = GroupVersionKind::gvk(group, "v1", kind);
        let api = self.api(&ApiResource::from_gvk(&kind));
        let (by, patch) = (PatchParams::default(), Patch::Merge(patch));
        // Only the metadata comes back: what he makes is large.
        let done = api.patch_metadata(name, &by, &patch).await;
        done.with_context(|| format!("edit {name}"))?;
        Ok(())
    }

    fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }
}
