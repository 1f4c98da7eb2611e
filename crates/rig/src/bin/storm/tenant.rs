//! What somebody else does in a namespace of his own meanwhile: a row each, modest ones
//! of those that `bench strangers` has.

use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use rig::fixtures::{TestNamespace, Workload, config_map, deployment};
use rig::installed::RELOAD;
use serde_json::{Value, json};
use tokio::time::sleep;

const MAPS: &str = "configmap.reloader.stakater.com/reload";
const PAUSE: Duration = Duration::from_millis(200);

/// Goes on until it is dropped.
type Act = for<'a> fn(&'a TestNamespace) -> BoxFuture<'a, Result<()>>;

pub(crate) const TABLE: &[(&str, Act)] = &[
    ("he changes a source of five workloads without end", |ns| {
        Box::pin(flap(ns))
    }),
    ("he opts in and out", |ns| Box::pin(toggle(ns))),
    ("he makes mistakes in annotations", |ns| {
        Box::pin(mistakes(ns))
    }),
    ("he names 2,000 sources that are not there", |ns| {
        Box::pin(names(ns))
    }),
    ("he makes and deletes what he has", |ns| {
        Box::pin(come_and_go(ns))
    }),
];

/// Touches each record once, as somebody does who keeps labels on all Secrets.
pub(crate) async fn touch(own: &TestNamespace, n: usize) -> Result<()> {
    let api = own.api::<Secret>();
    let note = Patch::Merge(annotated("storm.example/touched", &n.to_string()));
    let by = PatchParams::default();
    for record in api.list_metadata(&ListParams::default()).await? {
        let name = record.name_any();
        match api.patch_metadata(&name, &by, &note).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            done => drop(done?),
        }
        sleep(PAUSE / 20).await;
    }
    sleep(PAUSE / 20).await;
    Ok(())
}

fn web(n: usize) -> Workload {
    let web = deployment(&format!("web-{n}")).replicas(0);
    web.env_from("configmap/app").annotate(RELOAD, "auto")
}

fn annotated(key: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {key: value}}})
}

async fn five(ns: &TestNamespace) -> Result<()> {
    ns.apply(config_map("app", &[("k", "0")])).await?;
    for n in 0..5 {
        ns.apply(web(n)).await?;
    }
    Ok(())
}

async fn flap(ns: &TestNamespace) -> Result<()> {
    five(ns).await?;
    for n in 1_usize.. {
        ns.apply(config_map("app", &[("k", &n.to_string())]))
            .await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn toggle(ns: &TestNamespace) -> Result<()> {
    five(ns).await?;
    for n in 1_usize.. {
        let value = if n.is_multiple_of(2) { "auto" } else { "false" };
        ns.edit("deployment/web-0", annotated(RELOAD, value))
            .await?;
        ns.apply(config_map("app", &[("k", &(n / 8).to_string())]))
            .await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn mistakes(ns: &TestNamespace) -> Result<()> {
    five(ns).await?;
    for n in 1_usize.. {
        let bad = format!("auto, nothing{n}/app, configmap/name-{n}");
        let web = format!("deployment/web-{}", n % 5);
        ns.edit(&web, annotated(RELOAD, &bad)).await?;
        ns.edit(&web, annotated("tidings.dev/settle", &format!("soon-{n}")))
            .await?;
        sleep(PAUSE).await;
    }
    Ok(())
}

async fn names(ns: &TestNamespace) -> Result<()> {
    five(ns).await?;
    for n in 1_usize.. {
        let names: Vec<_> = (0..2_000).map(|i| format!("n{n}-{i}")).collect();
        ns.edit("deployment/web-0", annotated(MAPS, &names.join(",")))
            .await?;
        sleep(PAUSE * 10).await;
    }
    Ok(())
}

async fn come_and_go(ns: &TestNamespace) -> Result<()> {
    loop {
        five(ns).await?;
        sleep(PAUSE * 10).await;
        for n in 0..5 {
            ns.delete(&format!("deployment/web-{n}")).await?;
        }
        ns.delete("configmap/app").await?;
        sleep(PAUSE).await;
    }
}
