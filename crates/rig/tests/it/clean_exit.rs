//! Tidings ends well: told to stop, it finishes what is under way and lets go of
//! the Lease; told to do what cannot be done, it says so in a sentence; told to
//! write nothing, it writes nothing.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rig::installed::Installed;
use rig::process;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use rustix::process::Signal;

use crate::one_source::{app, behind, idle};

const WEB: &str = "deployment/web";

#[tokio::test]
async fn told_to_stop_it_finishes_and_lets_go() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        let proxy = Proxy::start(Cluster::shared().await?).await?;
        let home = behind(&proxy, "stop").await?;
        let tidings = home.controller(&[]).await?;
        home.adopt([idle("web")]).await?;
        // The writes of its own controller would meet the patch, which would not be under
        // way any more, but to be done again by the next leader.
        home.ns().rolled_out(WEB, secs(30)).await?;
        home.leader().await?.context("no leader")?;
        let slow = Fault::answer_late(secs(2)).on("PATCH", "/deployments/web");
        let slow = proxy.inject(slow)?;
        app(&home, "second").await?;
        slow.wait_for_hits(1, secs(30)).await?;
        tidings.signal(signal)?;
        let status = tidings.exit(secs(30)).await?;
        ensure!(status.code() == Some(0), "{status}\n{}", tidings.tail());
        home.rolled_exactly(WEB, 1).await?;
        let leader = home.leader().await?;
        ensure!(leader.is_none(), "{leader:?} still holds the Lease");
    }
    Ok(())
}

#[tokio::test]
async fn told_to_stop_at_rest_it_stops() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "rest").await?;
    let tidings = home.controller(&[]).await?;
    home.stop(tidings).await
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_it_would_do() -> Result<()> {
    let proxy = Proxy::start(Cluster::shared().await?).await?;
    let home = behind(&proxy, "dry").await?;
    home.ns().apply(idle("web")).await?;
    let tidings = home.controller(&["--dry-run"]).await?;
    decided(&tidings, "Adopted").await?;
    app(&home, "second").await?;
    decided(&tidings, "Changed").await?;
    tidings
        .wait_for_line("what it would roll", secs(30), |line| {
            line.contains("web") && line.contains("configmap/app")
        })
        .await?;
    // It would be rolled once more.
    app(&home, "third").await?;
    wait_until("both to be said", secs(30), async || {
        let lines = tidings.lines()?;
        let would = |line: &&String| line.contains("Changed") && line.contains("configmap/app");
        let said = lines.iter().filter(would).count();
        ensure!(said == 2, "{said} times");
        Ok(())
    })
    .await?;
    home.stop(tidings).await?;

    let mut writes = proxy.requests();
    // Asking what one may do is a POST, and writes nothing.
    writes.retain(|seen| seen.is_write() && !seen.path.ends_with("subjectaccessreviews"));
    let writes: Vec<_> = writes
        .iter()
        .map(|seen| (&seen.method, &seen.path))
        .collect();
    ensure!(writes.is_empty(), "{writes:?}");
    home.is_rolled_exactly(WEB, 0).await?;
    ensure!(home.leader().await?.is_none() && home.records().await?.is_empty());
    Ok(())
}

async fn decided(tidings: &process::Tidings, reason: &str) -> Result<()> {
    let label = format!("reason=\"{reason}\"");
    wait_until(&format!("a decision {reason}"), secs(30), async || {
        let count = tidings.metric("tidings_decisions_total", &[&label]).await?;
        ensure!(count > 0.5, "{}", tidings.metrics().await?);
        Ok(())
    })
    .await
}

/// What is said, and that it is the error and no more than a few lines.
async fn fails_with(kubeconfig: &Path, args: &[&str], expected: &str) -> Result<()> {
    let output = process::run(kubeconfig, args).await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(2),
        "{args:?}: {} {said}",
        output.status
    );
    ensure!(
        said.contains(expected),
        "{args:?}: no {expected:?} in {said}"
    );
    ensure!(said.starts_with("error:"), "{args:?}: {said}");
    ensure!(
        !said.contains("panicked") && said.lines().count() <= 8,
        "{args:?}: {said}"
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_sentence() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let admin = cluster.kubeconfig_for("admin").await?;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (args, expected) in [
        ("controller --no-such-flag", "--no-such-flag"),
        ("controller --namespaces=Not_A_Name", "DNS label"),
        ("controller --settle=soon", "--settle"),
        ("controller --listen=9090", "address:port"),
        (
            "controller --resources-to-ignore=configmaps,secrets",
            "leaves nothing to watch",
        ),
        ("controller --kubeconfig=/nowhere/config", "/nowhere/config"),
        ("controller --context=nobody", "nobody"),
        ("why web", "is not a workload such as"),
    ] {
        let args = words(args);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        fails_with(&admin, &args, expected).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_taken_is_said() -> Result<()> {
    let home = Installed::new(Cluster::shared().await?, "port").await?;
    let first = home.controller(&[]).await?;
    let address = first.url().replace("http://", "");
    let admin = Cluster::shared().await?.kubeconfig_for("admin").await?;
    let (ns, own) = (home.ns().name(), home.own().name());
    let args = [
        "controller",
        "--namespaces",
        ns,
        "--own-namespace",
        own,
        "--listen",
        &address,
    ];
    fails_with(&admin, &args, &address).await
}

#[tokio::test]
async fn a_broken_kubeconfig_is_said() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("broken.kubeconfig");
    std::fs::write(&broken, "clusters: 7")?;
    let path = broken.to_string_lossy().into_owned();
    fails_with(
        &broken,
        &["controller", "--kubeconfig", &path],
        "kubeconfig",
    )
    .await?;
    fails_with(&broken, &["controller"], "kubeconfig").await
}
