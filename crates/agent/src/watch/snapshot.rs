//! What a watched place contains, as digests: read, hashed, dropped.
//!
//! In: a directory or a file. Out: a [`Snapshot`], one digest per file and
//! which generation of a kubelet's volume they are of. A volume is read through
//! one descriptor of its timestamp directory, so that a snapshot is never made
//! of two generations (Kubernetes, pkg/volume/util/atomic_writer.go).
//! A file that may not be read is part of the snapshot by its inode and times,
//! and of [`Snapshot::unreadable`]; a place that is gone is an error.

use super::glob::Filter;
use rustix::fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The digest of one file.
pub(crate) type FileDigest = [u8; 16];

/// Directories nested deeper than this are not looked into: links may go round.
const DEEPEST: u32 = 8;
/// How often a volume may be swapped while it is read before that is an error.
const PATIENCE: u32 = 100;

/// Where to look, and at what.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The directory that is watched.
    pub(crate) dir: PathBuf,
    /// Only this file in it.
    pub(crate) file: Option<String>,
    /// Which files count.
    pub(crate) filter: Filter,
}

/// The content of a place at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The target of `..data`, for a volume of the kubelet.
    pub(crate) generation: Option<String>,
    /// Relative names and digests.
    pub(crate) files: BTreeMap<String, FileDigest>,
    /// Names of files that may not be read.
    pub(crate) unreadable: Vec<String>,
    /// When the newest of it was put there: seconds and nanoseconds since 1970.
    pub(crate) changed_at: (i64, i64),
}

impl Place {
    /// The generation that `..data` names now, if this is a kubelet's volume.
    pub(crate) fn generation(&self) -> Option<String> {
        let target = fs::readlink(self.dir.join("..data"), Vec::new()).ok()?;
        target.into_string().ok()
    }

    /// Whether both mean the same files.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.dir == other.dir && self.file == other.file
    }

    /// Whether the directory of this generation is still there: then the
    /// kubelet has not finished replacing it.
    pub(crate) fn holds(&self, generation: &str) -> bool {
        fs::lstat(self.dir.join(generation)).is_ok()
    }

    /// Reads everything.
    ///
    /// # Errors
    /// When the place is not there, or may not be listed; `AGAIN` when it was
    /// swapped away again and again.
    pub(crate) fn read(&self) -> Result<Snapshot, Errno> {
        for _ in 0..PATIENCE {
            let generation = self.generation();
            let read = self.read_generation(generation.as_deref());
            // A directory that is being removed lists fewer files, without any
            // error. It is removed only after `..data` has moved on.
            if self.generation() != generation {
                continue;
            }
            return read.map(|mut snapshot| {
                snapshot.generation = generation;
                snapshot
            });
        }
        Err(Errno::AGAIN)
    }

    fn read_generation(&self, generation: Option<&str>) -> Result<Snapshot, Errno> {
        let base = generation.map_or_else(|| self.dir.clone(), |name| self.dir.join(name));
        let root = open_dir(CWD, &base)?;
        let mut snapshot = Snapshot::default();
        if generation.is_some() {
            let link = fs::lstat(self.dir.join("..data"))?;
            snapshot.changed_at = changed(&link);
        }
        let mut reading = Reading {
            place: self,
            pinned: generation.is_some(),
            snapshot,
        };
        match &self.file {
            Some(name) => reading.file_or_dir(&root, name, name.clone(), 0)?,
            None => reading.dir(&root, "", 0)?,
        }
        Ok(reading.snapshot)
    }

    /// The directories below this place, itself included, that a watch must be on.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        let mut found = vec![self.dir.clone()];
        if self.file.is_none() && self.generation().is_none() {
            subdirs(&self.dir, 0, &mut found);
        }
        found
    }

    /// A number that differs when any file's inode, size or times do: the cheap
    /// look of the poll. `None` while the place is not there.
    pub(crate) fn pulse(&self) -> Option<u64> {
        let mut pulse = 0u64;
        for dir in self.dirs() {
            for entry in std::fs::read_dir(&dir).ok()?.flatten() {
                let path = entry.path();
                let Ok(stat) = fs::stat(&path) else { continue };
                let mut hasher = DefaultHasher::new();
                (path, stat.st_ino, stat.st_size, changed(&stat)).hash(&mut hasher);
                // A sum: directories list their entries in any order.
                pulse = pulse.wrapping_add(hasher.finish());
            }
        }
        Some(pulse)
    }
}

/// One reading under way.
struct Reading<'a> {
    place: &'a Place,
    /// Below a generation's directory, where a missing file means a swap.
    pinned: bool,
    snapshot: Snapshot,
}

impl Reading<'_> {
    fn dir(&mut self, dir: &OwnedFd, prefix: &str, depth: u32) -> Result<(), Errno> {
        for entry in Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if name == "." || name == ".." || name.starts_with("..") {
                continue;
            }
            self.file_or_dir(dir, &name, format!("{prefix}{name}"), depth)?;
        }
        Ok(())
    }

    fn file_or_dir(
        &mut self,
        dir: &OwnedFd,
        name: &str,
        relative: String,
        depth: u32,
    ) -> Result<(), Errno> {
        let stat = match fs::statat(dir, name, AtFlags::empty()) {
            // A link to nothing, or a file that is just being replaced.
            Err(Errno::NOENT) if !self.pinned => return Ok(()),
            other => other?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if depth < DEEPEST => {
                let below = open_dir(dir, Path::new(name))?;
                self.dir(&below, &format!("{relative}/"), depth + 1)
            }
            FileType::RegularFile if self.place.filter.takes(&relative) => {
                self.file(dir, name, relative, &stat)
            }
            _ => Ok(()),
        }
    }

    fn file(
        &mut self,
        dir: &OwnedFd,
        name: &str,
        relative: String,
        stat: &Stat,
    ) -> Result<(), Errno> {
        if !self.pinned {
            self.snapshot.changed_at = self.snapshot.changed_at.max(changed(stat));
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let digest = match fs::openat(dir, name, flags, Mode::empty()) {
            Ok(file) => digest(File::from(file)),
            Err(Errno::ACCESS | Errno::PERM) => {
                self.snapshot.unreadable.push(relative.clone());
                digest_of_stat(stat)
            }
            Err(Errno::NOENT) if !self.pinned => return Ok(()),
            Err(error) => return Err(error),
        };
        self.snapshot.files.insert(relative, digest);
        Ok(())
    }
}

/// Hashed in small pieces: the agent never holds a whole file.
fn digest(mut file: File) -> FileDigest {
    let mut hasher = blake3::Hasher::new();
    let mut piece = [0u8; 4096];
    while let Ok(length @ 1..) = file.read(&mut piece) {
        hasher.update(&piece[..length]);
    }
    shorten(&hasher)
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
fn changed(stat: &Stat) -> (i64, i64) {
    let nanos = i64::try_from(stat.st_ctime_nsec).unwrap_or(0);
    (stat.st_ctime, nanos)
}

fn open_dir<Fd: AsFd>(at: Fd, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(at, path, flags, Mode::empty())
}

fn subdirs(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(listing) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in listing.flatten() {
        let path = entry.path();
        if depth < DEEPEST && path.is_dir() {
            found.push(path.clone());
            subdirs(&path, depth + 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(dir: &Path) -> Place {
        Place {
            dir: dir.to_path_buf(),
            file: None,
            filter: Filter::default(),
        }
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
        let names: Vec<_> = read.files.keys().cloned().collect();
        assert_eq!(names, ["conf.d/x", "key"]);
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
        assert!(place(dir.path()).read().unwrap().files.is_empty());
        assert!(place(dir.path()).pulse().is_some());
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
        let mut only_a = place(dir.path());
        only_a.file = Some("a".into());
        let read = only_a.read().unwrap();
        assert_eq!(read.files.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_place_that_is_gone_is_an_error() {
        assert_eq!(place(Path::new("/nonexistent")).read(), Err(Errno::NOENT));
    }
}
