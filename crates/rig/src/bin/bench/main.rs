//! `make bench`: Tidings' figures, each beside its floor measured in the same run.
//!
//! In: nothing but this machine; every row starts a cluster of its own. Out: a
//! table, and JSON for programs. Progress goes to stderr. A row that misses its
//! bar is no failure of the benchmark; one that cannot be measured is, and one that is
//! worse than the figure in the tree by more than the noise, in the middle of three
//! measurements.
//!
//! `make bench-strangers` is `bench strangers`, `make bench-scale` `bench growth`, `make
//! bench-node` `bench node`: see there.
//!
//! Floors are bare requests of the same client, with the same bytes and as many
//! at once as Tidings sends, seen by the same observer, in turns with Tidings.

mod committed;
mod figure;
mod floor;
mod growth;
mod lab;
mod node;
mod observer;
mod rows;
mod strangers;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use rig::Options;

use self::committed::Committed;
use self::figure::Figure;

/// Measures Tidings against a real control plane on this machine.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Only these rows.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = 1..=15)]
    rows: Vec<u8>,
    /// Also writes what was measured to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What was measured before, to compare with.
    #[arg(long, value_name = "FILE", default_value = "bench/figures.json")]
    against: PathBuf,
    /// How often row 1 is measured: each time twice, floors in between.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: usize,
    /// The request rate of row 1's controller-manager; Kubernetes' default is 20.
    #[arg(long, value_name = "N", default_value_t = Options::default().controller_qps)]
    controller_qps: u32,
    /// Row 8 with 10,000 workloads and 35,000 sources of 800 MB, and not a tenth of them;
    /// rows 9 and 13 with 10,000 workloads, too; row 14 with as many, and 30,000 pods.
    #[arg(long)]
    full: bool,
}

#[derive(Subcommand)]
enum Other {
    /// What a neighbour has of what one tenant does.
    Strangers {
        /// Only inputs whose words contain one of these.
        words: Vec<String>,
    },
    /// How memory, processor time and requests grow with the cluster.
    Growth(growth::Growth),
    /// Changes that go hot, on a real node.
    Node(node::OnANode),
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    // As many workers as Tidings has: the floor should have no more, and no less.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match &args.other {
        None => return runtime.block_on(run(&args)),
        Some(Other::Strangers { words }) => runtime.block_on(strangers::run(words))?,
        Some(Other::Growth(growth)) => runtime.block_on(growth::run(growth))?,
        Some(Other::Node(options)) => runtime.block_on(node::run(options))?,
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
async fn run(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    let before = Committed::read(&args.against)
        .inspect_err(|error| lab::say(&format!("nothing to compare with: {error:#}")))
        .ok();
    let is_worse = |now: &Figure| before.as_ref().is_some_and(|before| before.was_better(now));
    let mut figures = Vec::new();
    for row in &args.rows {
        let measured = measure_well(*row, args, is_worse).await;
        figures.extend(measured.with_context(|| format!("row {row}"))?);
        if let Some(file) = &args.json {
            Committed::of(&figures)?.write(file)?;
        }
    }
    println!("{}", table::render(&figures));
    lab::say(&format!("took {:.0} s", start.elapsed().as_secs_f64()));
    let worse: Vec<_> = figures.iter().filter(|now| is_worse(now)).collect();
    for figure in &worse {
        let file = args.against.display();
        lab::say(&format!("worse than in {file}: {}", figure.what));
    }
    Ok(ExitCode::from(u8::from(!worse.is_empty())))
}

/// Measures what is worse than before twice more.
async fn measure_well(
    row: u8,
    args: &Args,
    is_worse: impl Fn(&Figure) -> bool,
) -> Result<Vec<Figure>> {
    let first = measure(row, args).await?;
    if !first.iter().any(is_worse) {
        return Ok(first);
    }
    lab::say("  worse than before: twice more");
    let (second, third) = (measure(row, args).await?, measure(row, args).await?);
    Ok(Figure::medians(&[first, second, third]))
}

async fn measure(row: u8, args: &Args) -> Result<Vec<Figure>> {
    match row {
        1 => rows::fan_out::measure(args.rounds, args.controller_qps).await,
        2 => rows::latency::measure().await,
        3 => rows::storm::measure().await,
        4 => rows::missed::measure().await,
        5 => rows::killed::measure().await,
        6 => rows::memory::measure().await,
        7 => rows::failover::measure().await,
        8 => rows::scale::measure(args.full).await,
        9 => rows::crowd::measure(args.full).await,
        10 => rows::site::measure().await,
        11 => rows::empty::measure().await,
        12 => rows::graph::measure().await,
        13 => rows::page::measure(args.full).await,
        14 => rows::sight::measure(args.full).await,
        15 => rows::gates::measure().await,
        _ => anyhow::bail!("there are rows 1 to 15"),
    }
}
