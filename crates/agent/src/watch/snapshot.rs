//! What a watched place contains, as digests: read, hashed, dropped.
//!
//! In: a place. Out: a [`Snapshot`], one digest per file and
//! which generation of a kubelet's volume they are of. A volume is read through
//! one descriptor of its timestamp directory, so that a snapshot is never made
//! of two generations (Kubernetes, pkg/volume/util/atomic_writer.go).
//!
//! What cannot be read blinds itself alone, and is named. A file that may not be
//! read, or is too large, is part of the snapshot by its inode and times; what
//! the kernel failed to read is unknown. A place that is gone is an error.

use super::foreign::{Foreign, LONGEST};
use super::place::{Id, Place, id};
use super::route::{Heed, Route, Spot};
use crate::read::{LARGE, Opened, Root, Unread, in_dir};
use rustix::fs::{self, AtFlags, Dir, FileType, OFlags, Stat};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The digest of one file.
pub(crate) type FileDigest = [u8; 16];

/// Directories nested deeper than this are not looked into.
pub(super) const DEEPEST: usize = 8;
/// No more files and directories of a place are looked at.
pub(super) const MOST: usize = 100_000;
/// Nor with longer names, all together. A ConfigMap holds 1 MiB.
const MOST_OF_NAMES: usize = 4 << 20;
/// Nor more bytes in all.
const MOST_BYTES: u64 = 4 * LARGE;
/// No more of what cannot be read is named; the rest is counted.
const NAMED: usize = 20;
/// How often a file that is written meanwhile is read again. Another look is due
/// then anyway.
const READINGS: usize = 3;
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
    /// On which device, where no link leads there: another one is another mount.
    pub(super) device: Option<u64>,
    /// Names below the prefix, and digests.
    pub(crate) files: BTreeMap<OsString, FileDigest>,
    /// Whole names of what cannot be read, the first of them.
    pub(crate) unread: Vec<(OsString, Unread)>,
    /// How many there are.
    pub(crate) unread_count: usize,
    /// Names below the prefix of files and directories whose content is unknown.
    pub(crate) unknown: BTreeSet<OsString>,
    /// Whole names of files that change by themselves.
    pub(crate) left_out: Vec<(OsString, Foreign)>,
    /// When the newest of it was put there: seconds and nanoseconds since 1970.
    pub(crate) changed_at: (i64, i64),
}

impl Snapshot {
    /// A mount is gone, and what shows is the empty directory that it was put upon;
    /// or it has come anew, and is not filled yet.
    pub(super) fn is_unmounted_since(&self, before: &Self) -> bool {
        let is_empty = self.files.is_empty() && !before.files.is_empty();
        let known = self.device.zip(before.device);
        let is_another = known.is_some_and(|(now, before)| now != before);
        // The kubelet's writer never takes `..data` away.
        let is_no_volume = before.generation.is_some() && self.generation.is_none();
        self.dir == before.dir && is_empty && (is_another || is_no_volume)
    }

    /// What is unknown now is taken to be as it was seen last.
    pub(super) fn keep_unknown_of(&mut self, before: &Self) {
        if self.unknown.is_empty() || self.prefix != before.prefix {
            return;
        }
        let is_unknown = |name: &Path| {
            let mut above = name.ancestors();
            above.any(|part| self.unknown.contains(part.as_os_str()))
        };
        let kept = before.files.iter();
        let kept: Vec<_> = kept
            .filter(|(name, _)| !self.files.contains_key(*name) && is_unknown(Path::new(name)))
            .map(|(name, digest)| (name.clone(), *digest))
            .collect();
        self.files.extend(kept);
    }

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
        let mut root = Root::at(&spot.dir, self.filter.follow)?;
        if let Some(generation) = generation {
            root = root.below(Path::new(generation))?;
        }
        let snapshot = Snapshot {
            dir: self.known_as(route, spot).into(),
            prefix: spot.file.clone().unwrap_or_default().into(),
            changed_at: led_here_at(route, spot),
            device: (!route.by_links)
                .then(|| fs::stat(&spot.dir).ok())
                .flatten()
                .map(|stat| stat.st_dev),
            ..Snapshot::default()
        };
        let mut reading = Reading {
            place: self,
            pinned: generation.is_some(),
            root,
            above: Vec::new(),
            seen: HashSet::new(),
            entries: 0,
            names: 0,
            bytes: 0,
            snapshot,
        };
        reading.all(spot.file.as_deref()).map_err(Unread::errno)?;
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
    /// Below a generation's directory, whose own times say nothing.
    pinned: bool,
    root: Root,
    /// The directories that lead to where we are: links may go round.
    above: Vec<Id>,
    /// All that were entered.
    seen: HashSet<Id>,
    entries: usize,
    names: usize,
    bytes: u64,
    snapshot: Snapshot,
}

/// Something that was found, and what it is called below the prefix.
struct Entry {
    is_link: bool,
    name: OsString,
}

impl Reading<'_> {
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
        let stat = fs::fstat(dir)?;
        if !self.pinned {
            // A file that was removed leaves its trace here alone.
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(&stat));
        }
        let id = id(&stat);
        if self.above.contains(&id) {
            return Ok(());
        }
        if self.above.len() > DEEPEST {
            return Err(Unread::TooMuch("it is nested too deep"));
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
        let mut found = Vec::new();
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name.starts_with(b"..") {
                continue;
            }
            self.entries += 1;
            self.names += relative.len() + name.len();
            if self.entries > MOST || self.names > MOST_OF_NAMES {
                self.note(
                    relative.to_owned(),
                    Unread::TooMuch("it has too many files"),
                );
                break;
            }
            found.push(Entry {
                is_link: entry.file_type() == FileType::Symlink,
                name: OsStr::from_bytes(name).to_owned(),
            });
        }
        found.sort_by(|a, b| (a.is_link, &a.name).cmp(&(b.is_link, &b.name)));
        Ok(found)
    }

    fn entry(
        &mut self,
        dir: &OwnedFd,
        entry: &Entry,
        relative: OsString,
        by_link: bool,
    ) -> Result<(), Unread> {
        let name = entry.name.as_os_str();
        let stat = fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => self.behind_link(relative, by_link).map(|_| ()),
            FileType::Directory => {
                let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = fs::openat(dir, name, flags, fs::Mode::empty())?;
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
        self.place.filter.takes(name.as_bytes())
    }

    /// By its own name or by a pattern, and not only by its directory's.
    fn is_asked_for(&self, relative: &OsStr) -> bool {
        relative.is_empty() || !self.place.filter.include.is_empty()
    }

    fn digest(
        &self,
        stat: &Stat,
        open: impl Fn() -> Result<Opened, Unread>,
    ) -> Result<Read, Unread> {
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
        read: Result<Read, Unread>,
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
        if self.place.filter.excludes(whole.as_bytes()) {
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

/// `a/b`, or the one that is not empty.
fn joined(above: &OsStr, name: &OsStr) -> OsString {
    let mut whole = above.as_bytes().to_vec();
    if !above.is_empty() && !name.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(name.as_bytes());
    OsString::from_vec(whole)
}

/// What one file contains.
struct Read {
    digest: FileDigest,
    foreign: Option<Foreign>,
    length: u64,
}

/// Read again if it was written meanwhile: half of it may be of before.
fn digest(open: impl Fn() -> Result<Opened, Unread>) -> Result<Read, Unread> {
    let mut last = None;
    for _ in 0..READINGS {
        let mut file = open()?;
        let read = digest_once(&mut file)?;
        if !file.has_changed() {
            return Ok(read);
        }
        last = Some(read);
    }
    last.ok_or(Unread::Failed(Errno::AGAIN))
}

/// Hashed in small pieces: the agent holds no whole file, but one that may be
/// foreign.
fn digest_once(file: &mut Opened) -> Result<Read, Unread> {
    let mut hasher = blake3::Hasher::new();
    let mut suspect = Vec::new();
    let mut is_possible = None;
    let mut length = 0;
    file.each_piece(|piece| {
        length += piece.len() as u64;
        hasher.update(piece);
        if *is_possible.get_or_insert_with(|| Foreign::is_possible(piece)) {
            suspect.extend_from_slice(piece);
            is_possible = Some(suspect.len() <= LONGEST);
        }
    })?;
    let foreign = is_possible
        .filter(|is| *is)
        .and_then(|_| Foreign::of(&suspect));
    Ok(Read {
        digest: shorten(&hasher),
        foreign,
        length,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::glob::Filter;
    use rustix::fs::{CWD, Mode};
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
