//! `make demo-dashboard`: the example on the page, for a person to change, or without eyes.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use super::acts;
use super::objects::{NAMESPACE, WORKLOAD};
use super::page::Page;
use super::scene::Scene;
use crate::browser::Browser;
use crate::kubelet::READY;
use crate::wait::{secs, wait_until};

/// Milliseconds after which a pod is ready: long enough to be seen.
const PACE: &str = "3000";

/// The shapes that a workload goes through, as the page calls them.
const COURSE: [(&str, &str); 3] = [
    (
        "stale",
        "in step no more: stale, while the controller waits for further changes",
    ),
    ("rolling", "rolling, its new pod not ready yet"),
    ("in-step", "in step"),
];

/// Shows it until an interrupt; without `stay` changes the ConfigMap and looks by itself.
pub async fn show_dashboard(stay: bool) -> Result<()> {
    let page = Page::stdout();
    page.title("Tidings: what becomes of a changed ConfigMap, in a browser");
    let mut scene = Scene::set(&page).await?;
    acts::apply(&page, &scene).await?;
    scene.stage.edit_template(WORKLOAD, READY, PACE).await?;
    scene.stage.rolled_out(WORKLOAD, secs(30)).await?;
    acts::start_controller(&page, &mut scene).await?;
    page.step("The page");
    page.quote("$ tidings dashboard");
    let options = ["-n", NAMESPACE, "--idle", "0s"];
    let browser = Browser::open(scene.cluster.kubeconfig(), &options).await?;
    page.say(&format!("Open {}", browser.address()));
    page.say("Then change what the Deployment uses, as often as you like:");
    page.quote(&command(&scene));
    page.say("It goes from in step to stale to rolling, and back, while you look.");
    if stay {
        page.say("All of it ends at Ctrl-C.");
        std::future::pending::<()>().await;
    }
    follow(&page, &scene, &browser).await?;
    ensure!(browser.close().await?.code() == Some(130));
    scene.end().await
}

/// Each time with another value.
fn command(scene: &Scene) -> String {
    let kubeconfig = scene.cluster.kubeconfig().display();
    format!(
        "$ kubectl --kubeconfig {kubeconfig} -n {NAMESPACE} patch configmap demo-config \\\n    \
         --type merge -p \"{{\\\"data\\\":{{\\\"LOG_LEVEL\\\":\\\"$(date +%T)\\\"}}}}\""
    )
}

async fn follow(page: &Page, scene: &Scene, browser: &Browser) -> Result<()> {
    page.step("Without a browser");
    let stands = |class: &str| format!("class=\"standing {class}\"");
    let is_row = |shown: &str, class: &str| {
        let (_, rows) = shown.split_once("<tbody").unwrap_or_default();
        rows.contains(&stands(class))
    };
    let sees = async |class: &str| {
        wait_until(class, secs(30), async || {
            let shown = browser.get("/").await?;
            ensure!(is_row(&shown, class), "{shown}");
            Ok(())
        })
        .await
    };
    sees("in-step").await?;
    let start = Instant::now();
    let patch = json!({"data": {"LOG_LEVEL": "debug"}});
    scene.stage.edit("configmap/demo-config", patch).await?;
    for (class, words) in COURSE {
        sees(class).await?;
        page.at(start.elapsed(), words);
    }
    Ok(())
}
