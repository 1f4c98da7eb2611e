//! Takeovers while sources change without end: nothing is lost, and nothing is
//! rolled twice.

use std::time::Duration;

use anyhow::{Result, ensure};
use rig::churn::{self, Churn};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD, SHORT_LEASE};
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs};
use rustix::process::Signal;

const WORKLOADS: usize = 20;
/// Deployments of a fan-out.
const FAN: usize = 40;
const EVERY: Duration = Duration::from_millis(40);

#[tokio::test]
async fn takeovers_amid_changes_lose_nothing_and_roll_nothing_twice() -> Result<()> {
    // Without settling and fuse: each change is a roll, so that there is always one
    // under way. With the defaults: `two_replicas`, and the storm (`make test-storm`).
    let options = [SHORT_LEASE, &["--settle=0", "--storm-fuse=false"]].concat();
    let home = Installed::new(Cluster::shared().await?, "failover").await?;
    let workloads = churn::prepare(home.ns(), WORKLOADS).await?;
    let mut leader = home.controller(&options).await?;
    home.adopt(workloads).await?;
    let churn = Churn::start(home.ns(), WORKLOADS, EVERY).await?;
    for signal in [Signal::TERM, Signal::KILL, Signal::TERM, Signal::KILL] {
        let standby = home.controller(&options).await?;
        churn.goes_on(WORKLOADS, secs(30)).await?;
        leader.signal(signal)?;
        leader.exit(secs(30)).await?;
        churn.goes_on(WORKLOADS, secs(30)).await?;
        leader = standby;
    }
    let account = churn.end(secs(30)).await?;
    let (changes, rolls) = (account.changes(), account.rolls());
    let twice = account.twice();
    ensure!(
        twice.is_empty(),
        "{changes} changes, {rolls} rolls: {twice:?}"
    );
    Ok(())
}

/// The patches are so slow that the next leader finds some done and some not.
#[tokio::test]
async fn a_fan_out_is_finished_by_the_next_leader() -> Result<()> {
    for signal in [Signal::TERM, Signal::KILL] {
        // Few writes at once: so that the fan-out lasts until the leader ends.
        let cluster = Cluster::shared().await?;
        let proxy = Proxy::start(cluster).await?;
        let home = Installed::behind(&proxy, cluster, "fan-out").await?;
        let app = |value: &str| config_map("app", &[("k", value)]);
        home.ns().apply(app("first")).await?;
        let options = [SHORT_LEASE, &["--max-in-flight=2"]].concat();
        let leader = home.controller(&options).await?;
        home.adopt((0..FAN).map(web)).await?;
        let _standby = home.controller(SHORT_LEASE).await?;

        let slow = Fault::delay(Duration::from_millis(50)).on("PATCH", "/deployments/");
        let slow = proxy.inject(slow)?;
        home.ns().apply(app("second")).await?;
        slow.wait_for_hits(FAN / 2, secs(30)).await?;
        leader.signal(signal)?;
        for i in 0..FAN {
            home.rolled_exactly(&format!("deployment/web-{i}"), 1)
                .await?;
        }
        home.stays_rolled("deployment/web-0", 1).await?;
    }
    Ok(())
}

fn web(i: usize) -> Workload {
    let web = deployment(&format!("web-{i}")).replicas(0);
    web.env_from("configmap/app").annotate(RELOAD, "auto")
}
