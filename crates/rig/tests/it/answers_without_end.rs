//! Answers without an end, of whatever request: a bounded part of them is in memory, and
//! when they are over each change has ended in one roll.

use anyhow::{Context, Result, ensure};
use rig::installed::{Installed, text_of};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};

use crate::one_source::{give, idle_of};

/// At rest it is some 20 MB; four long answers of 16 MB may be there at once, each for a
/// moment twice.
const MOST: u64 = 160_000;

/// The most memory that it had, in kB (`proc_pid_status(5)`).
fn peak(tidings: &Tidings) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", tidings.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}

#[tokio::test]
async fn of_every_request() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "flood").await?;
    let tidings = home.controller(&[]).await?;
    let watches = format!("namespaces/{}/.*watch=true", home.ns().name());
    for (n, (method, path)) in [
        ("GET", "/configmaps/web"),
        ("GET", "/leases/"),
        ("GET", "/secrets.*labelSelector"),
        ("PATCH", "/secrets/tidings-state"),
        ("PATCH", "/deployments/web"),
        ("POST", "/events$"),
        ("GET", &watches),
    ]
    .into_iter()
    .enumerate()
    {
        for code in [200, 503] {
            // No workload is rolled often.
            let name = format!("web-{n}-{code}");
            give(&home, &name, "first").await?;
            home.adopt([idle_of(&name, &name)]).await?;
            let flood = proxy.inject(Fault::flood(code).on(method, path))?;
            proxy.cut();
            give(&home, &name, "second").await?;
            flood
                .wait_for_hits(1, secs(60))
                .await
                .context(name.clone())?;
            flood.withdraw();
            home.rolled_exactly(&format!("deployment/{name}"), 1)
                .await?;
        }
        let peak = peak(&tidings)?;
        ensure!(peak < MOST, "{peak} kB after {method} {path}");
    }
    home.stop(tidings).await
}

#[tokio::test]
async fn of_a_list_whose_pages_come_again() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "pages").await?;
    let again = r#"{"apiVersion":"apps/v1","metadata":{"resourceVersion":"1","continue":"again"},"items":[]}"#;
    let pages = proxy.inject(Fault::say(again).on("GET", "/deployments$"))?;
    let kubeconfig = proxy.kubeconfig_for("admin").await?;
    let output = home.why_as(&kubeconfig, &["-A"]).await?;
    let said = text_of(&output);
    ensure!(output.status.code() == Some(2), "{said}");
    ensure!(said.contains("the list has no end"), "{said}");
    ensure!(pages.hits() == 2, "{} pages", pages.hits());
    Ok(())
}
