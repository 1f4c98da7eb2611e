//! All that a command started, wherever it went: who calls setsid(2) leaves its
//! process group, and whose parent has ended is nobody's child any more.
//!
//! In: the number of the command, and marks that its children have from it: one in
//! their environment, and one that stays when that is cleared. Out: nobody of them is
//! left, or only who cannot be ended.

use super::mark::ProcessMark;
use super::{Process, find, parent, text};
use crate::files::chance::chance;
use rustix::process::{Signal, pidfd_send_signal};
use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

/// How often to look for what is left.
const STEP: Duration = Duration::from_millis(20);
/// Who does not end by SIGKILL within this time is waiting for a disk.
const KILLED: Duration = Duration::from_secs(1);
/// No environment that the kernel starts a program with is longer.
const LONGEST: u64 = 8 << 20;

/// So many looks in a row that find nobody are believed where others start processes
/// all the time.
const LOOKS: u32 = 20;

/// Where the mark is.
pub(crate) const VARIABLE: &str = "TIDINGS_COMMAND";

/// The mark of one command.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    mark: String,
    /// `None`: it cannot be had here.
    lasting: Option<ProcessMark>,
}

impl Family {
    /// One that nobody else has.
    pub(crate) fn new() -> Self {
        let number = chance();
        Self {
            mark: format!("{number:016x}"),
            lasting: ProcessMark::new(),
        }
    }

    /// Starts its first.
    pub(crate) fn begun_by<T>(&self, start: impl FnOnce() -> T) -> T {
        match self.lasting {
            Some(mark) => mark.laid_while(start),
            None => start(),
        }
    }

    /// The value of the variable.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Kills all of them. `command`: its number, while it certainly is its.
    pub(crate) fn end(&self, command: Option<i32>) {
        let began = Instant::now();
        let mut unsure = 0;
        loop {
            let newest = newest();
            let members = self.members(command);
            let Some(first) = members.first() else {
                unsure += 1;
                // Who was started meanwhile may not have been looked at.
                if unsure == LOOKS || newest == self::newest() {
                    return;
                }
                continue;
            };
            unsure = 0;
            if began.elapsed() >= KILLED {
                return;
            }
            for member in &members {
                // Whoever has just ended need not be told.
                let _ = pidfd_send_signal(member.fd(), Signal::KILL);
            }
            first.ended_within(STEP);
        }
    }

    fn members(&self, command: Option<i32>) -> Vec<Process> {
        let me = std::process::id().cast_signed();
        let is_member = |pid: &i32| {
            *pid != me && !find::is_zombie(*pid) && (descends(*pid, command) || self.marks(*pid))
        };
        let open = |pid| Process::open(pid).filter(|process| is_member(&process.pid));
        find::pids().filter(is_member).filter_map(open).collect()
    }

    fn marks(&self, pid: i32) -> bool {
        if self.lasting.is_some_and(|mark| mark.is_on(pid)) {
            return true;
        }
        let variable = format!("{VARIABLE}={}", self.mark);
        let mut environment = Vec::new();
        let file = File::open(format!("/proc/{pid}/environ"));
        let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut environment));
        let mut variables = environment.split(|byte| *byte == 0);
        read.is_ok() && variables.any(|one| one == variable.as_bytes())
    }
}

/// The number of the process that was started last, of all that we can see.
fn newest() -> Option<String> {
    let line = text("/proc/loadavg")?;
    line.split_whitespace().next_back().map(str::to_owned)
}

fn descends(pid: i32, from: Option<i32>) -> bool {
    let line = std::iter::successors(Some(pid), |pid| parent(*pid));
    from.is_some_and(|from| line.take(1000).any(|pid| pid == from))
}
