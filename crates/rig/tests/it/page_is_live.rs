//! The page follows what happens, by itself: a change is seen where one looks, without the
//! focus or the place in the page being lost; while the API server is away it says since
//! when it is blind, and it comes back.

use anyhow::{Result, ensure};
use rig::dashboard::Dashboard;
use rig::fixtures::deployment;
use rig::installed::{Installed, RELOAD};
use rig::proxy::Proxy;
use rig::wait::wait_until;
use rig::{Cluster, secs};
use serde_json::json;

use crate::page;
use crate::said::{CONTENTS, app};

const WEB: &str = "deployment/web";

async fn street(lab: &Installed) -> Result<()> {
    lab.ns().apply(app("1")).await?;
    let web = deployment("web").replicas(2).annotate(RELOAD, "auto");
    lab.adopt([web.env_from("configmap/app")]).await?;
    lab.ns().rolled_out(WEB, secs(60)).await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn a_change_is_seen_and_nothing_else_moves() -> Result<()> {
    let (lab, _tidings) = Installed::running("page-live", &[]).await?;
    street(&lab).await?;
    let page = page::of(&lab).await?;
    page.browser.shows("#rows", "in step").await?;
    page.browser.press("j").await?;
    let mark = "window.rigMark = document.activeElement; return document.activeElement.innerText";
    let focus = page.browser.run(mark, &[]).await?;
    ensure!(focus == WEB, "{focus}");

    lab.ns().apply(app(CONTENTS[0])).await?;
    page.browser.shows("#rows", "configmap/app (level)").await?;
    page.browser.shows("#rows", "2/2").await?;
    let is_same = "return window.rigMark === document.activeElement && window.rigMark.isConnected";
    let is_same = page.browser.run(is_same, &[]).await?;
    ensure!(is_same == json!(true), "the focus was lost");
    let html = page
        .browser
        .run("return document.documentElement.outerHTML", &[])
        .await?;
    for content in CONTENTS {
        ensure!(!html.to_string().contains(content), "content is shown");
    }
    page.browser.is_content().await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn the_graph_follows_too() -> Result<()> {
    let (lab, tidings) = Installed::running("page-graph", &[]).await?;
    street(&lab).await?;
    let page = page::of(&lab).await?;
    page.browser.shows("#rows", "in step").await?;
    page.go(&format!("/graph?ns={}", lab.ns().name())).await?;
    page.browser
        .shows(".node.workload.in-step .name", "web")
        .await?;
    // Nobody rolls it: so it stays due.
    lab.stop(tidings).await?;
    lab.ns().apply(app("2")).await?;
    page.browser
        .shows(".node.workload.stale .name", "web")
        .await?;
    page.browser.shows(".edge.stale text", "envFrom").await?;
    page.browser.is_content().await
}

/// Until it is no longer said above the page.
async fn is_not_said(page: &Dashboard, text: &str) -> Result<()> {
    wait_until("it is heard again", secs(60), async || {
        let beside = page.browser.text("#beside").await?;
        ensure!(!beside.contains(text), "{beside}");
        Ok(())
    })
    .await
}

/// What is asked of the API server for each drawing stays on the page while it is away.
#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn a_graph_and_a_workload_stay_while_the_api_server_is_gone() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let (lab, _tidings) = Installed::running("page-stays", &[]).await?;
    street(&lab).await?;
    let proxy = Proxy::start(cluster).await?;
    let page = page::of_as(&lab, &proxy.kubeconfig_for("admin").await?).await?;
    let graph = format!("/graph?ns={}", lab.ns().name());
    let workload = format!("/workload/{}/{WEB}", lab.ns().name());
    for (path, part, text) in [
        (&graph, ".node.workload.in-step .name", "web"),
        (&workload, "#history", "created"),
    ] {
        page.go(path).await?;
        page.browser.shows(part, text).await?;
        proxy.refuse();
        page.browser.shows("#beside", "Blind since").await?;
        let again = "return again().then(() => true)";
        page.browser.run(again, &[]).await?;
        page.browser.shows(part, text).await?;
        proxy.restore();
        is_not_said(&page, "Blind").await?;
    }
    lab.ns().apply(app(CONTENTS[0])).await?;
    let rolled = "configmap/app (level)";
    page.browser.shows("#history", rolled).await?;
    Ok(())
}

/// Connections that stay open, and tell nothing, are no reason to believe what is shown.
#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn an_api_server_that_hangs_is_said() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let (lab, _tidings) = Installed::running("page-hangs", &[]).await?;
    street(&lab).await?;
    let proxy = Proxy::start(cluster).await?;
    let page = page::of_as(&lab, &proxy.kubeconfig_for("admin").await?).await?;
    page.browser.shows("#rows", "in step").await?;
    proxy.freeze();
    let since = "The API server has not answered since";
    page.browser.shows("#beside", since).await?;
    page.browser.shows("#rows", WEB).await?;
    proxy.restore();
    is_not_said(&page, since).await?;
    page.browser.is_content().await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn the_api_server_is_gone_and_back() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let (lab, _tidings) = Installed::running("page-blind", &[]).await?;
    street(&lab).await?;
    let proxy = Proxy::start(cluster).await?;
    let page = page::of_as(&lab, &proxy.kubeconfig_for("admin").await?).await?;
    page.browser.shows("#rows", "in step").await?;

    proxy.refuse();
    page.browser.shows("#beside", "Blind since").await?;
    page.browser.shows("#rows", WEB).await?;
    lab.ns().apply(app("2")).await?;
    lab.numbered(WEB, 1).await?;
    proxy.restore();
    page.browser.shows("#rows", "configmap/app (level)").await?;
    let beside = page.browser.text("#beside").await?;
    ensure!(!beside.contains("Blind"), "{beside}");
    page.browser.is_content().await
}
