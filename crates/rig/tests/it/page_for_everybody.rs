//! Every view of the page can be used by everybody: with a screen reader, by keyboard, on
//! a phone, in the dark; whether there is nothing to show, a few workloads or 500. And the
//! browser has nothing to complain about: no script fails, nothing is forbidden by the
//! page's own policy, nothing is asked of anybody else.

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use rig::Cluster;
use rig::chromium::{DESK, PHONE};
use rig::dashboard::Dashboard;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::shop::Shop;

use crate::page::{self, views};

/// Looks at everything in every way.
async fn is_for_everybody(page: &Dashboard, ns: &str) -> Result<()> {
    let mut faults = Vec::new();
    for path in views(ns) {
        page.go(&path).await?;
        page.browser.shows("main", "").await?;
        for look in [DESK, DESK.dark(), PHONE, PHONE.dark()] {
            page.browser.look(look).await?;
            let findings = page.browser.findings().await?;
            faults.extend(findings.iter().map(|f| format!("{path} {look:?} {f}")));
        }
        page.browser.look(DESK).await?;
        let complaints = page.browser.complaints().await?.into_iter();
        // That there is no such page is what was asked for.
        let complaints = complaints.filter(|line| !line.contains("404"));
        faults.extend(complaints.map(|line| format!("{path} {line}")));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn workloads_that_stand_in_every_way() -> Result<()> {
    let lab = Installed::new(Cluster::shared().await?, "page-shop").await?;
    let shop = Shop::open(lab).await?;
    let page = page::of(&shop.lab).await?;
    page.browser.shows("#rows", "checkout").await?;
    is_for_everybody(&page, shop.lab.ns().name()).await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn what_waits_for_a_word() -> Result<()> {
    let (lab, _tidings) = Installed::running("page-waits", &[]).await?;
    let ns = lab.ns();
    ns.apply(config_map("web", &[("a", "1")])).await?;
    let web = deployment("web").replicas(0).annotate(RELOAD, "auto");
    let web = web.annotate("tidings.dev/approval", "required");
    lab.adopt([web.env_from("configmap/web")]).await?;
    ns.apply(config_map("web", &[("a", "2")])).await?;
    let page = page::of(&lab).await?;
    page.go(&format!("/workload/{}/deployment/web", ns.name()))
        .await?;
    page.browser.shows("#waits", "tidings approve").await?;
    is_for_everybody(&page, ns.name()).await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn nothing_at_all() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "page-empty").await?;
    let page = page::without(&ns, cluster.kubeconfig()).await?;
    page.browser
        .shows("main", "No workload is opted in")
        .await?;
    is_for_everybody(&page, ns.name()).await
}

/// Of each one its own ConfigMap: a graph of a thousand nodes, which nobody could read.
#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn five_hundred() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, "page-many").await?;
    let objects = (0..500).flat_map(|n| {
        let name = if n == 0 {
            "web".to_owned()
        } else {
            format!("web-{n:03}")
        };
        let web = deployment(&name).replicas(0).annotate(RELOAD, "auto");
        let web = web.env_from(&format!("configmap/{name}"));
        [config_map(&name, &[("a", "1")]), web.into()]
    });
    let applied = stream::iter(objects).map(|object| ns.apply(object));
    applied.buffer_unordered(16).try_collect::<Vec<_>>().await?;
    let page = page::without(&ns, cluster.kubeconfig()).await?;
    page.browser.shows("main", "of 500").await?;
    is_for_everybody(&page, ns.name()).await?;
    page.go(&format!("/graph?ns={}", ns.name())).await?;
    let nodes = page.browser.texts(".node").await?.len();
    ensure!(nodes > 100 && nodes <= 200, "{nodes} nodes");
    let folded = page.browser.texts(".note summary").await?;
    folded
        .iter()
        .find(|text| text.contains("workloads"))
        .with_context(|| format!("{folded:?}"))?;
    Ok(())
}
