//! What becomes the memory's file, whole or not at all.
//!
//! In: a text, and the file that it is for. Out: a file beside it that takes its place
//! when it is on the disk. Others in the pod may write to the folder, so nobody can
//! foresee its name, and what stands there is never followed. What is not put in place
//! goes, at the next start too if the agent was killed.

use super::folder::Folder;
use crate::files::chance::chance;
use rustix::fs::{self as sys, Dir, Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// How the names of drafts end.
const END: &str = ".new";
/// So many names of a folder are looked at for what is left of drafts.
const LOOKED_AT: usize = 10_000;

/// A file that is not yet in its place.
pub(super) struct MarkFile {
    folder: Arc<Folder>,
    name: OsString,
    file: File,
}

/// How a mark begins that does not hold yet, and one that does: both fill the place of
/// one byte before the text, where JSON has a blank.
pub(super) const NOT_YET: &[u8] = b"?";
const HOLDS: &[u8] = b" ";

impl MarkFile {
    /// Writes it, for a file of this name. `to_disk`: beyond the kernel's cache.
    pub(super) fn write(
        folder: &Arc<Folder>,
        name: &OsStr,
        text: &[u8],
        to_disk: bool,
    ) -> io::Result<Self> {
        let number = chance();
        let mut name = beginning(name);
        name.push(format!("{number:016x}{END}"));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let dir = folder.at_its_place()?;
        let file = File::from(sys::openat(dir, &name, flags, Mode::RUSR | Mode::WUSR)?);
        // From here on it goes when something fails: half a file would keep a full disk full.
        let mut draft = Self {
            folder: Arc::clone(folder),
            name,
            file,
        };
        draft.file.write_all(text)?;
        if to_disk {
            draft.file.sync_all()?;
        }
        Ok(draft)
    }

    /// Puts it in its place.
    pub(super) fn put(self, name: &OsStr) -> io::Result<()> {
        self.rename(name)
    }

    fn rename(&self, name: &OsStr) -> io::Result<()> {
        self.folder.is_free(name)?;
        let dir = self.folder.at_its_place()?;
        Ok(sys::renameat(dir, &self.name, dir, name)?)
    }

    /// Puts one that begins with [`NOT_YET`] in its place, and then has it hold and
    /// leaves. To hold is the work of an instant, while a renaming may wait for the disk,
    /// and whoever is killed meanwhile would have renamed all the same. So nothing comes
    /// between the two, such as to clear up.
    pub(super) fn put_and_let_hold<T>(
        self,
        name: &OsStr,
        leave: impl FnOnce() -> T,
    ) -> io::Result<T> {
        self.rename(name)?;
        self.file.write_all_at(HOLDS, 0)?;
        Ok(leave())
    }
}

impl Drop for MarkFile {
    fn drop(&mut self) {
        // After it was put in its place there is none of this name.
        let _ = self.folder.remove(&self.name);
    }
}

/// Removes what earlier lives left.
pub(super) fn clear(folder: &Folder, name: &OsStr) {
    let beginning = beginning(name);
    let is_left = |name: &OsStr| {
        let (name, beginning) = (name.as_bytes(), beginning.as_bytes());
        name.starts_with(beginning) && name.ends_with(END.as_bytes())
    };
    let entries = folder.held().ok().and_then(|dir| Dir::read_from(dir).ok());
    for entry in entries.into_iter().flatten().take(LOOKED_AT).flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_left(name) {
            // What is somebody else's, or holds something, may stay: it hinders nobody.
            let _ = folder.remove(name);
        }
    }
}

/// How the names of its drafts begin.
fn beginning(name: &OsStr) -> OsString {
    let stem = Path::new(name).file_stem();
    let mut name = stem.unwrap_or_default().to_owned();
    name.push(".");
    name
}
