//! `make demo-hot`: a change goes into the nginx that runs, on a real node; a broken one
//! into none; and what cannot go hot is rolled out.
//!
//! Each step waits for what should follow, tells when it did, and fails if it does not.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::on_node::{self, LIMIT, Scene};
use super::page::Page;
use crate::fixtures::{TestNamespace, config_map};
use crate::node::processes::{self, Process};
use crate::node::web::{self, LABELS, WEB, Web, level, serving};
use crate::node::{self, pods};

const NAMESPACE: &str = "stage";
const PODS: usize = 2;

/// What matters of it, as people write it.
const ESSENTIALS: &str = r#"
kind: Deployment
metadata:
  name: web
  annotations:
    tidings.dev/reload: auto
    tidings.dev/method: hot, rollout
spec:
  replicas: 2
  template:
    spec:
      shareProcessNamespace: true
      initContainers:
        - name: tidings-agent                  # beside nginx, with nginx' own image
          restartPolicy: Always
          command: [/tidings/tidings-agent, watch, --preset=nginx, --watch=/etc/nginx/conf.d,
                    --poke-file=/poke/poke, --memory=/memory, "--listen=:9533"]
          ports: [{ name: tidings, containerPort: 9533 }]
      containers:
        - name: nginx
          env: [{ name: LEVEL, valueFrom: { configMapKeyRef: { name: env, key: LEVEL } } }]
          volumeMounts: [{ name: config, mountPath: /etc/nginx/conf.d }]
      volumes:
        - { name: config, configMap: { name: web } }
        - name: poke
          downwardAPI: { items: [{ path: poke,
            fieldRef: { fieldPath: "metadata.annotations['tidings.dev/poke']" } }] }
"#;
const BROKEN: &str = "server { listen 8080; retrun 200; }\n";

/// Shows everything; with `stay`, keeps it all up afterwards until an interrupt. Where
/// there cannot be a node it says so, and is over.
pub async fn show_hot(stay: bool) -> Result<()> {
    if node::leaves_out("demo-hot")? {
        return Ok(());
    }
    let page = Page::stdout();
    page.title("Tidings: a changed ConfigMap goes into the nginx that runs");
    let scene = set(&page).await?;
    hot(&page, &scene).await?;
    broken(&page, &scene).await?;
    rolled_out(&page, &scene).await?;
    history(&page, &scene).await?;
    scene.end(&page, stay).await
}

// --- the steps -------------------------------------------------------------------

async fn set(page: &Page) -> Result<Scene> {
    let node = on_node::node(page, web::prepare).await?;
    page.step("nginx, and the agent beside it");
    page.quote(ESSENTIALS.trim_start());
    let stage = TestNamespace::named(node.cluster(), NAMESPACE.to_owned()).await?;
    let start = Instant::now();
    stage.apply(serving("one")).await?;
    stage.apply(level("info")).await?;
    stage.apply(Web::new("hot, rollout").replicas(PODS)).await?;
    let all = pods::ready(&stage, LABELS, PODS, LIMIT).await?;
    try_join_all(all.iter().map(|pod| web::serves_at(pod, "one", LIMIT))).await?;
    page.at(start.elapsed(), "both pods serve \"one\"");
    let scene = Scene::set(page, node, stage, "hot,rollout").await?;
    scene.in_step("web").await?;
    Ok(scene)
}

async fn hot(page: &Page, scene: &Scene) -> Result<()> {
    page.step("A change of what nginx serves");
    let before = scene.masters().await?;
    scene.goes_hot(page, "two", 1).await?;
    tell_same(page, scene, &before).await
}

async fn broken(page: &Page, scene: &Scene) -> Result<()> {
    page.step("A change that nginx would not take");
    let before = scene.masters().await?;
    page.quote(&format!("configmap/web page.conf: {BROKEN}"));
    let start = Instant::now();
    scene
        .stage
        .apply(config_map("web", &[("page.conf", BROKEN)]))
        .await?;
    let said = scene.told(start, "Rejected", "").await?;
    page.at(said.0, "the first pod's check has refused it");
    page.quote(&format!("Warning Rejected: {}", said.1));
    let woken = scene.poked(2).await?;
    ensure!(woken == 1, "{woken} pods were woken for it");
    page.say("The other pod was not woken for it, and nothing is rolled out.");
    scene
        .tells(page, &["why", "-n", NAMESPACE, "deploy/web"], 1)
        .await?;
    scene.all_serve("two").await?;
    page.say("Both serve \"two\" still. The fix:");
    scene.goes_hot(page, "three", 3).await?;
    tell_same(page, scene, &before).await
}

async fn rolled_out(page: &Page, scene: &Scene) -> Result<()> {
    page.step("A change that cannot go hot: an environment variable");
    let before = scene.masters().await?;
    page.quote("configmap/env LEVEL: debug");
    let start = Instant::now();
    scene.stage.apply(level("debug")).await?;
    let said = scene.told(start, "Changed", "hot cannot").await?;
    page.at(said.0, "the next method of the list brings it");
    page.quote(&format!("Normal Changed: {}", said.1));
    scene.stage.rolled_out(WEB, LIMIT).await?;
    pods::ready(&scene.stage, LABELS, PODS, LIMIT).await?;
    page.at(start.elapsed(), "rolled out");
    let now = scene.masters().await?;
    let kept = now.keys().filter(|pod| before.contains_key(*pod)).count();
    ensure!(kept == 0, "{kept} pods are the same");
    page.say("Both pods are new.");
    scene.in_step("web").await
}

async fn history(page: &Page, scene: &Scene) -> Result<()> {
    page.step("That was all");
    scene
        .tells(page, &["history", "-n", NAMESPACE, "deploy/web"], 0)
        .await
}

/// Tells that the same processes run, and since when.
async fn tell_same(page: &Page, scene: &Scene, before: &Masters) -> Result<()> {
    let now = scene.masters().await?;
    ensure!(now == *before, "{before:?}, then {now:?}");
    let all = pods::list(&scene.stage, LABELS).await?;
    let restarts: i32 = all.iter().map(pods::restarts).sum();
    ensure!(restarts == 0, "{restarts} restarts");
    page.say("The same pods, 0 restarts, and the same processes:");
    for master in now.values() {
        let up = master.up()?.as_secs_f64();
        page.say(&format!(
            "  nginx' master is process {} as before, up {up:.1} s",
            master.pid
        ));
    }
    Ok(())
}

// --- what is played on -------------------------------------------------------------

/// The masters by their pods' names.
type Masters = BTreeMap<String, Process>;

impl Scene {
    /// Has nginx serve another page, and tells when which pod did.
    async fn goes_hot(&self, page: &Page, text: &str, number: u64) -> Result<()> {
        let source = serving(text);
        let conf = source.data["data"]["page.conf"]
            .as_str()
            .unwrap_or_default();
        page.quote(&format!("configmap/web page.conf: {conf}"));
        let all = pods::list(&self.stage, LABELS).await?;
        let start = Instant::now();
        self.stage.apply(source).await?;
        page.at(start.elapsed(), "the API server has accepted the change");
        let mut served =
            try_join_all(all.iter().map(|pod| web::serves_at(pod, text, LIMIT))).await?;
        served.sort();
        for (at, which) in served.into_iter().zip(["the first pod", "the other pod"]) {
            page.at(at - start, &format!("{which} serves \"{text}\""));
        }
        let number = format!("(no. {number})");
        let (at, said) = self.told(start, "Changed", &number).await?;
        page.at(at, "proven: nginx' master has new workers in both");
        page.quote(&format!("Normal Changed: {said}"));
        Ok(())
    }

    async fn masters(&self) -> Result<Masters> {
        let all = pods::ready(&self.stage, LABELS, PODS, LIMIT).await?;
        let master = |pod: &Pod| Ok((pod.name_any(), processes::first(pod, "nginx")?));
        all.iter().map(master).collect()
    }

    async fn all_serve(&self, text: &str) -> Result<()> {
        for pod in pods::list(&self.stage, LABELS).await? {
            let (_, now) = pods::get(&pod, web::PORT, "/").await?;
            ensure!(now.trim_end() == text, "{} serves {now}", pod.name_any());
        }
        Ok(())
    }

    /// How many pods were woken for a number.
    async fn poked(&self, number: u64) -> Result<usize> {
        let begins = format!("{number}-");
        let all = pods::list(&self.stage, LABELS).await?;
        let pokes = all
            .iter()
            .filter_map(|pod| pod.annotations().get("tidings.dev/poke"));
        Ok(pokes.filter(|poke| poke.starts_with(&begins)).count())
    }
}
