//! The folder of the memory: opened once, and held.
//!
//! In: its path. Out: the folder, as long as the path leads to it. Whoever shares the
//! volume may lay a link in its place, or another folder in which another agent keeps
//! its own: nothing that comes there later is written to.

use crate::files::held::{GONE, Held, Leads};
use rustix::fs::{self as sys, AtFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// A folder that was there when it was opened.
pub(super) struct Folder {
    path: PathBuf,
    opened: Result<Held, Errno>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            opened: Held::open(path),
        }
    }

    fn opened(&self) -> io::Result<&Held> {
        self.opened.as_ref().map_err(|error| (*error).into())
    }

    /// What was opened, wherever it is now.
    pub(super) fn held(&self) -> io::Result<&OwnedFd> {
        self.opened().map(Held::dir)
    }

    /// What was opened, if it is where it was.
    ///
    /// # Errors
    /// When it is not there, or nobody can tell.
    pub(super) fn at_its_place(&self) -> io::Result<&OwnedFd> {
        let held = self.opened()?;
        match held.path_leads()? {
            Leads::Back => Ok(held.dir()),
            Leads::Astray | Leads::ToNoDirectory => Err(held.astray("is another one now")),
            Leads::Nowhere => Err(held.astray(GONE)),
        }
    }

    /// Whoever shares the folder may have laid a directory in the place of a file.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let dir = self.held()?;
        let removed = sys::unlinkat(dir, name, AtFlags::empty());
        Ok(removed.or_else(|_| sys::unlinkat(dir, name, AtFlags::REMOVEDIR))?)
    }

    /// Whether a file can be put there: all but a directory is replaced.
    pub(super) fn is_free(&self, name: &OsStr) -> io::Result<()> {
        let there = sys::statat(self.held()?, name, AtFlags::SYMLINK_NOFOLLOW);
        if there.is_ok_and(|stat| sys::FileType::from_raw_mode(stat.st_mode).is_dir()) {
            let path = self.path.join(name);
            let sentence = format!("{} is a directory; remove it", path.display());
            return Err(io::Error::other(sentence));
        }
        Ok(())
    }
}
