//! Credentials that are rotated on disk count at once, also where the old ones are
//! refused from the same moment on: no change waits for it, and the Lease is not lost.

use std::fs;

use anyhow::{Result, ensure};
use rig::fixtures::rbac;
use rig::installed::Installed;
use rig::process::Tidings;
use rig::proxy::fault::Fault;
use rig::proxy::{Files, Proxy};
use rig::{Cluster, secs, wait_until};

use crate::one_source::{app, idle};

const WEB: &str = "deployment/web";

/// A service account that may do everything in both namespaces.
async fn account(home: &Installed) -> Result<String> {
    let all = [rbac::rule("*", "*", "*")];
    let user = home.own().service_account("rotated", &all).await?;
    let (client, ns) = (home.ns().client(), home.ns().name());
    rbac::grant(client, Some(ns), "rotated", &user, &all).await?;
    Ok(user)
}

/// A controller that leads, with its credentials in files.
async fn started(home: &Installed, files: &Files) -> Result<Tidings> {
    app(home, "first").await?;
    let tidings = home.controller_as(&files.kubeconfig, &[]).await?;
    home.adopt([idle("web")]).await?;
    Ok(tidings)
}

fn never_lost_the_lease(tidings: &Tidings) -> Result<()> {
    let lines = tidings.lines()?;
    let lost = lines
        .iter()
        .find(|line| line.contains("another replica leads"));
    ensure!(lost.is_none(), "{lost:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_and_an_authority() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::new(cluster, "rotated").await?;
    let user = account(&home).await?;
    let files = proxy.files_for(&user).await?;
    let tidings = started(&home, &files).await?;

    let before = fs::read_to_string(&files.token)?;
    fs::write(&files.token, format!("{}\n", proxy.token_for(&user).await?))?;
    let refused = proxy.inject(Fault::status(401).of(&before))?;
    app(&home, "second").await?;
    home.rolled_exactly(WEB, 1).await?;

    fs::write(&files.authority, proxy.renew_authority()?)?;
    app(&home, "third").await?;
    home.rolled_exactly(WEB, 2).await?;
    // Each kind of connection may have been refused once.
    ensure!(refused.hits() <= 20, "refused {} times", refused.hits());
    never_lost_the_lease(&tidings)?;
    home.stop(tidings).await
}

#[tokio::test]
async fn what_is_refused_until_then_is_said_to_be() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::new(cluster, "refused").await?;
    let user = account(&home).await?;
    let files = proxy.files_for(&user).await?;
    let tidings = started(&home, &files).await?;

    let before = fs::read_to_string(&files.token)?;
    proxy.inject(Fault::status(401).of(&before))?;
    proxy.cut();
    app(&home, "second").await?;
    wait_until("/readyz to say so", secs(60), async || {
        let (status, said) = tidings.get("/readyz").await?;
        ensure!(
            status == 503 && said.contains("does not accept our credentials"),
            "{said}"
        );
        ensure!(!said.contains("Role"), "{said}");
        Ok(())
    })
    .await?;
    fs::write(&files.token, proxy.token_for(&user).await?)?;
    home.rolled_exactly(WEB, 1).await?;
    home.stop(tidings).await
}
