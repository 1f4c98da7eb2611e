//! Neighbours: a controller with the printed rights, in whose namespace one workload is
//! to be rolled, whatever a tenant does in his.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use rig::fixtures::{TestNamespace, Workload, deployment, secret};
use rig::installed::{Installed, RELOAD};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};

/// A neighbour in the namespace of the installation, a tenant in another one, and a
/// controller for both.
pub(crate) struct Street<'c> {
    pub(crate) proxy: Proxy<'c>,
    pub(crate) home: Installed,
    pub(crate) tenant: TestNamespace,
}

impl Street<'_> {
    pub(crate) async fn new(about: &str) -> Result<Self> {
        let cluster = Cluster::shared().await?;
        let proxy = Proxy::start(cluster).await?;
        let home = Installed::behind(&proxy, cluster, about).await?;
        let tenant = TestNamespace::new(cluster, &format!("{about}-tenant")).await?;
        Ok(Self {
            proxy,
            home,
            tenant,
        })
    }

    pub(crate) async fn controller(&self) -> Result<Tidings> {
        let both = ["--namespaces", self.tenant.name()];
        self.home.controller(&both).await
    }

    /// With a neighbour that uses a Secret, on record.
    pub(crate) async fn with_neighbour(about: &str) -> Result<(Self, Tidings)> {
        let street = Self::new(about).await?;
        let tidings = street.controller().await?;
        street.neighbour_has("first").await?;
        let web = opted_in(deployment("web").replicas(0));
        street.home.adopt([web.env_from("secret/app")]).await?;
        Ok((street, tidings))
    }

    pub(crate) async fn neighbour_has(&self, value: &str) -> Result<()> {
        let app = secret("app", &[("key", value)]);
        self.home.ns().apply(app).await?;
        Ok(())
    }

    pub(crate) async fn neighbour_is_rolled(&self) -> Result<()> {
        self.neighbour_has("second").await?;
        self.home.rolled_exactly("deployment/web", 1).await
    }

    /// Requests of this method for these objects of the tenant's.
    pub(crate) fn of_tenant(&self, fault: Fault, method: &str, objects: &str) -> Fault {
        let path = format!("/namespaces/{}/{objects}", self.tenant.name());
        fault.on(method, &path)
    }

    pub(crate) async fn tenant_has<O: Into<DynamicObject>>(
        &self,
        objects: impl IntoIterator<Item = O>,
    ) -> Result<()> {
        let applied = objects.into_iter().map(|object| self.tenant.apply(object));
        try_join_all(applied).await?;
        Ok(())
    }

    /// Waits until so many workloads of the tenant are on record.
    pub(crate) async fn tenant_is_on_record(&self, count: usize) -> Result<()> {
        let secrets: Api<Secret> = self.home.own().api();
        // Of the first object the name ends so; of others a number follows.
        let of_it = format!(".{}.", self.tenant.name());
        wait_until("the tenant to be on record", secs(60), async || {
            let all = secrets.list(&ListParams::default()).await?.items;
            let of_it = all
                .iter()
                .filter(|secret| format!("{}.", secret.name_any()).contains(&of_it));
            let entries = of_it.flat_map(|secret| &secret.data);
            let entries: usize = entries.map(std::collections::BTreeMap::len).sum();
            ensure!(entries == count, "{entries}");
            Ok(())
        })
        .await
    }
}

pub(crate) fn opted_in(workload: Workload) -> Workload {
    workload.annotate(RELOAD, "auto")
}
