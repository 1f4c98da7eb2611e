//! Sources that are not there: appearing, vanishing and coming back roll nothing
//! unless the content is another, or an option or annotation asks for it.

use anyhow::Result;
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, deployment, secret};
use rig::installed::RELOAD;
use rig::{Installed, secs};

const WEB: &str = "deployment/web";
const APP: &str = "configmap/app";

fn app(value: &str) -> DynamicObject {
    config_map("app", &[("key", value)])
}

fn user(name: &str) -> Workload {
    deployment(name).replicas(0).annotate(RELOAD, "auto")
}

#[tokio::test]
async fn an_optional_source_that_appears_is_recorded_and_rolls_when_it_changes() -> Result<()> {
    let (lab, _tidings) = Installed::running("optional", &[]).await?;
    let web = user("web").env_from(APP).optional();
    lab.adopt([web.mount("secret/db").optional()]).await?;
    lab.rolls_nothing(&[WEB], async || {
        lab.ns().apply(app("1")).await?;
        lab.ns()
            .apply(secret("db", &[("password", "hunter2")]))
            .await?;
        lab.in_step(WEB, APP).await?;
        lab.in_step(WEB, "secret/db").await
    })
    .await?;
    lab.ns().apply(app("2")).await?;
    lab.rolled_no_further(WEB, 1).await
}

#[tokio::test]
async fn a_source_that_comes_back_rolls_only_with_other_content() -> Result<()> {
    let (lab, _tidings) = Installed::running("back", &[]).await?;
    let workloads = ["deployment/needs", "deployment/may", "deployment/key"];
    lab.ns().apply(app("1")).await?;
    let needs = user("needs").env_from(APP);
    let may = user("may").env_from(APP).optional();
    lab.adopt([needs, may, user("key").env_key(APP, "key")])
        .await?;
    // A pod that starts while it is gone would be without it.
    for workload in workloads {
        lab.ns().rolled_out(workload, secs(30)).await?;
    }
    lab.caught_up().await?;

    lab.rolls_nothing(&workloads, async || lab.ns().delete(APP).await)
        .await?;
    lab.rolls_nothing(&workloads, async || {
        lab.ns().apply(app("1")).await?;
        Ok(())
    })
    .await?;

    lab.rolls_nothing(&workloads, async || lab.ns().delete(APP).await)
        .await?;
    lab.ns().apply(app("2")).await?;
    for workload in workloads {
        lab.rolled_no_further(workload, 1).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_required_source_that_appears_lets_the_pods_start_and_rolls_nothing() -> Result<()> {
    let (lab, _tidings) = Installed::running("required", &["--reload-on-create"]).await?;
    let web = deployment("web").annotate(RELOAD, "auto");
    lab.adopt([web.env_from(APP).env_key("secret/db", "password")])
        .await?;
    lab.rolls_nothing(&[WEB], async || {
        lab.ns().apply(app("1")).await?;
        lab.ns()
            .apply(secret("db", &[("password", "hunter2")]))
            .await?;
        lab.in_step(WEB, "secret/db").await?;
        lab.ns().rolled_out(WEB, secs(30)).await
    })
    .await
}

#[tokio::test]
async fn reload_on_create_rolls_for_an_optional_source_that_appears() -> Result<()> {
    let (lab, _tidings) = Installed::running("created", &["--reload-on-create"]).await?;
    let off = user("off").annotate("tidings.dev/reload-on-create", "false");
    let off = off.env_from(APP).optional();
    lab.adopt([user("web").env_from(APP).optional(), off])
        .await?;
    lab.rolls_nothing(&["deployment/off"], async || {
        lab.ns().apply(app("1")).await?;
        lab.rolled_no_further(WEB, 1).await
    })
    .await?;
    lab.told(WEB, "Created", APP).await?;
    Ok(())
}

#[tokio::test]
async fn the_annotation_reload_on_create_does_so_for_one_workload() -> Result<()> {
    let (lab, _tidings) = Installed::running("created-here", &[]).await?;
    let web = user("web").annotate("tidings.dev/reload-on-create", "true");
    let web = web.env_from(APP).optional();
    lab.adopt([web, user("other").env_from(APP).optional()])
        .await?;
    lab.rolls_nothing(&["deployment/other"], async || {
        lab.ns().apply(app("1")).await?;
        lab.rolled_no_further(WEB, 1).await
    })
    .await
}

#[tokio::test]
async fn reload_on_delete_rolls_for_a_source_or_key_that_vanishes() -> Result<()> {
    let (lab, _tidings) = Installed::running("deleted", &["--reload-on-delete"]).await?;
    lab.ns()
        .apply(config_map("app", &[("key", "1"), ("other", "1")]))
        .await?;
    let key = user("key").env_key(APP, "key").optional();
    lab.adopt([user("web").env_from(APP).optional(), key])
        .await?;

    lab.ns().apply(config_map("app", &[("other", "1")])).await?;
    lab.rolled_no_further("deployment/key", 1).await?;
    lab.rolled_no_further(WEB, 1).await?;
    lab.told("deployment/key", "Deleted", "key").await?;

    lab.rolls_nothing(&["deployment/key"], async || {
        lab.ns().delete(APP).await?;
        lab.rolled_no_further(WEB, 2).await
    })
    .await?;
    lab.told(WEB, "Deleted", APP).await?;
    Ok(())
}
