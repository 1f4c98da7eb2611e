//! Whatever stands on the Lease, and whatever is answered instead of it: somebody leads
//! again in bounded time, and until then everybody can see why nobody does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use rig::installed::{INSTANCE, Installed, text_of};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use serde_json::json;

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";
/// As it is asked for by its name, and made.
const LEASES: &str = "/leases(/|$)";

async fn not_ready_for(tidings: &Tidings, why: &str, limit: Duration) -> Result<()> {
    wait_until(&format!("/readyz to say {why:?}"), limit, async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(status == 503 && text.contains(why), "{status} {text}");
        Ok(())
    })
    .await
}

async fn is_in_state(tidings: &Tidings, state: &str) -> Result<()> {
    let label = format!("state=\"{state}\"");
    wait_until(
        &format!("the metric to say {state}"),
        secs(30),
        async || {
            let is = tidings.metric("tidings_leadership", &[&label]).await?;
            ensure!(is > 0.5, "{}", tidings.metrics().await?);
            Ok(())
        },
    )
    .await
}

async fn leads_and_adopts(home: &Installed, tidings: &Tidings, limit: Duration) -> Result<()> {
    tidings.ready(limit).await?;
    is_in_state(tidings, "leads").await?;
    let (_, text) = tidings.get("/readyz").await?;
    ensure!(text.contains("this replica leads since"), "{text}");
    app(home, "first").await?;
    home.adopt([idle("web")]).await?;
    app(home, "second").await?;
    home.rolled_exactly(WEB, 1).await
}

#[tokio::test]
async fn what_is_answered_instead_of_the_lease_is_told() -> Result<()> {
    let hang = secs(3_600);
    let faults = [
        ("403", Fault::status(403), "grant it"),
        ("500", Fault::status(500), "cannot answer now (500)"),
        ("hangs", Fault::delay(hang), "no answer"),
        (
            "html",
            Fault::say("<html>sign in</html>"),
            "unexpected shape",
        ),
        ("empty", Fault::say("{}"), "of something else"),
    ];
    let told = faults.map(|(name, fault, why)| is_told(name, fault, why));
    try_join_all(told).await?;
    Ok(())
}

async fn is_told(name: &str, fault: Fault, why: &str) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, &format!("lease-{name}")).await?;
    let fault = proxy.inject(fault.on("*", LEASES))?;
    let tidings = home.launch(&[])?.start()?;
    not_ready_for(&tidings, "who leads is not known", secs(60)).await?;
    not_ready_for(&tidings, why, secs(60)).await?;
    is_in_state(&tidings, "unknown").await?;
    let line = |line: &str| line.contains("blind") && line.contains("who leads");
    let line = tidings.wait_for_line("who leads", secs(60), line).await?;
    ensure!(line.contains(why), "{line}");
    fault.withdraw();
    leads_and_adopts(&home, &tidings, secs(60)).await?;
    let warnings = tidings.lines()?;
    let warnings = warnings.iter().filter(|line| line.contains("WARN")).count();
    ensure!(warnings <= 4, "{}", tidings.tail());
    Ok(())
}

#[tokio::test]
async fn a_ghost_that_holds_the_lease_for_68_years_is_taken_over() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "ghost").await?;
    let ghost: Lease = serde_json::from_value(json!({
        "metadata": {"name": INSTANCE},
        "spec": {
            "holderIdentity": "ghost",
            "leaseDurationSeconds": i32::MAX,
            "leaseTransitions": i32::MAX,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2094-01-01T00:00:00.000000Z",
        },
    }))?;
    let leases = home.own().api::<Lease>();
    leases.create(&PostParams::default(), &ghost).await?;
    let tidings = home.launch(&[])?.start()?;
    not_ready_for(&tidings, "nobody leads: ghost has the Lease", secs(60)).await?;
    is_in_state(&tidings, "nobody").await?;
    leads_and_adopts(&home, &tidings, secs(120)).await?;
    let leader = home.leader().await?.context("no leader")?;
    let said = text_of(&home.why(&["-A"]).await?);
    ensure!(said.contains(&format!("{leader} leads since")), "{said}");
    home.stop(tidings).await?;
    let said = text_of(&home.why(&[WEB]).await?);
    ensure!(said.contains("nobody leads"), "{said}");
    Ok(())
}

/// Each request takes five seconds more, those for the Lease too.
#[tokio::test]
async fn latency_slows_and_does_not_stop() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "latency").await?;
    let tidings = home.controller(&[]).await?;
    app(&home, "first").await?;
    home.adopt([idle("web")]).await?;
    let slow = proxy.inject(Fault::delay(secs(5)))?;
    // The first answers that are slow may cost a term, no others.
    slow.wait_for_hits(10, secs(120)).await?;
    for n in 1..=2 {
        app(&home, &format!("change {n}")).await?;
        wait_until("a roll", secs(180), async || {
            home.is_rolled_exactly(WEB, n).await
        })
        .await?;
    }
    slow.withdraw();
    tidings.ready(secs(60)).await?;
    home.stays_rolled(WEB, 2).await
}
