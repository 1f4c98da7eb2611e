//! Whatever hangs in one namespace, is never gone, or is told to wait: it holds up that
//! namespace, and no neighbour.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, deployment, job, secret};
use rig::installed::text_of;
use rig::kubelet::DONE;
use rig::process;
use rig::proxy::fault::Fault;
use rig::{Cluster, secs, wait_until};
use serde_json::json;

use super::street::{Street, opted_in};

/// Far longer than anything is waited for here.
const FOR_EVER: std::time::Duration = secs(3_600);
/// Reads of one namespace that are under way at once.
const READS: usize = 16;
/// Writes of one namespace that are under way at once, by default.
const WRITES: usize = 32;
/// Jobs of one namespace that are made again at once.
const REMAKES: usize = 64;
const HOLD: &str = "tenant.example.com/hold";

fn many(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("web-{n}"))
}

#[tokio::test]
async fn reads_hang() -> Result<()> {
    let (street, _tidings) = Street::with_neighbour("reads").await?;
    let hang = street.of_tenant(Fault::delay(FOR_EVER), "GET", "secrets/");
    let hang = street.proxy.inject(hang)?;
    let secrets = many(3 * READS).map(|name| secret(&name, &[("key", "1")]));
    street.tenant_has(secrets).await?;
    let users = many(3 * READS).map(|name| {
        let web = opted_in(deployment(&name).replicas(0));
        web.env_from(&format!("secret/{name}"))
    });
    street.tenant_has(users).await?;
    hang.wait_for_hits(READS, secs(30)).await?;
    street.neighbour_is_rolled().await?;
    // Not because one of them was given up.
    ensure!(hang.hits() == READS, "{} reads", hang.hits());
    Ok(())
}

#[tokio::test]
async fn patches_hang() -> Result<()> {
    let (street, _tidings) = Street::with_neighbour("patches").await?;
    let count = WRITES + 8;
    let app = |value| [config_map("app", &[("key", value)])];
    street.tenant_has(app("first")).await?;
    let users = many(count).map(|name| {
        let web = opted_in(deployment(&name).replicas(0));
        web.env_from("configmap/app")
    });
    street.tenant_has(users).await?;
    street.tenant_is_on_record(count).await?;
    let hang = street.of_tenant(Fault::delay(FOR_EVER), "PATCH", "deployments/");
    let hang = street.proxy.inject(hang)?;
    street.tenant_has(app("second")).await?;
    hang.wait_for_hits(WRITES, secs(30)).await?;
    street.neighbour_is_rolled().await?;
    ensure!(hang.hits() == WRITES, "{} patches", hang.hits());
    Ok(())
}

#[tokio::test]
async fn a_read_is_told_to_wait() -> Result<()> {
    let (street, _tidings) = Street::with_neighbour("told").await?;
    let busy = street.of_tenant(Fault::busy(600), "GET", "secrets/");
    let busy = street.proxy.inject(busy)?;
    street.tenant_has([secret("app", &[("key", "1")])]).await?;
    let user = opted_in(deployment("web").replicas(0)).env_from("secret/app");
    street.tenant_has([user]).await?;
    busy.wait_for_hits(1, secs(30)).await?;
    street.neighbour_is_rolled().await?;
    ensure!(busy.hits() == 1, "{} reads", busy.hits());
    Ok(())
}

#[tokio::test]
async fn the_list_of_one_kind_hangs_at_the_start() -> Result<()> {
    let street = Street::new("lists").await?;
    let hang = Fault::delay(FOR_EVER).on("GET", "/namespaces/[^/]+/cronjobs");
    let hang = street.proxy.inject(hang)?;
    let both = ["--namespaces", street.tenant.name()];
    let _tidings = street.home.launch(&both)?.start()?;
    street.neighbour_has("first").await?;
    let web = opted_in(deployment("web").replicas(0));
    street.home.adopt([web.env_from("secret/app")]).await?;
    street.neighbour_is_rolled().await?;
    ensure!(hang.hits() == 2, "{} lists", hang.hits());
    Ok(())
}

fn running(name: &str) -> Workload {
    opted_in(job(name)).annotate_pods(DONE, "never")
}

/// Jobs that nobody can make gone but the tenant.
async fn held_jobs(street: &Street<'_>, count: usize) -> Result<()> {
    let app = |value| [config_map("app", &[("key", value)])];
    street.tenant_has(app("first")).await?;
    let jobs = many(count).map(|name| {
        let mut job: DynamicObject = running(&name).env_from("configmap/app").into();
        job.metadata.finalizers = Some(vec![HOLD.to_owned()]);
        job
    });
    street.tenant_has(jobs).await?;
    street.tenant_is_on_record(count).await?;
    street.tenant_has(app("second")).await?;
    wait_until("the Jobs to be deleted", secs(240), async || {
        let deleted = deleted(street).await?.len();
        ensure!(deleted == REMAKES, "{deleted} are deleted");
        Ok(())
    })
    .await
}

async fn deleted(street: &Street<'_>) -> Result<Vec<String>> {
    let jobs = street.tenant.list("job").await?.into_iter();
    let deleted = jobs.filter(|job| job.metadata.deletion_timestamp.is_some());
    Ok(deleted.map(|job| job.name_any()).collect())
}

/// Changes what the neighbour's Job uses, and waits until it is made again.
async fn neighbours_job_is_made_again(street: &Street<'_>, n: u64) -> Result<()> {
    let before = street.home.ns().get("job/import").await?;
    street.neighbour_has(&format!("changed {n}")).await?;
    wait_until("the Job to be made again", secs(30), async || {
        let now = street.home.ns().get("job/import").await?;
        ensure!(now.uid() != before.uid(), "it is the former one");
        Ok(())
    })
    .await?;
    street.home.numbered("job/import", n).await
}

async fn why(street: &Street<'_>, job: &str) -> Result<String> {
    let (own, tenant) = (street.home.own().name(), street.tenant.name());
    let kubeconfig = Cluster::shared().await?.kubeconfig();
    let args = ["why", "--own-namespace", own, "-n", tenant, job];
    Ok(text_of(&process::run(kubeconfig, &args).await?))
}

#[tokio::test]
async fn jobs_are_never_gone() -> Result<()> {
    let street = Street::new("jobs").await?;
    let tidings = street.controller().await?;
    street.neighbour_has("first").await?;
    let import = running("import").env_from("secret/app");
    street.home.adopt([import]).await?;
    held_jobs(&street, REMAKES + 6).await?;
    neighbours_job_is_made_again(&street, 1).await?;

    let held = deleted(&street).await?;
    let said = why(&street, &format!("job/{}", held[0])).await?;
    ensure!(said.contains("waiting") && said.contains(HOLD), "{said}");
    let put_off = many(REMAKES + 6).find(|name| !held.contains(name));
    let put_off = put_off.context("all are deleted")?;
    let said = why(&street, &format!("job/{put_off}")).await?;
    ensure!(!said.contains("in step"), "{said}");

    street.home.stop(tidings).await?;
    let tidings = street.controller().await?;
    neighbours_job_is_made_again(&street, 2).await?;
    is_made_again_when_it_is_gone(&street, &held[0]).await?;
    street.home.stop(tidings).await?;
    let free = json!({"metadata": {"finalizers": null}});
    for job in street.tenant.list("job").await? {
        let job = format!("job/{}", job.name_any());
        street.tenant.edit(&job, free.clone()).await?;
    }
    Ok(())
}

/// And then one of those that wait for it has its turn.
async fn is_made_again_when_it_is_gone(street: &Street<'_>, name: &str) -> Result<()> {
    let job = format!("job/{name}");
    let before = street.tenant.get(&job).await?;
    let left = before
        .finalizers()
        .iter()
        .filter(|held_by| *held_by != HOLD);
    let left: Vec<_> = left.collect();
    let free = json!({"metadata": {"finalizers": left}});
    street.tenant.edit(&job, free).await?;
    wait_until("the Job to be made again", secs(30), async || {
        let now = street.tenant.get(&job).await?;
        ensure!(now.uid() != before.uid(), "it is the former one");
        Ok(())
    })
    .await?;
    wait_until("another one to be deleted", secs(30), async || {
        let deleted = deleted(street).await?;
        ensure!(deleted.len() == REMAKES, "{deleted:?}");
        Ok(())
    })
    .await
}
