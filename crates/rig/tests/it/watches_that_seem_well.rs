//! Watches that open and tell nothing: a change is rolled all the same, with few requests,
//! and everybody can see that they fail.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use rig::installed::Installed;
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};

use crate::one_source::{app, behind, idle};

const WEB: &str = "deployment/web";
const HTML: &str = "<!doctype html><title>Sign in</title>\n";
const BOOKMARK: &str = "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\"}}}\n";

async fn rolled(home: &Installed, n: u64, limit: Duration) -> Result<()> {
    wait_until(&format!("roll {n}"), limit, async || {
        home.is_rolled_exactly(WEB, n).await
    })
    .await
}

async fn fails(tidings: &Tidings) -> Result<()> {
    wait_until("/readyz to say it", secs(60), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(
            status == 503 && text.contains("configmaps"),
            "{status} {text}"
        );
        Ok(())
    })
    .await
}

/// How many requests a second at most.
const AT_MOST: f64 = 12.0;

async fn is_rolled_all_the_same(about: &str, fault: Fault, is_seen: bool) -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, about).await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let watches = format!("namespaces/{}/.*watch=true", home.ns().name());
    let fault = proxy.inject(fault.on("GET", &watches))?;
    proxy.cut();
    fault.wait_for_hits(5, secs(30)).await?;
    proxy.forget();
    let began = Instant::now();
    app(&home, "second").await?;
    if is_seen {
        fails(&tidings).await?;
        tidings
            .wait_for_line("it", secs(30), |line| line.contains("blind: "))
            .await?;
    }
    rolled(&home, 1, secs(240)).await?;
    let (asked, took) = (proxy.requests().len(), began.elapsed());
    let a_second = f64::from(u32::try_from(asked)?) / took.as_secs_f64();
    ensure!(a_second <= AT_MOST, "{a_second} requests a second");
    fault.withdraw();
    proxy.cut();
    tidings.ready(secs(90)).await?;
    app(&home, "third").await?;
    rolled(&home, 2, secs(60)).await?;
    home.stays_rolled(WEB, 2).await
}

#[tokio::test]
async fn they_end_at_once_each_time() -> Result<()> {
    let faults = [
        ("html", Fault::say(HTML), true),
        ("ends", Fault::say(""), true),
        ("bookmark", Fault::say(BOOKMARK), true),
        // What is listed after three cuts is known, and the watch stands from there.
        ("midline", Fault::cut(60), false),
    ];
    let all = faults.map(|(about, fault, seen)| is_rolled_all_the_same(about, fault, seen));
    try_join_all(all).await?;
    Ok(())
}

/// Two minutes and some, since a bookmark comes each minute.
#[tokio::test]
async fn they_stand_and_are_silent() -> Result<()> {
    is_rolled_all_the_same("silent", Fault::silence(), false).await
}
