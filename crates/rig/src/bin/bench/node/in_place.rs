//! Row 19: another variable in the containers that run, by a restart in place; and beside it
//! the same by hand, and by a rollout.
//!
//! Without the fuse, which lets through five restarts in ten minutes; all else has its
//! defaults, the two seconds of `--settle` too.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use kube::api::{Api, ListParams, Patch, PatchParams};
use rig::installed::Installed;
use rig::node::shop::{self, LABELS, SHOP};
use rig::node::web::{self, level, serves_at};
use rig::node::{Node, images, pods};
use rig::process::{self, Tidings};
use rig::{secs, wait_until};
use serde_json::json;

use super::{IN_PLACE, count, percentile};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;

const LIMIT: Duration = secs(180);
const PODS: usize = 20;
const OPTIONS: &[&str] = &["--methods=restart-in-place,rollout", "--storm-fuse=false"];
const BY_HAND: u32 = 10;

pub(super) async fn measure(node: &Node, changes: usize) -> Result<Vec<Figure>> {
    say("row 19: another variable in containers that run");
    node.images(&[images::busybox()?]).await?;
    let one = Shop::open(node, "one", 1, "restart-in-place").await?;
    let by_hand = one.by_hand().await?;
    let (one, _tidings) = one.installed().await?;
    let mut seconds = Vec::new();
    for n in 1..=changes {
        seconds.push(one.brought(&format!("level-{n}")).await?.seconds);
    }
    say(&format!(
        "  one pod: {seconds:.2?} s; by hand {by_hand:.2?} s"
    ));
    let crowd = of_many(node, "in-place", "restart-in-place").await?;
    let rollout = of_many(node, "rolled", "rollout").await?;
    Ok(figures(&seconds, &by_hand, &crowd, &rollout))
}

async fn of_many(node: &Node, about: &str, method: &str) -> Result<Cost> {
    let shop = Shop::open(node, about, PODS, method).await?;
    let (shop, _tidings) = shop.installed().await?;
    let cost = shop.brought("debug").await?;
    say(&format!("  {PODS} pods by {method}: {cost:?}"));
    Ok(cost)
}

/// What a change has cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Until every pod served it.
    seconds: f64,
    /// Pods that were made.
    made: usize,
    /// Requests to the API server, everybody's.
    requests: f64,
    /// Images that the kubelet looked for.
    pulls: usize,
}

struct Shop {
    lab: Installed,
    replicas: usize,
}

impl Shop {
    async fn open(node: &Node, about: &str, replicas: usize, methods: &str) -> Result<Self> {
        let lab = Installed::new(node.cluster(), about).await?;
        lab.ns().apply(level("info")).await?;
        pods::apply(lab.ns(), &shop::manifest(replicas, methods)).await?;
        let shop = Self { lab, replicas };
        shop.serves("info").await?;
        Ok(shop)
    }

    async fn installed(self) -> Result<(Self, Tidings)> {
        let tidings = self.lab.controller(OPTIONS).await?;
        self.lab.adopted(SHOP).await?;
        Ok((self, tidings))
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        pods::ready(self.lab.ns(), LABELS, self.replicas, LIMIT).await
    }

    async fn serves(&self, value: &str) -> Result<()> {
        let text = format!("LEVEL={value}");
        let all = self.pods().await?;
        try_join_all(all.iter().map(|pod| serves_at(pod, &text, LIMIT))).await?;
        Ok(())
    }

    /// What it takes until a value is served by all pods, and is proven.
    async fn brought(&self, value: &str) -> Result<Cost> {
        let before = self.pods().await?;
        let (requests, pulls) = (self.requests().await?, self.pulls().await?);
        let start = Instant::now();
        self.lab.ns().apply(level(value)).await?;
        let seconds = self.served_after(start, &before, value).await?;
        let after = self.pods().await?;
        self.done().await?;
        let is_new = |pod: &&Pod| before.iter().all(|was| was.uid() != pod.uid());
        Ok(Cost {
            seconds,
            made: after.iter().filter(is_new).count(),
            requests: self.requests().await? - requests,
            pulls: self.pulls().await? - pulls,
        })
    }

    /// In the pods that were there, or, where these go, in those that come.
    async fn served_after(&self, start: Instant, before: &[Pod], value: &str) -> Result<f64> {
        let text = format!("LEVEL={value}");
        if self.replicas == 1 {
            let served = before.iter().map(|pod| serves_at(pod, &text, LIMIT));
            try_join_all(served).await?;
            return Ok(start.elapsed().as_secs_f64());
        }
        wait_until("all pods to serve it", LIMIT, async || {
            for pod in self.pods().await? {
                let (_, now) = pods::get(&pod, web::PORT, "/").await?;
                ensure!(now.trim_end() == text, "{} serves {now}", pod.name_any());
            }
            Ok(start.elapsed().as_secs_f64())
        })
        .await
    }

    async fn done(&self) -> Result<()> {
        wait_until("the record", LIMIT, async || {
            let entry = self.lab.entry(SHOP).await?.context("no record")?;
            ensure!(entry["done"] == true, "{entry}");
            Ok(())
        })
        .await
    }

    /// Seconds from the answer to a resize by hand until the program serves again.
    async fn by_hand(&self) -> Result<Vec<f64>> {
        let pods = self.pods().await?;
        let pod = pods.first().context("no pod")?;
        let mut seconds = Vec::new();
        for n in 0..BY_HAND {
            // The kubelet is through with the one before, as it is two seconds after a change.
            tokio::time::sleep(secs(2)).await;
            let value = format!("hand-{n}");
            self.lab.ns().apply(level(&value)).await?;
            self.resize(pod, 70 - n).await?;
            let start = Instant::now();
            let served = serves_at(pod, &format!("LEVEL={value}"), LIMIT).await?;
            seconds.push((served - start).as_secs_f64());
            self.pods().await?;
        }
        Ok(seconds)
    }

    async fn resize(&self, pod: &Pod, milli: u32) -> Result<()> {
        let api: Api<Pod> = self.lab.ns().api();
        let request =
            json!({"name": "shop", "resources": {"requests": {"cpu": format!("{milli}m")}}});
        let patch = Patch::Strategic(json!({"spec": {"containers": [request]}}));
        let params = PatchParams::default();
        api.patch_resize(&pod.name_any(), &params, &patch).await?;
        Ok(())
    }

    /// How many the API server has had of everybody, but for these questions.
    async fn requests(&self) -> Result<f64> {
        let ask = http::Request::get("/metrics").body(Vec::new())?;
        let text = self.lab.ns().client().request_text(ask).await?;
        Ok(process::sum_of(&text, "apiserver_request_total", &[]))
    }

    /// How often the kubelet had an image looked for.
    async fn pulls(&self) -> Result<usize> {
        let events: Api<Event> = self.lab.ns().api();
        let all = events.list(&ListParams::default()).await?.items;
        let pulls = all.iter().filter(|event| {
            let reason = event.reason.as_deref();
            matches!(reason, Some("Pulled" | "Pulling"))
        });
        let times = |event: &Event| event.count.unwrap_or(1).unsigned_abs();
        Ok(pulls.map(times).sum::<u32>().try_into()?)
    }
}

fn figures(seconds: &[f64], by_hand: &[f64], crowd: &Cost, rollout: &Cost) -> Vec<Figure> {
    let p95 = Figure {
        floor: Some(Spread::one(percentile(by_hand, 95))),
        bar: Some(Bar::AtMost(3.5)),
        note: "the floor is a resize by hand when the write is answered, without the two \
               seconds of --settle"
            .to_owned(),
        ..Figure::new(
            IN_PLACE,
            "change → the container runs with the new variable, p95",
            Unit::Seconds,
            Spread::one(percentile(seconds, 95)),
        )
    };
    let all = Figure {
        bar: Some(Bar::AtMost(30.0)),
        note: format!("a rollout: {:.1} s", rollout.seconds),
        ..Figure::new(
            IN_PLACE,
            format!("{PODS} pods, one at a time: all run with it"),
            Unit::Seconds,
            Spread::one(crowd.seconds),
        )
    };
    let beside = |what: &str, ours: f64, theirs: f64, bar| Figure {
        floor: None,
        bar,
        note: format!("a rollout: {theirs}"),
        ..Figure::new(
            IN_PLACE,
            format!("the same: {what}"),
            Unit::Count,
            Spread::one(ours),
        )
    };
    let none = Some(Bar::Exactly(0.0));
    vec![
        p95,
        all,
        beside("pods made", count(crowd.made), count(rollout.made), none),
        beside(
            "images looked for",
            count(crowd.pulls),
            count(rollout.pulls),
            None,
        ),
        beside(
            "requests to the API server, of all",
            crowd.requests,
            rollout.requests,
            None,
        ),
    ]
}
