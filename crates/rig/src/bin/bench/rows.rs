//! The rows of the table, one file each.

pub(crate) mod crowd;
pub(crate) mod empty;
pub(crate) mod failover;
pub(crate) mod fan_out;
pub(crate) mod gates;
pub(crate) mod graph;
pub(crate) mod killed;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod missed;
pub(crate) mod page;
pub(crate) mod scale;
pub(crate) mod sight;
pub(crate) mod site;
pub(crate) mod storm;

use std::time::{Duration, Instant};

/// Whose turn it is: floor, Tidings, Tidings, floor, and so on, so that what
/// grows with time weighs on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Floor,
    Tidings,
}

pub(crate) fn turns(pairs: usize) -> impl Iterator<Item = Turn> {
    let pair = |n: usize| match n % 2 {
        0 => [Turn::Floor, Turn::Tidings],
        _ => [Turn::Tidings, Turn::Floor],
    };
    (0..pairs).flat_map(pair)
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
