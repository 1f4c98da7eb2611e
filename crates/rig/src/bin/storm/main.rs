//! `make storm`: random lives of the controller in bad weather, each judged at its end.
//!
//! In: a seed. Out: a line for each life, and a table. A life is two replicas with the
//! defaults on a real control plane, behind the proxy of the rig. Faults of requests and
//! of connections strike them, they are killed, told to end and stopped, while sources
//! and workloads change and a tenant does what strangers do. Then all of it ends, and
//! each workload must have been rolled once for its last change, nothing else may have
//! been, and what changes from then on is rolled.
//!
//! A life follows from its seed, which is its number added to the first one's: `--seed N
//! --lives 1` repeats one. What meets what is not the same to the millisecond each time.

mod life;
mod plan;
mod replicas;
mod tenant;
mod watched;
mod weather;

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use comfy_table::Table;
use rig::{Cluster, Options};
use tokio::signal::ctrl_c;

use self::life::{Life, Tally};
use self::plan::Plan;

/// Lets the controller live many random lives in bad weather.
#[derive(Parser)]
struct Args {
    /// How many lives, of 30 to 60 seconds and what it takes until all is well again.
    #[arg(long, value_name = "N", default_value_t = 200)]
    lives: u64,
    /// The seed of the first life; the others count up from it. Random, unless given.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the logs of a life go that does not end well.
    #[arg(long, value_name = "FOLDER", default_value = "target/storm")]
    logs: PathBuf,
    /// Only prints what would happen.
    #[arg(long)]
    plan: bool,
}

// One thread: the kernel ends our children when the thread that started them ends.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let seed = args
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000);
    let seeds = seed..seed + args.lives;
    if args.plan {
        seeds.for_each(|seed| say(&Plan::draw(seed).to_string()));
        return Ok(ExitCode::SUCCESS);
    }
    say(&format!("{} lives from seed {seed}", args.lives));
    // A value that is dropped ends its processes, so an interrupt drops it.
    let failed = tokio::select! {
        lived = storm(seeds, &args) => lived?,
        _ = ctrl_c() => return Ok(ExitCode::from(130)),
    };
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Lives them all; gives how many did not end well.
async fn storm(seeds: std::ops::Range<u64>, args: &Args) -> Result<usize> {
    let begin = Instant::now();
    let cluster = Cluster::start(Options::default()).await?;
    let (mut all, mut failed) = (Tally::default(), Vec::new());
    for seed in seeds {
        let plan = Plan::draw(seed);
        let mut life = Box::pin(Life::new(&cluster, &plan)).await?;
        let lived = Box::pin(life.live(&args.logs)).await;
        say(&line(seed, &life.tally));
        if let Err(error) = lived {
            say(&format!("seed {seed} did not end well: {error:#}\n{plan}"));
            failed.push(seed);
        }
        all.add(life.tally);
    }
    say(&table(&all, &failed));
    say(&format!("took {} s", begin.elapsed().as_secs()));
    Ok(failed.len())
}

fn line(seed: u64, tally: &Tally) -> String {
    format!(
        "seed {seed}: {} faults struck {} times, {} blows; {} changes, {} rolls; well after {} s, then a change took {:.1} s",
        tally.strokes,
        tally.struck,
        tally.blows,
        tally.changes,
        tally.rolls,
        tally.recovery.as_secs(),
        tally.neighbour.as_secs_f32()
    )
}

fn table(all: &Tally, failed: &[u64]) -> String {
    let rows = [
        ("lives", all.lives.to_string()),
        ("faults that struck", all.strokes.to_string()),
        ("requests and connections struck", all.struck.to_string()),
        ("kills, ends and stops", all.blows.to_string()),
        ("changes", all.changes.to_string()),
        ("rolls", all.rolls.to_string()),
        ("lost", all.lost.to_string()),
        ("rolled without a change", all.twice.to_string()),
        (
            "longest until all was well",
            format!("{} s", all.recovery.as_secs()),
        ),
        (
            "longest change of a neighbour's then",
            format!("{:.1} s", all.neighbour.as_secs_f32()),
        ),
        (
            "seeds of lives that did not end well",
            format!("{failed:?}"),
        ),
    ];
    let mut table = Table::new();
    for (what, how_many) in rows {
        table.add_row([what.to_owned(), how_many]);
    }
    table.to_string()
}

#[expect(clippy::print_stdout, reason = "it is what was asked for")]
fn say(text: &str) {
    println!("{text}");
}
