//! A change that goes pod by pod: the running processes have it, proven by their agents,
//! and the pod template is as it was; or it is said why not.
//!
//! All start with `--methods`: without it no method that needs rights on pods is enabled.

mod agents;

use std::collections::BTreeMap;

use agents::{Agents, Mood};
use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rig::fixtures::{Workload, config_map, deployment};
use rig::installed::{Installed, RELOAD, text_of};
use rig::kubelet::LOCAL;
use rig::process::Tidings;
use rig::{Cluster, secs, wait_until};
use serde_json::{Value, json};

const WEB: &str = "deployment/web";
const METHOD: &str = "tidings.dev/method";
const POKE: &str = "tidings.dev/poke";
/// All methods are enabled.
const ALL: &[&str] = &["--methods=hot,rollout,notify"];
const POKES: &[&str] = &["--methods=poke,rollout,notify"];

/// Three pods that mount `configmap/app` and have `LEVEL` of `configmap/env` in their
/// environment, each with an agent at this port.
fn web(name: &str, methods: &str, port: u16) -> Workload {
    let level = json!({"configMapKeyRef": {"name": "env", "key": "LEVEL"}});
    let env = json!([{"name": "LEVEL", "valueFrom": level}]);
    files(name, methods, port).pod(&json!({"containers": containers(&env, port)}))
}

/// The same without a variable.
fn files(name: &str, methods: &str, port: u16) -> Workload {
    let token = json!({"fieldPath": format!("metadata.annotations['{POKE}']")});
    let poke = json!({"items": [{"path": "poke", "fieldRef": token}]});
    let volumes = json!([
        {"name": "app", "configMap": {"name": "app"}},
        {"name": "poke", "downwardAPI": poke},
    ]);
    deployment(name)
        .replicas(3)
        .pod(&json!({"containers": containers(&json!([]), port), "volumes": volumes}))
        .annotate_pods(LOCAL, "yes")
        .annotate(RELOAD, "auto")
        .annotate(METHOD, methods)
}

fn containers(env: &Value, port: u16) -> Value {
    let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    json!([
        {"name": "main", "image": "rig.example/app:1", "env": env,
            "volumeMounts": [mount("app", "/etc/app")]},
        {"name": "agent", "image": "rig.example/agent:1",
            "ports": [{"name": "tidings", "containerPort": port}],
            "volumeMounts": [mount("app", "/watched"), mount("poke", "/poke")]},
    ])
}

async fn app(lab: &Installed, value: &str) -> Result<()> {
    lab.ns()
        .apply(config_map("app", &[("site.conf", value)]))
        .await?;
    Ok(())
}

async fn env(lab: &Installed, value: &str) -> Result<()> {
    lab.ns()
        .apply(config_map("env", &[("LEVEL", value)]))
        .await?;
    Ok(())
}

/// What a test works with: its agents, and the controller.
struct Town {
    lab: Installed,
    agents: Agents,
    tidings: Tidings,
}

impl Town {
    /// `deployment/web` with these methods runs and is on record.
    async fn open(about: &str, methods: &str, options: &[&str]) -> Result<Self> {
        let lab = Installed::new(Cluster::shared().await?, about).await?;
        let agents = Agents::start(lab.ns()).await?;
        let tidings = lab.controller(options).await?;
        app(&lab, "1").await?;
        env(&lab, "info").await?;
        let town = Self {
            lab,
            agents,
            tidings,
        };
        town.add(web("web", methods, town.agents.port())).await?;
        Ok(town)
    }

    async fn add(&self, workload: Workload) -> Result<()> {
        let made = self.lab.ns().apply(workload).await?;
        let reference = format!("deployment/{}", made.name_any());
        self.lab.ns().rolled_out(&reference, secs(30)).await?;
        self.lab.adopted(&reference).await?;
        Ok(())
    }

    /// The pods by name, each with what its poke says.
    async fn pokes(&self) -> Result<BTreeMap<String, Option<String>>> {
        let pods = self.lab.ns().pods(WEB).await?;
        let poke = |pod: &Pod| pod.annotations().get(POKE).cloned();
        Ok(pods.iter().map(|pod| (pod.name_any(), poke(pod))).collect())
    }

    /// Waits until all pods, and no other pods than these, were poked for this number.
    async fn all_are_poked(&self, before: &BTreeMap<String, Option<String>>, n: u64) -> Result<()> {
        let now = self.pokes().await?;
        ensure!(now.keys().eq(before.keys()), "{before:?}, then {now:?}");
        let number = format!("{n}-");
        let is_poked =
            |poke: &Option<String>| poke.as_ref().is_some_and(|p| p.starts_with(&number));
        ensure!(now.values().all(is_poked), "{now:?}");
        Ok(())
    }

    /// Waits until the record says that roll `n` is done.
    async fn done(&self, workload: &str, n: u64) -> Result<Value> {
        wait_until(
            &format!("no. {n} of {workload} to be done"),
            secs(60),
            async || {
                let entry = self.lab.entry(workload).await?.context("no record")?;
                ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
                Ok(entry)
            },
        )
        .await
        .with_context(|| self.tidings.tail())
    }

    /// Waits until a pod that is made is newer than the intent, however clocks differ.
    async fn later_than_the_intent(&self) -> Result<()> {
        let entry = self.lab.entry(WEB).await?.context("no record")?;
        let at = entry["at"].as_i64().context("no time")?;
        wait_until("six seconds to pass", secs(30), async || {
            ensure!(Timestamp::now().as_second() > at + 6, "not yet");
            Ok(())
        })
        .await
    }

    /// Waits until `why` says all of this about the workload.
    async fn explained(&self, workload: &str, words: &[&str]) -> Result<String> {
        // A minute of silence is nobody's fault.
        wait_until(&format!("why {workload}"), secs(120), async || {
            let said = text_of(&self.lab.why(&[workload]).await?);
            ensure!(words.iter().all(|word| said.contains(word)), "{said}");
            Ok(said)
        })
        .await
        .with_context(|| self.tidings.tail())
    }

    async fn history(&self) -> Result<String> {
        Ok(text_of(&self.lab.ask("history", &[WEB]).await?))
    }

    /// How often a method has ended so.
    async fn ended(&self, method: &str, result: &str) -> Result<f64> {
        let labels = [
            format!("method=\"{method}\""),
            format!("result=\"{result}\""),
        ];
        let labels = labels.each_ref().map(String::as_str);
        self.tidings.metric("tidings_methods_total", &labels).await
    }
}

#[tokio::test]
async fn a_change_is_in_every_running_process_and_the_template_as_it_was() -> Result<()> {
    let town = Town::open("hot", "hot, rollout", ALL).await?;
    let before = town.pokes().await?;
    app(&town.lab, "2").await?;
    let entry = town.done(WEB, 1).await?;
    ensure!(entry.get("climb").is_none(), "{entry}");
    town.lab.in_step(WEB, "configmap/app").await?;
    town.all_are_poked(&before, 1).await?;
    town.lab.stays_rolled(WEB, 0).await?;
    let told = town
        .lab
        .told(WEB, "Changed", "every pod that runs has proven it")
        .await?;
    assert_eq!(
        told.text,
        "Brought by hot (no. 1): configmap/app (site.conf); every pod that runs has proven it"
    );
    town.explained(WEB, &["in step"]).await?;
    let history = town.history().await?;
    ensure!(history.contains("hot"), "{history}");
    assert!((town.ended("hot", "proven").await? - 1.0).abs() < f64::EPSILON);

    // The next is the next number, on the same pods.
    app(&town.lab, "3").await?;
    town.done(WEB, 2).await?;
    town.all_are_poked(&before, 2).await
}

#[tokio::test]
async fn what_hot_cannot_serve_is_rolled_out() -> Result<()> {
    let town = Town::open("hot-env", "hot, rollout", ALL).await?;
    env(&town.lab, "debug").await?;
    town.lab.rolled_exactly(WEB, 1).await?;
    let because = town.lab.because(WEB).await?.context("no reason")?;
    let why = "hot cannot: LEVEL of configmap/env is an environment variable of main";
    ensure!(because.contains(why), "{because}");
    town.lab.told(WEB, "Changed", why).await?;
    town.lab.ns().rolled_out(WEB, secs(30)).await?;
    // What hot can serve goes hot again, by the next number.
    app(&town.lab, "2").await?;
    town.done(WEB, 2).await?;
    town.lab.is_rolled_exactly(WEB, 1).await
}

#[tokio::test]
async fn what_a_check_refuses_goes_no_further_until_it_is_mended() -> Result<()> {
    let town = Town::open("refused", "hot, rollout", ALL).await?;
    town.agents.are(Mood::Rejects("line 3: unexpected }"));
    let before = town.pokes().await?;
    app(&town.lab, "broken").await?;
    town.explained(WEB, &["Rejected", "line 3: unexpected }"])
        .await?;
    town.lab
        .told(WEB, "Rejected", "line 3: unexpected }")
        .await?;
    town.lab.stays_rolled(WEB, 0).await?;
    let poked = town.pokes().await?.into_values().flatten().count();
    assert_eq!(poked, 1, "the first pod alone");
    assert!((town.ended("hot", "rejected").await? - 1.0).abs() < f64::EPSILON);

    town.agents.are(Mood::Applies);
    app(&town.lab, "mended").await?;
    town.done(WEB, 2).await?;
    town.all_are_poked(&before, 2).await?;
    town.lab.stays_rolled(WEB, 0).await
}

#[tokio::test]
async fn a_refusal_does_not_outlive_the_pod_that_refused() -> Result<()> {
    let town = Town::open("deleted", "hot, rollout", ALL).await?;
    town.agents.are(Mood::Rejects("line 3: unexpected }"));
    app(&town.lab, "2").await?;
    town.explained(WEB, &["Rejected", "line 3: unexpected }"])
        .await?;
    let pokes = town.pokes().await?;
    let refuser = pokes.iter().find(|(_, poke)| poke.is_some());
    let (refuser, _) = refuser.context("nobody was poked")?;
    town.later_than_the_intent().await?;
    town.lab.ns().delete(&format!("pod/{refuser}")).await?;
    // Whoever is made in its place has started with it.
    town.agents.are(Mood::Applies);
    town.done(WEB, 1).await?;
    let now = town.pokes().await?;
    ensure!(!now.contains_key(refuser), "{now:?}");
    town.all_are_poked(&now, 1).await?;
    town.explained(WEB, &["in step"]).await?;
    town.lab.stays_rolled(WEB, 0).await
}

/// The time is short so that the test need not last; nothing is promised of it.
#[tokio::test]
async fn where_agents_are_silent_a_rollout_follows_if_it_is_listed() -> Result<()> {
    let town = Town::open("silent", "hot, rollout", ALL).await?;
    let port = town.agents.port();
    let quick = |name: &str, methods: &str| {
        web(name, methods, port).annotate("tidings.dev/method-timeout", "2s")
    };
    town.lab.ns().apply(quick("web", "hot, rollout")).await?;
    town.add(quick("alone", "hot")).await?;
    town.agents.are(Mood::Silent);
    app(&town.lab, "2").await?;
    town.explained(
        "deployment/alone",
        &["NotTaken", "has not proved it in time"],
    )
    .await?;
    town.lab
        .told("deployment/alone", "NotTaken", "in time")
        .await?;
    town.done(WEB, 1).await?;
    town.lab.numbered(WEB, 1).await?;
    town.lab.told(WEB, "Changed", "rollout follows").await?;
    let rolled = town.lab.ns().get("deployment/alone").await?;
    town.lab.stay(&[("deployment/alone", rolled)]).await?;
    town.lab.is_rolled_exactly("deployment/alone", 0).await
}

#[tokio::test]
async fn who_is_killed_in_the_midst_is_followed_by_one_who_goes_on() -> Result<()> {
    let town = Town::open("killed-hot", "hot, rollout", ALL).await?;
    town.agents.are(Mood::Pending);
    let before = town.pokes().await?;
    app(&town.lab, "2").await?;
    town.agents.held_by(1).await?;
    town.tidings.kill();
    let begun = town.pokes().await?;
    assert_eq!(begun.values().flatten().count(), 1, "{begun:?}");
    let entry = town.lab.entry(WEB).await?.context("no record")?;
    ensure!(entry["n"] == 1 && entry["done"] == false, "{entry}");

    town.agents.forget();
    let town = Town {
        tidings: town.lab.controller(ALL).await?,
        ..town
    };
    town.agents.held_by(1).await?;
    town.agents.are(Mood::Applies);
    town.done(WEB, 1).await?;
    town.all_are_poked(&before, 1).await?;
    // The one that was poked before was only asked.
    let ended = town.pokes().await?;
    for (pod, poke) in begun.iter().filter(|(_, poke)| poke.is_some()) {
        assert_eq!(ended.get(pod), Some(poke));
    }
    town.lab.stays_rolled(WEB, 0).await
}

#[tokio::test]
async fn a_program_that_watches_its_files_is_only_poked() -> Result<()> {
    let town = Town::open("poke", "poke", POKES).await?;
    let before = town.pokes().await?;
    app(&town.lab, "2").await?;
    town.done(WEB, 1).await?;
    town.all_are_poked(&before, 1).await?;
    town.lab
        .told(WEB, "Changed", "nothing proves that it was taken")
        .await?;
    town.lab.stays_rolled(WEB, 0).await?;
    town.explained(WEB, &["in step"]).await?;
    assert!((town.ended("poke", "unproven").await? - 1.0).abs() < f64::EPSILON);
    Ok(())
}

#[tokio::test]
async fn who_only_wants_to_be_told_is_told_once() -> Result<()> {
    let town = Town::open("notify", "notify", &[]).await?;
    app(&town.lab, "2").await?;
    town.lab
        .told(WEB, "Notified", "configmap/app (site.conf)")
        .await?;
    town.explained(WEB, &["Notified", "stale"]).await?;
    town.lab.stays_rolled(WEB, 0).await?;
    let told = town.lab.events(WEB).await?;
    let told = told.iter().filter(|event| event.reason == "Notified");
    assert_eq!(told.count(), 1);
    assert_eq!(town.pokes().await?.into_values().flatten().count(), 0);
    Ok(())
}

/// As it ships: `--methods` is `rollout,notify`.
#[tokio::test]
async fn a_method_that_is_not_enabled_is_said_and_the_next_is_taken() -> Result<()> {
    let town = Town::open("not-enabled", "hot, rollout", &[]).await?;
    app(&town.lab, "2").await?;
    town.lab.rolled_exactly(WEB, 1).await?;
    let why = "hot cannot: it is not enabled (--methods)";
    town.lab.told(WEB, "Changed", why).await?;
    let because = town.lab.because(WEB).await?.context("no reason")?;
    ensure!(because.contains(why), "{because}");
    Ok(())
}

/// With a settling time that the test does not outlast, so that what waits for it is seen
/// to wait; with the default one: all the others.
#[tokio::test]
async fn what_can_go_hot_does_not_wait_as_long_as_a_rollout() -> Result<()> {
    let options = [ALL, &["--settle=1h"]].concat();
    let town = Town::open("settle", "hot, rollout", &options).await?;
    let files = files("files", "hot, rollout", town.agents.port());
    town.add(files).await?;
    app(&town.lab, "2").await?;
    town.done(WEB, 1).await?;
    // What has to be rolled out waits, here too.
    env(&town.lab, "debug").await?;
    app(&town.lab, "3").await?;
    town.done("deployment/files", 2).await?;
    let entry = town.lab.entry(WEB).await?.context("no record")?;
    ensure!(entry["n"] == 1 && entry["done"] == true, "{entry}");
    town.lab.is_rolled_exactly(WEB, 0).await
}
