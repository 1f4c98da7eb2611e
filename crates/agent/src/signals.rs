//! The signals that the agent gets.
//!
//! In: the kernel's. Out: SIGCHLD to the nursery, everything else to the loop.
//! What was ignored when the agent started stays ignored (so `nohup` works);
//! what means a fault of the agent itself keeps its default, as under tini.

use crate::nursery::Nursery;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use tidings_core::action::Signal;

/// Not to be caught (KILL, STOP), or about a fault of our own (ILL, TRAP, ABRT,
/// BUS, FPE, SEGV, SYS), or about our own place in a terminal (TTIN, TTOU).
const LEFT_ALONE: [i32; 11] = [4, 5, 6, 7, 8, 9, 11, 19, 21, 22, 31];
/// Kept by the C library for its threads.
const RESERVED: [i32; 2] = [32, 33];

/// Which signals a mode wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that can be passed on to a child.
    All,
    /// Those that end the agent.
    Ends,
}

/// Begins to catch; call before anything is started.
///
/// # Errors
/// When the kernel refuses a handler.
pub(crate) fn catch(wanted: Wanted) -> io::Result<Signals> {
    let numbers = match wanted {
        Wanted::All => (1..=64).filter(|n| can_be_passed_on(*n)).collect(),
        Wanted::Ends => vec![Signal::TERM, Signal::INT, Signal::QUIT, Signal::CHLD]
            .into_iter()
            .map(Signal::number)
            .collect::<Vec<_>>(),
    };
    let ignored = ignored_now();
    let kept = numbers
        .into_iter()
        .filter(|n| ignored & (1 << (n - 1)) == 0 || *n == Signal::CHLD.number());
    Signals::new(kept)
}

/// Passes signals on for ever.
pub(crate) fn pass_on(mut signals: Signals, nursery: &Arc<Nursery>, mut tell: impl FnMut(Signal)) {
    for number in &mut signals {
        match Signal::from_number(number) {
            Some(Signal::CHLD) => nursery.reap(),
            Some(signal) => tell(signal),
            None => {}
        }
    }
}

fn can_be_passed_on(number: i32) -> bool {
    !LEFT_ALONE.contains(&number) && !RESERVED.contains(&number)
}

/// The mask of signals that are ignored at this moment.
fn ignored_now() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Rust itself ignores SIGPIPE, and gives it back to its children.
    let pipe = 1 << 12;
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .map_or(0, |mask| mask & !pipe)
}
