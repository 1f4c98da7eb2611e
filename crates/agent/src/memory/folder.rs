//! The folder of the memory: opened once, and held.
//!
//! In: its path. Out: the folder, as long as the path leads to it. Whoever shares the
//! volume may lay a link in its place, or another folder in which another agent keeps
//! its own: nothing that comes there later is written to.

use rustix::fs::{self as sys, AtFlags, CWD, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const PUT_BACK: &str = "put back the one that the agent opened, or start the agent anew";

/// A folder that was there when it was opened.
pub(super) struct Folder {
    path: PathBuf,
    held: Result<OwnedFd, Errno>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self {
            path: path.to_path_buf(),
            held: sys::openat(CWD, path, flags, Mode::empty()),
        }
    }

    /// What was opened, wherever it is now.
    pub(super) fn held(&self) -> io::Result<&OwnedFd> {
        self.held.as_ref().map_err(|error| (*error).into())
    }

    /// What was opened, if it is where it was.
    ///
    /// # Errors
    /// When it is not there, or nobody can tell.
    pub(super) fn at_its_place(&self) -> io::Result<&OwnedFd> {
        let held = self.held()?;
        let id = |stat: &Stat| (stat.st_dev, stat.st_ino);
        match sys::stat(&self.path) {
            Ok(now) if id(&now) == id(&sys::fstat(held)?) => Ok(held),
            Ok(_) => Err(self.astray("is another one now")),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                Err(self.astray("is not there any more"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn astray(&self, how: &str) -> io::Error {
        let path = self.path.display();
        io::Error::other(format!("{path} {how}; {PUT_BACK}"))
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
