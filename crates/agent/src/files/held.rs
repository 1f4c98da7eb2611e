//! A directory that is opened once, and held.
//!
//! In: its path. Out: the directory, wherever it is now, and whether the path still
//! leads to it. Whoever shares a volume may lay a link or another directory in its
//! place: what is written through the one that is held never goes there.

use super::inode::id;
use super::sys;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// How one that is gone is told.
pub(crate) const GONE: &str = "is not there any more";
/// What is to be done where the directory has left its place.
const PUT_BACK: &str = "put back the one that the agent opened, or start the agent anew";

/// What the path of a held directory leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To that directory.
    Back,
    /// To another one.
    Astray,
    /// To something else.
    ToNoDirectory,
    /// Nothing is there.
    Nowhere,
}

/// A directory that was there when it was opened.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    dir: OwnedFd,
}

impl Held {
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            path: path.to_path_buf(),
            dir: sys::openat(CWD, path, flags, Mode::empty())?,
        })
    }

    /// What was opened, wherever it is now.
    pub(crate) fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    /// Whether its path leads to it.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(crate) fn path_leads(&self) -> io::Result<Leads> {
        let held = sys::fstat(&self.dir)?;
        match sys::stat(&self.path) {
            Ok(now) if id(&now) == id(&held) => Ok(Leads::Back),
            Ok(now) if FileType::from_raw_mode(now.st_mode) != FileType::Directory => {
                Ok(Leads::ToNoDirectory)
            }
            Ok(_) => Ok(Leads::Astray),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(Leads::Nowhere),
            Err(error) => Err(error.into()),
        }
    }

    /// Says how the directory left its place, and what is to be done.
    pub(crate) fn astray(&self, how: &str) -> io::Error {
        let path = self.path.display();
        io::Error::other(format!("{path} {how}; {PUT_BACK}"))
    }
}
