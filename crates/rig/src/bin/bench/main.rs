//! `make bench`: Tidings' figures, each beside its floor measured in the same run.
//!
//! In: nothing but this machine; every row starts a cluster of its own. Out: a
//! table, and JSON for programs. Progress goes to stderr. A row that misses its
//! bar is no failure of the benchmark; one that cannot be measured is.
//!
//! `make bench-strangers` is `bench strangers`, `make bench-scale` `bench growth`: see
//! there.
//!
//! Floors are bare requests of the same client, with the same bytes and as many
//! at once as Tidings sends, seen by the same observer, in turns with Tidings.

mod figure;
mod floor;
mod growth;
mod lab;
mod observer;
mod rows;
mod strangers;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use rig::Options;

use self::figure::Figure;

/// Measures Tidings against a real control plane on this machine.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Only these rows.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = 1..=9)]
    rows: Vec<u8>,
    /// Also writes what was measured to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often row 1 is measured: each time twice, floors in between.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: usize,
    /// The request rate of row 1's controller-manager; Kubernetes' default is 20.
    #[arg(long, value_name = "N", default_value_t = Options::default().controller_qps)]
    controller_qps: u32,
    /// Row 8 with 10,000 workloads and 35,000 sources of 800 MB, and not a tenth of them;
    /// row 9 with 10,000 workloads, too.
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
}

fn main() -> Result<()> {
    let args = Args::parse();
    // As many workers as Tidings has: the floor should have no more, and no less.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match &args.other {
        None => runtime.block_on(run(&args)),
        Some(Other::Strangers { words }) => runtime.block_on(strangers::run(words)),
        Some(Other::Growth(growth)) => runtime.block_on(growth::run(growth)),
    }
}

#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
async fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    let mut figures = Vec::new();
    for row in &args.rows {
        let measured = measure(*row, args).await;
        figures.extend(measured.with_context(|| format!("row {row}"))?);
        if let Some(file) = &args.json {
            std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
        }
    }
    println!("{}", table::render(&figures));
    lab::say(&format!("took {:.0} s", start.elapsed().as_secs_f64()));
    Ok(())
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
        _ => anyhow::bail!("there are rows 1 to 9"),
    }
}
