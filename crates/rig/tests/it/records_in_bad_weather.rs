//! The records when writing them is hard, when what is stored is of another time, and
//! when what they are about is gone: no change is forgotten, and none rolled twice.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::try_join_all;
use kube::api::{DeleteParams, Patch, PatchParams};
use rig::fixtures::{config_map, deployment};
use rig::installed::{INSTANCE, Installed, RELOAD};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};
use serde_json::json;
use tokio::time::{interval, sleep};

use crate::one_source::{app, behind, idle, web};

const MADE: usize = 40;
const WEB: &str = "deployment/web";

fn state(home: &Installed) -> String {
    format!("{INSTANCE}-state.{}", home.ns().name())
}

/// Touches the record again and again, so that hardly a write meets the version that it
/// knows.
async fn touch(home: &Installed) -> Result<()> {
    let api = home.own().api::<k8s_openapi::api::core::v1::Secret>();
    let mut tick = interval(Duration::from_millis(5));
    for n in 0_usize.. {
        tick.tick().await;
        let patch = json!({"metadata": {"annotations": {"touched": n.to_string()}}});
        let by = PatchParams::default();
        api.patch_metadata(&state(home), &by, &Patch::Merge(patch))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_first_record_that_cannot_be_written_is_not_forgotten() -> Result<()> {
    let (home, _tidings) = Installed::running("touched", &[]).await?;
    let home = &home;
    let web = |name: &str| {
        let web = deployment(name).env_from(&format!("configmap/{name}"));
        web.annotate(RELOAD, "auto")
    };
    home.ns().apply(config_map("first", &[("k", "1")])).await?;
    home.ns().apply(web("first")).await?;
    home.adopted("deployment/first").await?;
    let made = async {
        let each = (0..MADE).map(async |i| {
            let name = format!("web-{i}");
            home.ns().apply(config_map(&name, &[("k", "1")])).await?;
            home.ns().apply(web(&name)).await?;
            sleep(Duration::from_millis(500 * i as u64 / MADE as u64)).await;
            home.ns().apply(config_map(&name, &[("k", "2")])).await?;
            anyhow::Ok(())
        });
        try_join_all(each).await?;
        sleep(secs(10)).await;
        anyhow::Ok(())
    };
    let touched = try_join_all((0..2).map(|_| touch(home)));
    tokio::select! {
        done = made => done?,
        failed = touched => drop(failed.context("touching the record")?),
    }
    for i in 0..MADE {
        home.numbered(&format!("deployment/web-{i}"), 1).await?;
    }
    Ok(())
}

/// Each part of it that is tried is refused, too.
#[tokio::test]
async fn a_change_while_the_record_is_immutable_is_rolled_when_it_is_deleted() -> Result<()> {
    const WEBS: [&str; 3] = ["deployment/web-0", "deployment/web-1", "deployment/web-2"];
    let (home, tidings) = Installed::running("immutable", &[]).await?;
    let content = async |content: &str| {
        let maps = (0..WEBS.len()).map(|i| config_map(&format!("web-{i}"), &[("k", content)]));
        try_join_all(maps.map(|map| home.ns().apply(map))).await
    };
    content("1").await?;
    let webs = (0..WEBS.len()).map(|i| {
        let name = format!("web-{i}");
        let web = deployment(&name).env_from(&format!("configmap/{name}"));
        web.annotate(RELOAD, "auto")
    });
    home.adopt(webs).await?;
    let api = home.own().api::<k8s_openapi::api::core::v1::Secret>();
    let immutable = Patch::Merge(json!({"immutable": true}));
    api.patch(&state(&home), &PatchParams::default(), &immutable)
        .await?;
    content("2").await?;
    for web in WEBS {
        home.told(web, "Failed", "delete that Secret").await?;
    }
    api.delete(&state(&home), &DeleteParams::default()).await?;
    for web in WEBS {
        home.rolled_exactly(web, 1).await?;
    }
    home.stop(tidings).await
}

/// A term that could write nothing hands on since when: the next leader has not seen the
/// workload being made, and takes it for one that was opted in after its change otherwise.
#[tokio::test]
async fn what_a_term_could_not_record_is_not_old_for_the_next_ones() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "handed-on").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("first")]).await?;
    let records = format!("secrets/{}", state(&home));
    let silent = proxy.inject(Fault::silence().on("PATCH", &records))?;
    home.ns().apply(web(deployment)).await?;
    home.ns().rolled_out(WEB, secs(60)).await?;
    silent.wait_for_hits(1, secs(60)).await?;
    app(&home, "second").await?;
    // So late that its time alone does not say that nobody looked.
    home.renewed_later_than(WEB, secs(35)).await?;
    tidings.kill();
    for _ in 0..2 {
        let led = home.leader().await?;
        let tidings = home.controller(&[]).await?;
        home.led_by_another_than(led.as_deref()).await?;
        tidings.kill();
    }
    silent.withdraw();
    let tidings = home.controller(&[]).await?;
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(30)).await
}
