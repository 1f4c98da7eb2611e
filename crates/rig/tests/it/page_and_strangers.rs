//! The page shows no more than its reader may read, and says what he may not; and whatever
//! a tenant writes is text on it.

use anyhow::{Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams, PostParams};
use rig::Cluster;
use rig::dashboard::Dashboard;
use rig::fixtures::rbac::rule;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::secs;
use serde_json::json;

use crate::page::{self, views};

/// What would run, were it not text.
const HOSTILE: &str = "\"><img src=x onerror=\"window.taken=1\"><script>window.taken=1</script>";

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn a_namespace_that_may_not_be_read() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "page-closed").await?;
    let own = TestNamespace::new(cluster, "page-reader").await?;
    let user = own
        .service_account("reader", &[rule("get,list,watch", "", "pods")])
        .await?;
    let reader = cluster.kubeconfig_for(&user).await?;
    let page = page::without(&ns, &reader).await?;
    page.browser
        .shows("#beside", "Not all can be known")
        .await?;
    page.browser.click("#beside summary").await?;
    page.browser.shows("#beside", "deployments").await?;
    page.go(&format!("/graph?ns={}", ns.name())).await?;
    page.browser.shows("main", "list").await?;
    page.browser.is_for_everybody().await
}

/// Whose words are where: annotations, the name of the client that wrote, Events.
async fn street(lab: &Installed) -> Result<()> {
    lab.ns().apply(config_map("web", &[("level", "1")])).await?;
    let reload = format!("auto, configmap/{HOSTILE}");
    let web = deployment("web").annotate(RELOAD, &reload);
    let web = web.annotate("tidings.dev/min-interval", HOSTILE);
    lab.adopt([web
        .annotate("kubernetes.io/change-cause", HOSTILE)
        .env_from("configmap/web")])
        .await?;
    lab.ns().rolled_out("deployment/web", secs(60)).await?;
    let by = PatchParams {
        field_manager: Some(HOSTILE.chars().take(120).collect()),
        ..PatchParams::default()
    };
    let maps = lab.ns().api::<k8s_openapi::api::core::v1::ConfigMap>();
    maps.patch("web", &by, &Patch::Merge(json!({"data": {"level": "2"}})))
        .await?;
    let event = json!({
        "metadata": {"generateName": "web.", "namespace": lab.ns().name()},
        "involvedObject": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
            "namespace": lab.ns().name(), "uid": lab.ns().get("deployment/web").await?.metadata.uid},
        "reason": "Rolled", "message": HOSTILE, "type": "Normal", "count": 1,
        "source": {"component": "tidings"},
        "firstTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "lastTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    let event: Event = serde_json::from_value(event)?;
    lab.ns()
        .api::<Event>()
        .create(&PostParams::default(), &event)
        .await?;
    Ok(())
}

async fn is_unharmed(page: &Dashboard) -> Result<()> {
    let found = "return [window.taken ?? 0, document.querySelectorAll('img, [onerror], script:not([src])').length]";
    let found = page.browser.run(found, &[]).await?;
    ensure!(found == json!([0, 0]), "{}: {found}", page.path().await?);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn whatever_a_tenant_writes_is_text() -> Result<()> {
    let (lab, _tidings) = Installed::running("page-hostile", &[]).await?;
    street(&lab).await?;
    let page = page::of(&lab).await?;
    page.browser.shows("#rows", "web").await?;
    let mut seen = String::new();
    for path in views(lab.ns().name()) {
        page.go(&path).await?;
        page.browser.shows("main", "").await?;
        is_unharmed(&page).await?;
        let html = page
            .browser
            .run("return document.body.innerHTML", &[])
            .await?;
        seen += html.as_str().unwrap_or_default();
    }
    // It is there, as text: else nothing was tried.
    ensure!(seen.contains("&lt;img src=x"), "nothing of it is shown");
    let name = format!("/graph?ns={HOSTILE}&source=configmap/{HOSTILE}");
    page.go(&name
        .replace('"', "%22")
        .replace('<', "%3C")
        .replace('>', "%3E")
        .replace(' ', "+"))
        .await?;
    is_unharmed(&page).await
}
