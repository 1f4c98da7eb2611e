//! A change that goes hot, on a real node: the nginx that runs serves it, and its agent
//! has proven that; or it is said why not, and by what it is brought instead.
//!
//! All start with `--methods`: without it no method that needs rights on pods is enabled.

pub(crate) mod town;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use rig::fixtures::{config_map, secret};
use rig::node::web::{PORT, WEB, Web, level, server};
use rig::node::{Node, images, pods, processes};
use rig::{Installed, manifests, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Mutex, MutexGuard};

use crate::lab::{LIMIT, agent_state};
use town::Town;

const HOT: &[&str] = &["--methods=hot,rollout"];
const LISTED: &str = "hot, rollout";

/// The whole of it, as the account that `tidings manifests` makes, and no more.
#[tokio::test]
async fn what_runs_serves_a_change_and_what_cannot_go_hot_is_rolled_out() -> Result<()> {
    let web = Web::new(LISTED);
    let Some(mut town) = Town::build("hot", web, 2).await? else {
        return Ok(());
    };
    let rights = Rights::granted(&town.lab, HOT).await?;
    town.start_as(&rights.user, HOT).await?;
    is_served(&town).await?;
    goes_no_further(&town).await?;
    is_rolled_out(&town).await?;
    rights.take_away(&town.lab).await
}

async fn is_served(town: &Town) -> Result<()> {
    let before = town.servers().await?;
    town.serve("two").await?;
    town.each_serves("two").await?;
    let entry = town.done(1).await?;
    ensure!(entry.get("climb").is_none(), "{entry}");
    town.poked(2, 1).await?;
    town.told("Changed", "every pod that runs has proven it")
        .await?;
    town.are_the_same(&before).await?;
    town.explained(&["in step", "hot"]).await?;
    let history = town.history().await?;
    ensure!(history.contains("hot"), "{history}");
    Ok(())
}

/// What the first pod refuses no other gets, and it is not rolled out.
async fn goes_no_further(town: &Town) -> Result<()> {
    let before = town.servers().await?;
    town.break_it().await?;
    town.told("Rejected", "test failed").await?;
    town.explained(&["Rejected", "test failed"]).await?;
    town.poked(1, 2).await?;
    town.all_serve("two").await?;
    town.are_the_same(&before).await?;

    town.serve("three").await?;
    town.done(3).await?;
    town.all_serve("three").await?;
    town.are_the_same(&before).await
}

async fn is_rolled_out(town: &Town) -> Result<()> {
    let before = town.servers().await?;
    town.apply(level("debug")).await?;
    town.lab.numbered(WEB, 4).await?;
    town.lab.ns().rolled_out(WEB, LIMIT).await?;
    let because = town.lab.because(WEB).await?.context("no reason")?;
    let why = "hot cannot: LEVEL of configmap/env is an environment variable of nginx";
    ensure!(because.contains(why), "{because}");
    town.each_serves("three").await?;
    let now = town.servers().await?;
    let both = now.keys().filter(|pod| before.contains_key(*pod)).count();
    ensure!(both == 0, "{before:?}, then {now:?}");
    Ok(())
}

/// With a time that is short, so that the test need not last: two seconds, and the minute
/// in which silence may be the node's.
#[tokio::test]
async fn where_nobody_answers_a_rollout_follows() -> Result<()> {
    let web = Web::new(LISTED).without_agent();
    let web = web.annotate("tidings.dev/method-timeout", "2s");
    let Some(town) = Town::open("no-agent", web, 2, HOT).await? else {
        return Ok(());
    };
    town.serve("two").await?;
    town.done(1).await?;
    town.lab.numbered(WEB, 1).await?;
    town.told("Changed", "rollout follows").await?;
    town.lab.ns().rolled_out(WEB, LIMIT).await?;
    town.each_serves("two").await
}

#[tokio::test]
async fn a_supervisor_proves_it_and_refuses_what_is_broken() -> Result<()> {
    let web = Web::new("hot").supervised();
    let Some(town) = Town::open("supervised", web, 2, HOT).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    town.break_it().await?;
    town.told("Rejected", "test failed").await?;
    town.all_serve("one").await?;
    town.serve("two").await?;
    town.done(2).await?;
    town.all_serve("two").await?;
    town.are_the_same(&before).await
}

/// nginx has the poke among its own files, too, and no agent.
#[tokio::test]
async fn a_projected_volume_of_two_sources_is_served_and_what_is_deleted_is_gone() -> Result<()> {
    let web = Web::new(LISTED).projected();
    let Some(town) = Town::open("projected", web, 2, HOT).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    let both = [
        ("page.conf", server(PORT, "two")),
        ("third.conf", server(PORT + 2, "third")),
    ];
    let both = both.each_ref().map(|(key, text)| (*key, text.as_str()));
    town.apply(config_map("web", &both)).await?;
    town.done(1).await?;
    town.all_serve("two").await?;
    let more = server(PORT + 1, "more");
    town.apply(secret("more", &[("more.conf", &more)])).await?;
    town.done(2).await?;
    for pod in town.pods().await? {
        pods::serves(&pod, (PORT + 1, "/"), "more", LIMIT).await?;
        pods::serves(&pod, (PORT + 2, "/"), "third", LIMIT).await?;
    }

    // The third key is there no more.
    town.serve("two").await?;
    town.done(3).await?;
    for pod in town.pods().await? {
        let answer = pods::get(&pod, PORT + 2, "/").await;
        ensure!(answer.is_err(), "{} serves {answer:?}", pod.name_any());
    }
    town.are_the_same(&before).await
}

/// Files come, and nothing takes them before the controller names them; not even an agent
/// that was killed meanwhile.
#[tokio::test]
async fn what_is_paced_waits_for_the_word() -> Result<()> {
    let web = Web::new(LISTED).option("--paced");
    let Some(mut town) = Town::open("paced", web, 2, HOT).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    town.stop().await?;
    town.serve("two").await?;
    town.bring_files().await?;
    let all = town.pods().await?;
    for pod in &all {
        is_held(pod).await?;
    }
    let killed = all.first().context("no pod")?;
    kill_agent(killed)?;
    pods_restarted(&town, killed).await?;
    for pod in town.pods().await? {
        is_held(&pod).await?;
    }
    town.all_serve("one").await?;

    town.start(HOT).await?;
    town.done(1).await?;
    town.all_serve("two").await?;
    let now = town.servers().await?;
    ensure!(now == before, "{before:?}, then {now:?}");
    town.lab.is_rolled_exactly(WEB, 0).await
}

async fn is_held(pod: &Pod) -> Result<()> {
    wait_until("the new files to be held", LIMIT, async || {
        let state = agent_state(pod).await?;
        let waits = state["waiting"].as_str().unwrap_or_default();
        ensure!(waits.contains("held"), "{state}");
        Ok(())
    })
    .await
}

fn kill_agent(pod: &Pod) -> Result<()> {
    let agent = processes::first(pod, "tidings-agent")?;
    let pid = Pid::from_raw(agent.pid.try_into()?).context("no pid")?;
    Ok(kill_process(pid, Signal::KILL)?)
}

async fn pods_restarted(town: &Town, pod: &Pod) -> Result<()> {
    wait_until("the agent to be started again", LIMIT, async || {
        let now = town.pods().await?;
        let same = now.iter().find(|now| now.uid() == pod.uid());
        let restarts = pods::restarts(same.context("the pod is gone")?);
        ensure!(restarts == 1, "{restarts} restarts");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn who_is_killed_while_a_poke_is_out_is_followed_by_one_who_goes_on() -> Result<()> {
    let web = Web::new(LISTED);
    let Some(mut town) = Town::open("killed", web, 2, HOT).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    town.serve("two").await?;
    town.poked(1, 1).await?;
    town.kill();
    let entry = town.lab.entry(WEB).await?.context("no record")?;
    ensure!(entry["n"] == 1 && entry["done"] == false, "{entry}");

    town.start(HOT).await?;
    town.done(1).await?;
    town.all_serve("two").await?;
    town.poked(2, 1).await?;
    town.are_the_same(&before).await
}

#[tokio::test]
async fn agents_are_asked_through_the_api_server() -> Result<()> {
    let options = [HOT, &["--agents-by=proxy"]].concat();
    let Some(town) = Town::open("proxied", Web::new("hot"), 2, &options).await? else {
        return Ok(());
    };
    let before = town.servers().await?;
    town.serve("two").await?;
    town.done(1).await?;
    town.all_serve("two").await?;
    town.are_the_same(&before).await
}

/// `--image`, since none is published; `--namespaces`, since other tests' workloads are in
/// the same cluster; `--own-namespace`, which is taken away with the test.
#[tokio::test]
async fn a_controller_in_a_pod_brings_it_too() -> Result<()> {
    let Some(town) = Town::build("hot-in-a-pod", Web::new("hot"), 2).await? else {
        return Ok(());
    };
    let node = Node::of_this_test().await?.context("no node")?;
    node.image(&images::controller()?).await?;
    let rights = Rights::granted(&town.lab, &[HOT, &["--agents-by=proxy"]].concat()).await?;
    for document in rights.documents.iter().filter(|d| !d.is_about_rights()) {
        document.apply(town.lab.own().client()).await?;
    }
    town.lab.adopted(WEB).await?;
    let before = town.servers().await?;
    town.serve("two").await?;
    town.done(1).await?;
    town.all_serve("two").await?;
    town.are_the_same(&before).await?;
    rights.take_away(&town.lab).await
}

/// What `tidings manifests` prints, and who may do what it says. Some of it is in no
/// namespace: one at a time has it.
pub(crate) struct Rights {
    documents: Vec<manifests::Document>,
    pub(crate) user: std::path::PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Rights {
    pub(crate) async fn granted(lab: &Installed, options: &[&str]) -> Result<Self> {
        static ALONE: Mutex<()> = Mutex::const_new(());
        let alone = ALONE.lock().await;
        let node = Node::of_this_test().await?.context("no node")?;
        let own = lab.own().name();
        let scope = [
            format!("--image={}", images::CONTROLLER),
            format!("--namespaces={}", lab.ns().name()),
            format!("--own-namespace={own}"),
        ];
        let scope: Vec<_> = scope.iter().map(String::as_str).collect();
        let all = [&scope, options].concat();
        let documents = manifests::printed(node.cluster().kubeconfig(), &all).await?;
        for document in documents.iter().filter(|d| d.is_about_rights()) {
            document.apply(lab.own().client()).await?;
        }
        let account = format!("system:serviceaccount:{own}:tidings");
        Ok(Self {
            documents,
            user: node.cluster().kubeconfig_for(&account).await?,
            _alone: alone,
        })
    }

    pub(crate) async fn take_away(self, lab: &Installed) -> Result<()> {
        let everywhere = self.documents.iter();
        for document in everywhere.filter(|d| d.kind.starts_with("Cluster")) {
            document.delete(lab.own().client()).await?;
        }
        Ok(())
    }
}
