//! nginx with its agent in a namespace, and a controller that is there or not.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::ListParams;
use kube::core::DynamicObject;
use rig::installed::Installed;
use rig::node::web::{self, LABELS, WEB, Web, level, serves_at, serving};
use rig::node::{Node, pods};
use rig::process::Tidings;
use rig::proxy::Proxy;
use rig::{secs, wait_until};

use super::count;

/// How long anything may take.
const LIMIT: Duration = secs(180);
/// Without it no method that needs rights on pods is enabled.
const HOT: &str = "--methods=hot";

/// What is measured on.
pub(super) struct Stage {
    lab: Installed,
    pods: Vec<Pod>,
    tidings: Option<Tidings>,
    /// What was served last.
    page: usize,
    /// What was before there was a controller.
    without: usize,
}

impl Stage {
    /// So many pods serve the first page.
    pub(super) async fn set(node: &Node, about: &str, replicas: usize) -> Result<Self> {
        Self::of(Installed::new(node.cluster(), about).await?, replicas).await
    }

    /// The same, with the controller's requests going by a proxy.
    pub(super) async fn behind(
        node: &Node,
        proxy: &Proxy<'_>,
        about: &str,
        replicas: usize,
    ) -> Result<Self> {
        let lab = Installed::behind(proxy, node.cluster(), about).await?;
        Self::of(lab, replicas).await
    }

    async fn of(lab: Installed, replicas: usize) -> Result<Self> {
        lab.ns().apply(serving("page 0")).await?;
        lab.ns().apply(level("info")).await?;
        lab.ns().apply(Web::new("hot").replicas(replicas)).await?;
        let pods = pods::ready(lab.ns(), LABELS, replicas, LIMIT).await?;
        let stage = Self {
            lab,
            pods,
            tidings: None,
            page: 0,
            without: 0,
        };
        stage.served("page 0").await?;
        Ok(stage)
    }

    /// Starts the controller; the Deployment is on record.
    pub(super) async fn install(&mut self, options: &[&str]) -> Result<()> {
        let options = [&[HOT], options].concat();
        self.tidings = Some(self.lab.controller(&options).await?);
        self.lab.adopted(WEB).await?;
        self.without = self.page;
        Ok(())
    }

    pub(super) fn pods(&self) -> &[Pod] {
        &self.pods
    }

    /// Writes the next page: when that was sent, and what it is.
    pub(super) async fn change(&mut self) -> Result<(Instant, String)> {
        self.page += 1;
        let page = format!("page {}", self.page);
        let start = Instant::now();
        self.write(serving(&page)).await?;
        Ok((start, page))
    }

    pub(super) async fn write(&self, object: impl Into<DynamicObject>) -> Result<()> {
        self.lab.ns().apply(object).await?;
        Ok(())
    }

    /// When each pod served this first.
    pub(super) async fn served(&self, page: &str) -> Result<Vec<Instant>> {
        let each = self.pods.iter().map(|pod| serves_at(pod, page, LIMIT));
        let served = try_join_all(each).await;
        served.with_context(|| self.tidings.as_ref().map(Tidings::tail).unwrap_or_default())
    }

    /// Seconds from changes until each pod serves them, if nobody does anything about that.
    /// The first change, which comes soon after the pods were made, does not count.
    pub(super) async fn kubelet_alone(&mut self, changes: usize) -> Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for _ in 0..=changes {
            let (start, page) = self.change().await?;
            let served = self.served(&page).await?;
            seconds.push(served.into_iter().map(move |at| (at - start).as_secs_f64()));
        }
        Ok(seconds.into_iter().skip(1).flatten().collect())
    }

    /// Seconds from changes until they are served everywhere, if the pods are poked at
    /// once.
    pub(super) async fn by_hand(&mut self, changes: usize) -> Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for _ in 0..changes {
            let (start, page) = self.change().await?;
            for pod in &self.pods {
                pods::poke(self.lab.ns(), pod).await?;
            }
            seconds.push(self.last(start, &page).await?);
            self.rests().await;
        }
        Ok(seconds)
    }

    /// The same with Tidings; the next change is made when it is through with this one.
    pub(super) async fn hot(&mut self, changes: usize) -> Result<Vec<f64>> {
        let mut seconds = Vec::new();
        for _ in 0..changes {
            let (start, page) = self.change().await?;
            seconds.push(self.last(start, &page).await?);
            self.proven().await?;
            self.rests().await;
        }
        Ok(seconds)
    }

    async fn last(&self, start: Instant, page: &str) -> Result<f64> {
        let served = self.served(page).await?;
        let last = served.into_iter().max().context("no pod")?;
        Ok((last - start).as_secs_f64())
    }

    /// People do not change things the moment that they are there.
    async fn rests(&self) {
        tokio::time::sleep(secs(1)).await;
    }

    /// Waits until every pod has proven all pages that Tidings brought; gives when that was
    /// seen.
    pub(super) async fn proven(&self) -> Result<Instant> {
        let tidings = self.tidings.as_ref().context("no controller")?;
        let brought = self.page - self.without;
        let labels = ["method=\"hot\"", "result=\"proven\""];
        let proven = wait_until("the proof", LIMIT, async || {
            let proven = tidings.metric("tidings_methods_total", &labels).await?;
            ensure!(proven >= count(brought), "{proven} of {brought}");
            Ok(Instant::now())
        });
        proven.await.with_context(|| tidings.tail())
    }

    /// Waits until that is on record, too.
    pub(super) async fn recorded(&self) -> Result<()> {
        wait_until("the record", LIMIT, async || {
            let entry = self.lab.entry(WEB).await?.context("no record")?;
            ensure!(entry["done"] == true, "{entry}");
            Ok(())
        })
        .await
    }

    /// Waits for an Event; gives when it was seen.
    pub(super) async fn told(&self, reason: &str, text: &str) -> Result<Instant> {
        let about = ListParams::default().fields(&format!("reason={reason}"));
        let events = self.lab.ns().api::<Event>();
        let tail = || self.tidings.as_ref().map(Tidings::tail).unwrap_or_default();
        wait_until(reason, LIMIT, async || {
            let all = events.list(&about).await?.items;
            let mut said = all.iter().filter_map(|event| event.message.as_deref());
            ensure!(said.any(|said| said.contains(text)), "no such Event");
            Ok(Instant::now())
        })
        .await
        .with_context(tail)
    }

    /// How often containers were started again.
    pub(super) async fn restarts(&self) -> Result<i32> {
        let now = pods::list(self.lab.ns(), LABELS).await?;
        Ok(now.iter().map(pods::restarts).sum())
    }

    /// In how many pods something else is served than this.
    pub(super) async fn others_than(&self, page: &str) -> Result<usize> {
        let mut others = 0;
        for pod in &self.pods {
            let (_, now) = pods::get(pod, web::PORT, "/").await?;
            others += usize::from(now.trim_end() != page);
        }
        Ok(others)
    }
}
