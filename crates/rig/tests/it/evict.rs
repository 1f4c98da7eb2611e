//! A change that is brought by evictions: other pods have it, one after another, and the pod
//! template is as it was; or a PodDisruptionBudget holds it, and that is said.
//!
//! All start with `--methods`: without it no method that needs rights on pods is enabled.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use rig::fixtures::{Workload, config_map, daemon_set, deployment, stateful_set};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::READY;
use rig::process::Tidings;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

const WEB: &str = "deployment/web";
const METHOD: &str = "tidings.dev/method";
const EVICTIONS: &[&str] = &["--methods=evict,rollout,notify"];

/// A workload and its controller.
struct Town {
    lab: Installed,
    workload: &'static str,
    tidings: Tidings,
}

fn web() -> Workload {
    deployment("web").replicas(3)
}

impl Town {
    /// It runs with `LEVEL` in its environment, allows `evict` and is on record.
    async fn open(about: &str, workload: &'static str, spec: Workload) -> Result<Self> {
        let lab = Installed::new(Cluster::shared().await?, about).await?;
        let tidings = lab.controller(EVICTIONS).await?;
        let town = Self {
            lab,
            workload,
            tidings,
        };
        town.level("info").await?;
        let spec = spec.env_key("configmap/env", "LEVEL");
        let spec = spec.annotate(RELOAD, "auto").annotate(METHOD, "evict");
        town.lab.ns().apply(spec).await?;
        town.lab.ns().rolled_out(workload, secs(60)).await?;
        town.lab.adopted(workload).await?;
        Ok(town)
    }

    async fn level(&self, value: &str) -> Result<()> {
        let source = config_map("env", &[("LEVEL", value)]);
        self.lab.ns().apply(source).await?;
        Ok(())
    }

    /// Uids of its pods, by name.
    async fn pods(&self) -> Result<BTreeMap<String, String>> {
        let pods = self.lab.ns().pods(self.workload).await?;
        let named = |pod: &Pod| Some((pod.name_any(), pod.uid()?));
        Ok(pods.iter().filter_map(named).collect())
    }

    async fn uids(&self) -> Result<BTreeSet<String>> {
        Ok(self.pods().await?.into_values().collect())
    }

    /// Waits until the record says that roll `n` is done.
    async fn done(&self, n: u64) -> Result<Value> {
        wait_until(&format!("no. {n} to be done"), secs(90), async || {
            let entry = self.lab.entry(self.workload).await?;
            let entry = entry.context("no record")?;
            ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
            Ok(entry)
        })
        .await
        .with_context(|| self.tidings.tail())
    }

    /// Checks that none of these pods is left, and that nothing was written on the template.
    async fn all_are_other_than(&self, before: &BTreeSet<String>) -> Result<()> {
        let now = self.uids().await?;
        ensure!(now.is_disjoint(before), "{before:?}, then {now:?}");
        ensure!(now.len() == before.len(), "{before:?}, then {now:?}");
        self.lab.is_rolled_exactly(self.workload, 0).await
    }

    /// Waits until a command says all of this.
    async fn says(&self, command: &[&str], words: &[&str]) -> Result<String> {
        wait_until(&format!("{command:?}"), secs(60), async || {
            let said = text_of(&self.lab.ask(command[0], &command[1..]).await?);
            ensure!(words.iter().all(|word| said.contains(word)), "{said}");
            Ok(said)
        })
        .await
        .with_context(|| self.tidings.tail())
    }

    /// A budget that lets no more than so many pods of all be down.
    async fn budget(&self, name: &str, unavailable: i32) -> Result<()> {
        let app = self.lab.ns().get(self.workload).await?;
        let labels = &app.data["spec"]["selector"];
        let budget: PodDisruptionBudget = serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"maxUnavailable": unavailable, "selector": labels},
        }))?;
        let api = self.lab.ns().api::<PodDisruptionBudget>();
        api.create(&PostParams::default(), &budget).await?;
        Ok(())
    }

    async fn change_budget(&self, name: &str, unavailable: i32) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": {"maxUnavailable": unavailable}}));
        let api = self.lab.ns().api::<PodDisruptionBudget>();
        api.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }
}

#[tokio::test]
async fn other_pods_have_it_and_the_template_is_as_it_was() -> Result<()> {
    let town = Town::open("evict", WEB, web()).await?;
    let before = town.uids().await?;
    town.level("debug").await?;
    let entry = town.done(1).await?;
    ensure!(entry.get("climb").is_none(), "{entry}");
    town.all_are_other_than(&before).await?;
    let said = "Brought by evict (no. 1): configmap/env (LEVEL); every pod that runs has proven it";
    let told = town.lab.told(WEB, "Changed", "Brought by evict").await?;
    assert_eq!(told.text, said);
    town.says(&["why", WEB], &["in step", "by evict"]).await?;
    town.says(&["history", WEB], &["evict", "done"]).await?;
    let again = town.uids().await?;
    town.level("trace").await?;
    town.done(2).await?;
    town.all_are_other_than(&again).await
}

/// From the highest ordinal down, each when the one before is Ready: a second and a half
/// parts them, so that times of whole seconds tell.
#[tokio::test]
async fn a_stateful_set_goes_from_the_top_down() -> Result<()> {
    const DB: &str = "statefulset/db";
    let db = stateful_set("db").replicas(3).annotate_pods(READY, "1500");
    let town = Town::open("evict-stateful", DB, db).await?;
    let before = town.uids().await?;
    town.level("debug").await?;
    town.done(1).await?;
    town.all_are_other_than(&before).await?;
    let made = |pod: &Pod| Some((pod.creation_timestamp()?.0, pod.name_any()));
    let pods = town.lab.ns().pods(DB).await?;
    let mut made: Vec<_> = pods.iter().filter_map(made).collect();
    made.sort();
    let order: Vec<_> = made.iter().map(|(_, name)| &**name).collect();
    assert_eq!(order, ["db-2", "db-1", "db-0"]);
    Ok(())
}

#[tokio::test]
async fn so_does_a_daemon_set_that_waits_for_deletions() -> Result<()> {
    const NODES: &str = "daemonset/nodes";
    let spec = json!({"updateStrategy": {"type": "OnDelete"}});
    let town = Town::open("evict-daemons", NODES, daemon_set("nodes").spec(&spec)).await?;
    let before = town.uids().await?;
    ensure!(!before.is_empty(), "no node");
    town.level("debug").await?;
    town.done(1).await?;
    town.all_are_other_than(&before).await
}

#[tokio::test]
async fn a_budget_holds_it_until_it_opens_and_that_is_said() -> Result<()> {
    let town = Town::open("evict-budget", WEB, web()).await?;
    let before = town.uids().await?;
    town.budget("web", 0).await?;
    town.level("debug").await?;
    let needs = "The disruption budget web needs 3 healthy pods and has 3 currently";
    town.lab.told(WEB, "BudgetHolds", needs).await?;
    town.says(&["why", WEB], &["BudgetHolds", needs, "waiting"])
        .await?;
    town.says(&["status"], &["waiting", "BudgetHolds", "0/3"])
        .await?;
    assert_eq!(town.uids().await?, before);
    town.change_budget("web", 1).await?;
    town.done(1).await?;
    town.all_are_other_than(&before).await?;
    town.says(&["status"], &["in step"]).await?;
    Ok(())
}

/// An eviction of a pod that two match is answered by 500, as nothing that is known of it.
#[tokio::test]
async fn two_budgets_of_one_pod_hold_it_until_one_is_gone() -> Result<()> {
    let town = Town::open("evict-budgets", WEB, web()).await?;
    let before = town.uids().await?;
    town.budget("one", 1).await?;
    town.budget("two", 1).await?;
    town.level("debug").await?;
    let two = "more than one PodDisruptionBudget";
    town.lab.told(WEB, "BudgetHolds", two).await?;
    let budgets = town.lab.ns().api::<PodDisruptionBudget>();
    budgets.delete("two", &DeleteParams::default()).await?;
    town.done(1).await?;
    town.all_are_other_than(&before).await
}

#[tokio::test]
async fn who_is_killed_in_the_midst_is_followed_by_one_who_goes_on() -> Result<()> {
    let slow = web().annotate_pods(READY, "2000");
    let town = Town::open("evict-killed", WEB, slow).await?;
    let before = town.uids().await?;
    town.level("debug").await?;
    wait_until("the first pod to be another", secs(60), async || {
        let now = town.uids().await?;
        ensure!(now.iter().any(|uid| !before.contains(uid)), "{now:?}");
        Ok(())
    })
    .await
    .with_context(|| town.tidings.tail())?;
    town.tidings.kill();
    let town = Town {
        tidings: town.lab.controller(EVICTIONS).await?,
        ..town
    };
    town.done(1).await?;
    town.all_are_other_than(&before).await
}

/// As it ships: `--methods` is `rollout,notify`.
#[tokio::test]
async fn it_is_not_enabled_by_itself() -> Result<()> {
    let (lab, _tidings) = Installed::running("evict-not", &[]).await?;
    lab.ns()
        .apply(config_map("env", &[("LEVEL", "info")]))
        .await?;
    let spec = web().env_key("configmap/env", "LEVEL");
    let spec = spec.annotate(RELOAD, "auto");
    lab.adopt([spec.annotate(METHOD, "evict, rollout")]).await?;
    lab.ns()
        .apply(config_map("env", &[("LEVEL", "debug")]))
        .await?;
    lab.rolled_exactly(WEB, 1).await?;
    let because = lab.because(WEB).await?.context("no reason")?;
    let why = "evict cannot: it is not enabled (--methods)";
    ensure!(because.contains(why), "{because}");
    Ok(())
}
