//! The agent's numbers, each beside its bar and, where it makes sense, beside
//! the floor: a bare inotify loop of the same run. Volumes are written by the
//! kubelet's own code. Exits with 1 when a bar is missed.
//!
//! `TIDINGS_AGENT` names the binary to measure (`make bench-agent` takes the
//! static one); `TIDINGS_BENCH_UPDATES` how many updates a latency is made of,
//! `TIDINGS_BENCH_ONLY` a part of the names of the scenes to play.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends when a step fails"
)]

#[path = "../../crates/agent/tests/common/mod.rs"]
mod common;
mod floor;
mod hook;
mod scenes;

use std::process::ExitCode;

/// What was measured, and whether all of it is within its bars.
#[derive(Default)]
struct Board {
    missed: bool,
}

impl Board {
    /// A number that must not be above its bar.
    fn at_most(&mut self, what: &str, value: f64, bar: f64, unit: &str) {
        let verdict = if value <= bar { "ok" } else { "MISSED" };
        self.missed |= value > bar;
        println!("{what:<58} {value:>9.2} {unit:<4} (bar: {bar} {unit}) {verdict}");
    }

    /// A number to compare with.
    fn floor(&self, what: &str, value: f64, unit: &str) {
        let _ = self.missed;
        println!("{what:<58} {value:>9.2} {unit:<4} (floor)");
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, dir, port] = arguments.as_slice()
        && command == "floor"
    {
        floor::run(dir, port.parse().unwrap());
    }
    let mut board = Board::default();
    let only = std::env::var("TIDINGS_BENCH_ONLY").unwrap_or_default();
    for (_, scene) in scenes::ALL.iter().filter(|(name, _)| name.contains(&only)) {
        scene(&mut board);
    }
    ExitCode::from(u8::from(board.missed))
}
