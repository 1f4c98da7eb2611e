//! The promises of `ladder`, in random lives: pods that come and go, answer late, twice
//! or never, refuse and die; nodes that are gone; budgets that open and close, pods that
//! hang in termination; rollouts of the workload's own in the midst; controllers that die
//! and are followed by others at every step, whose clocks
//! tell nothing about each other's; contents that change meanwhile and change back;
//! gates. Time is virtual, so thousands of lives take seconds.
//!
//! A life follows from its seed, which is printed with the last of what happened in it:
//! `LADDER_SEED=N` repeats it, `LADDER_LIVES=N` lives as many.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed promise ends the test, and is shown"
)]

mod chance;
mod cluster;
mod controller;
mod life;
mod requests;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use life::Life;
use tidings_core::ladder::Finish;

/// As many as take a few seconds.
const LIVES: u64 = 3_000;
/// Lines of a life that broke a promise.
const SHOWN: usize = 100;

#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the test says which lives; the core itself has no environment"
)]
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives one. If a promise is broken, it lives again, and shows the end of it.
fn live(seed: u64) -> Life {
    let lived = catch_unwind(|| {
        let mut life = Life::new(seed, false);
        life.live();
        life
    });
    lived.unwrap_or_else(|broken| {
        let mut life = Life::new(seed, true);
        let _ = catch_unwind(AssertUnwindSafe(|| life.live()));
        show(seed, &life);
        resume_unwind(broken)
    })
}

fn show(seed: u64, life: &Life) {
    let Life {
        weather,
        restarts,
        paced,
        ..
    } = life;
    eprintln!("LADDER_SEED={seed}: {weather:?}, restarts: {restarts}, paced: {paced}");
    let trace = life.trace.as_ref().unwrap().borrow();
    let from = trace.len().saturating_sub(SHOWN);
    trace[from..].iter().for_each(|line| eprintln!("{line}"));
}

#[test]
fn whatever_befalls_a_workload_the_promises_hold() {
    if let Some(seed) = told("LADDER_SEED") {
        live(seed);
        return;
    }
    let mut ends = [0_u32; 7];
    for seed in 0..told("LADDER_LIVES").unwrap_or(LIVES) {
        for end in live(seed).controller.ends {
            ends[kind(&end)] += 1;
        }
    }
    eprintln!(
        "in step, rejected, died, handed over, not taken, overtaken, refused still: {ends:?}"
    );
    assert!(
        ends.iter().all(|times| *times > 20),
        "{ends:?}: not much happens"
    );
}

fn kind(end: &Finish) -> usize {
    match end {
        Finish::InStep { .. } => 0,
        Finish::Rejected { .. } => 1,
        Finish::Died { .. } => 2,
        Finish::To(_) => 3,
        Finish::NotTaken { .. } => 4,
        Finish::Overtaken => 5,
        Finish::Stands => 6,
    }
}
