//! Other processes, as `/proc` shows them to everybody (proc(5)), and to us alone.
//!
//! In: a name, a pid file or a pid. Out: a [`Process`], held by a pidfd, so that
//! no later process of the same number is ever meant. A process that is gone or
//! hidden is `None`, never an error: nobody is there to be told.

mod find;
mod golang;

pub(crate) use find::{children_of, named};
pub(crate) use golang::is_go;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tidings_core::action::Signal;

/// A process that was alive when it was found.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number, for people and for `/proc`.
    pub(crate) pid: i32,
    fd: OwnedFd,
}

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It has a handler, or blocks it and reads it by itself.
    Handled,
    /// It throws it away.
    Ignored,
    /// It would be hit by the default action, which for most signals ends it.
    Default,
}

impl Process {
    /// The process of this number.
    pub(crate) fn open(pid: i32) -> Option<Self> {
        let fd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid, fd })
    }

    /// The process whose number is in this file.
    pub(crate) fn of_pid_file(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        Self::open(text.split_whitespace().next()?.parse().ok()?)
    }

    /// The descriptor to send signals through.
    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Waits this long for the end of the process; true if it ended.
    pub(crate) fn ended_within(&self, pause: Duration) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let timeout = Timespec::try_from(pause).ok();
        poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// What it does with `signal` now. `None`: it is gone.
    pub(crate) fn disposition(&self, signal: Signal) -> Option<Disposition> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let found = disposition(&status, signal)?;
        (!self.ended_within(Duration::ZERO)).then_some(found)
    }

    /// How long ago it started.
    pub(crate) fn age(&self) -> Option<Duration> {
        let uptime = as_duration(clock_gettime(ClockId::Boottime));
        Some(uptime.saturating_sub(started(self.pid)?))
    }
}

fn as_duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

/// When a process started, since boot: field 22 of its stat, in clock ticks.
pub(crate) fn started(pid: i32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks: u64 = after_name(&stat)?.split(' ').nth(19)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks * 1000 / per_second))
}

/// The fields from the third on: the second is a name that may hold anything.
fn after_name(stat: &str) -> Option<&str> {
    Some(stat.rsplit_once(')')?.1.trim_start())
}

/// The number of a process's parent: field 4 of its stat.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    after_name(&stat)?.split(' ').nth(1)?.parse().ok()
}

fn disposition(status: &str, signal: Signal) -> Option<Disposition> {
    let has = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let mask = u64::from_str_radix(line.trim(), 16).ok()?;
        Some(mask & signal.mask() != 0)
    };
    Some(if has("SigIgn:")? {
        Disposition::Ignored
    } else if has("SigCgt:")? || has("SigBlk:")? {
        Disposition::Handled
    } else {
        Disposition::Default
    })
}

/// Whether a process that started `age` ago may have read what was there
/// before `changed_at` (wall clock, seconds and nanoseconds since 1970).
pub(crate) fn may_be_older(age: Duration, changed_at: (i64, i64)) -> bool {
    let now = clock_gettime(ClockId::Realtime);
    let changed = Duration::new(
        u64::try_from(changed_at.0).unwrap_or(0),
        u32::try_from(changed_at.1).unwrap_or(0),
    );
    // Start times are kept in hundredths of a second.
    let tick = Duration::from_millis(20);
    changed + tick >= as_duration(now).saturating_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nSigBlk:\t0000000000000200\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180014a03\n";

    #[test]
    fn masks_say_what_a_signal_does() {
        let of = |name| disposition(STATUS, Signal::parse(name).unwrap());
        assert_eq!(of("HUP"), Some(Disposition::Handled));
        assert_eq!(of("USR1"), Some(Disposition::Handled));
        assert_eq!(of("PIPE"), Some(Disposition::Ignored));
        assert_eq!(of("ALRM"), Some(Disposition::Default));
        assert_eq!(disposition("", Signal::HUP), None);
    }

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "12 (a) b) (c) S 7 1 1";
        assert_eq!(after_name(stat), Some("S 7 1 1"));
    }

    #[test]
    fn we_are_a_process_that_runs() {
        let me = Process::open(std::process::id().cast_signed()).unwrap();
        assert!(!me.ended_within(Duration::ZERO));
        assert!(me.age().unwrap() < Duration::from_hours(1));
        assert_eq!(
            me.disposition(Signal::parse("WINCH").unwrap()),
            Some(Disposition::Default)
        );
    }

    #[test]
    fn what_was_written_after_the_start_may_not_have_been_read() {
        let now = clock_gettime(ClockId::Realtime);
        let age = Duration::from_mins(1);
        assert!(may_be_older(age, (now.tv_sec - 30, 0)));
        assert!(!may_be_older(age, (now.tv_sec - 90, 0)));
    }
}
