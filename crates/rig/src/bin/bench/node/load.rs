//! Row 17: what a client loses while changes come, who asks all the time, by a new
//! connection each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use k8s_openapi::api::core::v1::Pod;
use rig::node::{Node, pods, web};
use tokio::task::JoinHandle;

use super::stage::Stage;
use super::{LOAD, count};
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;

/// Between two requests of a client, so that the changes have the machine too.
const PAUSE: Duration = Duration::from_millis(5);
const PODS: usize = 2;

#[derive(Default)]
struct Count {
    over: AtomicBool,
    asked: AtomicUsize,
    lost: AtomicUsize,
}

pub(super) async fn measure(node: &Node, changes: usize) -> Result<Vec<Figure>> {
    say("row 17: under constant load");
    let mut stage = Stage::set(node, "load", PODS).await?;
    stage.install(&[]).await?;
    let counted = Arc::new(Count::default());
    let clients: Vec<_> = stage
        .pods()
        .iter()
        .map(|pod| client(pod.clone(), Arc::clone(&counted)))
        .collect();
    stage.hot(changes).await?;
    counted.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await?;
    }
    let [asked, lost] = [&counted.asked, &counted.lost].map(|n| n.load(Ordering::Relaxed));
    let restarts = stage.restarts().await?;
    let figure = |what: String, tidings, note| Figure {
        bar: Some(Bar::Exactly(0.0)),
        note,
        ..Figure::new(LOAD, what, Unit::Count, tidings)
    };
    let what = format!("{changes} changes in {PODS} pods under load: requests lost");
    let again = "the same: containers that were started again".to_owned();
    Ok(vec![
        figure(
            what,
            Spread::one(count(lost)),
            format!("of {asked}, each by a connection of its own"),
        ),
        figure(again, Spread::one(restarts.into()), String::new()),
    ])
}

fn client(pod: Pod, counted: Arc<Count>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while !counted.over.load(Ordering::Relaxed) {
            let answer = pods::get(&pod, web::PORT, "/").await;
            let is_lost = !answer.is_ok_and(|(status, _)| status == 200);
            counted.asked.fetch_add(1, Ordering::Relaxed);
            counted.lost.fetch_add(is_lost.into(), Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    })
}
