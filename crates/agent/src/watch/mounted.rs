//! Mounts that go and come, which inotify does not tell: a bind mount that is taken
//! away leaves its inodes, and their watches, as they are.
//!
//! In: a directory. Out: which mount it is of, and which those are below that one; and
//! word that the table of mounts is another.

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long not to ask again: where the table never rests, the poll is enough.
const BREATH: Duration = Duration::from_millis(100);
/// `STATX_MNT_ID_UNIQUE`, since Linux 6.8: the other number is soon given anew.
const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// Which mount a directory is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    /// Without any link.
    dir: PathBuf,
    device: u64,
    id: Option<u64>,
    /// Those of the directories above.
    below: Vec<u64>,
}

impl Mounted {
    /// `opened`: the directory of this path, as it is read.
    pub(super) fn of(dir: &Path, opened: &OwnedFd) -> Option<Self> {
        let device = rustix::fs::fstat(opened).ok()?.st_dev;
        let id = number(opened.as_fd(), Path::new(""));
        let above = dir.ancestors().filter_map(|dir| number(CWD, dir));
        let mut below: Vec<u64> = above.filter(|other| Some(*other) != id).collect();
        below.dedup();
        Some(Self {
            dir: dir.to_path_buf(),
            device,
            id,
            below,
        })
    }

    /// Something else is mounted there than was, or nothing.
    pub(super) fn is_another_than(&self, before: &Self) -> bool {
        let is_another_number = self.id.zip(before.id).is_some_and(|(now, old)| now != old);
        self.dir == before.dir && (self.device != before.device || is_another_number)
    }

    /// What was mounted there is gone, and what it lay upon shows.
    pub(super) fn uncovers(&self, before: &Self) -> bool {
        let was_below = self.id.is_some_and(|now| before.below.contains(&now));
        was_below && self.is_another_than(before)
    }
}

/// `None`: not known (before Linux 5.8), or not there.
fn number(at: BorrowedFd<'_>, path: &Path) -> Option<u64> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    // The kernel gives the one of them that it prefers.
    let stat = statx(at, path, flags, StatxFlags::MNT_ID | UNIQUE).ok()?;
    let mask = StatxFlags::from_bits_retain(stat.stx_mask);
    mask.intersects(StatxFlags::MNT_ID | UNIQUE)
        .then_some(stat.stx_mnt_id)
}

/// The mounts that we see.
#[derive(Debug)]
pub(super) struct MountTable {
    /// `None`: cannot be had.
    file: Option<File>,
    not_before: Duration,
}

impl MountTable {
    pub(super) fn open() -> Self {
        Self {
            file: File::open("/proc/self/mountinfo").ok(),
            not_before: Duration::ZERO,
        }
    }

    /// Has an exceptional condition (`POLLPRI`) when it is another than when this was
    /// asked last (proc(5)).
    pub(super) fn fd(&self, now: Duration) -> Option<BorrowedFd<'_>> {
        let file = self.file.as_ref()?;
        (now >= self.not_before).then(|| file.as_fd())
    }

    /// When to ask again at the latest.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let rests = self.file.is_some() && now < self.not_before;
        rests.then_some(self.not_before)
    }

    /// It is another one.
    pub(super) fn changed(&mut self, now: Duration) {
        self.not_before = now + BREATH;
    }
}
