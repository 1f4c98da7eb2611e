//! Reads are answered and writes are not, as where etcd is full or a right is lacking: that
//! nothing can be rolled is said all the same.

use anyhow::{Context, Result, ensure};
use rig::installed::Installed;
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};

use crate::one_source::{app, behind, idle};

const WEB: &str = "deployment/web";

async fn is_told(tidings: &Tidings, what: &str) -> Result<()> {
    let told = wait_until("/readyz to say it", secs(60), async || {
        let (status, text) = tidings.get("/readyz").await?;
        ensure!(status == 503 && text.contains(what), "{status} {text}");
        Ok(())
    });
    told.await.with_context(|| tidings.tail())?;
    let blind = |line: &str| line.contains("blind: ") && line.contains(what);
    tidings
        .wait_for_line("that it is blind", secs(30), blind)
        .await?;
    Ok(())
}

/// It is rolled when the fault is over.
async fn goes_on(home: &Installed, tidings: &Tidings) -> Result<()> {
    home.rolled_exactly(WEB, 1).await?;
    tidings.ready(secs(60)).await
}

async fn of_the_lease(about: &str, fault: Fault, what: &str) -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, about).await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let fault = proxy.inject(fault.on("PUT", "/leases/"))?;
    is_told(&tidings, what).await?;
    let leads = "tidings_leadership{state=\"unknown\"} 1";
    let (_, metrics) = tidings.get("/metrics").await?;
    ensure!(metrics.contains(leads), "{metrics}");
    app(&home, "second").await?;
    fault.withdraw();
    goes_on(&home, &tidings).await
}

#[tokio::test]
async fn of_the_lease_while_it_leads() -> Result<()> {
    let forbidden = of_the_lease("put403", Fault::status(403), "leases");
    let full = of_the_lease("put500", Fault::status(500), "500");
    let changed = of_the_lease("put409", Fault::status(409), "changed meanwhile");
    let silent = of_the_lease("puthang", Fault::delay(secs(90)), "no answer");
    tokio::try_join!(forbidden, full, changed, silent)?;
    Ok(())
}

#[tokio::test]
async fn of_the_lease_from_the_start() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "post403").await?;
    let fault = proxy.inject(Fault::status(403).on("POST", "/leases$"))?;
    let tidings = home.launch(&[])?.start()?;
    is_told(&tidings, "leases").await?;
    fault.withdraw();
    tidings.ready(secs(60)).await
}

#[tokio::test]
async fn of_the_records_at_the_begin_of_a_term() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "mark").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    home.stop(tidings).await?;
    let fault = proxy.inject(Fault::status(422).on("PATCH", "/secrets/tidings-state"))?;
    let tidings = home.launch(&[])?.start()?;
    is_told(&tidings, &format!("tidings-state.{}", home.ns().name())).await?;
    app(&home, "second").await?;
    fault.withdraw();
    goes_on(&home, &tidings).await
}

/// One stream is not answered, and all others are.
#[tokio::test]
async fn of_reads_one_stream_hangs() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "hangs").await?;
    let tidings = home.controller(&[]).await?;
    home.adopt([idle("web")]).await?;
    let watches = format!("namespaces/{}/configmaps.*watch=true", home.ns().name());
    let fault = proxy.inject(Fault::delay(secs(300)).on("GET", &watches))?;
    proxy.cut();
    fault.wait_for_hits(1, secs(30)).await?;
    // The request itself is given up after 30 s.
    is_told(&tidings, "no answer for ten seconds").await?;
    app(&home, "second").await?;
    fault.withdraw();
    goes_on(&home, &tidings).await
}
