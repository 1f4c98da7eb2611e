//! Row 16: twenty pods: how soon all have proven a change, what that costs, and what
//! becomes of a broken one.

use std::time::Instant;

use anyhow::{Context, Result};
use rig::fixtures::config_map;
use rig::node::Node;
use rig::proxy::{Proxy, Seen};

use super::stage::Stage;
use super::{CROWD, count};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;

const PODS: usize = 20;
const CHANGES: usize = 5;
/// A poke each, two lists, and five for all else.
const REQUESTS: f64 = 27.0;
const BROKEN: &str = "server { listen 8080; retrun 200; }\n";

pub(super) async fn measure(node: &Node) -> Result<Vec<Figure>> {
    say("row 16: twenty pods");
    let proxy = Proxy::start(node.cluster()).await?;
    let mut stage = Stage::behind(node, &proxy, "crowd", PODS).await?;
    stage.install(&[]).await?;
    proxy.forget();
    let mut after = Vec::new();
    for _ in 0..CHANGES {
        after.push(one(&mut stage, &proxy).await?);
    }
    stage.recorded().await?;
    let requests = asked(&proxy).len();
    say(&format!(
        "  all after {after:.2?} s; {requests} requests for {CHANGES} changes"
    ));
    let reached = broken(&stage).await?;
    let restarts = stage.restarts().await?;
    Ok(figures(
        &after,
        count(requests) / count(CHANGES),
        reached,
        restarts,
    ))
}

/// Seconds from when the first pod had proven a change until all had.
async fn one(stage: &mut Stage, proxy: &Proxy<'_>) -> Result<f64> {
    let (start, page) = stage.change().await?;
    stage.served(&page).await?;
    let end = stage.proven().await?;
    let requests = asked(proxy).into_iter().filter(|seen| seen.at >= start);
    Ok((end - second_poke(requests)?).as_secs_f64())
}

fn asked(proxy: &Proxy<'_>) -> Vec<Seen> {
    proxy.requests().into_iter().filter(counts).collect()
}

/// What is asked because of a change: no Lease, and no watch.
fn counts(seen: &Seen) -> bool {
    !seen.is_watch() && !seen.path.contains("/leases")
}

/// The second pod is poked when the first has proven it.
fn second_poke(requests: impl Iterator<Item = Seen>) -> Result<Instant> {
    let pokes = requests.filter(|seen| seen.method == "PATCH" && seen.path.contains("/pods/"));
    let second = pokes.map(|seen| seen.at).nth(1);
    second.context("one pod was poked at most")
}

/// In how many pods something else is served when a broken page was refused.
async fn broken(stage: &Stage) -> Result<usize> {
    let page = format!("page {CHANGES}");
    stage
        .write(config_map("web", &[("page.conf", BROKEN)]))
        .await?;
    stage.told("Rejected", "").await?;
    stage.others_than(&page).await
}

fn figures(after: &[f64], requests: f64, reached: usize, restarts: i32) -> Vec<Figure> {
    let figure = |what: &str, unit, tidings, bar| Figure {
        bar: Some(bar),
        ..Figure::new(CROWD, what, unit, tidings)
    };
    vec![
        figure(
            "20 pods: all proven, after the first",
            Unit::Seconds,
            Spread::of(after),
            Bar::AtMost(5.0),
        ),
        figure(
            "the same: requests to the API server for a change",
            Unit::Count,
            Spread::one(requests),
            Bar::AtMost(REQUESTS),
        ),
        figure(
            "the same: containers that were started again",
            Unit::Count,
            Spread::one(restarts.into()),
            Bar::Exactly(0.0),
        ),
        figure(
            "a broken page: processes that it reaches, of 20",
            Unit::Count,
            Spread::one(count(reached)),
            Bar::Exactly(0.0),
        ),
    ]
}
