//! What whoever is in charge of workloads decides about their rolls: what would restart is
//! seen before, waits for a word, goes a few at a time, stops at the first that fails, and
//! everything can be held.
//!
//! Each command is really run, and what it prints is shown as it is; one that ends with
//! another exit code than it should ends the demo.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::objects::NAMESPACE;
use super::page::Page;
use super::scene::Scene;
use super::sight::tells;
use crate::fixtures::{Workload, config_map, deployment};
use crate::kubelet::BREAKS_WITH;
use crate::wait::{secs, wait_until};

/// What is applied.
const FILE: &str = "app.yaml";
/// What one of the programs does not know.
const BAD: &str = "verbose";

/// Where it is played.
struct Stage<'a> {
    page: &'a Page,
    scene: &'a Scene,
    folder: &'a Path,
}

/// Workloads that use one ConfigMap, and changes of it.
pub(super) async fn play(page: &Page, scene: &mut Scene, folder: &Path) -> Result<()> {
    install(page, scene).await?;
    let stage = Stage {
        page,
        scene,
        folder,
    };
    stage.foresee().await?;
    stage.wait().await?;
    stage.approve().await?;
    stage.ride().await?;
    stage.stop().await?;
    stage.resume().await?;
    stage.mend().await?;
    stage.pause().await
}

async fn install(page: &Page, scene: &mut Scene) -> Result<()> {
    page.step("Four workloads, in the order in which they are to go");
    page.quote(
        "deployment/api   1 pod   tidings.dev/wave: \"-1\", tidings.dev/approval: required\n\
         deployment/cart  1 pod\n\
         deployment/shop  1 pod   its program does not know LOG_LEVEL=verbose\n\
         deployment/web   3 pods  tidings.dev/wave: \"1\"\n\
         each with tidings.dev/reload: auto, and env: LOG_LEVEL of configmap/app",
    );
    app(scene, "info").await?;
    for workload in workloads() {
        scene.stage.apply(workload).await?;
    }
    for name in ["api", "cart", "shop", "web"] {
        let workload = format!("deployment/{name}");
        scene.stage.rolled_out(&workload, secs(20)).await?;
    }
    page.quote("$ tidings controller --at-once 2");
    let start = Instant::now();
    scene.start_controller_with(&["--at-once=2"]).await?;
    scene.first_record(start, secs(20)).await?;
    Ok(())
}

fn workloads() -> [Workload; 4] {
    // A rollout has failed when nothing has come of it for so many seconds; the default is 600.
    let late = json!({"progressDeadlineSeconds": 6});
    let of = |name: &str| {
        let workload = deployment(name).env_key("configmap/app", "LOG_LEVEL");
        workload.annotate("tidings.dev/reload", "auto").spec(&late)
    };
    let breaks = format!("app/LOG_LEVEL={BAD}");
    [
        of("api")
            .replicas(1)
            .annotate("tidings.dev/wave", "-1")
            .annotate("tidings.dev/approval", "required"),
        of("cart").replicas(1),
        of("shop").replicas(1).annotate_pods(BREAKS_WITH, &breaks),
        of("web").replicas(3).annotate("tidings.dev/wave", "1"),
    ]
}

async fn app(scene: &Scene, level: &str) -> Result<()> {
    let app = config_map("app", &[("LOG_LEVEL", level)]);
    scene.stage.apply(app).await?;
    Ok(())
}

impl Stage<'_> {
    async fn foresee(&self) -> Result<()> {
        self.page
            .step("What would restart if this file were applied?");
        let file = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app, namespace: {NAMESPACE}}}\n\
             data: {{LOG_LEVEL: debug}}\n"
        );
        self.page.quote(&file);
        std::fs::write(self.folder.join(FILE), file)?;
        self.tells(&format!("impact -f {FILE}"), 10).await
    }

    async fn wait(&self) -> Result<()> {
        self.page.step("It is applied, and waits");
        self.page.quote(&format!("$ kubectl apply -f {FILE}"));
        app(self.scene, "debug").await?;
        self.stands("api", "NeedsApproval").await?;
        self.stands("web", "TrainWaits").await?;
        self.tells(&format!("status -n {NAMESPACE}"), 1).await
    }

    async fn approve(&self) -> Result<()> {
        self.page.step("Somebody approves it, and the first goes");
        let start = Instant::now();
        self.tells(&format!("approve -n {NAMESPACE} deploy/api --yes"), 0)
            .await?;
        self.tells(&format!("wait -n {NAMESPACE} deploy/api -q"), 0)
            .await?;
        self.page.at(start.elapsed(), "since it was approved");
        Ok(())
    }

    async fn ride(&self) -> Result<()> {
        self.page
            .step("When it has been well for ten seconds the others follow, two at once");
        let start = Instant::now();
        for name in ["cart", "shop"] {
            self.is_in_step(name).await?;
        }
        self.tells(&format!("status -n {NAMESPACE}"), 1).await?;
        self.tells(&format!("wait -n {NAMESPACE} deploy/web -q"), 0)
            .await?;
        self.page.at(start.elapsed(), "since the first one had it");
        self.tells(&format!("history -n {NAMESPACE} deploy/web"), 0)
            .await
    }

    async fn stop(&self) -> Result<()> {
        self.page
            .step("One of them cannot live with the next content: the train stops");
        self.write(BAD).await?;
        self.approve_quietly().await?;
        self.scene.stage.give_up("shop", 3).await?;
        self.stands("web", "TrainStopped").await?;
        self.tells(&format!("status -n {NAMESPACE}"), 1).await?;
        self.tells(&format!("why -n {NAMESPACE} deploy/web"), 1)
            .await
    }

    async fn resume(&self) -> Result<()> {
        self.page
            .step("It is to go on without that one: somebody says so");
        let start = Instant::now();
        self.tells(&format!("resume -n {NAMESPACE} deploy/web --yes"), 0)
            .await?;
        self.tells(&format!("wait -n {NAMESPACE} deploy/web -q"), 0)
            .await?;
        self.page.at(start.elapsed(), "since somebody said so");
        Ok(())
    }

    async fn mend(&self) -> Result<()> {
        self.page
            .step("The content is mended, and goes to all of them again");
        self.write("warn").await?;
        self.approve_quietly().await?;
        for name in ["shop", "web"] {
            self.is_in_step(name).await?;
        }
        self.tells(&format!("status -n {NAMESPACE}"), 0).await
    }

    async fn pause(&self) -> Result<()> {
        self.page.step("Nothing is to be rolled anywhere");
        self.tells("pause --all --yes", 0).await?;
        self.write("trace").await?;
        self.stands("api", "Paused").await?;
        self.stands("web", "Paused").await?;
        self.tells(&format!("status -n {NAMESPACE}"), 1).await?;
        self.tells("unpause --all --yes", 0).await?;
        self.stands("api", "NeedsApproval").await?;
        self.page.step("And this one is not to be brought");
        self.tells(&format!("reject -n {NAMESPACE} deploy/api --yes"), 0)
            .await?;
        self.stands("api", "Declined").await?;
        self.tells(&format!("why -n {NAMESPACE} deploy/api"), 1)
            .await
    }

    /// What somebody types, and what it says.
    async fn tells(&self, command: &str, code: i32) -> Result<()> {
        tells(self.page, self.scene, self.folder, command, code).await
    }

    async fn write(&self, level: &str) -> Result<()> {
        let data = json!({"data": {"LOG_LEVEL": level}});
        self.page.quote(&format!("configmap/app {data}"));
        app(self.scene, level).await
    }

    /// As it was shown before.
    async fn approve_quietly(&self) -> Result<()> {
        self.stands("api", "NeedsApproval").await?;
        let command = format!("approve -n {NAMESPACE} deploy/api --yes");
        self.page.quote(&format!("$ tidings {command}"));
        let args: Vec<_> = command.split(' ').collect();
        let output = self.run(&args).await?;
        let said = String::from_utf8_lossy(&output.stdout);
        self.page.quote(said.lines().next().unwrap_or_default());
        ensure!(output.status.success(), "{said}");
        Ok(())
    }

    async fn run(&self, args: &[&str]) -> Result<std::process::Output> {
        crate::process::run_in(self.folder, self.scene.cluster.kubeconfig(), args).await
    }

    /// Waits until a workload waits for this, on record.
    async fn stands(&self, name: &str, reason: &str) -> Result<()> {
        wait_until(reason, secs(60), async || {
            let workload = self.why(name).await?;
            let is_on_record = reason == "Paused" || workload["waits"]["number"].is_string();
            ensure!(workload["reason"] == reason && is_on_record, "{workload}");
            Ok(())
        })
        .await
    }

    async fn why(&self, name: &str) -> Result<Value> {
        let workload = format!("deploy/{name}");
        let args = ["why", "-n", NAMESPACE, &workload, "-o", "json"];
        let why: Value = serde_json::from_slice(&self.run(&args).await?.stdout)?;
        let workload = why["workloads"].get(0);
        workload.cloned().with_context(|| why.to_string())
    }

    /// Waits until all pods of a workload have what is there, and are ready.
    async fn is_in_step(&self, name: &str) -> Result<()> {
        wait_until(&format!("{name} in step"), secs(60), async || {
            let workload = self.why(name).await?;
            ensure!(workload["standing"] == "inStep", "{workload}");
            Ok(())
        })
        .await
    }
}
