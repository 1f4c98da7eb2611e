//! `make bench-node`: changes that go hot or in place, in real pods on a real node.
//!
//! In: nothing but this machine, as root. Out: a table as `make bench` prints it, and an
//! error where something could not be measured. Tidings has its defaults, but for
//! `--methods`. The floor of a change is a poke by hand, sent when the write is answered.

mod crowd;
mod in_place;
mod load;
mod memory;
mod stage;

use anyhow::{Context, Result, bail};
use clap::Args;
use rig::node::{self, Node};

use self::stage::Stage;
use crate::figure::{Bar, Figure, Spread, Unit};
use crate::lab::say;
use crate::table;

/// Options of `bench node`.
#[derive(Args)]
pub(crate) struct OnANode {
    /// Only these rows.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [SERVED, CROWD, LOAD, MEMORY, IN_PLACE])]
    rows: Vec<u8>,
    /// How many changes are measured.
    #[arg(long, value_name = "N", default_value_t = 50)]
    changes: usize,
    /// How many changes the kubelet brings alone to ten pods; it takes a minute and a half
    /// for each, and for one more.
    #[arg(long, value_name = "N", default_value_t = 1)]
    unpoked: usize,
}

/// The rows of the table, after those of `make bench`.
const SERVED: u8 = 15;
const CROWD: u8 = 16;
const LOAD: u8 = 17;
/// This one has pods that are played.
const MEMORY: u8 = 18;
const IN_PLACE: u8 = 19;
/// Pods to which the kubelet comes by itself.
const UNPOKED: usize = 10;

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
pub(crate) async fn run(args: &OnANode) -> Result<()> {
    if node::leaves_out("bench-node")? {
        return Ok(());
    }
    let (played, real): (Vec<_>, Vec<_>) = args.rows.iter().partition(|row| **row == MEMORY);
    let mut figures = Box::pin(on_a_node(&real, args)).await?;
    for row in played {
        let measured = memory::measure().await;
        figures.extend(measured.with_context(|| format!("row {row}"))?);
    }
    println!("{}", table::render(&figures));
    Ok(())
}

async fn on_a_node(rows: &[u8], args: &OnANode) -> Result<Vec<Figure>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let node = Node::start().await?;
    rig::node::web::prepare(&node).await?;
    let mut figures = Vec::new();
    for row in rows {
        let measured = measure(*row, &node, args).await;
        figures.extend(measured.with_context(|| format!("row {row}"))?);
    }
    Ok(figures)
}

async fn measure(row: u8, node: &Node, args: &OnANode) -> Result<Vec<Figure>> {
    match row {
        SERVED => served(node, args).await,
        CROWD => crowd::measure(node).await,
        LOAD => load::measure(node, args.changes).await,
        IN_PLACE => in_place::measure(node, args.changes).await,
        row => bail!("there is no row {row} on a node"),
    }
}

/// From the write of a change until the nginx that runs serves it, in one pod.
async fn served(node: &Node, args: &OnANode) -> Result<Vec<Figure>> {
    say("row 15: from a change until the process that runs serves it");
    let mut alone = Stage::set(node, "alone", UNPOKED).await?;
    let unpoked = alone.kubelet_alone(args.unpoked).await?;
    say(&format!("  the kubelet alone: {unpoked:.1?} s"));
    drop(alone);
    let mut stage = Stage::set(node, "served", 1).await?;
    let by_hand = stage.by_hand(args.changes.min(20)).await?;
    stage.install(&[]).await?;
    let hot = stage.hot(args.changes).await?;
    let restarts = stage.restarts().await?;
    let alone = Spread::of(&unpoked);
    let note = format!(
        "the floor is a poke by hand; the kubelet alone: {:.1} s ({:.1}–{:.1}) of {}; \
         {restarts} restarts of containers",
        alone.median, alone.low, alone.high, alone.samples
    );
    let figure = |what: &str, tidings, floor, bar, note| Figure {
        floor: Some(floor),
        bar: Some(Bar::AtMost(bar)),
        note,
        ..Figure::new(SERVED, what, Unit::Seconds, tidings)
    };
    let late = |samples: &[f64]| Spread::one(percentile(samples, 95));
    Ok(vec![
        figure(
            "change → the running nginx serves it, p50",
            Spread::of(&hot),
            Spread::of(&by_hand),
            0.8,
            note,
        ),
        figure(
            "the same, p95",
            late(&hot),
            late(&by_hand),
            1.5,
            String::new(),
        ),
    ])
}

fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from)
}

/// The smallest sample that so many of a hundred do not exceed.
fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100);
    let at = sorted.get(rank.saturating_sub(1));
    at.copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_sample() {
        let samples: Vec<f64> = (1..=50).map(f64::from).collect();
        assert_eq!(percentile(&samples, 95).to_string(), "48");
        assert_eq!(percentile(&[7.0], 95).to_string(), "7");
        assert!(percentile(&[], 95).is_nan());
    }
}
