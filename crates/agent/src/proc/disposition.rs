//! What a process does with a signal, as the kernel shows it (proc(5), signal(7)).
//!
//! In: a process and a signal. Out: a [`Disposition`].
//!
//! Who catches nothing may take its signals all the same: it blocks them in all
//! threads, and waits for them in one (sigwait(3)) or reads them from a descriptor
//! (signalfd(2)). While a thread waits, the kernel shows the signal as not blocked
//! there; that it waits, and for what, is shown to who may trace it. One thread that
//! does neither is hit by the default action, and the whole process with it.

use super::{Process, text};
use std::fs::{File, ReadDir, read_dir, read_link};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use tidings_supervise::action::Signal;

/// Longer than starting another program takes.
const MOMENT: Duration = Duration::from_millis(10);
/// So many threads are looked at.
pub(crate) const MOST_THREADS: usize = 1000;
/// So many descriptors.
pub(crate) const MOST_DESCRIPTORS: usize = 4096;
/// rt_sigtimedwait(2), as this architecture numbers it (syscalls(2)).
const WAIT: &str = if cfg!(target_arch = "x86_64") {
    "128"
} else if cfg!(any(
    target_arch = "arm",
    target_arch = "s390x",
    target_arch = "x86"
)) {
    "177"
} else if cfg!(target_arch = "powerpc64") {
    "176"
} else {
    "137"
};
/// With times of 64 bits, where others are shorter.
const WAIT_LONG: &str = "421";

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It has a handler, or blocks it and reads it by itself.
    Handled,
    /// Some of its threads block it or wait for it, and what others are at is hidden:
    /// one may be waiting for it. Or they belong to a library that blocks everything.
    Doubtful,
    /// None of its threads blocks it, and what they are at is hidden.
    Hidden,
    /// It throws it away.
    Ignored,
    /// It would be hit by the default action, which for most signals ends it.
    Default,
}

/// What a thread does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thread {
    Blocks,
    Waits,
    /// One of these is enough for the default action.
    Open,
    /// It waits for it, or is open to it.
    Hidden,
}

impl Process {
    /// What it does with `signal` now. `None`: it is gone.
    ///
    /// While a program starts another, posix_spawn(3) blocks everything for a
    /// moment; so what rests on a block must be seen twice.
    pub(crate) fn disposition(&self, signal: Signal) -> Option<Disposition> {
        let (found, by_block) = self.shown(signal)?;
        if !by_block {
            return Some(found);
        }
        std::thread::sleep(MOMENT);
        let (again, _) = self.shown(signal)?;
        Some(if again == found {
            found
        } else {
            Disposition::Default
        })
    }

    /// What `/proc` shows, and whether that is because of a block.
    fn shown(&self, signal: Signal) -> Option<(Disposition, bool)> {
        let status = text(format!("/proc/{}/status", self.pid))?;
        let is_ignored = mask_has(&status, "SigIgn:", signal)?;
        let found = if mask_has(&status, "SigCgt:", signal)? {
            (Disposition::Handled, false)
        } else {
            match uncaught(self.pid, signal) {
                // What is blocked is kept for who waits, ignored or not.
                sure @ (Disposition::Handled, false) => sure,
                _ if is_ignored => (Disposition::Ignored, false),
                found => found,
            }
        };
        (!self.ended_within(Duration::ZERO)).then_some(found)
    }
}

/// Whether this program itself ignores it at this moment.
pub(crate) fn is_ignored_here(signal: Signal) -> bool {
    let status = text("/proc/self/status");
    status.and_then(|status| mask_has(&status, "SigIgn:", signal)) == Some(true)
}

/// By what its threads do.
fn uncaught(pid: i32, signal: Signal) -> (Disposition, bool) {
    let folders = entries(format!("/proc/{pid}/task"), MOST_THREADS + 1);
    let mut threads: Vec<Thread> = folders
        .filter_map(|thread| of_thread(&thread.path(), signal))
        .collect();
    if threads.len() > MOST_THREADS {
        threads.push(Thread::Hidden);
    }
    let is = |does| threads.contains(&does);
    if threads.is_empty() || is(Thread::Open) {
        (Disposition::Default, false)
    } else if is(Thread::Hidden) && (is(Thread::Blocks) || is(Thread::Waits)) {
        (Disposition::Doubtful, true)
    } else if is(Thread::Hidden) {
        (Disposition::Hidden, false)
    } else {
        let is_sure = is(Thread::Waits) || has_descriptor(pid, signal);
        (Disposition::Handled, !is_sure)
    }
}

/// `None`: it has ended.
fn of_thread(thread: &Path, signal: Signal) -> Option<Thread> {
    let blocks = || {
        let status = text(thread.join("status"))?;
        let state = status
            .lines()
            .find_map(|line| line.strip_prefix("State:"))?;
        let is_over = state.trim_start().starts_with(['Z', 'X']);
        mask_has(&status, "SigBlk:", signal).filter(|_| !is_over)
    };
    if blocks()? {
        return Some(Thread::Blocks);
    }
    let waits = waits(thread, signal);
    // It may have got one while it was looked at.
    if waits != Some(true) && blocks()? {
        return Some(Thread::Blocks);
    }
    Some(match waits {
        Some(true) => Thread::Waits,
        Some(false) => Thread::Open,
        None => Thread::Hidden,
    })
}

/// Whether it is in a call that waits for it. `None`: that is hidden from us.
fn waits(thread: &Path, signal: Signal) -> Option<bool> {
    let call = text(thread.join("syscall"))?;
    let mut words = call.split_whitespace();
    if ![WAIT, WAIT_LONG].contains(&words.next()?) {
        return Some(false);
    }
    let address = words.next()?.strip_prefix("0x")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let mut mask = [0; 8];
    let memory = File::open(thread.join("mem")).ok()?;
    memory.read_exact_at(&mut mask, address).ok()?;
    // Else it was another mask that lay there.
    let is_still_there = text(thread.join("syscall"))? == call;
    is_still_there.then_some(u64::from_ne_bytes(mask) & signal.mask() != 0)
}

/// Whether it has a descriptor to read the signal from.
fn has_descriptor(pid: i32, signal: Signal) -> bool {
    let all = entries(format!("/proc/{pid}/fd"), MOST_DESCRIPTORS);
    let takes = |name: &Path| {
        let info = text(Path::new(&format!("/proc/{pid}/fdinfo")).join(name));
        info.and_then(|info| mask_has(&info, "sigmask:", signal)) == Some(true)
    };
    all.filter(|entry| {
        read_link(entry.path()).is_ok_and(|to| to.ends_with("anon_inode:[signalfd]"))
    })
    .any(|entry| takes(Path::new(&entry.file_name())))
}

fn entries(folder: String, most: usize) -> impl Iterator<Item = std::fs::DirEntry> {
    let entries: Option<ReadDir> = read_dir(folder).ok();
    entries.into_iter().flatten().take(most).flatten()
}

/// Whether the mask of this name in a status contains the signal.
fn mask_has(status: &str, name: &str, signal: Signal) -> Option<bool> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let mask = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(mask & signal.mask() != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nSigBlk:\t0000000000000200\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180014a03\n";

    #[test]
    fn masks_are_read_bit_by_bit() {
        let caught = |name| mask_has(STATUS, "SigCgt:", Signal::parse(name).unwrap());
        assert_eq!(caught("HUP"), Some(true));
        assert_eq!(caught("ALRM"), Some(false));
        assert_eq!(mask_has("", "SigCgt:", Signal::HUP), None);
    }

    #[test]
    fn what_a_program_does_with_a_signal_is_seen() {
        // Not HUP, which `nohup` has ignored in all that it starts.
        let usr1 = Signal::parse("USR1").unwrap();
        for (program, expected) in [
            ("exec sleep 600", Disposition::Default),
            ("trap '' USR1; exec sleep 600", Disposition::Ignored),
            ("trap true USR1; read line", Disposition::Handled),
        ] {
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", program])
                .stdin(std::process::Stdio::piped());
            let mut child = command.spawn().unwrap();
            let process = Process::open(child.id().cast_signed()).unwrap();
            // The shell takes a moment until it has read its script.
            let deadline = std::time::Instant::now() + Duration::from_secs(30);
            while process.disposition(usr1) != Some(expected) {
                assert!(std::time::Instant::now() < deadline, "{program}");
            }
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(process.disposition(usr1), None);
        }
    }
}
