//! Programs that watch their files themselves, and people who only want to be told.
//!
//! `--methods`: without it no method that needs rights on pods is enabled.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::core::DynamicObject;
use rig::fixtures::{config_map, object};
use rig::installed::{Installed, Told};
use rig::node::web::{WEB, Web};
use rig::node::{images, pods};
use rig::{secs, wait_until};
use serde_json::{Value, json};

use crate::hot::town::Town;
use crate::lab::{LIMIT, UNPOKED, node};

/// Prometheus, which finds out itself when the file with its targets changes.
const CONFIG: &str = "scrape_configs: [{ job_name: all, \
     file_sd_configs: [{ files: [/etc/targets/all.json], refresh_interval: 1h }] }]";
const SHOWN: (u16, &str) = (9090, "/api/v1/targets?state=active");

#[tokio::test]
async fn prometheus_has_its_targets_before_the_kubelets_time() -> Result<()> {
    let Some(node) = node(&[images::prometheus]).await? else {
        return Ok(());
    };
    let lab = Installed::new(node.cluster(), "file-sd").await?;
    let ns = lab.ns();
    ns.apply(config_map("prometheus", &[("prometheus.yml", CONFIG)]))
        .await?;
    ns.apply(targets("one")).await?;
    ns.apply(prometheus("poked", "poke")).await?;
    // Beside it: nobody pokes that.
    ns.apply(prometheus("alone", "notify")).await?;
    let poked = shows(&lab, "poked", "one").await?;
    let alone = shows(&lab, "alone", "one").await?;
    let tidings = lab.controller(&["--methods=poke,notify"]).await?;
    lab.adopted("deployment/poked").await?;

    // The kubelet has just been at both, and comes by itself in a minute.
    ns.apply(targets("two")).await?;
    for pod in [&poked, &alone] {
        pods::poke(ns, pod).await?;
        pods::serves(pod, SHOWN, "two.example", LIMIT).await?;
    }
    done(&lab, 1).await.with_context(|| tidings.tail())?;

    ns.apply(targets("three")).await?;
    let served = pods::serves(&poked, SHOWN, "three.example", LIMIT).await;
    served.with_context(|| tidings.tail())?;
    let (_, still) = pods::get(&alone, SHOWN.0, SHOWN.1).await?;
    ensure!(still.contains("two.example"), "{still}");
    done(&lab, 2).await?;
    let about = "nothing proves that it was taken";
    lab.told("deployment/poked", "Changed", about).await?;
    pods::serves(&alone, SHOWN, "three.example", UNPOKED).await?;
    lab.is_rolled_exactly("deployment/poked", 0).await
}

fn targets(name: &str) -> DynamicObject {
    let text = json!([{"targets": [format!("{name}.example:80")]}]).to_string();
    config_map("targets", &[("all.json", &text)])
}

fn prometheus(name: &str, method: &str) -> DynamicObject {
    let labels = json!({"app": name});
    let volume = |name: &str| json!({"name": name, "configMap": {"name": name}});
    let mount = |name: &str| json!({"name": name, "mountPath": format!("/etc/{name}")});
    let container = json!({
        "name": "prometheus",
        "image": images::PROMETHEUS,
        "args": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data/tsdb"],
        "readinessProbe": {"httpGet": {"port": 9090, "path": "/-/ready"}, "periodSeconds": 1},
        "volumeMounts": [mount("prometheus"), mount("targets"), {"name": "data", "mountPath": "/data"}],
    });
    let pod = json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [volume("prometheus"), volume("targets"), {"name": "data", "emptyDir": {}}],
    });
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    let spec = json!({"selector": {"matchLabels": labels}, "template": template});
    let mut object = object("deployment", name, json!({"spec": spec}));
    let annotations = [
        ("tidings.dev/reload", "auto"),
        ("tidings.dev/method", method),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    object.metadata.annotations = Some(annotations.into());
    object
}

async fn shows(lab: &Installed, name: &str, target: &str) -> Result<Pod> {
    let pod = pods::ready_one(lab.ns(), &format!("app={name}"), LIMIT).await?;
    pods::serves(&pod, SHOWN, &format!("{target}.example"), LIMIT).await?;
    Ok(pod)
}

async fn done(lab: &Installed, n: u64) -> Result<Value> {
    wait_until(&format!("no. {n} to be done"), secs(60), async || {
        let entry = lab.entry("deployment/poked").await?.context("no record")?;
        ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
        Ok(entry)
    })
    .await
}

#[tokio::test]
async fn who_is_only_told_is_told_once_for_each_content() -> Result<()> {
    let Some(town) = Town::open("only-told", Web::new("notify"), 1, &[]).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    for (page, times) in [("two", 1), ("three", 2)] {
        town.serve(page).await?;
        wait_until(&format!("{times} Events"), LIMIT, async || {
            let told = notified(&town).await?;
            ensure!(told.len() == times, "{told:?}");
            Ok(())
        })
        .await?;
        town.explained(&["Notified", "stale"]).await?;
    }
    town.lab.caught_up().await?;
    ensure!(notified(&town).await?.len() == 2, "it was told once more");
    town.are_the_same(&before).await
}

async fn notified(town: &Town) -> Result<Vec<Told>> {
    let all = town.lab.events(WEB).await?.into_iter();
    Ok(all.filter(|told| told.reason == "Notified").collect())
}
