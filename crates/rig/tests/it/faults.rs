//! Whatever the API server answers, and whenever it does not: each change ends in
//! exactly one roll.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rig::installed::Installed;
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};

use crate::one_source::{give, idle_of};

/// What each kind of request is answered, twice.
const STATUSES: [u16; 7] = [409, 410, 422, 429, 500, 503, 504];
const WAIT: Duration = secs(3);

/// Workloads on record, each with a ConfigMap of its name.
async fn prepared(home: &Installed, names: &[String]) -> Result<Tidings> {
    for name in names {
        give(home, name, "first").await?;
    }
    let tidings = home.controller(&[]).await?;
    home.adopt(names.iter().map(|name| idle_of(name, name)))
        .await?;
    Ok(tidings)
}

async fn changed_and_rolled_once(home: &Installed, names: &[String]) -> Result<()> {
    for name in names {
        give(home, name, "second").await?;
    }
    for name in names {
        let workload = format!("deployment/{name}");
        home.rolled_exactly(&workload, 1).await?;
    }
    home.caught_up().await?;
    for name in names {
        home.is_rolled_exactly(&format!("deployment/{name}"), 1)
            .await?;
    }
    Ok(())
}

fn names() -> Vec<String> {
    STATUSES.iter().map(|code| format!("web-{code}")).collect()
}

#[tokio::test]
async fn the_patch_fails_in_every_way() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "patch").await?;
    let _tidings = prepared(&home, &names()).await?;
    let mut faults = Vec::new();
    for code in STATUSES {
        let path = format!("/deployments/web-{code}$");
        faults.push(proxy.inject(Fault::status(code).on("PATCH", &path).times(2))?);
    }
    changed_and_rolled_once(&home, &names()).await?;
    ensure!(faults.iter().all(|fault| fault.hits() == 2));
    Ok(())
}

#[tokio::test]
async fn the_reading_of_a_source_fails_in_every_way() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "read").await?;
    let _tidings = prepared(&home, &names()).await?;
    let mut faults = Vec::new();
    for code in STATUSES {
        let path = format!("/configmaps/web-{code}$");
        faults.push(proxy.inject(Fault::status(code).on("GET", &path).times(2))?);
    }
    changed_and_rolled_once(&home, &names()).await?;
    ensure!(faults.iter().all(|fault| fault.hits() == 2));
    Ok(())
}

/// The record is one object for the namespace, so the failures come one after
/// another: a change for each.
#[tokio::test]
async fn the_writing_of_the_record_fails_in_every_way() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "record").await?;
    let _tidings = prepared(&home, &names()).await?;
    for code in STATUSES {
        let state = Fault::status(code).on("PATCH", "/secrets/tidings-state");
        let fault = proxy.inject(state.times(2))?;
        let name = format!("web-{code}");
        give(&home, &name, "second").await?;
        home.numbered(&format!("deployment/{name}"), 1)
            .await
            .with_context(|| format!("after {code}"))?;
        ensure!(fault.hits() == 2, "{code}");
    }
    for name in names() {
        home.rolled_exactly(&format!("deployment/{name}"), 1)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn retry_after_is_obeyed() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "busy").await?;
    let names = ["patch", "read"].map(String::from);
    let _tidings = prepared(&home, &names).await?;
    let busy = |method: &str, path: &str| {
        let fault = Fault::busy(WAIT.as_secs()).on(method, path);
        proxy.inject(fault.times(1))
    };
    busy("PATCH", "/deployments/patch$")?;
    busy("GET", "/configmaps/read$")?;
    proxy.forget();
    changed_and_rolled_once(&home, &names).await?;
    left_alone(&proxy, "PATCH", "/deployments/patch$")?;
    left_alone(&proxy, "GET", "/configmaps/read$")
}

#[tokio::test]
async fn retry_after_is_obeyed_for_the_record_too() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "busy-record").await?;
    let names = [String::from("web")];
    let _tidings = prepared(&home, &names).await?;
    let record = "/secrets/tidings-state";
    proxy.inject(Fault::busy(WAIT.as_secs()).on("PATCH", record).times(1))?;
    proxy.forget();
    changed_and_rolled_once(&home, &names).await?;
    left_alone(&proxy, "PATCH", record)
}

/// After the 429 nothing came before the time that it asked for.
fn left_alone(proxy: &Proxy<'_>, method: &str, path: &str) -> Result<()> {
    let seen = proxy.matching(method, path)?;
    let told = seen.iter().position(|one| one.status() == Some(429));
    let told = told.context("nobody was told to wait")?;
    let next = seen.get(told + 1).context("it was not tried again")?;
    let pause = next.at - seen[told].at;
    ensure!(pause >= WAIT, "{method} {path} again after {pause:?}");
    Ok(())
}

#[tokio::test]
async fn watches_are_cut_and_expire() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "watches").await?;
    let names = ["cut", "expired"].map(String::from);
    let _tidings = prepared(&home, &names).await?;
    proxy.cut();
    changed_and_rolled_once(&home, &names[..1]).await?;

    let watches = format!("namespaces/{}/.*watch=true", home.ns().name());
    let expired = proxy.inject(Fault::status(410).on("GET", &watches).times(6))?;
    proxy.cut();
    changed_and_rolled_once(&home, &names[1..]).await?;
    ensure!(expired.hits() > 0);
    home.is_rolled_exactly("deployment/cut", 1).await
}

#[tokio::test]
async fn lists_fail_at_the_start() -> Result<()> {
    try_join_all([429, 500, 503].map(lists_fail_with)).await?;
    Ok(())
}

async fn lists_fail_with(code: u16) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, &format!("lists-{code}")).await?;
    let lists = format!("namespaces/{}/[a-z]+$", home.ns().name());
    let lists = proxy.inject(Fault::status(code).on("GET", &lists).times(6))?;
    let names = [String::from("web")];
    let _tidings = prepared(&home, &names).await?;
    ensure!(lists.hits() == 6, "{} of 6 failed", lists.hits());
    changed_and_rolled_once(&home, &names).await
}

/// It was told as failed, and would never be told as rolled.
#[tokio::test]
async fn a_roll_whose_answer_is_lost_is_told() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "untold").await?;
    let tidings = prepared(&home, &["web".to_owned()]).await?;
    let lost = proxy.inject(
        Fault::lose_answer()
            .on("PATCH", "/deployments/web$")
            .times(1),
    )?;
    changed_and_rolled_once(&home, &["web".to_owned()]).await?;
    ensure!(lost.hits() == 1);
    let rolled = |line: &str| line.contains("Rolled") && line.contains("n=1");
    tidings
        .wait_for_line("that it was rolled", secs(20), rolled)
        .await?;
    home.told("deployment/web", "Changed", "Rolled (no. 1)")
        .await?;
    Ok(())
}

/// Each time it is looked at again, and in the end somebody has to look why.
#[tokio::test]
async fn a_patch_that_meets_a_conflict_each_time_is_told() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "conflicts").await?;
    let _tidings = prepared(&home, &["web".to_owned()]).await?;
    let conflict = proxy.inject(Fault::status(409).on("PATCH", "/deployments/web$"))?;
    give(&home, "web", "second").await?;
    home.told("deployment/web", "Failed", "changed meanwhile")
        .await?;
    conflict.withdraw();
    home.rolled_exactly("deployment/web", 1).await
}
