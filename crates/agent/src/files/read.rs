//! The one way to read a file that somebody else wrote, or may have replaced.
//!
//! In: where it is, and how much of it is bearable. Out: its content piece by
//! piece, or why there is none. Opening never waits (a FIFO, a device), only a
//! regular file is read, links lead nowhere but below the place, and more than
//! the limit is never read, even of a file that grows meanwhile.
//!
//! Links are followed by hand, each part held open, as `RESOLVE_BENEATH` does
//! (openat2(2)): sandboxes and old kernels do not have that. What leads through
//! `/proc`'s magic links ends there, since only the text of a link counts.

use crate::files::sys;
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Error, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Of what is small by its nature: numbers, credentials, certificates.
pub(crate) const SMALL: u64 = 1 << 20;
/// Of what is watched or rendered: a ConfigMap holds 1 MiB.
pub(crate) const LARGE: u64 = 64 << 20;

/// As many links as the kernel follows (path_resolution(7)).
pub(crate) const MOST_LINKS: usize = 40;
/// How much is held at once.
const PIECE: usize = 16 * 1024;

/// Why a file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A directory, a FIFO, a device, a socket.
    NoFile,
    /// Larger than this many bytes.
    TooLarge(u64),
    /// Its link, or one on the way, leads out of its place.
    LeadsOut,
    /// Directories nested too deep, or too many entries.
    TooMuch(&'static str),
    /// What the kernel says. What the file contains is not known then.
    Failed(Errno),
}

impl Unread {
    /// Nobody may read it: it is there, and that will not pass by itself.
    pub(crate) fn is_forbidden(self) -> bool {
        matches!(self, Self::Failed(Errno::ACCESS | Errno::PERM))
    }

    /// Reading it again will not help: only a change of it will.
    pub(crate) fn will_not_pass(self) -> bool {
        !matches!(self, Self::Failed(_)) || self.is_forbidden()
    }

    /// The nearest of the kernel's words.
    pub(crate) fn errno(self) -> Errno {
        match self {
            Self::Failed(error) => error,
            Self::LeadsOut => Errno::XDEV,
            Self::NoFile => Errno::INVAL,
            Self::TooLarge(_) | Self::TooMuch(_) => Errno::FBIG,
        }
    }

    /// It is not there, or a link to nothing.
    pub(crate) fn is_gone(self) -> bool {
        matches!(
            self,
            Self::Failed(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
        )
    }
}

impl From<Errno> for Unread {
    fn from(error: Errno) -> Self {
        match error {
            Errno::XDEV => Self::LeadsOut,
            // A socket, or a device without a driver, cannot be opened at all.
            Errno::NXIO | Errno::NODEV => Self::NoFile,
            other => Self::Failed(other),
        }
    }
}

impl From<Unread> for Error {
    fn from(why: Unread) -> Self {
        Self::other(why.to_string())
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("it is no regular file"),
            Self::TooLarge(limit) => write!(f, "it is larger than {}", in_words(*limit)),
            Self::LeadsOut => f.write_str("a link leads out of its place"),
            Self::TooMuch(what) => f.write_str(what),
            Self::Failed(Errno::AGAIN) => f.write_str("it is replaced again and again"),
            Self::Failed(error) => write!(f, "{}", Error::from(*error)),
        }
    }
}

fn in_words(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A file that is open, and how much of it may still be read.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    /// As it was when it was opened.
    pub(crate) stat: Stat,
    limit: u64,
    left: u64,
}

impl Opened {
    fn of(file: OwnedFd, limit: u64) -> Result<Self, Unread> {
        let stat = sys::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Unread::NoFile);
        }
        if u64::try_from(stat.st_size).is_ok_and(|size| size > limit) {
            return Err(Unread::TooLarge(limit));
        }
        Ok(Self {
            file: File::from(file),
            stat,
            limit,
            left: limit,
        })
    }

    /// Gives all of it away, in pieces.
    pub(crate) fn each_piece(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Unread> {
        let mut piece = [0u8; PIECE];
        loop {
            match self.piece(&mut piece)? {
                0 => return Ok(()),
                length => take(&piece[..length]),
            }
        }
    }

    /// All of it at once: for what is small.
    pub(crate) fn whole(mut self) -> Result<Vec<u8>, Unread> {
        let mut bytes = Vec::new();
        self.each_piece(|piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Whether it was written to since it was opened: then it may have been read
    /// half old and half new.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(crate) fn has_changed(&self) -> Result<bool, Unread> {
        let marks = |stat: &Stat| {
            (
                stat.st_size,
                stat.st_mtime,
                stat.st_mtime_nsec,
                stat.st_ctime,
                stat.st_ctime_nsec,
            )
        };
        Ok(marks(&sys::fstat(&self.file)?) != marks(&self.stat))
    }

    fn piece(&mut self, piece: &mut [u8]) -> Result<usize, Unread> {
        let length = loop {
            match sys::read(&self.file, &mut *piece) {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        let left = self.left.checked_sub(length as u64);
        self.left = left.ok_or(Unread::TooLarge(self.limit))?;
        Ok(length)
    }
}

impl Read for Opened {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        self.piece(piece).map_err(Error::from)
    }
}

/// A directory that links below it do not lead out of.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    /// Where it is: what an absolute link is understood by.
    path: PathBuf,
    /// Links may lead anywhere all the same.
    open: bool,
}

impl Root {
    /// The directory at this path, which contains no link any more.
    pub(crate) fn at(path: &Path, open: bool) -> Result<Self, Errno> {
        let top = sys::openat(CWD, "/", PASSED, Mode::empty())?;
        let dir = Walk::new(&top, Path::new("/"), 0).to(path, PASSED)?;
        Ok(Self {
            dir,
            path: path.to_path_buf(),
            open,
        })
    }

    /// The directory that this path leads to, through whatever links.
    fn behind(path: &Path, open: bool) -> Result<Self, Errno> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let dir = sys::openat(CWD, path, PASSED, Mode::empty())?;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        Ok(Self { dir, path, open })
    }

    /// A directory below, or `.`, as the root of its own.
    pub(crate) fn below(self, relative: &Path) -> Result<Self, Errno> {
        let dir = self.find(relative, PASSED)?;
        let path = self.path.join(relative);
        Ok(Self { dir, path, ..self })
    }

    /// Opens a directory below it, to be listed.
    pub(crate) fn dir(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        self.find(relative, LISTED)
    }

    /// What a name below it leads to.
    pub(crate) fn stat(&self, relative: &Path) -> Result<Stat, Errno> {
        sys::fstat(self.find(relative, OFlags::PATH | OFlags::CLOEXEC)?)
    }

    /// Opens a file below it.
    pub(crate) fn file(&self, relative: &Path, limit: u64) -> Result<Opened, Unread> {
        // Opening a device may do something already; looking at it does not.
        let stat = self.stat(relative)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Unread::NoFile);
        }
        Opened::of(self.find(relative, READ)?, limit)
    }

    fn find(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        if self.open {
            return sys::openat(&self.dir, relative, flags, Mode::empty());
        }
        Walk::new(&self.dir, &self.path, MOST_LINKS).to(relative, flags)
    }
}

/// Opens a file of a directory, which is no link.
pub(crate) fn in_dir(dir: &OwnedFd, name: &OsStr, limit: u64) -> Result<Opened, Unread> {
    let flags = READ | OFlags::NOFOLLOW;
    Opened::of(sys::openat(dir, name, flags, Mode::empty())?, limit)
}

/// A file that was named, read whole. Its link leads nowhere but below the
/// directory that it lies in, as those of a volume do.
///
/// # Errors
/// One sentence.
pub(crate) fn small(path: &Path) -> Result<Vec<u8>, String> {
    named(path, SMALL, false)
        .and_then(Opened::whole)
        .map_err(|why| sentence(path, why))
}

/// The same for what the image may have as a link to anywhere.
///
/// # Errors
/// One sentence.
pub(crate) fn small_behind_links(path: &Path) -> Result<Vec<u8>, String> {
    named(path, SMALL, true)
        .and_then(Opened::whole)
        .map_err(|why| sentence(path, why))
}

/// Opens a file that was named; `open`: its link may lead anywhere.
pub(crate) fn named(path: &Path, limit: u64, open: bool) -> Result<Opened, Unread> {
    let name = path.file_name().ok_or(Unread::NoFile)?;
    let parent = path.parent().unwrap_or(Path::new("."));
    Root::behind(parent, open)?.file(Path::new(name), limit)
}

/// Why it is not read, for people.
pub(crate) fn sentence(path: &Path, why: Unread) -> String {
    format!("{} cannot be read: {why}", path.display())
}

/// To be passed through, which needs no right to list it.
const PASSED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const LISTED: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A way below a directory, part by part.
struct Walk<'a> {
    root: &'a OwnedFd,
    path: &'a Path,
    /// The directories between the root and where we are.
    passed: Vec<OwnedFd>,
    ahead: VecDeque<OsString>,
    links: usize,
}

impl<'a> Walk<'a> {
    fn new(root: &'a OwnedFd, path: &'a Path, links: usize) -> Self {
        Self {
            root,
            path,
            passed: Vec::new(),
            ahead: VecDeque::new(),
            links,
        }
    }

    fn to(mut self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.turn_to(path)?;
        while let Some(name) = self.ahead.pop_front() {
            if name == ".." {
                self.passed.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            let last = self.ahead.is_empty();
            match self.open(&name, if last { flags } else { PASSED }) {
                Ok(end) if last => return Ok(end),
                Ok(dir) => self.passed.push(dir),
                Err(error) => self.follow(&name, error)?,
            }
        }
        self.open(OsStr::new("."), flags)
    }

    fn here(&self) -> &OwnedFd {
        self.passed.last().unwrap_or(self.root)
    }

    /// A link itself is never opened, but is an error.
    fn open(&self, name: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let opened = sys::openat(self.here(), name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        let by_path = flags.contains(OFlags::PATH) && !flags.contains(OFlags::DIRECTORY);
        if by_path && is_link(&sys::fstat(&opened)?) {
            return Err(Errno::LOOP);
        }
        Ok(opened)
    }

    /// Goes on where a link leads; whatever else it is stays the error.
    fn follow(&mut self, name: &OsStr, error: Errno) -> Result<(), Errno> {
        if !matches!(error, Errno::LOOP | Errno::NOTDIR) {
            return Err(error);
        }
        let target = match sys::readlinkat(self.here().as_fd(), name, Vec::new()) {
            Err(Errno::INVAL) => return Err(error),
            target => target?,
        };
        self.links = self.links.checked_sub(1).ok_or(Errno::LOOP)?;
        self.turn_to(Path::new(&OsString::from_vec(target.into_bytes())))
    }

    fn turn_to(&mut self, target: &Path) -> Result<(), Errno> {
        let mut target = target;
        if target.is_absolute() {
            target = target.strip_prefix(self.path).map_err(|_| Errno::XDEV)?;
            self.passed.clear();
        }
        for part in target.components().rev() {
            match part {
                Component::Normal(name) => self.ahead.push_front(name.to_owned()),
                Component::ParentDir => self.ahead.push_front("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Ok(())
    }
}

fn is_link(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Symlink
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs;
    use std::os::unix::fs::symlink;

    fn read(path: &Path) -> Result<Vec<u8>, Unread> {
        named(path, SMALL, false).and_then(Opened::whole)
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::fs::create_dir(path("dir")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        for name in ["fifo", "dir", "socket"] {
            assert_eq!(read(&path(name)), Err(Unread::NoFile), "{name}");
        }
        assert_eq!(read(Path::new("/dev/zero")), Err(Unread::NoFile));
        assert_eq!(read(&path("none")), Err(Unread::Failed(Errno::NOENT)));
    }

    #[test]
    fn no_more_than_the_limit_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        assert_eq!(read(&path), Err(Unread::TooLarge(SMALL)));
        // One that grows after it was opened.
        file.set_len(1).unwrap();
        let mut opened = named(&path, SMALL, false).unwrap();
        file.set_len(SMALL + 1).unwrap();
        assert!(opened.has_changed().unwrap());
        let read = opened.each_piece(|_| ());
        assert_eq!(read, Err(Unread::TooLarge(SMALL)));
        file.set_len(SMALL).unwrap();
        assert_eq!(super::small(&path).unwrap().len() as u64, SMALL);
    }

    #[test]
    fn links_lead_nowhere_but_below_their_place() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let place = root.join("place");
        std::fs::create_dir_all(place.join("..data/d")).unwrap();
        std::fs::write(place.join("..data/d/x"), "in").unwrap();
        std::fs::write(root.join("secret"), "out").unwrap();
        std::fs::create_dir(root.join("place2")).unwrap();
        std::fs::write(root.join("place2/x"), "out").unwrap();
        let absolute = place.join("..data/d/x");
        for (target, is_in) in [
            ("..data/d/x", true),
            ("./..data/d/../d/x", true),
            ("..data/../..data/d/x", true),
            (absolute.to_str().unwrap(), true),
            ("../place/..data/d/x", false),
            ("../secret", false),
            ("..data/d/../../../secret", false),
            (root.join("secret").to_str().unwrap(), false),
            (root.join("place2/x").to_str().unwrap(), false),
            ("/etc/shadow", false),
            ("/proc/self/environ", false),
            ("/proc/self/fd/0", false),
            ("/dev/zero", false),
        ] {
            let link = place.join("k");
            let _ = std::fs::remove_file(&link);
            symlink(target, &link).unwrap();
            let expected = if is_in {
                Ok(b"in".to_vec())
            } else {
                Err(Unread::LeadsOut)
            };
            assert_eq!(read(&link), expected, "{target}");
        }
        symlink("self", place.join("self")).unwrap();
        let gone = read(&place.join("self")).unwrap_err();
        assert_eq!(gone, Unread::Failed(Errno::LOOP));
    }

    #[test]
    fn a_path_that_holds_a_link_is_no_root() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        std::fs::create_dir(path.join("real")).unwrap();
        symlink("real", path.join("link")).unwrap();
        assert!(Root::at(&path.join("real"), false).is_ok());
        assert!(Root::at(&path.join("link"), false).is_err());
    }
}
