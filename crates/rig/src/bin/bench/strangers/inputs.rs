//! What a tenant does: a row each. What is made beforehand is there before the
//! neighbour is measured without him; the rest begins when it is measured beside him.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::{Workload, config_map, deployment, job};
use rig::secs;
use serde_json::{Value, json};
use tokio::time::{interval, sleep};

use super::neighbour::Has;
use super::tenant::Tenant;
use super::within;

const RELOAD: &str = "tidings.dev/reload";
const MAPS: &str = "configmap.reloader.stakater.com/reload";

/// One thing that a tenant does.
pub(crate) struct Input {
    pub(crate) word: &'static str,
    pub(crate) what: &'static str,
    /// What stakater/Reloader needed beside it on this lab's machine, as it was measured
    /// when these inputs were found.
    pub(crate) peer: &'static str,
    pub(crate) neighbour: Has,
    pub(crate) prepare: Act,
    pub(crate) act: Act,
}

type Act = fn(Tenant) -> BoxFuture<'static, Result<()>>;

/// A row: what is made beforehand and what is done then, each a function of the tenant.
macro_rules! input {
    ($word:literal, $what:literal, $peer:literal, $has:ident, $prepare:path, $act:path) => {
        Input {
            word: $word,
            what: $what,
            peer: $peer,
            neighbour: Has::$has,
            prepare: |tenant| Box::pin($prepare(tenant)),
            act: |tenant| Box::pin($act(tenant)),
        }
    };
}

pub(crate) const INPUTS: &[Input] = &[
    input!(
        "names",
        "one Deployment that names 25,000 sources in 250 KB",
        "0.1 s, 50 MB",
        Deployments,
        nothing,
        names
    ),
    input!(
        "names-30",
        "thirty such",
        "",
        Deployments,
        nothing,
        thirty_names
    ),
    input!(
        "mistakes",
        "100 Deployments, 30 patches a second with 200 new names and bad values each",
        "",
        Deployments,
        many,
        mistakes
    ),
    input!(
        "regex",
        "one Deployment with 100 regular expressions in 24 KB beside 200 ConfigMaps with names of 246 letters",
        "0.1 s, 50 MB",
        Deployments,
        long_names,
        patterns
    ),
    input!(
        "regex-30",
        "thirty such",
        "",
        Deployments,
        long_names,
        thirty_patterns
    ),
    input!(
        "references",
        "ten Deployments of 660 KB with 8,000 references to Secrets that do not exist, of which one opts in and out every second",
        "1.2 s, 50 MB",
        Deployments,
        nothing,
        references
    ),
    input!(
        "references-off",
        "the same of workloads that ask for nothing: what the API server itself takes",
        "",
        Deployments,
        nothing,
        ignored_references
    ),
    input!(
        "fan-out",
        "1,500 workloads of one ConfigMap that changes twice",
        "",
        Deployments,
        crowd,
        fan_out
    ),
    input!(
        "modest",
        "6,000 Deployments with 24 references each, of which two change twenty times a second",
        "",
        Deployments,
        modest_crowd,
        flap_two
    ),
    input!(
        "jobs",
        "64 Jobs with a finalizer of his own, to be made again",
        "",
        Jobs,
        held_jobs,
        change_app
    ),
    input!(
        "flapping",
        "2,000 ConfigMaps under 50 users that change as quickly as they can",
        "",
        Deployments,
        flapping_sources,
        flap
    ),
    input!(
        "keys",
        "20 ConfigMaps of 60,000 keys each, of which one changes every second",
        "",
        Deployments,
        full_sources,
        fill
    ),
];

async fn nothing(_: Tenant) -> Result<()> {
    Ok(())
}

fn user(name: &str) -> Workload {
    deployment(name).replicas(0).annotate(RELOAD, "auto")
}

fn annotated(key: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {key: value}}})
}

// --- names -----------------------------------------------------------------------

fn namer(n: usize) -> Workload {
    let names: Vec<_> = (0..25_000)
        .map(|i| format!("n{:08}", n * 25_000 + i))
        .collect();
    deployment(&format!("namer-{n}"))
        .replicas(0)
        .annotate(MAPS, &names.join(","))
}

async fn names(tenant: Tenant) -> Result<()> {
    tenant.make([namer(0)]).await
}

async fn thirty_names(tenant: Tenant) -> Result<()> {
    tenant.make((0..30).map(namer)).await
}

async fn many(tenant: Tenant) -> Result<()> {
    let all = (0..100).map(|n| deployment(&format!("web-{n}")).replicas(0));
    within("his Deployments", tenant.make(all)).await
}

async fn mistakes(tenant: Tenant) -> Result<()> {
    let mut tick = interval(Duration::from_millis(33));
    for n in 0.. {
        tick.tick().await;
        let names: Vec<_> = (0..200)
            .map(|i| format!("configmap/name-{n}-{i}"))
            .collect();
        let bad = json!({
            RELOAD: format!("auto, nothing{n}/app, {}", names.join(", ")),
            "tidings.dev/settle": format!("soon-{n}"),
            format!("tidings.dev/unknown-{}", n % 7): "x",
        });
        let patch = json!({"metadata": {"annotations": bad}});
        tenant
            .edit_deployment(&format!("web-{}", n % 100), patch)
            .await?;
    }
    Ok(())
}

// --- patterns --------------------------------------------------------------------

/// Of the two letters that the patterns wander about.
async fn long_names(tenant: Tenant) -> Result<()> {
    let name = |n: usize| -> String {
        let letter = |bit: usize| if n >> (bit % 8) & 1 == 0 { 'a' } else { 'b' };
        (0..246).map(letter).collect()
    };
    let all = (0..200).map(|n| config_map(&name(n), &[("k", "v")]));
    within("his ConfigMaps", tenant.make(all)).await
}

fn expressions(n: usize) -> Workload {
    let mut text = String::new();
    for i in 0..100 {
        let one = ["[ab]*a[ab]{100}[c-z0-9][ab]*"; 8].join("|");
        // Writing to a String cannot fail.
        let _ = write!(text, "{one}|p{n}x{i},");
    }
    let text = text.trim_end_matches(',');
    deployment(&format!("pattern-{n}"))
        .replicas(0)
        .annotate(MAPS, text)
}

async fn patterns(tenant: Tenant) -> Result<()> {
    tenant.make([expressions(0)]).await
}

async fn thirty_patterns(tenant: Tenant) -> Result<()> {
    tenant.make((0..30).map(expressions)).await
}

// --- references ------------------------------------------------------------------

fn referrer(n: usize) -> Workload {
    let variable = |i: usize| {
        let from = json!({"secretKeyRef": {"name": format!("absent-{n}-{i}"), "key": "k"}});
        json!({"name": format!("V{i}"), "valueFrom": from})
    };
    let env: Vec<_> = (0..8_000).map(variable).collect();
    let main = json!({"name": "main", "image": "rig.example/app:1", "env": env});
    let name = format!("referrer-{n}");
    deployment(&name)
        .replicas(0)
        .pod(&json!({"containers": [main]}))
}

async fn references(tenant: Tenant) -> Result<()> {
    toggled_references(tenant, RELOAD).await
}

async fn ignored_references(tenant: Tenant) -> Result<()> {
    toggled_references(tenant, "tenant.example/reload").await
}

async fn toggled_references(tenant: Tenant, key: &str) -> Result<()> {
    let all = (0..10).map(|n| referrer(n).annotate(key, "auto"));
    tenant.make(all).await?;
    for n in 0.. {
        sleep(secs(1)).await;
        let value = if n % 2 == 0 { "false" } else { "auto" };
        tenant
            .edit_deployment("referrer-0", annotated(key, value))
            .await?;
    }
    Ok(())
}

// --- many at once ----------------------------------------------------------------

async fn crowd(tenant: Tenant) -> Result<()> {
    tenant.make([config_map("app", &[("k", "old")])]).await?;
    let all = (0..1_500).map(|n| user(&format!("web-{n}")).env_from("configmap/app"));
    within("his workloads", tenant.make(all)).await?;
    // Until they are recorded, and the deployment controller is done.
    sleep(secs(15)).await;
    Ok(())
}

async fn change_app(tenant: Tenant) -> Result<()> {
    tenant
        .edit_config_map("app", json!({"data": {"k": "new"}}))
        .await
}

async fn fan_out(tenant: Tenant) -> Result<()> {
    change_app(tenant.clone()).await?;
    sleep(secs(12)).await;
    tenant
        .edit_config_map("app", json!({"data": {"k": "newer"}}))
        .await
}

async fn modest_crowd(tenant: Tenant) -> Result<()> {
    let maps = (0..24).map(|n| config_map(&format!("modest-{n}"), &[("k", "0")]));
    tenant.make(maps).await?;
    let uses = |n: usize| {
        let web = user(&format!("web-{n}"));
        (0..24).fold(web, |web, i| {
            web.env_key(&format!("configmap/modest-{i}"), &format!("K{i}"))
        })
    };
    within("his workloads", tenant.make((0..6_000).map(uses))).await?;
    sleep(secs(60)).await;
    Ok(())
}

async fn flap_two(tenant: Tenant) -> Result<()> {
    let mut tick = interval(Duration::from_millis(50));
    for n in 0_usize.. {
        tick.tick().await;
        for map in ["modest-0", "modest-1"] {
            let patch = json!({"data": {"k": n.to_string()}});
            tenant.edit_config_map(map, patch).await?;
        }
    }
    Ok(())
}

async fn held_jobs(tenant: Tenant) -> Result<()> {
    tenant.make([config_map("app", &[("k", "old")])]).await?;
    let held = |n: usize| {
        let job = job(&format!("held-{n}")).env_from("configmap/app");
        let mut job: DynamicObject = job.annotate(RELOAD, "auto").into();
        job.finalizers_mut().push("tenant.example/held".to_owned());
        job
    };
    within("his Jobs", tenant.make((0..64).map(held))).await
}

// --- sources ---------------------------------------------------------------------

async fn flapping_sources(tenant: Tenant) -> Result<()> {
    let maps = (0..2_000).map(|n| config_map(&format!("flap-{n}"), &[("k", "0")]));
    within("his ConfigMaps", tenant.make(maps)).await?;
    let uses = |n: usize| {
        let his = (0..40).map(|i| format!("configmap/flap-{}", n * 40 + i));
        his.fold(user(&format!("user-{n}")), |user, map| user.env_from(&map))
    };
    within("his workloads", tenant.make((0..50).map(uses))).await
}

async fn flap(tenant: Tenant) -> Result<()> {
    let one = |worker: usize| {
        let tenant = tenant.clone();
        async move {
            for n in 0_usize.. {
                let name = format!("flap-{}", (n * 4 + worker) % 2_000);
                let patch = json!({"data": {"k": n.to_string()}});
                tenant.edit_config_map(&name, patch).await?;
            }
            anyhow::Ok(())
        }
    };
    futures::future::try_join_all((0..4).map(one))
        .await
        .map(drop)
}

async fn full_sources(tenant: Tenant) -> Result<()> {
    let full = |n: usize| {
        let data: serde_json::Map<_, _> =
            (0..60_000).map(|i| (format!("k{i}"), json!("v"))).collect();
        let mut map = config_map(&format!("full-{n}"), &[]);
        map.data["data"] = Value::Object(data);
        map
    };
    // One after the other: the API server is slow to note who owns so many keys.
    for n in 0..20 {
        within("his ConfigMap", tenant.make([full(n)])).await?;
    }
    let uses = |n: usize| user(&format!("user-{n}")).env_from(&format!("configmap/full-{n}"));
    within("his workloads", tenant.make((0..20).map(uses))).await
}

async fn fill(tenant: Tenant) -> Result<()> {
    let mut tick = interval(secs(1));
    for n in 0_usize.. {
        tick.tick().await;
        let patch = json!({"data": {format!("k{}", n % 60_000): n.to_string()}});
        tenant
            .edit_config_map(&format!("full-{}", n % 20), patch)
            .await?;
    }
    Ok(())
}
