//! nginx with its agent on the node, a controller, and the words to say what becomes of
//! a change.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::core::DynamicObject;
use rig::fixtures::secret;
use rig::installed::{Installed, Told, text_of};
use rig::node::processes::{self, Process};
use rig::node::web::{self, LABELS, PORT, WEB, Web, level, server, serving};
use rig::node::{Node, pods};
use rig::process::Tidings;
use rig::{secs, wait_until};
use serde_json::Value;

use crate::lab::LIMIT;

/// The annotation of a pod that was poked.
const POKE: &str = "tidings.dev/poke";
/// nginx' words that it does not take.
const BROKEN: &str = "server { listen 8080; retrun 200; }\n";
/// A minute of silence is nobody's fault (`core::ladder`), and a rollout may follow.
const SILENT: std::time::Duration = secs(180);

/// The servers by their pods' names.
pub(crate) type Servers = BTreeMap<String, Process>;

/// What a test works with.
pub(crate) struct Town {
    pub(crate) lab: Installed,
    tidings: Option<Tidings>,
    replicas: usize,
}

impl Town {
    /// `deployment/web` runs, and there is no controller yet. None where there cannot be a
    /// node.
    pub(crate) async fn build(about: &str, web: Web, replicas: usize) -> Result<Option<Self>> {
        let Some(node) = Node::of_this_test().await? else {
            return Ok(None);
        };
        web::prepare(node).await?;
        let lab = Installed::new(node.cluster(), about).await?;
        let more = secret("more", &[("more.conf", &server(PORT + 1, "one"))]);
        for source in [serving("one"), level("info"), more] {
            lab.ns().apply(source).await?;
        }
        lab.ns().apply(web.replicas(replicas)).await?;
        let town = Self {
            lab,
            tidings: None,
            replicas,
        };
        town.each_serves("one").await?;
        Ok(Some(town))
    }

    /// The same, and a controller with these options has recorded it.
    pub(crate) async fn open(
        about: &str,
        web: Web,
        replicas: usize,
        options: &[&str],
    ) -> Result<Option<Self>> {
        let Some(mut town) = Self::build(about, web, replicas).await? else {
            return Ok(None);
        };
        town.start(options).await?;
        Ok(Some(town))
    }

    /// Starts a controller with these options.
    pub(crate) async fn start(&mut self, options: &[&str]) -> Result<()> {
        self.tidings = Some(self.lab.controller(options).await?);
        self.lab.adopted(WEB).await?;
        Ok(())
    }

    /// The same, as this kubeconfig's user.
    pub(crate) async fn start_as(&mut self, user: &Path, options: &[&str]) -> Result<()> {
        self.tidings = Some(self.lab.controller_as(user, options).await?);
        self.lab.adopted(WEB).await?;
        Ok(())
    }

    /// The controller is asked to end, and does.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let tidings = self.tidings.take().context("no controller runs")?;
        self.lab.stop(tidings).await
    }

    /// The controller is killed.
    pub(crate) fn kill(&mut self) {
        if let Some(tidings) = self.tidings.take() {
            tidings.kill();
        }
    }

    // --- what is done ------------------------------------------------------------

    /// nginx is to serve this.
    pub(crate) async fn serve(&self, page: &str) -> Result<()> {
        self.apply(serving(page)).await
    }

    /// nginx' configuration is one that it refuses.
    pub(crate) async fn break_it(&self) -> Result<()> {
        self.apply(rig::fixtures::config_map("web", &[("page.conf", BROKEN)]))
            .await
    }

    pub(crate) async fn apply(&self, object: impl Into<DynamicObject>) -> Result<()> {
        self.lab.ns().apply(object).await?;
        Ok(())
    }

    /// Has the kubelet bring files though no controller asks for it.
    pub(crate) async fn bring_files(&self) -> Result<()> {
        for pod in self.pods().await? {
            pods::poke(self.lab.ns(), &pod).await?;
        }
        Ok(())
    }

    // --- what is seen ------------------------------------------------------------

    /// All pods, once they are ready and no others are left.
    pub(crate) async fn pods(&self) -> Result<Vec<Pod>> {
        let ready = pods::ready(self.lab.ns(), LABELS, self.replicas, LIMIT).await;
        ready.with_context(|| self.log())
    }

    /// Waits until each pod serves this.
    pub(crate) async fn each_serves(&self, page: &str) -> Result<()> {
        for pod in self.pods().await? {
            let served = pods::serves(&pod, (PORT, "/"), page, LIMIT).await;
            served.with_context(|| self.log())?;
        }
        Ok(())
    }

    /// Whether each pod serves this now.
    pub(crate) async fn all_serve(&self, page: &str) -> Result<()> {
        for pod in self.pods().await? {
            let (_, now) = pods::get(&pod, PORT, "/").await?;
            ensure!(now.trim_end() == page, "{} serves {now}", pod.name_any());
        }
        Ok(())
    }

    /// The masters, as they run now.
    pub(crate) async fn servers(&self) -> Result<Servers> {
        let pods = self.pods().await?;
        let server = |pod: &Pod| Ok((pod.name_any(), processes::first(pod, "nginx")?));
        pods.iter().map(server).collect()
    }

    /// Checks that the same masters run in the same pods, of whose containers none was
    /// started again, and that the template is as it was made.
    pub(crate) async fn are_the_same(&self, before: &Servers) -> Result<()> {
        let now = self.servers().await?;
        ensure!(now == *before, "{before:?}, then {now:?}");
        let restarts: i32 = self.pods().await?.iter().map(pods::restarts).sum();
        ensure!(restarts == 0, "{restarts} restarts");
        self.lab.is_rolled_exactly(WEB, 0).await
    }

    /// The number for which each pod was poked last.
    pub(crate) async fn pokes(&self) -> Result<Vec<Option<String>>> {
        let list = pods::list(self.lab.ns(), LABELS).await?;
        let number = |pod: &Pod| {
            let poke = pod.annotations().get(POKE)?;
            Some(poke.split('-').next()?.to_owned())
        };
        Ok(list.iter().map(number).collect())
    }

    /// Waits until so many pods were poked for a number.
    pub(crate) async fn poked(&self, count: usize, n: u64) -> Result<()> {
        let n = n.to_string();
        wait_until("pods to be poked", LIMIT, async || {
            let pokes = self.pokes().await?;
            let those = pokes.iter().flatten().filter(|poke| **poke == n).count();
            ensure!(those == count, "{pokes:?}");
            Ok(())
        })
        .await
        .with_context(|| self.log())
    }

    /// Waits until the record says that roll `n` is done.
    pub(crate) async fn done(&self, n: u64) -> Result<Value> {
        wait_until(&format!("no. {n} to be done"), SILENT, async || {
            let entry = self.lab.entry(WEB).await?.context("no record")?;
            ensure!(entry["n"] == n && entry["done"] == true, "{entry}");
            Ok(entry)
        })
        .await
        .with_context(|| self.log())
    }

    /// Waits until `why` says all of this.
    pub(crate) async fn explained(&self, words: &[&str]) -> Result<String> {
        wait_until("why", SILENT, async || {
            let said = text_of(&self.lab.why(&[WEB]).await?);
            ensure!(words.iter().all(|word| said.contains(word)), "{said}");
            Ok(said)
        })
        .await
        .with_context(|| self.log())
    }

    /// What `history` says.
    pub(crate) async fn history(&self) -> Result<String> {
        Ok(text_of(&self.lab.ask("history", &[WEB]).await?))
    }

    /// Waits for an Event.
    pub(crate) async fn told(&self, reason: &str, text: &str) -> Result<Told> {
        let told = self.lab.told(WEB, reason, text).await;
        told.with_context(|| self.log())
    }

    /// The end of the controller's log.
    fn log(&self) -> String {
        self.tidings
            .as_ref()
            .map_or_else(String::new, Tidings::tail)
    }
}
