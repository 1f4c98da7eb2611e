//! A namespace in which workloads stand in every way, as a page should show it.

use anyhow::{Result, ensure};
use kube::core::DynamicObject;
use serde_json::json;

use crate::fixtures::{config_map, cron_job, deployment, secret, stateful_set};
use crate::installed::{Installed, RELOAD};
use crate::kubelet::READY;
use crate::process::Tidings;
use crate::wait::{clearly_later, secs, wait_until};

/// The namespaces, and the controller that works there.
pub struct Shop {
    /// Where everything is.
    pub lab: Installed,
    /// Who rolls it.
    pub tidings: Tidings,
}

/// What its ConfigMaps hold, of which one key changes.
fn settings(name: &str, level: &str) -> DynamicObject {
    config_map(
        name,
        &[
            ("LOG_LEVEL", level),
            ("app.yaml", "workers: 4"),
            ("TIMEOUT", "30s"),
        ],
    )
}

/// The ConfigMaps of those that each have their own.
const OWN: [&str; 5] = ["legacy", "checkout", "search", "mailer", "ledger"];

impl Shop {
    /// Opens it: one workload in step, one rolling, one waiting, one that failed, one that
    /// was stale before anybody looked, one that waits for its pods to be deleted, and one
    /// that nobody opted in.
    pub async fn open(lab: Installed) -> Result<Self> {
        for name in OWN.into_iter().chain(["web", "features"]) {
            lab.ns().apply(settings(name, "info")).await?;
        }
        lab.ns()
            .apply(secret("database", &[("PASSWORD", "x"), ("USER", "shop")]))
            .await?;
        lab.ns().apply(legacy()).await?;
        lab.ns().rolled_out("deployment/legacy", secs(60)).await?;
        clearly_later().await?;
        lab.ns().apply(settings("legacy", "debug")).await?;
        let tidings = lab.controller(&[]).await?;
        lab.adopt(workloads()).await?;
        lab.ns().apply(reports()).await?;
        lab.ns().rolled_out("deployment/web", secs(60)).await?;
        for name in OWN {
            lab.ns().apply(settings(name, "debug")).await?;
        }
        lab.ns().give_up("checkout", 2).await?;
        let shop = Self { lab, tidings };
        for (workload, stands) in STANDINGS {
            shop.stands(workload, stands).await?;
        }
        Ok(shop)
    }

    /// Waits until `status` says so.
    pub async fn stands(&self, workload: &str, stands: &str) -> Result<()> {
        wait_until(&format!("{workload} {stands}"), secs(90), async || {
            let said = self.lab.ask("status", &[]).await?;
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let mut lines = said.lines().filter(|line| line.contains(workload));
            ensure!(lines.any(|line| line.contains(stands)), "{said}");
            Ok(())
        })
        .await
    }
}

/// How each stands once it is open.
pub const STANDINGS: [(&str, &str); 6] = [
    ("deployment/web", "in step"),
    ("deployment/mailer", "rolling"),
    ("deployment/search", "waiting"),
    ("statefulset/ledger", "waiting"),
    ("deployment/checkout", "failed"),
    ("deployment/legacy", "stale"),
];

fn legacy() -> DynamicObject {
    let legacy = deployment("legacy").replicas(2).annotate(RELOAD, "auto");
    legacy.env_from("configmap/legacy").into()
}

fn workloads() -> Vec<DynamicObject> {
    let auto = |name: &str| deployment(name).replicas(2).annotate(RELOAD, "auto");
    let web = auto("web").env_key("configmap/web", "LOG_LEVEL");
    let web = web
        .env_from("secret/database")
        .env_from("configmap/features");
    let checkout = auto("checkout")
        .env_from("configmap/checkout")
        .env_from("secret/database");
    let late = json!({"progressDeadlineSeconds": 2});
    let search = auto("search").env_key("configmap/search", "LOG_LEVEL");
    let search = search.env_from("configmap/features");
    let mailer = auto("mailer").mount_items("configmap/mailer", &["app.yaml", "LOG_LEVEL"]);
    let ledger = stateful_set("ledger").replicas(2).annotate(RELOAD, "auto");
    let ledger = ledger.mount_sub_path("configmap/ledger", "LOG_LEVEL");
    vec![
        web.replicas(3).into(),
        checkout.spec(&late).annotate_pods(READY, "never").into(),
        search.spec(&json!({"paused": true})).into(),
        mailer.annotate_pods(READY, "never").into(),
        ledger
            .spec(&json!({"updateStrategy": {"type": "OnDelete"}}))
            .into(),
    ]
}

/// Nobody asked for it to be rolled.
fn reports() -> DynamicObject {
    cron_job("reports").env_from("configmap/features").into()
}
