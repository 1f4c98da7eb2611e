//! The end of a process group whose leader is gone.
//!
//! In: its number. Out: nobody of it is left, or only who cannot be ended. Members
//! are told one by one, by pidfd: the number itself is free as soon as all are gone.

use super::{Process, field, find};
use rustix::process::{Signal, pidfd_send_signal};
use std::time::{Duration, Instant};

/// How often to look for what is left.
const STEP: Duration = Duration::from_millis(20);
/// Who does not end by SIGKILL within this time is waiting for a disk.
const KILLED: Duration = Duration::from_secs(1);

/// Tells all of the group to end, and kills who is there after this time.
pub(crate) fn end_group(group: i32, signal: Signal, until: Instant) {
    let began = Instant::now();
    let mut told = Vec::new();
    loop {
        let members = members(group);
        let Some(first) = members.first() else {
            return;
        };
        let late = Instant::now() >= until;
        if Instant::now() >= until.max(began) + KILLED {
            return;
        }
        for member in &members {
            let signal = if late { Signal::KILL } else { signal };
            if late || !told.contains(&member.pid) {
                told.push(member.pid);
                // Whoever has just ended need not be told.
                let _ = pidfd_send_signal(member.fd(), signal);
            }
        }
        first.ended_within(STEP);
    }
}

/// Those of the group that live.
fn members(group: i32) -> Vec<Process> {
    let of_group = |pid: &i32| field(*pid, 5) == Some(group) && !find::is_zombie(*pid);
    let open = |pid| Process::open(pid).filter(|process| of_group(&process.pid));
    find::pids().filter(of_group).filter_map(open).collect()
}
