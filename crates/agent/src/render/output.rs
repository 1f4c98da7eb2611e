//! A rendered file, and the one before it until the new one is accepted.
//!
//! In: where it is to be. Out: a [`Draft`] to write to, then a [`Placed`] that is
//! kept or taken back. The directory is opened once and held: a link that is put
//! in its place later leads nowhere. Nor is anything else that comes there followed:
//! what is written to the one that is held would be read by nobody, and is refused.
//!
//! The two files are exchanged under a name that tells the inode of the new one.
//! So an agent that was killed in between leaves word of how far it came: where
//! another inode has that name, it is the file of before, and is put back at the
//! next start. Whatever else of ours has such a name is a draft, and is removed.

use crate::files::chance::chance;
use crate::files::held::{GONE, Held, Leads};
use crate::files::location::MARK;
use crate::files::read::{self, LARGE, Opened};
use crate::files::sys::{self, Dir};
use crate::log::log;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

const NO_ROOM: &str = "no file can be made in its directory";
/// How often a name that somebody else has taken is replaced by another.
const TRIES: u32 = 100;
/// No more of a directory is searched for what an earlier life left.
pub(super) const SEARCHED: usize = 100_000;

/// Where a rendered file is.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    name: OsString,
    dir: OnceLock<Held>,
    /// Nothing of an earlier life is left.
    is_clear: AtomicBool,
}

/// A file that is being written, removed unless it is placed.
pub(super) struct Draft {
    output: Arc<Output>,
    name: OsString,
    file: File,
    is_placed: bool,
}

/// A new file in its place.
pub(super) struct Placed {
    output: Arc<Output>,
    /// The file of before, if there was one.
    before: Option<OsString>,
    /// That is none, and has been somebody's all along.
    is_theirs: bool,
    is_kept: bool,
}

impl Output {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            name: path.file_name().unwrap_or_default().to_owned(),
            dir: OnceLock::new(),
            is_clear: AtomicBool::new(false),
        }
    }

    /// One that others may be writing at the same time: what lies beside it is theirs.
    pub(super) fn of_many(path: &Path) -> Self {
        Self {
            is_clear: AtomicBool::new(true),
            ..Self::new(path)
        }
    }

    /// A new draft that only we may read.
    pub(super) fn draft(self: &Arc<Self>) -> io::Result<Draft> {
        let held = self.held()?;
        self.is_at_its_place()?;
        self.take_up()?;
        if let Some(stat) = self.stat(&self.name)? {
            refuse_no_file(&stat)?;
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut tries = 0..TRIES;
        loop {
            let name = self.aside("draft");
            match sys::openat(held.dir(), &name, flags, Mode::RUSR | Mode::WUSR) {
                Err(Errno::EXIST) if tries.next().is_some() => {}
                Err(Errno::NOENT) if sys::fstat(held.dir())?.st_nlink == 0 => {
                    return Err(held.astray(GONE));
                }
                // What the kernel itself shows (`/proc`) takes no files.
                Err(Errno::NOENT) => return Err(io::Error::other(NO_ROOM)),
                opened => {
                    return Ok(Draft {
                        file: File::from(opened?),
                        output: Arc::clone(self),
                        name,
                        is_placed: false,
                    });
                }
            }
        }
    }

    /// Gives what is there other permissions, by a new file of the same content. What is
    /// no file, or not there, is none of ours.
    pub(super) fn take_mode(self: &Arc<Self>, mode: u32) -> io::Result<()> {
        let is_file = |stat: &Stat| FileType::from_raw_mode(stat.st_mode).is_file();
        let there = self.stat(&self.name)?.filter(is_file);
        if there.is_none_or(|stat| stat.st_mode & 0o7777 == mode) {
            return Ok(());
        }
        let mut draft = self.draft()?;
        let mut there = read::in_dir(self.dir()?, &self.name, LARGE)?;
        let mut written = Ok(());
        there.each_piece(|piece| {
            if written.is_ok() {
                written = draft.write_all(piece);
            }
        })?;
        written?;
        draft.place(mode)?.keep();
        Ok(())
    }

    /// Whether its path leads to the directory that is held, if one is.
    ///
    /// # Errors
    /// When it leads elsewhere, or nobody can tell.
    pub(super) fn is_at_its_place(&self) -> io::Result<()> {
        let Some(held) = self.dir.get() else {
            return Ok(());
        };
        match held.path_leads()? {
            Leads::Back => Ok(()),
            Leads::Astray => Err(held.astray("is another directory now")),
            Leads::ToNoDirectory => Err(held.astray("is no directory any more")),
            Leads::Nowhere => Err(held.astray(GONE)),
        }
    }

    fn parent(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    fn held(&self) -> io::Result<&Held> {
        if self.dir.get().is_none() {
            let _ = self.dir.set(Held::open(self.parent())?);
        }
        self.dir.get().ok_or_else(|| Errno::BADF.into())
    }

    fn dir(&self) -> io::Result<&OwnedFd> {
        self.held().map(Held::dir)
    }

    /// What an earlier life left, or this one when something failed.
    fn take_up(&self) -> io::Result<()> {
        if self.is_clear.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let done = self.clear();
        self.is_clear.fetch_and(done.is_ok(), Ordering::Relaxed);
        done
    }

    fn clear(&self) -> io::Result<()> {
        for name in self.left()? {
            let Some(stat) = self.stat(&name)? else {
                continue;
            };
            if stat.st_uid != geteuid().as_raw() {
                continue;
            }
            let is_another = self.inode_in(&name).is_some_and(|new| new != stat.st_ino);
            if is_another && refuse_no_file(&stat).is_ok() {
                self.rename(&name, &self.name)?;
                log(&format!(
                    "{} is again what it was before the check under which an earlier life of the agent ended",
                    self.path.display()
                ));
            } else {
                self.remove(&name);
            }
        }
        Ok(())
    }

    fn left(&self) -> io::Result<Vec<OsString>> {
        let Some(held) = self.dir.get() else {
            return Ok(Vec::new());
        };
        let prefix = self.prefix("");
        let mut left = Vec::new();
        for entry in Dir::read_from(held.dir())?.take(SEARCHED) {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name.starts_with(prefix.as_bytes()) {
                left.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(left)
    }

    fn prefix(&self, kind: &str) -> OsString {
        let mut name = b".".to_vec();
        name.extend_from_slice(self.name.as_bytes());
        name.extend_from_slice(MARK.as_bytes());
        name.extend_from_slice(kind.as_bytes());
        OsString::from_vec(name)
    }

    /// A name that nobody can foresee.
    fn aside(&self, kind: &str) -> OsString {
        let mut name = self.prefix(kind);
        name.push(format!("-{:x}", chance()));
        name
    }

    fn inode_in(&self, name: &OsStr) -> Option<u64> {
        let prefix = self.prefix("new");
        let rest = name.as_bytes().strip_prefix(prefix.as_bytes())?;
        let number = std::str::from_utf8(rest).ok()?.split('-').next()?;
        u64::from_str_radix(number, 16).ok()
    }

    fn stat(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match sys::statat(self.dir()?, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let dir = self.dir()?;
        Ok(sys::renameat(dir, from, dir, to)?)
    }

    /// What somebody has put in the place of the file of before was never an output.
    fn put_back_or_say(&self, before: &OsStr) {
        let now = self.stat(before);
        if now.is_ok_and(|now| now.is_none_or(|stat| refuse_no_file(&stat).is_err())) {
            log(&format!(
                "{} stays as it was refused: what it was before was removed during the check",
                self.path.display()
            ));
            return self.remove(before);
        }
        self.put_back(before);
    }

    /// What is not a file, such as a directory, is exchanged once more instead.
    fn put_back(&self, before: &OsStr) {
        let is_back = self.rename(before, &self.name).or_else(|_| {
            self.put(before)?;
            self.remove(before);
            Ok::<(), io::Error>(())
        });
        // What fails here is made up for at the next change, or start.
        self.is_clear.fetch_and(is_back.is_ok(), Ordering::Relaxed);
    }

    /// In the place of the output. Whether that has this name now.
    fn put(&self, name: &OsStr) -> io::Result<bool> {
        let dir = self.dir()?;
        match sys::renameat_with(dir, name, dir, &self.name, RenameFlags::EXCHANGE) {
            // No output yet, or a file system that cannot exchange: nothing is kept.
            Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                self.rename(name, &self.name).map(|()| false)
            }
            exchanged => Ok(exchanged.map(|()| true)?),
        }
    }

    fn remove(&self, name: &OsStr) {
        let Some(dir) = self.dir.get().map(Held::dir) else {
            return;
        };
        // Whoever shares the directory may have laid another one in the file's place.
        let removed = match sys::unlinkat(dir, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => sys::unlinkat(dir, name, AtFlags::REMOVEDIR),
            removed => removed,
        };
        if removed == Err(Errno::NOTEMPTY) {
            // What is in it may be somebody's, and is said once a life.
            log(&format!(
                "{} was left by somebody, and is not empty; remove it",
                self.parent().join(name).display()
            ));
            return;
        }
        let is_gone = matches!(removed, Ok(()) | Err(Errno::NOENT));
        self.is_clear.fetch_and(is_gone, Ordering::Relaxed);
    }

    fn opened(&self) -> Option<Opened> {
        read::in_dir(self.dir.get()?.dir(), &self.name, LARGE).ok()
    }
}

impl Draft {
    /// Whether the output is already this, byte by byte.
    pub(super) fn is_in_place(&mut self, mode: u32) -> io::Result<bool> {
        let Some(mut there) = self.output.opened() else {
            return Ok(false);
        };
        let length = self.file.metadata()?.len();
        let same_length = u64::try_from(there.stat.st_size).is_ok_and(|size| size == length);
        if there.stat.st_mode & 0o7777 != mode || !same_length {
            return Ok(false);
        }
        self.file.rewind()?;
        let mut same = 0;
        let mut piece = Vec::new();
        let compared = there.each_piece(|theirs| {
            piece.resize(theirs.len(), 0);
            if self.file.read_exact(&mut piece).is_ok() && piece == theirs {
                same += theirs.len() as u64;
            }
        });
        Ok(compared.is_ok() && same == length)
    }

    /// Puts it in the place of the output.
    pub(super) fn place(mut self, mode: u32) -> io::Result<Placed> {
        sys::fchmod(&self.file, Mode::from_raw_mode(mode))?;
        sys::fsync(&self.file)?;
        let inode = sys::fstat(&self.file)?.st_ino;
        let output = Arc::clone(&self.output);
        let name = output.aside(&format!("new{inode:x}"));
        output.rename(&self.name, &name)?;
        self.name.clone_from(&name);
        let is_exchanged = output.put(&name)?;
        self.is_placed = true;
        let mut placed = Placed {
            before: is_exchanged.then_some(name),
            is_theirs: false,
            is_kept: false,
            output,
        };
        let refused = placed.refuse_no_file();
        placed.is_theirs = refused.is_err();
        refused.map(|()| placed)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match sys::write(&self.file, bytes) {
            Err(Errno::INTR) => Err(Errno::INTR.into()),
            Err(error) => {
                let path = self.output.path.display();
                let error = io::Error::from(error);
                Err(io::Error::other(format!(
                    "{path} cannot be written: {error}"
                )))
            }
            Ok(length) => Ok(length),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_placed {
            self.output.remove(&self.name);
        }
    }
}

impl Placed {
    /// Somebody may have put something else there meanwhile: then, dropped, it is
    /// put back.
    fn refuse_no_file(&self) -> io::Result<()> {
        let Some(before) = &self.before else {
            return Ok(());
        };
        let stat = self.output.stat(before)?;
        stat.as_ref().map_or(Ok(()), refuse_no_file)
    }

    /// It is accepted.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Placed {
    /// A very first output stays even if it is refused: nothing better is there.
    fn drop(&mut self) {
        let Some(before) = &self.before else {
            return;
        };
        match (self.is_kept, self.is_theirs) {
            (true, _) => self.output.remove(before),
            (false, true) => self.output.put_back(before),
            (false, false) => self.output.put_back_or_say(before),
        }
    }
}

/// A directory would be hidden with all that is in it.
fn refuse_no_file(stat: &Stat) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Symlink => Ok(()),
        FileType::Directory => Err(io::Error::other("it is a directory; name a file in it")),
        _ => Err(io::Error::other("it is there and no regular file")),
    }
}
