//! Other processes, as `/proc` shows them to everybody (proc(5)), and to us alone.
//!
//! In: a name, a pid file or a pid. Out: a [`Process`], held by a pidfd, so that
//! no later process of the same number is ever meant. A process that is gone or
//! hidden is `None`, never an error: nobody is there to be told.

mod disposition;
mod family;
mod find;
mod golang;
mod group;
mod kin;
mod mark;
mod pid_file;
mod raw;

pub(crate) use disposition::{Disposition, MOST_DESCRIPTORS, MOST_THREADS, is_ignored_here};
pub(crate) use family::{Family, VARIABLE};
pub(crate) use find::{Fit, children_of, lives, named, nobody_else, pids, rivals};
pub(crate) use golang::is_go;
pub(crate) use group::end_group;
pub(crate) use kin::Among;
pub(crate) use pid_file::PidFile;
pub(crate) use raw::raw;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::time::Duration;

/// The clocks of files and of processes differ by less, unless somebody set one.
const CLOCKS: Duration = Duration::from_secs(2);

/// Where the number of a process that we start can be read, 0 while there is none.
pub(crate) type ChildNumber = Arc<AtomicI32>;

/// A process that was alive when it was found.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number, for people and for `/proc`.
    pub(crate) pid: i32,
    fd: OwnedFd,
}

impl Process {
    /// The process of this number.
    pub(crate) fn open(pid: i32) -> Option<Self> {
        let fd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid, fd })
    }

    /// The process whose number is in this file.
    pub(crate) fn of_pid_file(path: &Path) -> Option<Self> {
        match PidFile::read(path) {
            PidFile::Names(pid) => Self::open(pid),
            _ => None,
        }
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

    /// Whether it surely started after a file of its number was written, by another
    /// process of that number then.
    pub(crate) fn is_younger_than(&self, file: &Path) -> bool {
        let written = std::fs::metadata(file)
            .and_then(|file| file.modified())
            .ok();
        let since = written.and_then(|written| written.elapsed().ok());
        let age = self.age();
        since
            .zip(age)
            .is_some_and(|(since, age)| age + CLOCKS < since)
    }

    /// The user that it runs as.
    pub(crate) fn user(&self) -> Option<u32> {
        kin::user(self.pid)
    }

    /// What it runs, as far as we may see.
    pub(crate) fn program(&self) -> Option<String> {
        let shown = find::living(self.pid);
        let exe = shown.and_then(|shown| std::fs::read_link(shown.join("exe")).ok());
        let name = || text(format!("/proc/{}/comm", self.pid));
        let shown = |path: std::path::PathBuf| path.display().to_string();
        exe.map(shown)
            .or_else(name)
            .map(|name| name.trim_end().to_owned())
    }

    /// How long ago it started.
    pub(crate) fn age(&self) -> Option<Duration> {
        age(self.pid)
    }
}

/// Why nothing can be known of any process, if so.
pub(crate) fn blindness() -> Option<&'static str> {
    text("/proc/self/stat").is_none().then_some(NO_PROC)
}

const NO_PROC: &str = "/proc cannot be read, and without it nothing is known of any process: have it mounted where the agent runs";

/// How long ago the process of this number started.
pub(crate) fn age(pid: i32) -> Option<Duration> {
    let uptime = as_duration(clock_gettime(ClockId::Boottime));
    Some(uptime.saturating_sub(started(pid)?))
}

fn as_duration(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
}

/// When a process started, since boot: field 22 of its stat, in clock ticks.
pub(crate) fn started(pid: i32) -> Option<Duration> {
    let stat = text(format!("/proc/{pid}/stat"))?;
    let ticks: u64 = after_name(&stat)?.split(' ').nth(19)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_millis(ticks * 1000 / per_second))
}

/// What the kernel shows. A process may have any bytes for a name.
fn text(path: impl AsRef<Path>) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The fields from the third on: the second is a name that may hold anything.
fn after_name(stat: &str) -> Option<&str> {
    Some(stat.rsplit_once(')')?.1.trim_start())
}

/// The number of a process's parent.
pub(crate) fn parent(pid: i32) -> Option<i32> {
    field(pid, 4)
}

/// A number of its stat, counted from 1 as in proc(5), after the name.
fn field(pid: i32, number: usize) -> Option<i32> {
    let stat = text(format!("/proc/{pid}/stat"))?;
    after_name(&stat)?.split(' ').nth(number - 3)?.parse().ok()
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
    }

    #[test]
    fn what_was_written_after_the_start_may_not_have_been_read() {
        let now = clock_gettime(ClockId::Realtime);
        let age = Duration::from_mins(1);
        assert!(may_be_older(age, (now.tv_sec - 30, 0)));
        assert!(!may_be_older(age, (now.tv_sec - 90, 0)));
    }
}
