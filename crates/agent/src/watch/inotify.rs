//! The one inotify instance of the agent.
//!
//! In: directories. Out: [`Told`], which directory had which [`Sign`].
//! That no instance can be had (EMFILE: the kernel grants 128 per user,
//! inotify(7)), or no further watch (ENOSPC), is an error for the caller to
//! live with: it polls.

use super::moment::Sign;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// One message of the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Something happened in the directory with this watch number.
    Sign(i32, Sign),
    /// A directory was made or moved into the one with this number.
    NewDir(i32),
    /// The directory with this number is gone, or unmounted.
    Gone(i32),
    /// Messages were lost: look at everything.
    Overflow,
}

/// An open instance.
#[derive(Debug)]
pub(crate) struct Inotify(OwnedFd);

const WATCHED: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

impl Inotify {
    /// Opens the instance.
    pub(crate) fn open() -> Result<Self, Errno> {
        inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map(Self)
    }

    /// Watches a directory; the number is what [`Told`] will carry.
    pub(crate) fn add(&self, dir: &Path) -> Result<i32, Errno> {
        inotify::add_watch(&self.0, dir, WATCHED)
    }

    /// Everything that the kernel has to tell now.
    pub(crate) fn read(&self) -> Vec<Told> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut told = Vec::new();
        // Any error ends the reading: AGAIN means that there is no more.
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_string_lossy());
            told.extend(understand(event.wd(), event.events(), name.as_deref()));
        }
        told
    }

    /// To be waited on until there is something to read.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn understand(wd: i32, flags: ReadFlags, name: Option<&str>) -> Option<Told> {
    if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
        return Some(Told::Overflow);
    }
    let gone =
        ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF;
    if flags.intersects(gone) {
        return Some(Told::Gone(wd));
    }
    match name? {
        "..data" if flags.intersects(ReadFlags::MOVED_TO | ReadFlags::CREATE) => {
            Some(Told::Sign(wd, Sign::Swapped))
        }
        // The writer's scaffolding: no reason to look, no reason to wait.
        "..data" | "..data_tmp" => None,
        reserved if reserved.starts_with("..") => {
            let gone = flags.contains(ReadFlags::DELETE | ReadFlags::ISDIR);
            gone.then_some(Told::Sign(wd, Sign::OldGone))
        }
        _ if flags.contains(ReadFlags::ISDIR)
            && flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) =>
        {
            Some(Told::NewDir(wd))
        }
        _ if flags.contains(ReadFlags::MODIFY) => Some(Told::Sign(wd, Sign::Writing)),
        _ => Some(Told::Sign(wd, Sign::Written)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelets_steps_are_understood() {
        let dir = ReadFlags::ISDIR;
        for (flags, name, expected) in [
            (ReadFlags::CREATE | dir, "..2026_new", None),
            (ReadFlags::CREATE, "..data_tmp", None),
            (ReadFlags::MOVED_FROM, "..data_tmp", None),
            (ReadFlags::MOVED_TO, "..data", Some(Sign::Swapped)),
            (ReadFlags::CREATE, "c", Some(Sign::Written)),
            (ReadFlags::DELETE, "d", Some(Sign::Written)),
            (ReadFlags::DELETE | dir, "..2026_old", Some(Sign::OldGone)),
        ] {
            let told = understand(1, flags, Some(name));
            assert_eq!(told, expected.map(|sign| Told::Sign(1, sign)), "{name}");
        }
    }

    #[test]
    fn lost_messages_and_lost_directories_are_told() {
        assert_eq!(
            understand(-1, ReadFlags::QUEUE_OVERFLOW, None),
            Some(Told::Overflow)
        );
        assert_eq!(understand(3, ReadFlags::UNMOUNT, None), Some(Told::Gone(3)));
        assert_eq!(understand(3, ReadFlags::IGNORED, None), Some(Told::Gone(3)));
    }
}
