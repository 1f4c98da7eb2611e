//! The one inotify instance of the agent.
//!
//! In: directories. Out: [`Told`], in which directory what happened.
//! That no instance can be had (EMFILE: the kernel grants 128 per user,
//! inotify(7)), or no further watch (ENOSPC), is an error for the caller to
//! live with: it polls.

use super::route::Heed;
use super::swap_tracker::Sign;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One message of the kernel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Something happened to this name in the directory with this watch number.
    Entry(i32, OsString, News),
    /// The directory with this number is gone, or unmounted.
    Gone(i32),
    /// Messages were lost: look at everything.
    Overflow,
}

/// What happened to an entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct News {
    /// What it is for somebody whom the whole directory concerns; `None`: nothing.
    pub(crate) sign: Option<Sign>,
    /// It was made, or moved in.
    pub(crate) arrived: bool,
    /// It is a directory.
    pub(crate) is_dir: bool,
}

/// An open instance.
#[derive(Debug)]
pub(crate) struct Inotify(OwnedFd);

/// That the directory itself goes away.
const ITSELF: WatchFlags = WatchFlags::DELETE_SELF
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);
/// That its entries come and go.
const ENTRIES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(ITSELF);
/// That they are written, or have other permissions.
const WRITING: WatchFlags = ENTRIES
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::MODIFY);

/// The messages that are worth being woken for.
fn flags(heed: &Heed) -> WatchFlags {
    match heed {
        Heed::Itself => ITSELF,
        Heed::Entry(_) => ENTRIES,
        Heed::File(_) | Heed::All => WRITING,
    }
}

impl Inotify {
    /// Opens the instance.
    pub(crate) fn open() -> Result<Self, Errno> {
        inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map(Self)
    }

    /// Watches a directory; the number is what [`Told`] will carry. The kernel
    /// keeps one watch for each inode: another call for it replaces the first.
    pub(super) fn add<'a>(
        &self,
        dir: &Path,
        heeds: impl Iterator<Item = &'a Heed>,
    ) -> Result<i32, Errno> {
        let all = heeds.fold(WatchFlags::empty(), |all, heed| all | flags(heed));
        inotify::add_watch(&self.0, dir, all)
    }

    /// Ends a watch.
    pub(super) fn remove(&self, number: i32) {
        // One whose directory is gone has ended by itself.
        let _ = inotify::remove_watch(&self.0, number);
    }

    /// Everything that the kernel has to tell now.
    pub(crate) fn read(&self) -> Vec<Told> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        let mut told = Vec::new();
        // Any error ends the reading: AGAIN means that there is no more.
        while let Ok(event) = reader.next() {
            let name = event
                .file_name()
                .map(|name| OsStr::from_bytes(name.to_bytes()));
            told.extend(understand(event.wd(), event.events(), name));
        }
        told
    }

    /// To be waited on until there is something to read.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn understand(wd: i32, flags: ReadFlags, name: Option<&OsStr>) -> Option<Told> {
    if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
        return Some(Told::Overflow);
    }
    let gone =
        ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF;
    if flags.intersects(gone) {
        return Some(Told::Gone(wd));
    }
    if flags.contains(ReadFlags::ATTRIB) {
        // The content is as it was. Whom permissions concern is woken by this, and looks.
        return None;
    }
    let name = name?;
    let news = News {
        sign: sign(flags, name.as_bytes()),
        arrived: flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO),
        is_dir: flags.contains(ReadFlags::ISDIR),
    };
    Some(Told::Entry(wd, name.to_owned(), news))
}

fn sign(flags: ReadFlags, name: &[u8]) -> Option<Sign> {
    match name {
        b"..data" if flags.intersects(ReadFlags::MOVED_TO | ReadFlags::CREATE) => {
            Some(Sign::Swapped)
        }
        // The writer's scaffolding: no reason to look, no reason to wait.
        b"..data" | b"..data_tmp" => None,
        reserved if reserved.starts_with(b"..") => {
            let gone = flags.contains(ReadFlags::DELETE | ReadFlags::ISDIR);
            gone.then_some(Sign::OldGone)
        }
        _ if flags.contains(ReadFlags::MODIFY) => Some(Sign::Writing),
        _ => Some(Sign::Written),
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
            assert_eq!(sign(flags, name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn permissions_alone_are_no_reason_to_read_anything() {
        let name = Some(OsStr::new("a"));
        assert_eq!(understand(3, ReadFlags::ATTRIB, name), None);
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
