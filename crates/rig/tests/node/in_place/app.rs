//! A program that shows its variable and its file as they were when it started, beside one
//! that uses neither; and a controller.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::{config_map, object};
use rig::installed::text_of;
use rig::node::web::{level, restarts};
use rig::node::{images, pods};
use rig::process::Tidings;
use rig::{Installed, wait_until};
use serde_json::{Value, json};

use crate::lab::{LIMIT, node};

/// Where it listens.
const PORT: u16 = 8080;
/// The annotation of a pod that is restarted.
const RESTART: &str = "tidings.dev/restart";
const LABELS: &str = "app=app";
/// What it does: it shows what it was started with.
const SHOWS: &str =
    "echo $LEVEL > /www/level; cp /etc/page /www/page; exec httpd -f -p 8080 -h /www";

/// What a pod is known by: uid and address; and of each container its id, and how often it
/// was started again.
pub(crate) type Seen = BTreeMap<String, ((String, String), BTreeMap<String, (String, i32)>)>;

/// The workload, and what a test works with.
pub(crate) struct App {
    lab: Installed,
    reference: String,
    tidings: Option<Tidings>,
    replicas: usize,
}

impl App {
    /// It runs, and there is no controller yet. None where there cannot be a node.
    pub(crate) async fn build(about: &str, kind: &str, replicas: usize) -> Result<Option<Self>> {
        Self::allowing("restart-in-place, rollout", about, kind, replicas).await
    }

    /// The same, by these methods.
    pub(crate) async fn allowing(
        methods: &str,
        about: &str,
        kind: &str,
        replicas: usize,
    ) -> Result<Option<Self>> {
        let Some(node) = node(&[images::busybox]).await? else {
            return Ok(None);
        };
        let lab = Installed::new(node.cluster(), about).await?;
        for source in [level("info"), config_map("page", &[("page", "one")])] {
            lab.ns().apply(source).await?;
        }
        lab.ns().apply(workload(methods, kind, replicas)).await?;
        let app = Self {
            lab,
            reference: format!("{kind}/app"),
            tidings: None,
            replicas,
        };
        app.all_serve("level", "info").await?;
        Ok(Some(app))
    }

    /// The same, and a controller with these options has recorded it.
    pub(crate) async fn open(
        about: &str,
        kind: &str,
        replicas: usize,
        options: &[&str],
    ) -> Result<Option<Self>> {
        let Some(mut app) = Self::build(about, kind, replicas).await? else {
            return Ok(None);
        };
        app.start(options).await?;
        Ok(Some(app))
    }

    pub(crate) fn lab(&self) -> &Installed {
        &self.lab
    }

    pub(crate) async fn start(&mut self, options: &[&str]) -> Result<()> {
        self.tidings = Some(self.lab.controller(options).await?);
        self.lab.adopted(&self.reference).await?;
        Ok(())
    }

    pub(crate) async fn start_as(&mut self, user: &Path, options: &[&str]) -> Result<()> {
        self.tidings = Some(self.lab.controller_as(user, options).await?);
        self.lab.adopted(&self.reference).await?;
        Ok(())
    }

    pub(crate) fn kill(&mut self) {
        if let Some(tidings) = self.tidings.take() {
            tidings.kill();
        }
    }

    // --- what is done ------------------------------------------------------------

    /// Its variable is to be this.
    pub(crate) async fn level(&self, value: &str) -> Result<()> {
        self.apply(level(value)).await
    }

    pub(crate) async fn apply(&self, object: DynamicObject) -> Result<()> {
        self.lab.ns().apply(object).await?;
        Ok(())
    }

    // --- what is seen ------------------------------------------------------------

    async fn pods(&self) -> Result<Vec<Pod>> {
        let ready = pods::ready(self.lab.ns(), LABELS, self.replicas, LIMIT).await;
        ready.with_context(|| self.log())
    }

    /// Waits until each pod serves this at a path.
    pub(crate) async fn all_serve(&self, path: &str, text: &str) -> Result<()> {
        for pod in self.pods().await? {
            let served = pods::serves(&pod, (PORT, &format!("/{path}")), text, LIMIT).await;
            served.with_context(|| self.log())?;
        }
        Ok(())
    }

    pub(crate) async fn seen(&self) -> Result<Seen> {
        let pods = self.pods().await?;
        let seen = |pod: &Pod| {
            let uid = pod.uid().context("no uid")?;
            let place = (uid, pods::address(pod)?.to_owned());
            let status = pod.status.clone().unwrap_or_default();
            let containers = status.container_statuses.unwrap_or_default();
            let told = |of: ContainerStatus| {
                let id = of.container_id.unwrap_or_default();
                (of.name, (id, of.restart_count))
            };
            let containers = containers.into_iter().map(told).collect();
            Ok((pod.name_any(), (place, containers)))
        };
        pods.iter().map(seen).collect()
    }

    /// Waits until the record says that roll `n` is done.
    pub(crate) async fn done(&self, n: u64) -> Result<Value> {
        wait_until(&format!("no. {n} to be done"), LIMIT, async || {
            let entry = self.lab.entry(&self.reference).await?;
            let entry = entry.context("no record")?;
            ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
            Ok(entry)
        })
        .await
        .with_context(|| self.log())
    }

    /// Waits until a pod is to be restarted for a number.
    pub(crate) async fn is_noted(&self, n: u64) -> Result<()> {
        let number = format!(r#""n":"{n}-"#);
        wait_until("a pod to be restarted", LIMIT, async || {
            let all = pods::list(self.lab.ns(), LABELS).await?;
            let note = |pod: &Pod| pod.annotations().get(RESTART).cloned();
            let notes: Vec<_> = all.iter().filter_map(note).collect();
            ensure!(notes.iter().any(|note| note.contains(&number)), "{notes:?}");
            Ok(())
        })
        .await
        .with_context(|| self.log())
    }

    /// Waits for an Event that says this.
    pub(crate) async fn told(&self, text: &str) -> Result<()> {
        let told = self.lab.told(&self.reference, "Changed", text).await;
        told.map(drop).with_context(|| self.log())
    }

    /// Waits until `why` says all of this.
    pub(crate) async fn explained(&self, words: &[&str]) -> Result<()> {
        wait_until("why", LIMIT, async || {
            let said = text_of(&self.lab.why(&[&self.reference]).await?);
            ensure!(words.iter().all(|word| said.contains(word)), "{said}");
            Ok(())
        })
        .await
    }

    /// Asks again and again; over when none of the pods answers.
    pub(crate) async fn is_not_served(&self) -> Result<()> {
        let pods = self.pods().await?;
        loop {
            let asked = pods.iter().map(|pod| pods::get(pod, PORT, "/level"));
            let answers = join_all(asked).await;
            let served = answers.iter().flatten().any(|(status, _)| *status == 200);
            ensure!(served, "nobody serves: {answers:?}");
        }
    }

    /// Checks that the template is as it was made.
    pub(crate) async fn is_untouched(&self) -> Result<()> {
        self.lab.is_rolled_exactly(&self.reference, 0).await
    }

    fn log(&self) -> String {
        self.tidings
            .as_ref()
            .map_or_else(String::new, Tidings::tail)
    }
}

/// Checks that in the same pods, at the same addresses, `main` was started again so many
/// times, and the other container is the one that it was.
pub(crate) fn are_restarted(before: &Seen, after: &Seen, times: i32) -> Result<()> {
    ensure!(before.keys().eq(after.keys()), "{before:?}, then {after:?}");
    for (was, is) in before.values().zip(after.values()) {
        ensure!(was.0 == is.0, "{was:?}, then {is:?}");
        ensure!(was.1["other"] == is.1["other"], "{was:?}, then {is:?}");
        let (was, is) = (&was.1["main"], &is.1["main"]);
        ensure!(
            was.0 != is.0 && is.1 == was.1 + times,
            "{was:?}, then {is:?}"
        );
    }
    Ok(())
}

fn workload(methods: &str, kind: &str, replicas: usize) -> DynamicObject {
    let labels = json!({"app": "app"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod()});
    let mut spec = json!({"selector": {"matchLabels": labels}, "template": template});
    match kind {
        "daemonset" => {}
        "statefulset" => {
            spec["replicas"] = json!(replicas);
            spec["serviceName"] = json!("app");
        }
        _ => spec["replicas"] = json!(replicas),
    }
    let mut object = object(kind, "app", json!({ "spec": spec }));
    let annotations = [
        ("tidings.dev/reload", "auto"),
        ("tidings.dev/method", methods),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value.to_owned()));
    object.metadata.annotations = Some(annotations.into());
    object
}

fn pod() -> Value {
    let level = json!({"configMapKeyRef": {"name": "env", "key": "LEVEL"}});
    let www = json!({"name": "www", "mountPath": "/www"});
    let stops = json!(["sh", "-c", "echo stopped >> /www/stops"]);
    json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {"name": "main", "image": images::BUSYBOX, "command": ["sh", "-c", SHOWS],
                "env": [{"name": "LEVEL", "valueFrom": level}],
                "resources": {"requests": {"cpu": "50m"}},
                "resizePolicy": restarts(),
                "lifecycle": {"preStop": {"exec": {"command": stops}}},
                "readinessProbe": {"httpGet": {"port": PORT, "path": "/level"}, "periodSeconds": 1},
                "volumeMounts": [www, {"name": "page", "mountPath": "/etc/page", "subPath": "page"}]},
            {"name": "other", "image": images::BUSYBOX, "command": ["sleep", "1000000"]}],
        "volumes": [
            {"name": "page", "configMap": {"name": "page"}},
            {"name": "www", "emptyDir": {}}],
    })
}
