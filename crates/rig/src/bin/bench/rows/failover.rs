//! Row 7: takeovers with the Lease's default times while sources change.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rig::churn::{self, Account, Churn};
use rig::process::Tidings;
use rig::{Options, secs};
use rustix::process::Signal;

use super::seconds;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::{Lab, say};

const WORKLOADS: usize = 200;
const EVERY: Duration = Duration::from_millis(20);
/// Rolls before and after a takeover.
const ROLLS: usize = 100;
/// What ends the leader, how often, and how soon rolls should go on.
const ENDS: [(Signal, &str, usize, f64); 2] = [
    (Signal::TERM, "SIGTERM", 6, 3.0),
    (Signal::KILL, "SIGKILL", 3, 20.0),
];

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    say("row 7: takeovers while a source changes every 20 ms");
    let lab = Lab::start(Options::default().controller_qps).await?;
    let namespace = lab.namespace("failover").await?;
    let workloads = churn::prepare(&namespace, WORKLOADS).await?;
    lab.create(&namespace, workloads.into_iter().map(Into::into))
        .await?;
    lab.quiet(&namespace).await?;
    let mut leader = replica(&lab).await?;
    lab.recorded(&namespace, WORKLOADS).await?;
    let churn = Churn::start(&namespace, WORKLOADS, EVERY).await?;
    let mut figures = Vec::new();
    for (signal, word, times, bar) in ENDS {
        let mut took = Vec::new();
        for _ in 0..times {
            let standby = replica(&lab).await?;
            let one = takeover(&churn, &leader, signal).await;
            took.push(one.with_context(|| format!("{word}: {}", standby.tail()))?);
            leader = standby;
        }
        say(&format!("  {word}: {took:.2?} s"));
        figures.push(figure(word, &took, bar));
    }
    let account = churn.end(secs(60)).await?;
    figures.extend(counts(&account));
    Ok(figures)
}

async fn replica(lab: &Lab) -> Result<Tidings> {
    lab.tidings(&["--settle=0s", "--storm-fuse=false"]).await
}

/// Seconds from the signal until rolls went on.
async fn takeover(churn: &Churn, leader: &Tidings, signal: Signal) -> Result<f64> {
    churn.goes_on(ROLLS, secs(60)).await?;
    let start = Instant::now();
    leader.signal(signal)?;
    leader.exit(secs(60)).await?;
    churn.goes_on(ROLLS, secs(60)).await?;
    let went_on = churn.account().went_on(start);
    Ok(went_on.map_or(f64::NAN, |at| seconds(start, at)))
}

fn figure(word: &str, took: &[f64], bar: f64) -> Figure {
    Figure {
        row: 7,
        what: format!("from {word} of the leader until rolls go on (default Lease times)"),
        peer: "Reloader: the Lease is not released, ≥ 15 s",
        unit: Unit::Seconds,
        floor: None,
        tidings: Spread::of(took),
        bar: Some(Bar::AtMost(bar)),
        note: format!("a source of {WORKLOADS} changed every 20 ms"),
    }
}

fn counts(account: &Account) -> [Figure; 2] {
    let (changes, rolls) = (account.changes(), account.rolls());
    let note = format!("{changes} changes, {rolls} rolls");
    let count = |what: &str, names: &[&str], note: String| {
        #[expect(clippy::cast_precision_loss, reason = "a few workloads")]
        let count = names.len() as f64;
        Figure {
            bar: Some(Bar::Exactly(0.0)),
            note,
            ..Figure::new(7, what, Unit::Count, Spread::one(count))
        }
    };
    [
        count(
            "nine takeovers: workloads whose last change was lost",
            &account.lost(),
            note,
        ),
        count(
            "the same: workloads rolled twice for a change",
            &account.twice(),
            String::new(),
        ),
    ]
}
