//! A path that a person wrote: which directories must be watched for it, and a
//! cheap number that tells whether anything there is another.

use super::glob::Filter;
use super::route::{Heed, Route, Spot, Step};
use super::snapshot::{DEEPEST, changed};
use rustix::fs::{self, Stat};
use rustix::io::Errno;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where to look, and at what.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// As it was written.
    pub(crate) path: PathBuf,
    /// Which files count.
    pub(crate) filter: Filter,
}

/// A directory by its inode: two paths may lead to one.
pub(super) type Id = (u64, u64);

/// A directory that a watch must be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Station {
    pub(super) id: Id,
    pub(super) step: Step,
}

impl Place {
    /// What the path means now.
    pub(super) fn route(&self) -> Route {
        Route::of(&self.path)
    }

    /// Every directory in which something could happen that matters.
    pub(super) fn stations(&self) -> Vec<Station> {
        let route = self.route();
        let mut steps = route.steps;
        if let Ok(spot) = &route.end {
            steps.extend(spot.steps());
        }
        let station = |step: Step| {
            let id = id(&fs::stat(&step.dir).ok()?);
            Some(Station { id, step })
        };
        steps.into_iter().filter_map(station).collect()
    }

    /// A number that differs when the path leads elsewhere, or any file's inode,
    /// size or times differ: the cheap look of the poll. `None` while the place
    /// is not there.
    pub(super) fn pulse(&self) -> Option<u64> {
        let spot = self.route().end.ok()?;
        let mut hasher = DefaultHasher::new();
        (&spot.dir, &spot.file).hash(&mut hasher);
        id(&fs::stat(&spot.dir).ok()?).hash(&mut hasher);
        match spot.generation() {
            Some(generation) => generation.hash(&mut hasher),
            None => spot.files_pulse()?.hash(&mut hasher),
        }
        Some(hasher.finish())
    }
}

impl Spot {
    /// The generation that `..data` names now, if this is a kubelet's volume.
    pub(super) fn generation(&self) -> Option<String> {
        let target = fs::readlink(self.dir.join("..data"), Vec::new()).ok()?;
        target.into_string().ok()
    }

    /// Whether the directory of this generation is still there: then the
    /// kubelet has not finished replacing it.
    pub(super) fn holds(&self, generation: &str) -> bool {
        fs::lstat(self.dir.join(generation)).is_ok()
    }

    fn steps(&self) -> Vec<Step> {
        if self.file.is_some() && !self.volume {
            return Vec::new();
        }
        let mut steps = vec![all(&self.dir)];
        if !self.volume {
            let mut below = Below::default();
            below.enter(&self.dir);
            steps.extend(below.dirs.iter().map(|dir| all(dir)));
            steps.extend(below.links.iter().flat_map(|link| beyond(link)));
        }
        steps
    }

    fn files_pulse(&self) -> Option<u64> {
        if let Some(file) = &self.file {
            return Some(pulse_of(&self.dir.join(file)).unwrap_or_default());
        }
        let mut below = Below::default();
        below.enter(&self.dir);
        let mut pulse = 0u64;
        for dir in below.dirs.iter().chain([&self.dir]) {
            for entry in std::fs::read_dir(dir).ok()?.flatten() {
                // A sum: directories list their entries in any order.
                pulse = pulse.wrapping_add(pulse_of(&entry.path()).unwrap_or_default());
            }
        }
        Some(pulse)
    }
}

fn pulse_of(path: &Path) -> Option<u64> {
    let stat = fs::stat(path).ok()?;
    let mut hasher = DefaultHasher::new();
    (path, stat.st_ino, stat.st_size, changed(&stat)).hash(&mut hasher);
    Some(hasher.finish())
}

fn all(dir: &Path) -> Step {
    Step {
        dir: dir.to_path_buf(),
        heed: Heed::All,
    }
}

/// What a link within a watched directory leads through.
fn beyond(link: &Path) -> Vec<Step> {
    let route = Route::of(link);
    let mut steps = route.steps;
    steps.extend(
        route
            .end
            .ok()
            .filter(|spot| spot.volume)
            .map(|spot| all(&spot.dir)),
    );
    steps
}

/// The directories and links below a directory.
#[derive(Default)]
struct Below {
    dirs: Vec<PathBuf>,
    links: Vec<PathBuf>,
    /// The directories that lead to where we are: links may go round.
    above: Vec<Id>,
}

impl Below {
    fn enter(&mut self, dir: &Path) {
        let Ok(stat) = fs::stat(dir) else { return };
        if self.above.contains(&id(&stat)) || self.above.len() > DEEPEST {
            return;
        }
        if !self.above.is_empty() {
            self.dirs.push(dir.to_path_buf());
        }
        self.above.push(id(&stat));
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_name().as_bytes().starts_with(b"..") {
                continue;
            }
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                self.links.push(path.clone());
            }
            if path.is_dir() {
                self.enter(&path);
            }
        }
        self.above.pop();
    }
}

/// Which inode this is.
pub(super) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

/// Why a place is not there, as people are told: only what they must mend ends
/// the agent at its start.
pub(super) fn is_absence(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(path: &Path) -> Place {
        Place {
            path: path.to_path_buf(),
            filter: Filter::default(),
        }
    }

    fn heed(place: &Place, dir: &Path) -> Vec<Heed> {
        let dir = id(&fs::stat(dir).unwrap());
        let stations = place.stations();
        let there = stations.into_iter().filter(|station| station.id == dir);
        there.map(|station| station.step.heed).collect()
    }

    #[test]
    fn links_that_go_round_end_somewhere() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
            symlink(".", dir.path().join(name)).unwrap();
        }
        symlink("nowhere", dir.path().join("dangling")).unwrap();
        assert!(place(dir.path()).pulse().is_some());
        assert!(!place(dir.path()).stations().is_empty());
    }

    #[test]
    fn what_a_link_in_a_directory_leads_to_is_watched() {
        let root = tempfile::tempdir().unwrap();
        let (dir, other) = (root.path().join("dir"), root.path().join("other"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(other.join("x"), "").unwrap();
        symlink("../other/x", dir.join("x")).unwrap();
        let place = place(&dir);
        assert_eq!(heed(&place, &dir), [Heed::All, Heed::Entry("x".into())]);
        assert_eq!(heed(&place, &other), [Heed::File("x".into())]);
    }

    #[test]
    fn another_target_is_another_pulse() {
        let root = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        let link = root.path().join("current");
        symlink("one", &link).unwrap();
        let first = place(&link).pulse();
        std::fs::remove_file(&link).unwrap();
        assert_eq!(place(&link).pulse(), None);
        symlink("two", &link).unwrap();
        assert_ne!(place(&link).pulse(), first);
    }
}
