//! How long the worst inputs of `tests/strangers` take: to be read off the wire, to be
//! taken into the index, and to be decided; the longest of several runs.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "core has no clock, but this measures it; people read it, and it ends where something is wrong"
)]

#[path = "../tests/strangers/cluster.rs"]
mod cluster;
#[path = "../tests/strangers/inputs.rs"]
mod inputs;

use std::time::{Duration, Instant};

use cluster::Cluster;
use inputs::{Input, inputs};

const RUNS: usize = 5;

fn main() {
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>10}",
        "one workload", "read", "taken in", "decided", "steps"
    );
    for input in inputs() {
        let runs: Vec<_> = (0..RUNS).map(|_| run(&input)).collect();
        let longest = |of: fn(&(Duration, Duration, Duration, u32)) -> Duration| {
            let millis = runs.iter().map(of).max().unwrap_or_default().as_secs_f64() * 1e3;
            format!("{millis:.1} ms")
        };
        let steps = runs.first().map_or(0, |run| run.3);
        println!(
            "{:<44} {:>9} {:>9} {:>9} {steps:>10}",
            input.name,
            longest(|run| run.0),
            longest(|run| run.1),
            longest(|run| run.2),
        );
    }
}

fn run(input: &Input) -> (Duration, Duration, Duration, u32) {
    let json = input.deployment.to_string();
    let began = Instant::now();
    let workload = cluster::read(&json);
    let read = began.elapsed();
    let mut cluster = Cluster::new(&input.config_maps);
    let began = Instant::now();
    cluster.tell(workload);
    let told = began.elapsed();
    let verdicts = cluster.decide();
    let began = Instant::now();
    let verdict = cluster.verdict();
    let decided = began.elapsed();
    let steps = verdicts.iter().map(|verdict| verdict.steps).max();
    (read, told, decided, steps.unwrap_or(verdict.steps))
}
