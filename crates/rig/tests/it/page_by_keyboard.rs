//! All of the page can be used without a mouse, and all of it without a script.

use anyhow::{Result, ensure};
use rig::chromium::keys::{ENTER, ESCAPE, TAB};
use rig::dashboard::Dashboard;
use rig::fixtures::{TestNamespace, config_map, deployment};
use rig::installed::RELOAD;
use rig::{Cluster, secs, wait_until};
use serde_json::json;

use crate::page;

/// Three workloads, of which one is called otherwise.
async fn street(about: &str) -> Result<(TestNamespace, Dashboard)> {
    let cluster = Cluster::shared().await?;
    let ns = TestNamespace::new(cluster, about).await?;
    for name in ["web", "web-2", "mailer"] {
        ns.apply(config_map(name, &[("a", "1")])).await?;
        let one = deployment(name).replicas(0).annotate(RELOAD, "auto");
        ns.apply(one.env_from(&format!("configmap/{name}"))).await?;
    }
    let page = page::without(&ns, cluster.kubeconfig()).await?;
    page.browser.shows("main", "of 3").await?;
    Ok((ns, page))
}

async fn is_at(page: &Dashboard, part: &str) -> Result<()> {
    wait_until(
        &format!("the address to have {part}"),
        secs(30),
        async || {
            let path = page.path().await?;
            ensure!(path.contains(part), "{path}");
            Ok(())
        },
    )
    .await
}

async fn rows(page: &Dashboard, expect: &[&str]) -> Result<()> {
    wait_until(&format!("{expect:?}"), secs(30), async || {
        let rows = page.browser.texts("#rows [data-row] .to").await?;
        ensure!(rows == expect, "{rows:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn by_keys_alone() -> Result<()> {
    let (ns, page) = street("page-keys").await?;
    let browser = &page.browser;
    browser.press("/").await?;
    browser.press("mail").await?;
    rows(&page, &["deployment/mailer"]).await?;
    is_at(&page, "q=mail").await?;
    browser.press(ESCAPE).await?;
    browser.press("j").await?;
    let focus = browser
        .run("return document.activeElement.innerText", &[])
        .await?;
    ensure!(focus == "deployment/mailer", "{focus}");
    browser.press(ENTER).await?;
    is_at(&page, &format!("/workload/{}/deployment/mailer", ns.name())).await?;
    browser.press("go").await?;
    browser.shows("main", "of 3").await?;
    browser.press("gg").await?;
    browser.shows(".node .name", "mailer").await?;
    browser.press("?").await?;
    let is_open = "return document.querySelector('#keys').open";
    ensure!(browser.run(is_open, &[]).await? == json!(true));
    browser.press(ESCAPE).await?;
    ensure!(browser.run(is_open, &[]).await? == json!(false));
    Ok(())
}

/// The first stop leads past the navigation, and a node of the graph is a stop.
#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn by_tab() -> Result<()> {
    let (ns, page) = street("page-tab").await?;
    page.go(&format!("/graph?source=configmap/{}/web", ns.name()))
        .await?;
    let browser = &page.browser;
    browser.shows(".node .name", "web").await?;
    browser.press(TAB).await?;
    let focus = browser
        .run("return document.activeElement.innerText", &[])
        .await?;
    ensure!(focus == "Skip to the content", "{focus}");
    browser.press(ENTER).await?;
    let label = "return document.activeElement.getAttribute('aria-label') ?? ''";
    for _ in 0..10 {
        browser.press(TAB).await?;
        if browser
            .run(label, &[])
            .await?
            .as_str()
            .is_some_and(|at| at.contains("deployment/web"))
        {
            browser.press(ENTER).await?;
            return is_at(&page, "/workload/").await;
        }
    }
    anyhow::bail!("Tab leads to no node")
}

#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn without_a_script() -> Result<()> {
    let (ns, page) = street("page-plain").await?;
    let browser = &page.browser;
    browser.scripts(false).await?;
    page.go("/").await?;
    rows(
        &page,
        &["deployment/mailer", "deployment/web", "deployment/web-2"],
    )
    .await?;
    browser.click("input[name=q]").await?;
    browser.press("web").await?;
    browser.press(ENTER).await?;
    is_at(&page, "q=web").await?;
    rows(&page, &["deployment/web", "deployment/web-2"]).await?;
    page.go(&format!("/graph?ns={}", ns.name())).await?;
    browser.shows(".node .name", "mailer").await?;
    browser.shows("table", "envFrom").await?;
    Ok(())
}

/// A form that is sent says where it comes from, as only a browser can show.
#[tokio::test]
#[ignore = "needs Chromium: make test-page"]
async fn a_manifest_that_is_pasted() -> Result<()> {
    let (_ns, page) = street("page-paste").await?;
    let browser = &page.browser;
    page.go("/impact").await?;
    browser.click("textarea").await?;
    let manifest = "{kind: ConfigMap, apiVersion: v1, metadata: {name: mailer}, data: {a: '2'}}";
    browser.press(manifest).await?;
    browser.click("main button").await?;
    browser.shows("#found table", "deployment/mailer").await?;
    browser.is_content().await
}
