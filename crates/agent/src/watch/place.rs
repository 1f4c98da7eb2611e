//! A path that a person wrote: which directories must be watched for it, and a
//! cheap number that tells whether anything there is another.

use super::digest::changed;
use super::glob::Filter;
use super::route::{Heed, Route, Spot, Step};
use super::tree::{DEEPEST, MOST, MOST_DIRS, MOST_LISTED};
use crate::files::inode::{Id, id};
use crate::files::sys;
use rustix::fs::Stat;
use rustix::io::Errno;
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
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

/// A directory that a watch must be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Station {
    pub(super) id: Id,
    pub(super) step: Step,
}

impl Place {
    /// What the path means now.
    pub(super) fn route(&self) -> Route {
        let mut route = Route::of(&self.path);
        if route.leads_out && !self.filter.follow {
            route.end = Err(Errno::XDEV);
        }
        route
    }

    /// Every directory in which something could happen that matters.
    pub(super) fn stations(&self) -> Vec<Station> {
        let route = self.route();
        let mut steps = route.steps;
        if let Ok(spot) = &route.end {
            steps.extend(spot.steps(self.filter.follow));
        }
        let station = |step: Step| {
            let id = id(&sys::stat(&step.dir).ok()?);
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
        id(&sys::stat(&spot.dir).ok()?).hash(&mut hasher);
        match spot.generation().ok()? {
            Some(generation) => generation.hash(&mut hasher),
            None => spot.files_pulse(self.filter.follow).hash(&mut hasher),
        }
        Some(hasher.finish())
    }
}

impl Spot {
    /// The generation that `..data` names now, if this is a kubelet's volume.
    ///
    /// # Errors
    /// When that cannot be told: it is not taken for a directory like any other.
    pub(super) fn generation(&self) -> Result<Option<String>, Errno> {
        match sys::readlink(self.dir.join("..data"), Vec::new()) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::ACCESS) => Ok(None),
            target => Ok(target?.into_string().ok()),
        }
    }

    /// Whether the directory of this generation is still there: then the
    /// kubelet has not finished replacing it.
    pub(super) fn holds(&self, generation: &str) -> bool {
        sys::lstat(self.dir.join(generation)).is_ok()
    }

    fn steps(&self, follow: bool) -> Vec<Step> {
        if self.file.is_some() && !self.volume {
            return Vec::new();
        }
        let mut steps = vec![all(&self.dir)];
        if !self.volume {
            let below = Below::of(&self.dir, follow);
            steps.extend(below.dirs.iter().map(|dir| all(dir)));
            steps.extend(below.within);
            steps.extend(below.outside);
        }
        steps
    }

    fn files_pulse(&self, follow: bool) -> u64 {
        if let Some(file) = &self.file {
            return pulse_of(&self.dir.join(file)).unwrap_or_default();
        }
        let below = Below::of(&self.dir, follow);
        let mut pulse = 0u64;
        for dir in below.dirs.iter().chain([&self.dir]) {
            // One that may not be listed says nothing.
            for entry in std::fs::read_dir(dir)
                .into_iter()
                .flatten()
                .flatten()
                .take(MOST_LISTED)
            {
                // A sum: directories list their entries in any order.
                pulse = pulse.wrapping_add(pulse_of(&entry.path()).unwrap_or_default());
            }
        }
        pulse
    }
}

fn pulse_of(path: &Path) -> Option<u64> {
    let stat = sys::stat(path).ok()?;
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

/// The directories and links below a directory: the same as are read.
struct Below<'a> {
    root: &'a Path,
    /// Links may lead out of it.
    follow: bool,
    dirs: BTreeSet<PathBuf>,
    /// What links lead through within the place, where that is none of these.
    within: BTreeSet<Step>,
    /// What they lead through that lead out of it.
    outside: BTreeSet<Step>,
    /// The directories that lead to where we are: links may go round.
    above: Vec<Id>,
    /// All that were entered.
    seen: HashSet<Id>,
    listed: usize,
    entries: usize,
}

impl<'a> Below<'a> {
    /// `root` contains no link.
    fn of(root: &'a Path, follow: bool) -> Self {
        let mut below = Self {
            root,
            follow,
            dirs: BTreeSet::new(),
            within: BTreeSet::new(),
            outside: BTreeSet::new(),
            above: Vec::new(),
            seen: HashSet::new(),
            listed: 0,
            entries: 0,
        };
        below.enter(root, false);
        let Self { dirs, within, .. } = &mut below;
        within.retain(|step| step.dir != root && !dirs.contains(&step.dir));
        below
    }

    fn enter(&mut self, dir: &Path, by_link: bool) {
        let Ok(stat) = sys::stat(dir) else { return };
        let id = id(&stat);
        let is_known = self.seen.contains(&id);
        if self.above.contains(&id)
            || self.above.len() > DEEPEST
            || (self.seen.len() >= MOST_DIRS && !is_known)
        {
            return;
        }
        if !self.above.is_empty() {
            self.dirs.insert(dir.to_path_buf());
        }
        self.seen.insert(id);
        self.above.push(id);
        for (is_link, name) in self.list(dir) {
            let path = dir.join(name);
            if is_link {
                self.follow(&path, by_link);
            } else {
                self.enter(&path, by_link);
            }
        }
        self.above.pop();
    }

    /// Links and directories, in the order in which they are read.
    fn list(&mut self, dir: &Path) -> Vec<(bool, OsString)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let kind = entry.file_type().ok();
            let is_link = kind.is_some_and(|kind| kind.is_symlink());
            let counts = is_link || kind.is_some_and(|kind| kind.is_dir());
            self.listed += 1;
            self.entries += usize::from(counts);
            if self.listed > MOST_LISTED || self.entries > MOST {
                break;
            }
            if counts && !name.as_bytes().starts_with(b"..") {
                found.push((is_link, name));
            }
        }
        found.sort();
        found
    }

    fn follow(&mut self, link: &Path, by_link: bool) {
        let leads_out = !link
            .canonicalize()
            .is_ok_and(|to| to.starts_with(self.root));
        if leads_out && !self.follow {
            return;
        }
        let known = |stat: &Stat| self.seen.contains(&id(stat));
        let is_dir = link.is_dir() && !(by_link && sys::stat(link).is_ok_and(|stat| known(&stat)));
        self.pass_through(link, leads_out);
        if is_dir {
            self.enter(link, true);
        }
    }

    /// Most of what lies within the place is watched as one of its directories.
    fn pass_through(&mut self, link: &Path, leads_out: bool) {
        let steps = beyond(link).into_iter();
        if leads_out {
            self.outside.extend(steps);
            return;
        }
        let is_new = |step: &Step| {
            step.dir.starts_with(self.root) && Some(step.dir.as_path()) != link.parent()
        };
        self.within.extend(steps.filter(is_new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs;
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
        let mut place = place(&dir);
        assert_eq!(heed(&place, &dir), [Heed::All], "it leads out");
        place.filter.follow = true;
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
