//! What becomes the memory's file, whole or not at all.
//!
//! In: a text, and the file that it is for. Out: a file beside it that takes its place
//! when it is on the disk. Others in the pod may write to the folder, so nobody can
//! foresee its name, and what stands there is never followed. What is not put in place
//! goes, at the next start too if the agent was killed.

use crate::chance::chance;
use rustix::fs::{self as sys, CWD, Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// How the names of drafts end.
const END: &str = ".new";
/// So many names of a folder are looked at for what is left of drafts.
const LOOKED_AT: usize = 10_000;

/// A file that is not yet in its place.
pub(super) struct Draft {
    path: PathBuf,
    file: File,
}

/// How a mark begins that does not hold yet, and one that does: both fill the place of
/// one byte before the text, where JSON has a blank.
pub(super) const NOT_YET: &[u8] = b"?";
const HOLDS: &[u8] = b" ";

impl Draft {
    /// Writes it. `to_disk`: beyond the kernel's cache.
    pub(super) fn write(file: &Path, text: &[u8], to_disk: bool) -> io::Result<Self> {
        let number = chance();
        let mut name = beginning(file);
        name.push(format!("{number:016x}{END}"));
        let path = file.with_file_name(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = File::from(sys::openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR)?);
        // From here on it goes when something fails: half a file would keep a full disk full.
        let mut draft = Self { path, file };
        draft.file.write_all(text)?;
        if to_disk {
            draft.file.sync_all()?;
        }
        Ok(draft)
    }

    /// Puts it in its place.
    pub(super) fn put(self, file: &Path) -> io::Result<()> {
        is_free(file)?;
        std::fs::rename(&self.path, file)
    }

    /// Puts one that begins with [`NOT_YET`] in its place, and then has it hold and
    /// leaves. To hold is the work of an instant, while a renaming may wait for the disk,
    /// and whoever is killed meanwhile would have renamed all the same. So nothing comes
    /// between the two, such as to clear up.
    pub(super) fn put_and_let_hold<T>(
        self,
        file: &Path,
        leave: impl FnOnce() -> T,
    ) -> io::Result<T> {
        is_free(file)?;
        std::fs::rename(&self.path, file)?;
        self.file.write_all_at(HOLDS, 0)?;
        Ok(leave())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was put in its place there is none of this name.
        let _ = remove(&self.path);
    }
}

/// Whether a file can be put there: all but a directory is replaced.
pub(super) fn is_free(file: &Path) -> io::Result<()> {
    let is_dir = file.symlink_metadata().is_ok_and(|found| found.is_dir());
    if is_dir {
        let sentence = format!("{} is a directory; remove it", file.display());
        return Err(io::Error::other(sentence));
    }
    Ok(())
}

/// Removes what earlier lives left.
pub(super) fn clear(file: &Path) {
    let beginning = beginning(file);
    let is_left = |name: &OsStr| {
        let (name, beginning) = (name.as_encoded_bytes(), beginning.as_encoded_bytes());
        name.starts_with(beginning) && name.ends_with(END.as_bytes())
    };
    let entries = file.parent().and_then(|folder| folder.read_dir().ok());
    for entry in entries.into_iter().flatten().take(LOOKED_AT).flatten() {
        if is_left(&entry.file_name()) {
            // What is somebody else's, or holds something, may stay: it hinders nobody.
            let _ = remove(&entry.path());
        }
    }
}

/// Whoever shares the folder may have laid a directory in the place of a draft.
fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path))
}

/// How the names of its drafts begin.
fn beginning(file: &Path) -> OsString {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name
}
