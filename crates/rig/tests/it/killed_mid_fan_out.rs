//! A controller that is killed in the middle of its work loses nothing and rolls
//! nothing twice, whatever it was doing.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};

const WORKLOADS: usize = 40;
/// Of each of two controllers.
const KILLS: u64 = 10;

/// Twenty times over, the next one waits for the Lease of the one that was killed.
/// Of ten rolls in a minute the fuse would hold half; with it: the tests below. With the
/// defaults: `two_replicas::the_leader_is_killed`, and the storm (`make test-storm`).
const MANY: &[&str] = &[
    "--settle=0",
    "--storm-fuse=false",
    "--lease-duration=1s",
    "--lease-renew-deadline=800ms",
    "--lease-retry-period=100ms",
];
/// The same of the Lease alone.
const LEASE: &[&str] = &[
    "--lease-duration=1s",
    "--lease-renew-deadline=800ms",
    "--lease-retry-period=100ms",
];
/// Longer than any test takes.
const EVER: Duration = secs(600);

/// Repeats a run that failed: the seed is in its output.
const SEED: &str = "TIDINGS_RIG_SEED";

fn web(name: &str) -> Workload {
    let web = deployment(name).replicas(0).env_from("configmap/app");
    web.annotate(RELOAD, "auto")
}

async fn write(home: &Installed, value: u64) -> Result<()> {
    let content = [("a", &*value.to_string())];
    home.ns().apply(config_map("app", &content)).await?;
    Ok(())
}

#[tokio::test]
async fn twenty_kills_at_random_moments_lose_nothing_and_roll_nothing_twice() -> Result<()> {
    let seed = seed()?;
    println!("{SEED}={seed}");
    // Two at a time, since most of it is waiting for Leases.
    let (one, other) = tokio::try_join!(kills(Dice(seed)), kills(Dice(!seed)))?;
    let halfway = one + other;
    println!(
        "{halfway} of {} kills left some rolled and some not",
        2 * KILLS
    );
    Ok(())
}

/// Kills one controller after the other; says how often in mid fan-out.
async fn kills(mut dice: Dice) -> Result<u32> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "kills").await?;
    write(&home, 0).await?;
    let mut tidings = home.controller(MANY).await?;
    home.adopt((0..WORKLOADS).map(|i| web(&format!("web-{i}"))))
        .await?;
    let mut halfway = 0;
    for round in 1..=KILLS {
        proxy.forget();
        write(&home, round).await?;
        patches_asked_for(&proxy, dice.below(WORKLOADS + 1)).await?;
        tidings.kill();
        halfway += u32::from(is_halfway(&home, round).await?);
        tidings = home.launch(MANY)?.start()?;
        all_are_rolled(&home, &tidings, round).await?;
    }
    Ok(halfway)
}

fn seed() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let told = std::env::var(SEED).ok();
    Ok(told.map_or(Ok(u64::from(now.subsec_nanos())), |text| text.parse())?)
}

/// Waits for so many patches of workloads, closely: the fan-out takes milliseconds.
async fn patches_asked_for(proxy: &Proxy<'_>, count: usize) -> Result<()> {
    let start = Instant::now();
    while proxy.count("PATCH", "/deployments/web-")? < count {
        ensure!(
            start.elapsed() < secs(30),
            "the fan-out does not come to patch {count}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

async fn is_halfway(home: &Installed, round: u64) -> Result<bool> {
    let mut rolled = 0;
    for object in home.ns().list("deployment").await? {
        rolled += usize::from(object.metadata.generation == Some(1 + i64::try_from(round)?));
    }
    Ok(0 < rolled && rolled < WORKLOADS)
}

/// One roll for each content and workload, and none without.
async fn all_are_rolled(home: &Installed, tidings: &Tidings, round: u64) -> Result<()> {
    let what = format!("all rolls of round {round}");
    let all = wait_until(&what, secs(30), async || {
        home.are_rolled_exactly(round).await
    });
    all.await.with_context(|| tidings.tail())
}

/// Pseudorandom numbers (SplitMix64) from a seed that can be told.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(z >> 33).unwrap_or(0) % limit
    }
}

/// One workload on record, its source changed, and a write of the roll disturbed.
async fn interrupted(home: &Installed, proxy: &Proxy<'_>, fault: Fault) -> Result<Tidings> {
    write(home, 0).await?;
    let tidings = home.controller(LEASE).await?;
    home.adopt([web("web")]).await?;
    let fault = proxy.inject(fault)?;
    write(home, 1).await?;
    fault.wait_for_hits(1, secs(30)).await?;
    fault.withdraw();
    Ok(tidings)
}

async fn rolled_once_by_the_next_one(home: &Installed) -> Result<()> {
    let _next = home.controller(LEASE).await?;
    home.rolled_exactly("deployment/web", 1).await?;
    home.stays_rolled("deployment/web", 1).await
}

#[tokio::test]
async fn killed_before_the_intent_is_written() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "before-intent").await?;
    let intent = Fault::delay(EVER).on("PATCH", "/secrets/tidings-state");
    let tidings = interrupted(&home, &proxy, intent).await?;
    tidings.kill();
    rolled_once_by_the_next_one(&home).await
}

#[tokio::test]
async fn killed_between_intent_and_patch() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "before-patch").await?;
    let patch = Fault::delay(EVER).on("PATCH", "/deployments/web");
    let tidings = interrupted(&home, &proxy, patch).await?;
    tidings.kill();
    let entry = home.entry("deployment/web").await?.context("no record")?;
    ensure!(entry["n"] == 1 && entry["done"] == false, "{entry}");
    home.is_rolled_exactly("deployment/web", 0).await?;
    rolled_once_by_the_next_one(&home).await
}

#[tokio::test]
async fn killed_between_patch_and_done() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "before-done").await?;
    let answer = Fault::answer_late(EVER).on("PATCH", "/deployments/web");
    let tidings = interrupted(&home, &proxy, answer).await?;
    home.numbered("deployment/web", 1).await?;
    tidings.kill();
    let entry = home.entry("deployment/web").await?.context("no record")?;
    ensure!(entry["n"] == 1 && entry["done"] == false, "{entry}");
    rolled_once_by_the_next_one(&home).await
}

#[tokio::test]
async fn the_answer_to_the_patch_is_lost() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "lost-patch").await?;
    let lost = Fault::lose_answer().on("PATCH", "/deployments/web");
    let _tidings = interrupted(&home, &proxy, lost).await?;
    home.rolled_exactly("deployment/web", 1).await?;
    home.stays_rolled("deployment/web", 1).await
}

#[tokio::test]
async fn the_answer_to_the_intent_is_lost() -> Result<()> {
    let cluster = Cluster::shared().await?;
    let proxy = Proxy::start(cluster).await?;
    let home = Installed::behind(&proxy, cluster, "lost-intent").await?;
    let lost = Fault::lose_answer().on("PATCH", "/secrets/tidings-state");
    let _tidings = interrupted(&home, &proxy, lost).await?;
    home.rolled_exactly("deployment/web", 1).await?;
    home.stays_rolled("deployment/web", 1).await
}
