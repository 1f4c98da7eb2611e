//! What a watched place contains, as digests: read, hashed, dropped.
//!
//! In: a place. Out: a [`Snapshot`], one digest per file and
//! which generation of a kubelet's volume they are of. A volume is read through
//! one descriptor of its timestamp directory, so that a snapshot is never made
//! of two generations (Kubernetes, pkg/volume/util/atomic_writer.go).
//! A file that may not be read is part of the snapshot by its inode and times,
//! and of [`Snapshot::unreadable`]; a place that is gone is an error.

use super::foreign::{Foreign, LONGEST};
use super::place::{Id, Place, id};
use super::route::{Heed, Route, Spot};
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The digest of one file.
pub(crate) type FileDigest = [u8; 16];

/// Directories nested deeper than this are not looked into.
pub(super) const DEEPEST: usize = 8;
/// How often a volume may be swapped while it is read before that is an error.
const PATIENCE: u32 = 100;

/// The content of a place at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The target of `..data`, for a volume of the kubelet.
    pub(crate) generation: Option<String>,
    /// The directory that was read, as people know it.
    pub(crate) dir: OsString,
    /// What the file's name begins with, where the place is one: a link may lead
    /// to another name, and the content be the same.
    pub(crate) prefix: OsString,
    /// Names below the prefix, and digests.
    pub(crate) files: BTreeMap<OsString, FileDigest>,
    /// Whole names of files that may not be read.
    pub(crate) unreadable: Vec<OsString>,
    /// Whole names of files that change by themselves.
    pub(crate) left_out: Vec<(OsString, Foreign)>,
    /// When the newest of it was put there: seconds and nanoseconds since 1970.
    pub(crate) changed_at: (i64, i64),
}

impl Snapshot {
    /// The name of a file relative to the directory.
    pub(crate) fn whole_name(&self, name: &OsStr) -> OsString {
        joined(&self.prefix, name)
    }
}

impl Place {
    /// Reads everything.
    ///
    /// # Errors
    /// When the place is not there, or may not be listed; `AGAIN` when it was
    /// swapped away again and again.
    pub(crate) fn read(&self) -> Result<Snapshot, Errno> {
        for _ in 0..PATIENCE {
            let route = self.route();
            let spot = route.end.clone()?;
            let generation = spot.generation();
            let read = self.read_spot(&route, &spot, generation.as_deref());
            // A directory that is being removed lists fewer files, without any
            // error. It is removed only after the way to it has moved on.
            if self.route().end.as_ref() != Ok(&spot) || spot.generation() != generation {
                continue;
            }
            return read.map(|mut snapshot| {
                snapshot.generation = generation;
                snapshot
            });
        }
        Err(Errno::AGAIN)
    }

    fn read_spot(
        &self,
        route: &Route,
        spot: &Spot,
        generation: Option<&str>,
    ) -> Result<Snapshot, Errno> {
        let base = generation.map_or_else(|| spot.dir.clone(), |name| spot.dir.join(name));
        let root = open_dir(CWD, &base)?;
        let snapshot = Snapshot {
            dir: self.known_as(route, spot).into(),
            prefix: spot.file.clone().unwrap_or_default().into(),
            changed_at: led_here_at(route, spot),
            ..Snapshot::default()
        };
        let mut reading = Reading {
            place: self,
            pinned: generation.is_some(),
            above: Vec::new(),
            snapshot,
        };
        match &spot.file {
            Some(name) => reading.file_or_dir(&root, name.as_os_str(), OsString::new())?,
            None => reading.dir(&root, &OsString::new())?,
        }
        Ok(reading.snapshot)
    }

    /// A volume by its directory; what links lead to by the path that was
    /// written, since that does not change when the links do.
    fn known_as<'a>(&'a self, route: &Route, spot: &'a Spot) -> &'a Path {
        match (&spot.file, self.path.parent()) {
            _ if !route.by_links => &spot.dir,
            (None, _) => &self.path,
            (Some(_), Some(parent)) if !spot.volume => parent,
            _ => &spot.dir,
        }
    }
}

/// When the newest link on the way was set, and a volume's own.
fn led_here_at(route: &Route, spot: &Spot) -> (i64, i64) {
    let links = route.steps.iter().filter_map(|step| match &step.heed {
        Heed::Entry(name) => Some(step.dir.join(name)),
        _ => None,
    });
    let own = spot.volume.then(|| spot.dir.join("..data"));
    let times = links.chain(own).filter_map(|link| fs::lstat(&link).ok());
    times.map(|stat| changed(&stat)).max().unwrap_or_default()
}

/// One reading under way.
struct Reading<'a> {
    place: &'a Place,
    /// Below a generation's directory, where a missing file means a swap.
    pinned: bool,
    /// The directories that lead to where we are: links may go round.
    above: Vec<Id>,
    snapshot: Snapshot,
}

impl Reading<'_> {
    fn dir(&mut self, dir: &OwnedFd, relative: &OsString) -> Result<(), Errno> {
        let stat = fs::fstat(dir)?;
        if !self.pinned {
            // A file that was removed leaves its trace here alone.
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(&stat));
        }
        let id = id(&stat);
        if self.above.contains(&id) || self.above.len() > DEEPEST {
            return Ok(());
        }
        self.above.push(id);
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name.starts_with(b"..") {
                continue;
            }
            let name = OsStr::from_bytes(name);
            self.file_or_dir(dir, name, joined(relative, name))?;
        }
        self.above.pop();
        Ok(())
    }

    fn file_or_dir(
        &mut self,
        dir: &OwnedFd,
        name: &OsStr,
        relative: OsString,
    ) -> Result<(), Errno> {
        let stat = match fs::statat(dir, name, AtFlags::empty()) {
            // A link to nothing, or a file that is just being replaced.
            Err(Errno::NOENT | Errno::LOOP) if !self.pinned => return Ok(()),
            other => other?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let below = open_dir(dir, Path::new(name))?;
                self.dir(&below, &relative)
            }
            FileType::RegularFile if self.takes(&relative) => self.file(dir, name, relative, &stat),
            _ => Ok(()),
        }
    }

    fn takes(&self, relative: &OsStr) -> bool {
        let name = self.snapshot.whole_name(relative);
        self.place.filter.takes(name.as_bytes())
    }

    /// By its own name or by a pattern, and not only by its directory's.
    fn is_asked_for(&self, relative: &OsStr) -> bool {
        relative.is_empty() || !self.place.filter.include.is_empty()
    }

    fn file(
        &mut self,
        dir: &OwnedFd,
        name: &OsStr,
        relative: OsString,
        stat: &Stat,
    ) -> Result<(), Errno> {
        if !self.pinned {
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(stat));
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let digest = match fs::openat(dir, name, flags, Mode::empty()) {
            Ok(file) => {
                let (digest, foreign) = digest(File::from(file));
                if let Some(foreign) = foreign.filter(|_| !self.is_asked_for(&relative)) {
                    let name = self.snapshot.whole_name(&relative);
                    self.snapshot.left_out.push((name, foreign));
                    return Ok(());
                }
                digest
            }
            Err(Errno::ACCESS | Errno::PERM) => {
                let name = self.snapshot.whole_name(&relative);
                self.snapshot.unreadable.push(name);
                digest_of_stat(stat)
            }
            Err(Errno::NOENT) if !self.pinned => return Ok(()),
            Err(error) => return Err(error),
        };
        self.snapshot.files.insert(relative, digest);
        Ok(())
    }
}

/// `a/b`, or the one that is not empty.
fn joined(above: &OsStr, name: &OsStr) -> OsString {
    let mut whole = above.as_bytes().to_vec();
    if !above.is_empty() && !name.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name.as_bytes());
    OsString::from_vec(whole)
}

/// Hashed in small pieces: the agent holds no whole file, but one that may be
/// foreign.
fn digest(mut file: File) -> (FileDigest, Option<Foreign>) {
    let mut hasher = blake3::Hasher::new();
    let mut piece = [0u8; 4096];
    let mut suspect = Vec::new();
    let mut is_possible = None;
    while let Ok(length @ 1..) = file.read(&mut piece) {
        let piece = &piece[..length];
        hasher.update(piece);
        if *is_possible.get_or_insert_with(|| Foreign::is_possible(piece)) {
            suspect.extend_from_slice(piece);
            is_possible = Some(suspect.len() <= LONGEST);
        }
    }
    let foreign = is_possible
        .filter(|is| *is)
        .and_then(|_| Foreign::of(&suspect));
    (shorten(&hasher), foreign)
}

fn digest_of_stat(stat: &Stat) -> FileDigest {
    let mut hasher = blake3::Hasher::new();
    let marks = format!("{} {} {:?}", stat.st_ino, stat.st_size, changed(stat));
    hasher.update(b"unreadable\0").update(marks.as_bytes());
    shorten(&hasher)
}

/// The first 128 bits.
pub(crate) fn shorten(hasher: &blake3::Hasher) -> FileDigest {
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

/// When an inode last changed, as the kernel's wall clock had it.
pub(super) fn changed(stat: &Stat) -> (i64, i64) {
    let nanos = i64::try_from(stat.st_ctime_nsec).unwrap_or(0);
    (stat.st_ctime, nanos)
}

fn open_dir<Fd: AsFd>(at: Fd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(at, path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::glob::Filter;
    use std::os::unix::fs::symlink;

    fn place(dir: &Path) -> Place {
        Place {
            path: dir.to_path_buf(),
            filter: Filter::default(),
        }
    }

    fn names(read: &Snapshot) -> Vec<OsString> {
        let names = read.files.keys();
        names.map(|name| read.whole_name(name)).collect()
    }

    #[test]
    fn a_volume_is_read_through_its_generation() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("..2026_a/conf.d")).unwrap();
        std::fs::write(dir.path().join("..2026_a/conf.d/x"), "1").unwrap();
        std::fs::write(dir.path().join("..2026_a/key"), "2").unwrap();
        symlink("..2026_a", dir.path().join("..data")).unwrap();
        symlink("..data/key", dir.path().join("key")).unwrap();
        let read = place(dir.path()).read().unwrap();
        assert_eq!(read.generation.as_deref(), Some("..2026_a"));
        assert_eq!(names(&read), ["conf.d/x", "key"]);
        let below = place(&dir.path().join("conf.d")).read().unwrap();
        assert_eq!(names(&below), ["conf.d/x"]);
    }

    /// All files of a generation have the same content, so a snapshot with two
    /// digests, or with fewer files, would be of two generations.
    #[test]
    fn no_snapshot_is_of_two_generations() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let swap = move |n: usize| {
            let name = format!("..2026_{n}");
            std::fs::create_dir(root.join(&name)).unwrap();
            for key in 0..20 {
                std::fs::write(root.join(&name).join(format!("{key}")), n.to_string()).unwrap();
            }
            symlink(&name, root.join("..data_tmp")).unwrap();
            std::fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
            if n > 0 {
                std::fs::remove_dir_all(root.join(format!("..2026_{}", n - 1))).unwrap();
            }
        };
        swap(0);
        let writer = std::thread::spawn(move || (1..500).for_each(swap));
        while !writer.is_finished() {
            let files = place(dir.path()).read().unwrap().files;
            assert_eq!(files.len(), 20);
            let first = files.values().next().unwrap();
            assert!(files.values().all(|digest| digest == first));
        }
        writer.join().unwrap();
    }

    #[test]
    fn equal_content_is_an_equal_snapshot_and_other_content_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let first = place(dir.path()).read().unwrap().files;
        std::fs::write(&file, "two").unwrap();
        assert_ne!(place(dir.path()).read().unwrap().files, first);
        std::fs::write(&file, "one").unwrap();
        assert_eq!(place(dir.path()).read().unwrap().files, first);
    }

    #[test]
    fn links_that_go_round_and_lead_nowhere_end_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        symlink(".", dir.path().join("round")).unwrap();
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        symlink("self", dir.path().join("self")).unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        assert_eq!(names(&place(dir.path()).read().unwrap()), ["a"]);
    }

    /// A name is bytes: what is no text is read all the same, and two of them
    /// are two files.
    #[test]
    fn names_that_are_no_text_are_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in [&b"a\xff"[..], b"a\xfe", b"line\nbreak"] {
            std::fs::write(dir.path().join(OsStr::from_bytes(name)), "1").unwrap();
        }
        let read = place(dir.path()).read().unwrap();
        let found: Vec<_> = names(&read).into_iter().map(OsString::into_vec).collect();
        assert_eq!(found, [&b"a\xfe"[..], b"a\xff", b"line\nbreak"]);
    }

    #[test]
    fn what_changes_by_itself_is_left_out_unless_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJrdWJlcm5ldGVzLmlvIjp7fX0.c2lnbg";
        std::fs::write(dir.path().join("token"), token).unwrap();
        std::fs::write(dir.path().join("app.conf"), "x").unwrap();
        let read = place(dir.path()).read().unwrap();
        assert_eq!(names(&read), ["app.conf"]);
        assert_eq!(read.left_out, [("token".into(), Foreign::Token)]);
        let by_name = place(&dir.path().join("token")).read().unwrap();
        assert_eq!(names(&by_name), ["token"]);
        let mut by_pattern = place(dir.path());
        by_pattern.filter.include = vec!["tok*".into()];
        assert_eq!(names(&by_pattern.read().unwrap()), ["token"]);
    }

    /// What runs read the old tree; its link was set anew since.
    #[test]
    fn a_tree_is_as_new_as_the_link_that_leads_to_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("old")).unwrap();
        std::fs::write(root.path().join("old/a"), "1").unwrap();
        let file = place(&root.path().join("old")).read().unwrap().changed_at;
        std::thread::sleep(std::time::Duration::from_millis(20));
        symlink("old", root.path().join("current")).unwrap();
        let linked = place(&root.path().join("current")).read().unwrap();
        assert!(linked.changed_at > file);
        assert_eq!(linked.dir, root.path().join("current"));
    }

    #[test]
    fn a_fifo_does_not_hold_the_reader_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::mknodat(CWD, dir.path().join("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(place(dir.path()).read().unwrap().files.is_empty());
    }

    #[test]
    fn one_file_of_a_directory_is_read_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        std::fs::write(dir.path().join("b"), "2").unwrap();
        let read = place(&dir.path().join("a")).read().unwrap();
        assert_eq!(names(&read), ["a"]);
    }

    #[test]
    fn the_removal_of_a_file_is_a_change_with_a_time() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a"), "1").unwrap();
        std::fs::write(root.path().join("b"), "1").unwrap();
        let before = place(root.path()).read().unwrap().changed_at;
        // The clock of the file system ticks some hundred times a second.
        let mut after = before;
        while after == before {
            std::fs::remove_file(root.path().join("b")).unwrap();
            after = place(root.path()).read().unwrap().changed_at;
            std::fs::write(root.path().join("b"), "1").unwrap();
        }
        assert!(after > before);
    }

    #[test]
    fn a_place_that_is_gone_is_an_error() {
        assert_eq!(place(Path::new("/nonexistent")).read(), Err(Errno::NOENT));
    }
}
