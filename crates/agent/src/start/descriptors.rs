//! How many files the agent may have open at once (`RLIMIT_NOFILE`, getrlimit(2)).
//!
//! In: how many it is to render. Out: whether the limit is high enough for all that it
//! does at once. With less it would run and see nothing, or be taken for dead.

use rustix::process::{Resource, getrlimit};

/// Of its own: what it holds, 32 connections, a command, and the deepest of what it
/// reads, at one time. A rendered file holds its directory beside.
pub(crate) const NEEDED: u64 = 64;

/// # Errors
/// One sentence with the number that is needed.
pub(crate) fn suffice(renders: usize) -> Result<(), String> {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Ok(());
    };
    let needed = NEEDED + renders as u64 + inherited().unwrap_or_default();
    if needed <= limit {
        return Ok(());
    }
    Err(format!(
        "the agent needs {needed} files open at once, and may have {limit}: raise the limit of open files (ulimit -n)"
    ))
}

/// What whoever started us has left open, beside the three that everybody has.
fn inherited() -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    // One is that of the listing.
    Some(open.saturating_sub(4) as u64)
}
