//! What uses a SecretProviderClass is rolled when the driver has rotated it in a
//! running pod, and never for what a new pod starts with.

use anyhow::Result;
use rig::fixtures::{class_status, deployment, provider_class};
use rig::{Cluster, Installed, crds};

/// Classes are watched only where that is asked for.
const OPTIONS: [&str; 1] = ["--enable-csi-integration"];
const WEB: &str = "deployment/web";

async fn lab(about: &str) -> Result<Installed> {
    let cluster = Cluster::shared().await?;
    let lab = Installed::new(cluster, about).await?;
    let kinds = [crds::provider_class(), crds::class_status()];
    crds::install(lab.ns().client(), &kinds).await?;
    lab.ns().apply(provider_class("db")).await?;
    Ok(lab)
}

/// The driver says what a pod has mounted: at first, and after each rotation.
async fn mounts(lab: &Installed, pod: &str, version: &str) -> Result<()> {
    let status = class_status(pod, "db", &[("password", version)]);
    lab.ns().apply(status).await?;
    Ok(())
}

#[tokio::test]
async fn once_for_a_rotation_and_not_for_new_pods() -> Result<()> {
    let lab = lab("rotated").await?;
    let _tidings = lab.controller(&OPTIONS).await?;
    mounts(&lab, "web-1", "1").await?;
    let web = deployment("web").replicas(0).mount_class("db");
    lab.adopt([web.annotate("reloader.stakater.com/auto", "true")])
        .await?;
    lab.rolls_nothing(&[WEB], async || {
        for (pod, version) in [("web-2", "2"), ("web-3", "3")] {
            mounts(&lab, pod, version).await?;
        }
        lab.caught_up().await
    })
    .await?;
    mounts(&lab, "web-1", "4").await?;
    mounts(&lab, "web-2", "4").await?;
    lab.rolled_no_further(WEB, 1).await?;
    let because = lab.because(WEB).await?;
    assert_eq!(
        because.as_deref(),
        Some("secretproviderclass/db (password)")
    );
    Ok(())
}

#[tokio::test]
async fn also_if_nobody_looked_then() -> Result<()> {
    let lab = lab("rotated-unseen").await?;
    let tidings = lab.controller(&OPTIONS).await?;
    mounts(&lab, "web-1", "1").await?;
    let web = deployment("web").replicas(0).mount_class("db");
    lab.adopt([web.annotate("tidings.dev/reload", "auto")])
        .await?;
    lab.caught_up().await?;
    lab.stop(tidings).await?;
    mounts(&lab, "web-1", "2").await?;
    let tidings = lab.controller(&OPTIONS).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.stop(tidings).await?;
    let _tidings = lab.controller(&OPTIONS).await?;
    lab.caught_up().await?;
    lab.rolled_no_further(WEB, 1).await
}
