//! Told to stop, Tidings ends within five seconds, whatever the API server does, and lets
//! go of the Lease where that can be done.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rig::installed::Installed;
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use rustix::process::Signal;

use crate::one_source::{app, idle};

/// The promise, and room for a busy machine.
const IN_TIME: Duration = secs(7);
const HANGS: Duration = secs(600);

async fn ends(tidings: &Tidings) -> Result<()> {
    tidings.signal(Signal::TERM)?;
    let status = tidings.exit(IN_TIME).await?;
    ensure!(status.code() == Some(0), "{status}\n{}", tidings.tail());
    Ok(())
}

async fn set_up<'c>(about: &str) -> Result<(Proxy<'c>, Installed)> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, about).await?;
    Ok((proxy, home))
}

/// A controller that leads and has adopted a workload.
async fn leading(home: &Installed) -> Result<Tidings> {
    app(home, "first").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    home.leader().await?.context("no leader")?;
    Ok(tidings)
}

#[tokio::test]
async fn at_the_start_where_nothing_answers() -> Result<()> {
    let (proxy, home) = set_up("ends-frozen").await?;
    proxy.freeze();
    let tidings = home.launch(&[])?.start()?;
    wait_until("the program to be there", secs(30), async || {
        // It catches signals (proc_pid_status(5)).
        let status = std::fs::read_to_string(format!("/proc/{}/status", tidings.pid()))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.context("no signals")?.trim(), 16)?;
        ensure!(caught & (1 << 14) != 0, "no SIGTERM");
        Ok(())
    })
    .await?;
    ends(&tidings).await
}

#[tokio::test]
async fn at_the_start_where_questions_hang() -> Result<()> {
    for path in ["subjectaccessreviews", "/namespaces/[^/]*$"] {
        let (proxy, home) = set_up("ends-asking").await?;
        let hangs = proxy.inject(Fault::delay(HANGS).on("*", path))?;
        let tidings = home.launch(&[])?.start()?;
        hangs.wait_for_hits(1, secs(30)).await?;
        ends(&tidings).await?;
    }
    Ok(())
}

#[tokio::test]
async fn while_lists_and_watches_hang() -> Result<()> {
    let (proxy, home) = set_up("ends-lists").await?;
    let lists = format!("namespaces/{}/[a-z]+$", home.ns().name());
    let hangs = proxy.inject(Fault::delay(HANGS).on("GET", &lists))?;
    let tidings = home.launch(&[])?.start()?;
    hangs.wait_for_hits(1, secs(30)).await?;
    let leads = async || home.leader().await?.context("no leader");
    wait_until("it to lead", secs(30), leads).await?;
    ends(&tidings).await?;
    ensure!(home.leader().await?.is_none(), "the Lease is still held");
    Ok(())
}

/// What takes part in a roll.
#[tokio::test]
async fn while_requests_of_a_roll_hang() -> Result<()> {
    for (method, path) in [
        ("GET", "/configmaps/app$"),
        ("PATCH", "/secrets/tidings-state"),
        ("PATCH", "/deployments/web$"),
        ("POST", "/events$"),
    ] {
        let (proxy, home) = set_up("ends-roll").await?;
        let tidings = leading(&home).await?;
        let hangs = proxy.inject(Fault::delay(HANGS).on(method, path))?;
        app(&home, "second").await?;
        hangs.wait_for_hits(1, secs(30)).await?;
        ends(&tidings).await.context(path)?;
        ensure!(home.leader().await?.is_none(), "{path}: the Lease is held");
        // And the next one does what was left.
        hangs.withdraw();
        let next = home.controller(&[]).await?;
        home.rolled_exactly("deployment/web", 1).await?;
        home.stop(next).await?;
    }
    Ok(())
}

#[tokio::test]
async fn while_the_lease_hangs() -> Result<()> {
    for method in ["GET", "PUT"] {
        let (proxy, home) = set_up("ends-lease").await?;
        let tidings = leading(&home).await?;
        let hangs = proxy.inject(Fault::delay(HANGS).on(method, "/leases/"))?;
        hangs.wait_for_hits(1, secs(30)).await?;
        ends(&tidings).await.context(method)?;
    }
    Ok(())
}

/// A claim that was under way may have been heard.
#[tokio::test]
async fn while_nobody_knows_whether_it_leads() -> Result<()> {
    let (proxy, home) = set_up("ends-claim").await?;
    let late = Fault::answer_late(HANGS).on("POST", "/leases$");
    let late = proxy.inject(late.times(1))?;
    let tidings = home.launch(&[])?.start()?;
    late.wait_for_hits(1, secs(30)).await?;
    let leads = async || home.leader().await?.context("no leader");
    wait_until("the claim to be heard", secs(30), leads).await?;
    ends(&tidings).await?;
    ensure!(home.leader().await?.is_none(), "the Lease is still held");
    Ok(())
}

#[tokio::test]
async fn while_the_api_server_is_gone() -> Result<()> {
    let (proxy, home) = set_up("ends-gone").await?;
    for gone in [Proxy::freeze, Proxy::refuse] {
        let tidings = leading(&home).await?;
        gone(&proxy);
        app(&home, "second").await?;
        ends(&tidings).await?;
        proxy.restore();
    }
    Ok(())
}
