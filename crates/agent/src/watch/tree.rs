//! The files below a directory, in whatever tree somebody made of it: each read,
//! hashed and dropped, within limits of depth, number and size.
//!
//! What cannot be read blinds itself alone, and is named. A file that may not be
//! read, or is too large, is part of the snapshot by its inode and times; what
//! the kernel failed to read is unknown.

use super::digest::{FileRead, changed, digest, digest_of_stat};
use super::glob::Filter;
use super::snapshot::{Snapshot, joined};
use crate::files::inode::{Id, id};
use crate::files::location::{self, Location};
use crate::files::read::{LARGE, Opened, Root, Unread, in_dir};
use crate::files::sys::{self, Dir};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Directories nested deeper than this are not looked into.
pub(crate) const DEEPEST: usize = 8;
/// No more entries of a place count: each takes up to half a KiB, until what they
/// were and what they are is compared and told, and the agent has 16 MiB.
pub(crate) const MOST: usize = 20_000;
/// No more of them are directories, on each of which a watch is put.
pub(crate) const MOST_DIRS: usize = 5_000;
/// Nor have they longer names, all together. A ConfigMap holds 1 MiB.
pub(crate) const MOST_OF_NAMES: usize = 1 << 20;
/// No more entries are listed, whether they count or not.
pub(crate) const MOST_LISTED: usize = 100_000;
/// Nor more bytes in all.
pub(crate) const MOST_BYTES: u64 = 4 * LARGE;
/// No more of what cannot be read is named; the rest is counted.
pub(crate) const NAMED: usize = 20;

/// One reading under way.
pub(super) struct Tree<'a> {
    filter: &'a Filter,
    /// Below a generation's directory, whose own times say nothing.
    pinned: bool,
    root: Root,
    /// What the agent writes itself, and what is no configuration.
    own: Vec<Location>,
    /// The directories that lead to where we are: links may go round.
    above: Vec<Id>,
    /// All that were entered.
    seen: HashSet<Id>,
    listed: usize,
    entries: usize,
    names: usize,
    bytes: u64,
    snapshot: Snapshot,
}

fn own(filter: &Filter) -> Vec<Location> {
    let written = filter.own.iter().filter_map(|path| location::written(path));
    // In a volume it lies behind a link.
    let beside = filter.beside.iter().filter_map(|path| location::end(path));
    written.chain(beside).collect()
}

/// Something that was found, and what it is called below the prefix.
struct Entry {
    is_link: bool,
    name: OsString,
}

impl<'a> Tree<'a> {
    /// Of what is below the root. `pinned`: that is a generation.
    pub(super) fn of(filter: &'a Filter, root: Root, pinned: bool, snapshot: Snapshot) -> Self {
        Self {
            filter,
            pinned,
            root,
            own: own(filter),
            above: Vec::new(),
            seen: HashSet::new(),
            listed: 0,
            entries: 0,
            names: 0,
            bytes: 0,
            snapshot,
        }
    }

    /// All of it, or one file.
    ///
    /// # Errors
    /// When the root cannot be listed, or the file is gone.
    pub(super) fn read(mut self, only: Option<&Path>) -> Result<Snapshot, Unread> {
        self.all(only).map(|()| self.snapshot)
    }

    fn all(&mut self, only: Option<&Path>) -> Result<(), Unread> {
        let Some(name) = only else {
            let root = self.root.dir(Path::new("."))?;
            return self.dir(&root, &OsString::new(), false);
        };
        match self.behind_link(OsString::new(), false) {
            Err(why) if why.is_gone() => Err(why),
            Err(why) => {
                self.note(OsString::new(), why);
                Ok(())
            }
            Ok(false) => {
                debug_assert!(!name.as_os_str().is_empty());
                self.note(OsString::new(), Unread::NoFile);
                Ok(())
            }
            Ok(true) => Ok(()),
        }
    }

    /// `by_link`: a link was followed to come here.
    fn dir(&mut self, dir: &OwnedFd, relative: &OsString, by_link: bool) -> Result<(), Unread> {
        let stat = sys::fstat(dir)?;
        let id = id(&stat);
        let is_written_to = self.own.iter().any(|own| own.name_in(id).is_some());
        if !self.pinned && !is_written_to {
            // A file that was removed leaves its trace here alone. Where the agent
            // writes each rendering does.
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(&stat));
        }
        if self.above.contains(&id) {
            return Ok(());
        }
        if self.above.len() > DEEPEST {
            return Err(Unread::TooMuch("it is nested too deep"));
        }
        if self.seen.len() >= MOST_DIRS && !self.seen.contains(&id) {
            return Err(Unread::TooMuch("there are too many directories beside it"));
        }
        self.seen.insert(id);
        self.above.push(id);
        let done = self.entries(dir, relative, by_link);
        self.above.pop();
        done
    }

    fn entries(&mut self, dir: &OwnedFd, relative: &OsString, by_link: bool) -> Result<(), Unread> {
        for entry in self.list(dir, relative)? {
            let below = joined(relative, &entry.name);
            match self.entry(dir, &entry, below.clone(), by_link) {
                Err(why) if !why.is_gone() => self.note(below, why),
                _ => {}
            }
        }
        Ok(())
    }

    /// Links last: what they lead to may be here too. The rest by name, so that
    /// the same is seen whatever the order in which it was written.
    fn list(&mut self, dir: &OwnedFd, relative: &OsStr) -> Result<Vec<Entry>, Unread> {
        let own = self.own_names();
        let mut found = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name.starts_with(b"..") {
                continue;
            }
            let name = OsStr::from_bytes(name);
            if self.is_written(&own, name) {
                continue;
            }
            if !self.has_room_for(relative, name, entry.file_type()) {
                self.note(
                    relative.to_owned(),
                    Unread::TooMuch("it has too many files"),
                );
                break;
            }
            if self.counts(relative, name, entry.file_type()) {
                found.push(Entry {
                    is_link: entry.file_type() == FileType::Symlink,
                    name: name.to_owned(),
                });
            }
        }
        found.sort_by(|a, b| (a.is_link, &a.name).cmp(&(b.is_link, &b.name)));
        Ok(found)
    }

    /// By this agent, or for a moment by another one. The kubelet's generations have
    /// nothing like it.
    fn is_written(&self, own: &[OsString], name: &OsStr) -> bool {
        let is_own = own.iter().any(|own| location::is_of_output(own, name));
        is_own || (!self.pinned && location::is_beside_output(name))
    }

    /// What the agent writes in the directory where we are.
    fn own_names(&self) -> Vec<OsString> {
        let Some(here) = self.above.last() else {
            return Vec::new();
        };
        let names = self.own.iter().filter_map(|own| own.name_in(*here));
        names.map(OsStr::to_owned).collect()
    }

    fn leads_to_own(&self, whole: &OsStr) -> bool {
        let path = || Path::new(&self.snapshot.dir).join(whole);
        !self.own.is_empty() && location::end(&path()).is_some_and(|end| self.own.contains(&end))
    }

    fn counts(&self, relative: &OsStr, name: &OsStr, kind: FileType) -> bool {
        kind != FileType::RegularFile || self.takes(&joined(relative, name))
    }

    fn has_room_for(&mut self, relative: &OsStr, name: &OsStr, kind: FileType) -> bool {
        self.listed += 1;
        if self.counts(relative, name, kind) {
            self.entries += 1;
            self.names += relative.len() + name.len();
        }
        self.listed <= MOST_LISTED && self.entries <= MOST && self.names <= MOST_OF_NAMES
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        entry: &Entry,
        relative: OsString,
        by_link: bool,
    ) -> Result<(), Unread> {
        let name = entry.name.as_os_str();
        let stat = sys::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => self.behind_link(relative, by_link).map(|_| ()),
            FileType::Directory => {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = sys::openat(dir, name, flags, Mode::empty())?;
                self.dir(&below, &relative, by_link)
            }
            FileType::RegularFile if self.takes(&relative) => {
                let read = self.digest(&stat, || in_dir(dir, name, LARGE));
                self.file(relative, &stat, read)
            }
            _ => Ok(()),
        }
    }

    /// What a name below the root leads to. False: it is no file that is read.
    fn behind_link(&mut self, relative: OsString, by_link: bool) -> Result<bool, Unread> {
        let whole = self.snapshot.whole_name(&relative);
        let path = Path::new(&whole);
        let stat = self.root.stat(path)?;
        // What is named itself was looked at when it was named.
        if !relative.is_empty() && self.leads_to_own(&whole) {
            return Ok(true);
        }
        match FileType::from_raw_mode(stat.st_mode) {
            // Links among links: each directory once.
            FileType::Directory if by_link && self.seen.contains(&id(&stat)) => Ok(true),
            FileType::Directory => {
                let below = self.root.dir(path)?;
                self.dir(&below, &relative, true).map(|()| true)
            }
            FileType::RegularFile if self.takes(&relative) => {
                let read = self.digest(&stat, || self.root.file(path, LARGE));
                self.file(relative, &stat, read).map(|()| true)
            }
            FileType::RegularFile => Ok(true),
            _ => Ok(false),
        }
    }

    fn takes(&self, relative: &OsStr) -> bool {
        let name = self.snapshot.whole_name(relative);
        self.filter.takes(name.as_bytes())
    }

    /// By its own name or by a pattern, and not only by its directory's.
    fn is_asked_for(&self, relative: &OsStr) -> bool {
        relative.is_empty() || !self.filter.include.is_empty()
    }

    fn digest(
        &self,
        stat: &Stat,
        open: impl Fn() -> Result<Opened, Unread>,
    ) -> Result<FileRead, Unread> {
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if size <= LARGE && self.bytes + size > MOST_BYTES {
            return Err(Unread::TooMuch("there is too much beside it"));
        }
        digest(open)
    }

    fn file(
        &mut self,
        relative: OsString,
        stat: &Stat,
        read: Result<FileRead, Unread>,
    ) -> Result<(), Unread> {
        if !self.pinned {
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(stat));
        }
        let digest = match read {
            Ok(read) => {
                self.bytes += read.length;
                if let Some(foreign) = read.foreign.filter(|_| !self.is_asked_for(&relative)) {
                    let name = self.snapshot.whole_name(&relative);
                    self.snapshot.left_out.push((name, foreign));
                    return Ok(());
                }
                read.digest
            }
            Err(why) if why.will_not_pass() => {
                self.note(relative.clone(), why);
                digest_of_stat(stat)
            }
            Err(why) => return Err(why),
        };
        self.snapshot.files.insert(relative, digest);
        Ok(())
    }

    /// Names what cannot be read; the rest goes on.
    fn note(&mut self, relative: OsString, why: Unread) {
        let whole = self.snapshot.whole_name(&relative);
        if self.filter.excludes(whole.as_bytes()) {
            return;
        }
        if !why.will_not_pass() {
            self.snapshot.unknown.insert(relative);
        }
        self.snapshot.unread_count += 1;
        if self.snapshot.unread.len() < NAMED {
            self.snapshot.unread.push((whole, why));
        }
    }
}
